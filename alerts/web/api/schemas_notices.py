"""How the API shows what is told: notices, their deliveries, and what webhooks came to."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from alerts.commands.results import NoticeSaved
from alerts.domain.events import Json, NoticePlan
from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import TriggerState
from alerts.web.http.responses import JsonResponse


class NoticeTaken(JsonResponse, frozen=True, kw_only=True):
    """A notice has moved."""

    id: UUID
    state: str
    version: int
    position: int


class NoticeOut(NoticeTaken, frozen=True, kw_only=True):
    """A notice is out; `dispatch` is where its progress is told."""

    dispatch: str


class Content(JsonResponse, frozen=True, kw_only=True):
    """One language's words of a notice."""

    title: str
    body: str
    instruction: str
    sms: str


class Notice(JsonResponse, frozen=True, kw_only=True):
    """A notice. `people`: the count as it stands until the notice is issued, then the frozen audience's."""

    id: UUID
    number: int
    version: int
    state: str
    people: int | None
    kind: str
    msg_type: str
    thread: UUID
    references: tuple[UUID, ...]
    replaced_by: UUID | None
    incident: UUID | None
    service_change: UUID | None
    topic: str | None
    area: list[Json] | None
    urgency: str
    severity: str
    certainty: str
    category: str | None
    status: str
    priority: str
    danger_to_life: bool
    audience: Json | None
    channels: tuple[str, ...]
    content: dict[str, Content]
    send_at: datetime | None
    expires: datetime | None
    source: str | None
    drafted_at: datetime
    drafted_by: str
    approved_by: str | None
    approved_at: datetime | None
    issued_at: datetime | None
    ended_at: datetime | None
    reason: str
    url: str
    dispatch: str | None

    @classmethod
    def of(cls, state: NoticeState, people: int | None, public_url: str) -> Notice:
        """From the read model."""
        plan = state.plan
        return cls(
            id=state.id,
            number=state.number,
            version=state.version,
            state=state.phase,
            people=people,
            kind=plan.kind,
            msg_type=state.msg_type,
            thread=state.thread,
            references=state.references,
            replaced_by=state.replaced_by,
            incident=plan.incident,
            service_change=plan.service_change,
            topic=plan.topic,
            area=plan.area,
            urgency=plan.urgency,
            severity=plan.severity,
            certainty=plan.certainty,
            category=plan.category,
            status=plan.status,
            priority=state.priority or plan.priority,
            danger_to_life=state.danger_to_life,
            audience=plan.audience,
            channels=plan.channels,
            content=contents(plan),
            send_at=state.send_at or plan.send_at,
            expires=state.expires or plan.expires,
            source=state.source,
            drafted_at=state.drafted_at,
            drafted_by=state.drafted_by,
            approved_by=state.approved_by,
            approved_at=state.approved_at,
            issued_at=state.issued_at,
            ended_at=state.ended_at,
            reason=state.reason,
            url=f"{public_url}/alerts/{state.id}",
            dispatch=dispatch_url(public_url, state.id) if state.issued_at else None,
        )


class Attempt(JsonResponse, frozen=True, kw_only=True):
    """One try to hand a message over, or what a provider reported of it since (`delivered`, `failed`, `bounced`,
    `complained`)."""

    at: datetime
    outcome: str
    reason: str = ""


class Delivery(JsonResponse, frozen=True, kw_only=True):
    """One notice to one contact point. `notice` null: a confirmation; `due_at`: when a held or deferred one goes on."""

    id: str
    notice: UUID | None
    subscriber: UUID | None
    contact_point: int
    channel: str
    state: str
    reason: str
    due_at: datetime | None
    attempts: tuple[Attempt, ...]


class Trigger(JsonResponse, frozen=True, kw_only=True):
    """What became of a webhook."""

    id: UUID
    state: str
    incident: UUID | None
    service_change: UUID | None
    notices: tuple[UUID, ...]
    reason: str
    source: str
    type: str
    at: datetime

    @classmethod
    def of(cls, state: TriggerState) -> Trigger:
        """From the read model."""
        return cls(
            id=state.id,
            state=state.state,
            incident=state.incident,
            service_change=state.service_change,
            notices=state.notices,
            reason=state.reason,
            source=state.source,
            type=state.kind,
            at=state.at,
        )


def contents(plan: NoticePlan) -> dict[str, Content]:
    """A plan's words by language, every field shown."""
    return {
        tag: Content(title=words.title, body=words.body, instruction=words.instruction, sms=words.sms)
        for tag, words in plan.content.items()
    }


def dispatch_url(public_url: str, notice: UUID) -> str:
    """Where a notice's progress is told."""
    return f"{public_url}/api/v1/notices/{notice}/dispatch"


def notice_taken(kept: NoticeSaved) -> NoticeTaken:
    """A notice has moved, from the command's answer."""
    return NoticeTaken(id=kept.id, state=kept.state, version=kept.version, position=kept.position)


def notice_out(kept: NoticeSaved, public_url: str) -> NoticeOut:
    """A notice is out, from the command's answer."""
    return NoticeOut(
        id=kept.id,
        state=kept.state,
        version=kept.version,
        position=kept.position,
        dispatch=dispatch_url(public_url, kept.id),
    )
