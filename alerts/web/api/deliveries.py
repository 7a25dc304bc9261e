"""`/api/v1/deliveries`: what was handed to whom, and why; `/notices/{id}/why-not/{subscriber_id}`: why not.

A key with `read` alone sees which rules held, but not where a person lives: that takes `subscribers:read`.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from alerts.web.api.schemas_notices import Attempt, Delivery
from alerts.web.http.requests import id_of, limit_of, next_url, one_of, query, read, uuid_value
from alerts.web.http.responses import answer, listed
from alerts.web.http.routing import Route, scope

KEPT_BACK = "kept back: this key lacks the scope subscribers:read"


def routes(parts: Services) -> list[Route]:
    """The policy rows of deliveries and their reasons."""
    secret = parts.settings.secret_key

    def numbers(request: web.Request) -> tuple[int, int]:
        """The notice's and the contact point's number of the delivery in the path."""
        text = request.match_info["id"]
        return found(parse_delivery_id(secret, text), "delivery", text)

    async def several(request: web.Request) -> web.StreamResponse:
        values = query(request, "notice", "subscriber", "state", "cursor", "limit")
        notice, subscriber = uuid_value(values, "notice"), uuid_value(values, "subscriber")
        state = cast(DeliveryState | None, one_of(values, "state", DELIVERY_STATES))
        number = (await read(parts, _notice_number, parts, notice)) if notice else None
        contacts = (await read(parts, _contacts, parts, subscriber)) if subscriber else None
        rows = await read_page(
            parts, parts.dispatch.deliveries, number, contacts, state, values.get("cursor"), limit_of(values)
        )
        shown = await read(parts, _shown, parts, rows.items)
        return listed(shown, next_url(parts.settings.public_url, request, rows.next))

    async def one(request: web.Request) -> web.StreamResponse:
        row = await read(parts, parts.dispatch.delivery, *numbers(request))
        row = found(row, "delivery", request.match_info["id"])
        return answer((await read(parts, _shown, parts, (row,)))[0])

    async def why(request: web.Request) -> web.StreamResponse:
        explained = await read(parts, parts.explainer.why, *numbers(request))
        return answer(_for(request, found(explained, "notice delivery", request.match_info["id"])))

    async def why_not(request: web.Request) -> web.StreamResponse:
        notice = id_of(request, what="notice")
        subscriber = id_of(request, "subscriber_id", "subscriber")
        explained = await read(parts, parts.explainer.why_not, notice, subscriber)
        if explained is None:
            raise NotFound(f"there is no notice {notice}, or no subscriber {subscriber}")
        return answer(_for(request, explained))

    return [
        Route("GET", f"{ROOT}/deliveries", several, scope("read")),
        Route("GET", f"{ROOT}/deliveries/{{id}}", one, scope("read")),
        Route("GET", f"{ROOT}/deliveries/{{id}}/why", why, scope("read", "subscribers:read")),
        Route("GET", f"{ROOT}/notices/{{id}}/why-not/{{subscriber_id}}", why_not, scope("read", "subscribers:read")),
    ]


def _notice_number(parts: Services, notice: UUID) -> int:
    return found(parts.views.notice(notice), "notice", notice).number


def _contacts(parts: Services, subscriber: UUID) -> list[int]:
    person = found(parts.directory.person(subscriber), "subscriber", subscriber)
    return [contact.number for contact in person.contacts]


def _shown(parts: Services, rows: Sequence[DeliveryRow]) -> list[Delivery]:
    """Rows with the ids that the outside knows. A confirmation belongs to no notice, a drill's may go to the team."""
    cards = parts.views.cards({row.contact for row in rows})
    notices = {number: parts.views.notice_by_number(number) for number in {row.notice for row in rows}}
    shown = []
    for row in rows:
        card, notice = cards.get(row.contact), notices[row.notice]
        attempts = tuple(Attempt(at=a.at, outcome=a.outcome, reason=a.reason) for a in row.attempts)
        shown.append(
            Delivery(
                id=delivery_id(parts.settings.secret_key, row.notice, row.contact),
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
    """What this key may see of it."""
    if caller_of(request).may("subscribers:read"):
        return why
    checks = tuple(msgspec.structs.replace(check, detail=KEPT_BACK) for check in why.checks)
    return msgspec.structs.replace(why, checks=checks, place="", distance_m=None)
