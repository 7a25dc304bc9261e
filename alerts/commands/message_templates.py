"""Message template commands: draft, revise, publish by a second person, retire."""

from __future__ import annotations

from uuid import UUID

from msgspec.structs import replace

from alerts.authoring.templates import plan_of_template, template_stops
from alerts.commands import validation
from alerts.commands.actor import Actor
from alerts.commands.base import CommandBase
from alerts.commands.ports import Idempotency
from alerts.commands.register_cache import KnownNames
from alerts.commands.results import Saved
from alerts.commands.rights import check_plan
from alerts.domain import message_template as life
from alerts.domain.events import Blank, Content, TemplateText, TemplateUse
from alerts.domain.message_template import TemplateState
from alerts.domain.streams import TEMPLATE, template_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.blanks import LONGEST
from alerts.kernel.errors import Forbidden, Invalid, NotFound, Stale
from alerts.kernel.terms import CHANNELS

BLANKS = 30


class TemplateCommands(CommandBase):
    """Message templates. A person needs a role for every area: a template is used in all of them."""

    async def draft_template(
        self, actor: Actor, slug: str, text: TemplateText, *, idem: Idempotency | None = None
    ) -> Saved:
        """Begin a template; it may be unfinished, and is not in use before it is published."""
        name = validation.slug(slug)
        checked = await self._checked(lambda known: check_text(text, known))
        stream = template_id(name)

        def work(unit: UnitOfWork) -> Saved:
            check_plan(unit, actor, plan_of_template(checked))
            unit.append(TEMPLATE, stream, *life.decide_draft(unit.get(TEMPLATE, stream), name, checked))
            return Saved(id=stream, version=unit.version(stream), created=True)

        return await self._run(actor, work, idem)

    async def revise_template(self, actor: Actor, template: UUID, text: TemplateText, version: int) -> Saved:
        """Replace the draft; the published version stays in use. Raises Stale if `version` is not current."""
        checked = await self._checked(lambda known: check_text(text, known))

        def work(unit: UnitOfWork) -> Saved:
            state = _at(unit, template, version)
            check_plan(unit, actor, plan_of_template(checked))
            unit.append(TEMPLATE, template, *life.decide_revise(state, checked))
            return Saved(id=template, version=unit.version(template))

        return await self._run(actor, work)

    async def publish_template(
        self,
        actor: Actor,
        template: UUID,
        version: int,
        hosts: frozenset[str] = frozenset(),
        *,
        idem: Idempotency | None = None,
    ) -> Saved:
        """Publish the draft that the person saw. `hosts`: those of our own links.

        Raises Forbidden for its creator and editors, and Invalid for what keeps it from being used.
        """
        if not actor.may_approve:
            raise Forbidden("Only a person who may approve publishes a template.")

        def work(unit: UnitOfWork) -> Saved:
            state = _at(unit, template, version)
            check_plan(unit, actor, plan_of_template(state.draft))
            stops = template_stops(state.draft, unit.now, self._timezone, hosts)
            unit.append(TEMPLATE, template, *life.decide_publish(state, actor.by, stops))
            return Saved(id=template, version=unit.version(template))

        return await self._run(actor, work, idem)

    async def retire_template(self, actor: Actor, template: UUID, reason: str = "") -> Saved:
        """Take a template out of use. Notices written from it stay as they are."""
        words = validation.text(reason, "reason", validation.REASON)
        if not actor.may_approve:
            raise Forbidden("Only a person who may approve retires a template.")

        def work(unit: UnitOfWork) -> Saved:
            state = _of(unit, template)
            check_plan(unit, actor, plan_of_template(state.draft))
            unit.append(TEMPLATE, template, *life.decide_retire(state, words))
            return Saved(id=template, version=unit.version(template))

        return await self._run(actor, work)


def check_text(text: TemplateText, known: KnownNames) -> TemplateText:
    """Validate and trim every field; an unfinished text is taken. Raises Invalid."""
    known.topic(text.topic, "topic")
    if text.kind not in ("alert", "announcement"):
        raise Invalid.field("kind", "A template is for an alert or an announcement.")
    if not text.channels:
        raise Invalid.field("channels", "Tick at least one way to tell people.")
    return replace(
        text,
        name=validation.text(text.name, "name", validation.NAME, line=True, needed=True),
        channels=tuple(channel for channel in CHANNELS if channel in text.channels),
        blanks=_blanks(text.blanks),
        content=_contents(text.content, "content"),
        corrections=_contents(text.corrections, "corrections"),
    )


def check_template(unit: UnitOfWork, use: TemplateUse | None) -> None:
    """Refuse a version of a template that was never published. Raises Invalid."""
    if use is None:
        return
    state = unit.get(TEMPLATE, template_id(use.slug))
    if state is None or state.numbered(use.number) is None:
        raise Invalid.field("template", "There is no such published template: choose one of the list.")


def _blanks(blanks: tuple[Blank, ...]) -> tuple[Blank, ...]:
    if len(blanks) > BLANKS:
        raise Invalid.field("blanks", f"At most {BLANKS} blanks are taken.")
    checked: dict[str, Blank] = {}
    for number, blank in enumerate(blanks):
        field = f"blanks.{number}"
        name = validation.text(blank.name, field, LONGEST, line=True, needed=True)
        if "[" in name or "]" in name:
            raise Invalid.field(field, "Write the blank’s name without brackets: road.")
        if name in checked:
            raise Invalid.field(field, f"The blank [{name}] is declared twice.")
        checked[name] = replace(blank, name=name)
    return tuple(checked.values())


def _contents(contents: dict[str, Content], field: str) -> dict[str, Content]:
    """Validate words by language; those of a language without any are left out."""
    limits = {"title": validation.TITLE, "instruction": validation.BODY, "body": validation.BODY, "sms": validation.SMS}
    checked = {
        validation.language(tag, field): Content(
            **{
                name: validation.text(getattr(words, name), f"{field}.{tag}.{name}", limit, line=name == "title")
                for name, limit in limits.items()
            }
        )
        for tag, words in contents.items()
    }
    return {tag: words for tag, words in checked.items() if words != Content(title="")}


def _at(unit: UnitOfWork, template: UUID, version: int) -> TemplateState:
    state = _of(unit, template)
    if state.version != version:
        raise Stale("It was changed in the meantime: read it again, then edit or publish it.")
    return state


def _of(unit: UnitOfWork, template: UUID) -> TemplateState:
    state = unit.get(TEMPLATE, template)
    if state is None:
        raise NotFound("There is no such template.")
    return state
