"""Helpers shared by all API resources: caller, idempotency key, reads off the event loop, cursors, examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from aiohttp import web

from alerts.commands.actor import Actor
from alerts.commands.ports import Idempotency
from alerts.kernel.errors import Invalid, NotFound
from alerts.kernel.paging import Page
from alerts.services import Services
from alerts.web.http.auth import Caller
from alerts.web.http.problem import RequestRefused
from alerts.web.http.requests import digest
from alerts.web.http.requests import read as read
from alerts.web.http.routing import CALLER

P = ParamSpec("P")
T = TypeVar("T")

ROOT = "/api/v1"
_KEY = 255

EXAMPLE_AREA = {"circle": {"lat": 51.5392, "lon": -0.1426, "radius_km": 2.5}}
"""Area used in example bodies."""
EXAMPLE_CONTENT = {
    "en": {
        "title": "Boil your tap water",
        "body": "A main has burst and dirt may have got into the supply.",
        "instruction": "Boil water for a minute before you drink it.",
    }
}
"""Notice content used in example bodies."""


def caller_of(request: web.Request) -> Caller:
    """Return the authenticated API client of a request to a route with scopes."""
    return cast(Caller, request[CALLER])


def actor_of(request: web.Request) -> Actor:
    """Return the actor in whose name the command runs."""
    return caller_of(request).actor


def idempotency(request: web.Request, body: bytes) -> Idempotency | None:
    """Return the request's Idempotency-Key, if it has one. Raises RequestRefused 400 for an invalid key."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not (0 < len(key) <= _KEY and key.isascii() and key.isprintable()):
        raise RequestRefused(400, f"Idempotency-Key: 1 to {_KEY} printable ASCII characters")
    return Idempotency(
        caller=str(caller_of(request).key.id), path=request.path, key=key, digest=bytes.fromhex(digest(body))
    )


async def read_page(services: Services, function: Callable[P, Page[T]], *args: P.args, **kwargs: P.kwargs) -> Page[T]:
    """Read one page of a list off the event loop. Raises Invalid for a cursor that this list did not issue."""
    try:
        return await read(services, function, *args, **kwargs)
    except ValueError as error:
        raise Invalid.field("cursor", "not a cursor of this list; take it from `next`") from error


def found(thing: T | None, what: str, name: object) -> T:
    """Return `thing`. Raises NotFound, naming it, if it is None."""
    if thing is None:
        raise NotFound(f"there is no {what} {name}")
    return thing
