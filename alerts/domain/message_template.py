"""Message template: words with blanks, approved before they are needed. Pure.

A published version stays in use while the next one is a draft. Two people have always seen every word of it: nobody who
wrote a part of a draft publishes it (RULES 16).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from difflib import get_close_matches
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import (
    Content,
    TemplateDrafted,
    TemplatePublished,
    TemplateRetired,
    TemplateRevised,
    TemplateText,
)
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.blanks import blanks_in
from alerts.kernel.errors import Conflict, FieldError, Forbidden, Invalid
from alerts.kernel.events import Event, Recorded

WORDS = ("title", "instruction", "body", "sms")


class PublishedTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """Version of a template that was published; its `number` counts from 1."""

    number: int
    text: TemplateText
    at: datetime
    by: str


class TemplateState(msgspec.Struct, frozen=True, kw_only=True):
    """Folded state of one template."""

    id: UUID
    slug: str
    version: int
    draft: TemplateText
    """Text as last edited; equal to the published one if nothing waits to be published."""
    editor: str
    """Author of the last edit."""
    edited_at: datetime
    hands: frozenset[str] = frozenset()
    """Creator and editors since the last publication: none of them may publish the draft."""
    published: tuple[PublishedTemplate, ...] = ()
    """Every published version, the oldest first: notices refer to them by number."""
    retired: bool = False
    position: int = 0

    @property
    def current(self) -> PublishedTemplate | None:
        """Version in use; None before the first publication and after the retirement."""
        return self.published[-1] if self.published and not self.retired else None

    @property
    def waits(self) -> bool:
        """True if the draft is not what is published."""
        return not self.published or self.published[-1].text != self.draft

    def numbered(self, number: int) -> PublishedTemplate | None:
        """Return a published version; None for an unknown number."""
        return self.published[number - 1] if 1 <= number <= len(self.published) else None


def evolve(state: TemplateState | None, recorded: Recorded) -> TemplateState:
    """Fold one event."""
    event = recorded.event
    if isinstance(event, TemplateDrafted):
        return TemplateState(
            id=recorded.originator_id,
            slug=event.slug,
            version=recorded.originator_version,
            draft=event.text,
            editor=recorded.by,
            edited_at=recorded.at,
            hands=frozenset((recorded.by,)),
            position=recorded.position,
        )
    if state is None:
        unexpected_first_event("template", recorded)
    state = replace(state, version=recorded.originator_version, position=recorded.position)
    match event:
        case TemplateRevised(text=text):
            hands = state.hands | {recorded.by}
            return replace(state, draft=text, editor=recorded.by, edited_at=recorded.at, hands=hands)
        case TemplatePublished(number=number):
            made = PublishedTemplate(number=number, text=state.draft, at=recorded.at, by=recorded.by)
            return replace(state, published=(*state.published, made), hands=frozenset())
        case TemplateRetired():
            return replace(state, retired=True)
        case _:
            return state


def decide_draft(state: TemplateState | None, slug: str, text: TemplateText) -> tuple[Event, ...]:
    """Begin a template. Raises Invalid for a slug that is taken, also by a retired one: old notices refer to it."""
    if state is not None:
        raise Invalid.field("slug", f"There is a template {slug!r} already: edit that one, or take another short name.")
    return (TemplateDrafted(slug=slug, text=text),)


def decide_revise(state: TemplateState, text: TemplateText) -> tuple[Event, ...]:
    """Replace the draft; nothing if equal. Raises Conflict for a retired template."""
    _need_active(state)
    return () if text == state.draft else (TemplateRevised(text=text),)


def decide_publish(state: TemplateState, approver: str, stops: Sequence[FieldError] = ()) -> tuple[Event, ...]:
    """Publish the draft; nothing if it is published. `stops`: what the guide found in it, filled in with samples.

    Raises Forbidden for its creator and editors, Invalid for a text that may not be used, Conflict if it is retired.
    """
    _need_active(state)
    if not state.waits:
        return ()
    if approver in state.hands:
        raise Forbidden("You wrote part of this draft: somebody else must publish it.")
    if found := (*gaps(state.draft), *stops):
        raise Invalid(" ".join(gap.message for gap in found), found)
    return (TemplatePublished(number=len(state.published) + 1),)


def decide_retire(state: TemplateState, reason: str = "") -> tuple[Event, ...]:
    """Take the template out of use; repeating it changes nothing."""
    return () if state.retired else (TemplateRetired(reason=reason),)


def gaps(text: TemplateText) -> tuple[FieldError, ...]:
    """List what keeps a text from being published: missing words, a missing correction, an unknown blank."""
    return tuple(_gaps(text))


def _gaps(text: TemplateText) -> Iterator[FieldError]:
    if not text.content:
        yield FieldError("content", "Write a title: what happened, and where.")
    declared = [blank.name for blank in text.blanks]
    for tag, words in text.content.items():
        if not words.title:
            yield FieldError(f"content.{tag}.title", "Write a title: what happened, and where.")
        correction = text.corrections.get(tag)
        if correction is None or not correction.title:
            said = "Write the correction’s title: what is said if it was a false alert."
            yield FieldError(f"corrections.{tag}.title", said)
        if correction is None or not correction.instruction:
            said = "Write the correction: what people do now, if it was a false alert."
            yield FieldError(f"corrections.{tag}.instruction", said)
        yield from _unknown(words, f"content.{tag}", declared)
        if correction is not None:
            yield from _unknown(correction, f"corrections.{tag}", declared)


def _unknown(words: Content, path: str, declared: list[str]) -> Iterator[FieldError]:
    """Yield the first blank of each field that is not declared, with its line and the nearest one that is."""
    for field in WORDS:
        for number, line in enumerate(getattr(words, field).split("\n"), 1):
            name = next((name for name in blanks_in(line) if name not in declared), None)
            if name is not None:
                near = get_close_matches(name, declared, 1)
                then = f"[{near[0]}]?" if near else "Declare it as a blank, or write it without brackets."
                yield FieldError(f"{path}.{field}", f"Line {number}: [{name}] is no blank. {then}")
                break


def _need_active(state: TemplateState) -> None:
    if state.retired:
        raise Conflict(f"The template {state.slug!r} is retired: write another one.")
