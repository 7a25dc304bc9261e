"""`/api/v1/deliveries`: deliveries and their reasons; `/notices/{id}/why-not/{subscriber_id}`: reasons for none.

A key with only `read` sees which rules matched, but not where a person lives: that takes `subscribers:read`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.delivery_queue.queries import DeliveryRow
from alerts.explain.why import Why
from alerts.kernel.errors import NotFound
from alerts.kernel.ids import delivery_id, parse_delivery_id
from alerts.kernel.terms import DELIVERY_STATES, DeliveryState
from alerts.services import Services
from alerts.web.api.common import ROOT, caller_of, found, read_page
from alerts.web.http.operation import ID, PAGING, TEXT, Operation
from alerts.web.http.requests import id_of, limit_of, next_url, one_of, query, read, uuid_value
from alerts.web.http.responses import JsonResponse, ListBody, json_response, list_response
from alerts.web.http.routing import Route, scope

WITHHELD = "kept back: this key lacks the scope subscribers:read"


class Attempt(JsonResponse, frozen=True, kw_only=True):
    """Send attempt, or a later report of the provider (`delivered`, `failed`, `bounced`, `complained`)."""

    at: datetime
    outcome: str
    reason: str = ""


class Delivery(JsonResponse, frozen=True, kw_only=True):
    """Delivery of a notice to a contact point. `notice` null: a confirmation; `due_at`: if held or deferred."""

    id: str
    notice: UUID | None
    subscriber: UUID | None
    contact_point: int
    channel: str
    state: str
    reason: str
    due_at: datetime | None
    attempts: tuple[Attempt, ...]


LIST = Operation(
    "Deliveries, all or of a notice or a subscriber",
    response=ListBody[Delivery],
    query={"notice": ID, "subscriber": ID, "state": TEXT, **PAGING},
)
GET = Operation("One delivery with its attempts", response=Delivery)
WHY = Operation("The whole chain from the triggering event to the outcome", response=Why)
WHY_NOT = Operation("Why this person did not get it, or did", response=Why)


def routes(services: Services) -> list[Route]:
    """Policy rows of deliveries and their reasons."""
    secret = services.settings.secret_key

    def numbers(request: web.Request) -> tuple[int, int]:
        """Return (notice number, contact point number) of the delivery in the path."""
        text = request.match_info["id"]
        return found(parse_delivery_id(secret, text), "delivery", text)

    async def get_page(request: web.Request) -> web.StreamResponse:
        values = query(request, "notice", "subscriber", "state", "cursor", "limit")
        notice, subscriber = uuid_value(values, "notice"), uuid_value(values, "subscriber")
        state = cast(DeliveryState | None, one_of(values, "state", DELIVERY_STATES))
        number = (await read(services, _notice_number, services, notice)) if notice else None
        contacts = (await read(services, _contacts, services, subscriber)) if subscriber else None
        rows = await read_page(
            services, services.dispatch.deliveries, number, contacts, state, values.get("cursor"), limit_of(values)
        )
        shown = await read(services, _shown, services, rows.items)
        return list_response(shown, next_url(services.settings.public_url, request, rows.next))

    async def get_one(request: web.Request) -> web.StreamResponse:
        row = await read(services, services.dispatch.delivery, *numbers(request))
        row = found(row, "delivery", request.match_info["id"])
        return json_response((await read(services, _shown, services, (row,)))[0])

    async def why(request: web.Request) -> web.StreamResponse:
        explained = await read(services, services.explainer.why, *numbers(request))
        return json_response(_for(request, found(explained, "notice delivery", request.match_info["id"])))

    async def why_not(request: web.Request) -> web.StreamResponse:
        notice = id_of(request, what="notice")
        subscriber = id_of(request, "subscriber_id", "subscriber")
        explained = await read(services, services.explainer.why_not, notice, subscriber)
        if explained is None:
            raise NotFound(f"there is no notice {notice}, or no subscriber {subscriber}")
        return json_response(_for(request, explained))

    return [
        Route("GET", f"{ROOT}/deliveries", get_page, scope("read"), LIST),
        Route("GET", f"{ROOT}/deliveries/{{id}}", get_one, scope("read"), GET),
        Route("GET", f"{ROOT}/deliveries/{{id}}/why", why, scope("read", "subscribers:read"), WHY),
        Route(
            "GET",
            f"{ROOT}/notices/{{id}}/why-not/{{subscriber_id}}",
            why_not,
            scope("read", "subscribers:read"),
            WHY_NOT,
        ),
    ]


def _notice_number(services: Services, notice: UUID) -> int:
    return found(services.views.notice(notice), "notice", notice).number


def _contacts(services: Services, subscriber: UUID) -> list[int]:
    person = found(services.directory.person(subscriber), "subscriber", subscriber)
    return [contact.number for contact in person.contacts]


def _shown(services: Services, rows: Sequence[DeliveryRow]) -> list[Delivery]:
    """Convert rows to public ids. A confirmation has no notice; a drill's delivery to the team has no subscriber."""
    cards = services.views.cards({row.contact for row in rows})
    notices = {number: services.views.notice_by_number(number) for number in {row.notice for row in rows}}
    shown = []
    for row in rows:
        card, notice = cards.get(row.contact), notices[row.notice]
        attempts = tuple(Attempt(at=a.at, outcome=a.outcome, reason=a.reason) for a in row.attempts)
        shown.append(
            Delivery(
                id=delivery_id(services.settings.secret_key, row.notice, row.contact),
                notice=notice.id if notice else None,
                subscriber=card.subscriber if card else None,
                contact_point=row.contact,
                channel=row.channel,
                state=row.state,
                reason=row.reason,
                due_at=row.due_at,
                attempts=attempts,
            )
        )
    return shown


def _for(request: web.Request, why: Why) -> Why:
    """Redact the explanation for a key without `subscribers:read`."""
    if caller_of(request).may("subscribers:read"):
        return why
    checks = tuple(msgspec.structs.replace(check, detail=WITHHELD) for check in why.checks)
    return msgspec.structs.replace(why, checks=checks, place="", distance_m=None)
