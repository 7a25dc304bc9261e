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
from alerts.web.api.common import EXAMPLE_CONTENT, ROOT, actor_of, found, idempotency
from alerts.web.api.notices import NoticeTaken, notice_taken
from alerts.web.http.operation import PAGING, Operation
from alerts.web.http.requests import edited_version, etag, json_body, limit_of, merge_patch, next_url, query, read
from alerts.web.http.responses import Accepted, JsonResponse, ListBody, json_response, list_response
from alerts.web.http.routing import Route, scope

WRITE = scope("newsletters:write", everywhere=True)


class Schedule(JsonResponse, frozen=True, kw_only=True):
    """Schedule of issues."""

    rrule: str
    at: str
    timezone: str


class Newsletter(JsonResponse, frozen=True, kw_only=True):
    """Newsletter series. `topic`: its topic for subscribers; `next_issue`: null without a schedule or after its end."""

    id: UUID
    slug: str
    version: int
    name: str
    topic: str
    schedule: Schedule | None
    next_issue: datetime | None
    sections: tuple[str, ...]
    ended: bool
    organisation: str | None
    """Organisation in whose name its issues go out; null for the service itself."""

    @classmethod
    def of(cls, state: NewsletterState, now: datetime) -> Newsletter:
        """Build from the aggregate state."""
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
            organisation=state.organisation,
        )


START = Operation(
    "Start a newsletter; the same slug again sets it so (200)",
    status=201,
    response=Accepted,
    body=NewsletterBody,
    upsert=True,
    example={"slug": "the-week", "name": "The week in Camden"},
)
LIST = Operation("The newsletters that are running, by slug", response=ListBody[Newsletter], query=PAGING)
GET = Operation("One newsletter, by id or slug", response=Newsletter)
REVISE = Operation(
    "Set a newsletter otherwise; its slug stays", response=Accepted, body=NewsletterBody, merge_patch=True
)
END = Operation("No further issues", response=Accepted)
DRAFT_BULLETIN = Operation(
    "Draft an issue: a notice of kind bulletin, with the schedule's next time unless send_at says another",
    status=201,
    response=NoticeTaken,
    body=BulletinBody,
    example={"content": EXAMPLE_CONTENT},
)


def routes(services: Services) -> list[Route]:
    """Policy rows of newsletters. `{id}` is the id or the slug."""
    commands, one_path = services.commands, f"{ROOT}/newsletters/{{id}}"

    async def start(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, NewsletterBody)
        saved = await commands.start_newsletter(actor_of(request), body, idem=idempotency(request, raw))
        location = f"{services.settings.public_url}{ROOT}/newsletters/{saved.id}"
        return _accepted_response(saved, 201 if saved.created else 200, {"Location": location})

    async def get_page(request: web.Request) -> web.StreamResponse:
        values = query(request, "cursor", "limit")
        limit, after = limit_of(values), values.get("cursor", "")
        rest = [n for n in await read(services, services.views.newsletters) if n.slug > after]
        shown = await read(services, lambda: [Newsletter.of(state, services.clock()) for state in rest[:limit]])
        cursor = rest[limit - 1].slug if len(rest) > limit else None
        return list_response(shown, next_url(services.settings.public_url, request, cursor))

    async def get_one(request: web.Request) -> web.StreamResponse:
        state = await _state(services, request)
        shown = await read(services, Newsletter.of, state, services.clock())
        return json_response(shown, headers={"ETag": etag(state.version)})

    async def revise(request: web.Request) -> web.StreamResponse:
        state = await _state(services, request)
        patch = await merge_patch(request)
        expected = edited_version(request, state.version)
        return _accepted_response(await commands.revise_newsletter(actor_of(request), state.id, patch, expected))

    async def end(request: web.Request) -> web.StreamResponse:
        return _accepted_response(await commands.end_newsletter(actor_of(request), _id(request)))

    async def draft_bulletin(request: web.Request) -> web.StreamResponse:
        body, raw = await json_body(request, BulletinBody)
        saved = await commands.draft_bulletin(actor_of(request), _id(request), body, idem=idempotency(request, raw))
        headers = {"Location": f"{services.settings.public_url}{ROOT}/notices/{saved.id}", "ETag": etag(saved.version)}
        return json_response(notice_taken(saved), 201, headers)

    return [
        Route("POST", f"{ROOT}/newsletters", start, WRITE, START),
        Route("GET", f"{ROOT}/newsletters", get_page, scope("read"), LIST),
        Route("GET", one_path, get_one, scope("read"), GET),
        Route("PATCH", one_path, revise, WRITE, REVISE),
        Route("DELETE", one_path, end, WRITE, END),
        Route("POST", f"{one_path}/bulletins", draft_bulletin, WRITE, DRAFT_BULLETIN),
    ]


async def _state(services: Services, request: web.Request) -> NewsletterState:
    # From the log, not the read model: the entity tag must match the current state.
    newsletter = _id(request)
    try:
        state = await read(services, services.log.state, NEWSLETTER, newsletter)
    except NotFound:
        state = None  # the id of another aggregate type
    return found(state, "newsletter", request.match_info["id"])


def _shown(schedule: NewsletterSchedule) -> Schedule:
    return Schedule(rrule=schedule.rrule, at=schedule.at, timezone=schedule.timezone)


def _id(request: web.Request) -> UUID:
    """Return the id in the path, derived from the slug if it is one."""
    text = request.match_info["id"]
    try:
        return UUID(text)
    except ValueError:
        return newsletter_id(text)


def _accepted_response(saved: Saved, status: int = 200, headers: dict[str, str] | None = None) -> web.StreamResponse:
    accepted = Accepted(id=saved.id, version=saved.version, position=saved.position)
    return json_response(accepted, status, {"ETag": etag(saved.version), **(headers or {})})
