"""`/api/v1/newsletters`: series that people subscribe to as topic `newsletter/<slug>`, and their issues."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from aiohttp import web

from alerts.commands.results import Saved
from alerts.contract.bodies import BulletinBody, NewsletterBody
from alerts.domain import recurrence
from alerts.domain.events import NewsletterSchedule
from alerts.domain.newsletter import NewsletterState
from alerts.domain.streams import NEWSLETTER, newsletter_id
from alerts.kernel.errors import NotFound
from alerts.services import Services
from alerts.web.api.common import ROOT, actor_of, found, idempotency
from alerts.web.api.schemas_notices import notice_taken
from alerts.web.http.requests import edited_version, etag, json_body, limit_of, merge_patch, next_url, query, read
from alerts.web.http.responses import Accepted, JsonResponse, answer, listed
from alerts.web.http.routing import Route, scope

WRITE = scope("newsletters:write")


class Schedule(JsonResponse, frozen=True, kw_only=True):
    """When issues are due."""

    rrule: str
    at: str
    timezone: str


class Newsletter(JsonResponse, frozen=True, kw_only=True):
    """A series. `topic` is what people choose; `next_issue` is null without a schedule, or after its last day."""

    id: UUID
    slug: str
    version: int
    name: str
    topic: str
    schedule: Schedule | None
    next_issue: datetime | None
    sections: tuple[str, ...]
    ended: bool

    @classmethod
    def of(cls, state: NewsletterState, now: datetime) -> Newsletter:
        """From its state."""
        schedule = state.schedule
        due = recurrence.next_issue(schedule, state.scheduled_at, now) if schedule and not state.ended else None
        return cls(
            id=state.id,
            slug=state.slug,
            version=state.version,
            name=state.name,
            topic=state.topic,
            schedule=_shown(schedule) if schedule else None,
            next_issue=due,
            sections=state.sections,
            ended=state.ended,
        )


def _shown(schedule: NewsletterSchedule) -> Schedule:
    return Schedule(rrule=schedule.rrule, at=schedule.at, timezone=schedule.timezone)


def routes(parts: Services) -> list[Route]:
    """The policy rows of newsletters. Their `{id}` is the id or the slug."""
    commands, one_path = parts.commands, f"{ROOT}/newsletters/{{id}}"

    async def start(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, NewsletterBody)
        kept = await commands.start_newsletter(actor_of(request), body, idem=idempotency(request, raw))
        location = f"{parts.settings.public_url}{ROOT}/newsletters/{kept.id}"
        return _taken(kept, 201 if kept.created else 200, {"Location": location})

    async def several(request: web.Request) -> web.StreamResponse:
        values = query(request, "cursor", "limit")
        limit, after = limit_of(values), values.get("cursor", "")
        rest = [n for n in await read(parts, parts.views.newsletters) if n.slug > after]
        shown = await read(parts, lambda: [Newsletter.of(state, parts.clock()) for state in rest[:limit]])
        cursor = rest[limit - 1].slug if len(rest) > limit else None
        return listed(shown, next_url(parts.settings.public_url, request, cursor))

    async def one(request: web.Request) -> web.StreamResponse:
        state = await _state(request)
        shown = await read(parts, Newsletter.of, state, parts.clock())
        return answer(shown, headers={"ETag": etag(state.version)})

    async def revise(request: web.Request) -> web.StreamResponse:
        state = await _state(request)
        patch = await merge_patch(request)
        expected = edited_version(request, state.version)
        return _taken(await commands.revise_newsletter(actor_of(request), state.id, patch, expected))

    async def end(request: web.Request) -> web.StreamResponse:
        return _taken(await commands.end_newsletter(actor_of(request), _id(request)))

    async def bulletin(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, BulletinBody)
        kept = await commands.draft_bulletin(actor_of(request), _id(request), body, idem=idempotency(request, raw))
        headers = {
            "Location": f"{parts.settings.public_url}{ROOT}/notices/{kept.id}",
            "ETag": etag(kept.version),
        }
        return answer(notice_taken(kept), 201, headers)

    async def _state(request: web.Request) -> NewsletterState:
        # From the log, not the read model: the entity tag is compared with what is true now.
        newsletter = _id(request)
        try:
            state = await read(parts, parts.log.state, NEWSLETTER, newsletter)
        except NotFound:
            state = None  # the id of another kind of thing
        return found(state, "newsletter", request.match_info["id"])

    return [
        Route("POST", f"{ROOT}/newsletters", start, WRITE),
        Route("GET", f"{ROOT}/newsletters", several, scope("read")),
        Route("GET", one_path, one, scope("read")),
        Route("PATCH", one_path, revise, WRITE),
        Route("DELETE", one_path, end, WRITE),
        Route("POST", f"{one_path}/bulletins", bulletin, WRITE),
    ]


def _id(request: web.Request) -> UUID:
    """By id, or by slug."""
    text = request.match_info["id"]
    try:
        return UUID(text)
    except ValueError:
        return newsletter_id(text)


def _taken(kept: Saved, status: int = 200, headers: dict[str, str] | None = None) -> web.StreamResponse:
    taken = Accepted(id=kept.id, version=kept.version, position=kept.position)
    return answer(taken, status, {"ETag": etag(kept.version), **(headers or {})})
