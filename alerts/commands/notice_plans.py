"""Notice plans from bodies; absent fields come from the incident, the change, or the preceding notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.commands import validation
from alerts.commands.register_cache import KnownNames
from alerts.contract.bodies import NoticeBody
from alerts.domain.events import AreaJson, ChangeFacts, Content, IncidentFacts, NoticePlan
from alerts.domain.notice import NoticeState
from alerts.domain.notice_lifecycle import TWO_SUBJECTS, danger_to_life, default_priority
from alerts.domain.streams import CHANGE, INCIDENT
from alerts.kernel.errors import Invalid, NotFound
from alerts.kernel.events import Stream
from alerts.kernel.plain_text import as_markdown
from alerts.kernel.terms import CHANNELS, SERVICE_CHANGES_TOPIC, MsgType

NO_AREA = "A service change reaches whom its service points concern: leave the area out."
Json = dict[str, Any]
Lookup = Callable[[Any, UUID], Any]
"""Either `unit.get` or `log.state`."""
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class ValidNotice:
    """Notice body whose every field has been checked against the registers and the clock."""

    body: NoticeBody
    area: AreaJson | None
    content: dict[str, Content]


def check_notice(body: NoticeBody, known: KnownNames, now: datetime, *, titled: bool = True) -> ValidNotice:
    """Validate all that needs neither incident, change nor thread. Raises Invalid.

    `titled`: words without a title are refused now, not only at submit.
    """
    from alerts.kernel.geometry import validate_area
    from alerts.kernel.rules import parse_rule

    validation.check_times(body)
    known.topic(body.topic, "topic")
    known.organisation(body.organisation, "organisation")
    if body.audience is not None:
        parse_rule(
            body.audience,
            "audience",
            known_place=known.places,
            known_topic=known.topics,
            known_segment=known.segments,
            bounds=known.bounds,
        )
    if body.channels is not None and not body.channels:
        raise Invalid.field("channels", "Name at least one channel, or leave it out for all.")
    if body.send_at is not None and body.send_at <= now:
        raise Invalid.field("send_at", "This time has passed already: give a later one, or leave it out.")
    validation.in_time(body.expires, now, start=body.send_at)
    area = None if body.area is None else validate_area(body.area, "area", known.places, known.bounds)
    if body.incident is not None and body.service_change is not None:
        raise Invalid.field("service_change", TWO_SUBJECTS)
    if area is not None and (body.service_change is not None or body.kind == "service-change"):
        raise Invalid.field("area", NO_AREA)
    return ValidNotice(body=body, area=area, content=validation.content(body.content, titled=titled))


def plan_of(checked: ValidNotice, base: NoticePlan | None, *, msg_type: MsgType = "Alert") -> NoticePlan:
    """Build a plan from a checked body over a base: an incident's, a change's or the head's plan, or None.

    Raises Invalid for a priority below emergency on danger to life.
    """
    body = checked.body
    base = base or NoticePlan(kind=body.kind, channels=CHANNELS)
    plan = NoticePlan(
        kind=body.kind,
        content=checked.content or base.content,
        incident=body.incident or base.incident,
        service_change=body.service_change or base.service_change,
        topic=body.topic or base.topic,
        area=checked.area if checked.area is not None else base.area,
        urgency=body.urgency or base.urgency,
        severity=body.severity or base.severity,
        certainty=body.certainty or base.certainty,
        category=base.category,
        status=body.status,
        audience=body.audience if body.audience is not None else base.audience,
        channels=tuple(c for c in CHANNELS if c in body.channels) if body.channels else base.channels,
        send_at=body.send_at,
        expires=body.expires or base.expires,
        cap=base.cap,
        template=base.template,
        organisation=body.organisation or base.organisation,
    )
    if plan.incident is not None and plan.service_change is not None:
        raise Invalid.field("service_change", TWO_SUBJECTS)
    if plan.area is not None and plan.service_change is not None:
        raise Invalid.field("area", NO_AREA)
    plan = replace(plan, priority=body.priority or default_priority(plan, msg_type))
    if plan.priority != "emergency" and danger_to_life(plan, msg_type):
        raise Invalid.field("priority", "Danger to life is always an emergency: leave the priority out.")
    return plan


def plan_of_incident(facts: IncidentFacts, categories: dict[str, str]) -> NoticePlan:
    """Derive a plan from an incident: an alert in its own words, which are plain text."""
    plan = NoticePlan(
        kind="alert",
        channels=CHANNELS,
        content={
            tag: Content(
                title=headline,
                body=as_markdown(facts.description.get(tag, "")),
                instruction=as_markdown(facts.instruction.get(tag, "")),
            )
            for tag, headline in facts.headline.items()
        },
        topic=facts.topic or categories.get(facts.category),
        area=facts.area,
        urgency=facts.urgency,
        severity=facts.severity,
        certainty=facts.certainty,
        category=facts.category,
        expires=facts.expires,
    )
    return replace(plan, priority=default_priority(plan))


def plan_of_change(facts: ChangeFacts) -> NoticePlan:
    """Derive a plan from a service change, whose words are plain text."""
    return NoticePlan(
        kind="service-change",
        channels=CHANNELS,
        content={
            tag: Content(title=headline, body=as_markdown(facts.description.get(tag, "")))
            for tag, headline in facts.headline.items()
        },
        topic=facts.topic or SERVICE_CHANGES_TOPIC,
    )


def plain_content(content: dict[str, Content]) -> dict[str, Content]:
    """Return plain texts by language as a notice's content. Titles and texts for SMS are never Markdown."""
    return {
        tag: replace(words, body=as_markdown(words.body), instruction=as_markdown(words.instruction))
        for tag, words in content.items()
    }


def load(get: Lookup, stream: Stream[S], thing: UUID) -> S | None:
    """Load what a body names; None also if the id belongs to another kind of stream."""
    try:
        found: S | None = get(stream, thing)
    except NotFound:
        return None
    return found


def base_plan(get: Lookup, body: NoticeBody, categories: dict[str, str]) -> NoticePlan | None:
    """Derive the base plan from the incident or change that a body names. Raises Invalid if it is unknown."""
    if body.incident is not None:
        incident = load(get, INCIDENT, body.incident)
        if incident is None:
            raise Invalid.field("incident", "There is no such incident.")
        return plan_of_incident(incident.facts, categories)
    if body.service_change is not None:
        change = load(get, CHANGE, body.service_change)
        if change is None:
            raise Invalid.field("service_change", "There is no such service change.")
        return plan_of_change(change.facts)
    return None


def one_subject(plan: NoticePlan) -> NoticePlan:
    """Return the plan of a head as a base: of a service change that an earlier version issued with an incident or an
    area, only the change is left."""
    return plan if plan.service_change is None else replace(plan, incident=None, area=None)


def ending_plan(head: NoticeState, content: dict[str, Content]) -> NoticePlan:
    """Build the plan of a cancel or all-clear: audience, area and priority of the head, content of its own.

    Without content it repeats the titles; the layout says that it is cancelled or over. The body is not repeated:
    "leave your house" under CANCELLED would be read as an order.
    """
    words = content or {tag: Content(title=said.title) for tag, said in head.plan.content.items()}
    return replace(
        one_subject(head.plan),
        content=words,
        priority=head.priority or head.plan.priority,
        send_at=None,
        expires=None,
        cap=None,
        template=None,
    )


def plan_as_body(plan: NoticePlan) -> Json:
    """Return a plan as the body that creates it: shown by GET, and the base of a merge patch.

    A priority that follows from the rest is left out, so that a patch of the severity changes it.
    """
    document: Json = msgspec.to_builtins(plan)
    document.pop("cap", None)
    document.pop("category", None)
    document.pop("template", None)
    if plan.priority == default_priority(plan):
        document.pop("priority", None)
    return {name: value for name, value in document.items() if value not in (None, {})}
