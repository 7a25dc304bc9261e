"""Message templates before they are published: their blanks filled with samples, and read by the guide. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from alerts.authoring.diagnostic import Diagnostic
from alerts.authoring.draft import DraftWords, NoticeDraft
from alerts.authoring.guide import diagnostics
from alerts.channels.sms_segments import count
from alerts.domain.events import Content, NoticePlan, TemplateText
from alerts.domain.events.message_template import BlankKind
from alerts.domain.notice_lifecycle import danger_to_life, default_priority
from alerts.kernel.blanks import fill
from alerts.kernel.errors import FieldError

SAMPLES: dict[BlankKind, str] = {"text": "gas", "place": "Example Street", "time": "20:00", "number": "12"}


def plan_of_template(text: TemplateText) -> NoticePlan:
    """Build the plan of a notice that is written from a template, its blanks still in it."""
    plan = NoticePlan(
        kind=text.kind,
        content=text.content,
        severity=text.severity,
        urgency=text.urgency,
        certainty=text.certainty,
        topic=text.topic,
        channels=text.channels,
    )
    return replace(plan, priority=default_priority(plan))


def filled_with_samples(text: TemplateText) -> TemplateText:
    """Fill every declared blank with a sample of its kind."""
    samples = {blank.name: SAMPLES[blank.kind] for blank in text.blanks}
    return replace(
        text,
        content={tag: fill_words(words, samples) for tag, words in text.content.items()},
        corrections={tag: fill_words(words, samples) for tag, words in text.corrections.items()},
    )


def fill_words(words: Content, values: dict[str, str]) -> Content:
    """Fill the blanks in every field of one language; a blank without a value stays."""
    return Content(
        title=fill(words.title, values),
        body=fill(words.body, values),
        instruction=fill(words.instruction, values),
        sms=fill(words.sms, values),
    )


def template_diagnostics(
    text: TemplateText, now: datetime, timezone: str, hosts: frozenset[str], sender: str
) -> list[Diagnostic]:
    """Check a template as the guide checks a notice, filled with samples. It has neither area nor end yet."""
    text = filled_with_samples(text)
    draft = NoticeDraft(
        kind=text.kind,
        drill=False,
        danger=danger_to_life(plan_of_template(text), "Alert"),
        now=now,
        ends=None,
        timezone=timezone,
        content={tag: DraftWords(w.title, w.instruction, w.body, w.sms) for tag, w in text.content.items()},
        texts={tag: count(words.sms) for tag, words in text.content.items() if words.sms},
        hosts=hosts,
    )
    return diagnostics(draft, sender)


def template_stops(text: TemplateText, now: datetime, timezone: str, hosts: frozenset[str]) -> list[FieldError]:
    """List what the guide stops in a template: blanks and titles apart, which have rules of their own here.

    Of a correction it stops foreign links.
    """
    words = template_diagnostics(text, now, timezone, hosts, "")
    corrections = template_diagnostics(replace(text, content=text.corrections), now, timezone, hosts, "")
    return [
        *(_stop("content", one) for one in words if one.level == "stops" and one.check not in ("blank", "title")),
        *(_stop("corrections", one) for one in corrections if one.level == "stops" and one.check == "links"),
    ]


def _stop(where: str, one: Diagnostic) -> FieldError:
    return FieldError(f"{where}.{one.language}.{one.field}" if one.language else where, one.words)
