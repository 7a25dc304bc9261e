"""What the API answers with: the shapes that all resources share, and how they become responses.

Structs, so that the same shapes make the JSON and `openapi.json`; each resource's own stand in `shapes_*`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.kernel.paging import Page as CursorPage
from alerts.web.http.raw_response import BytesResponse, head
from alerts.web.http.requests import next_url
from alerts.web.http.security import ALWAYS

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode
_HEAD = head({**ALWAYS, "Content-Type": "application/json"})


class JsonResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A response body."""


class ListBody(JsonResponse, Generic[T], frozen=True, kw_only=True):
    """A list by cursor: `next` is the address of the rest, null at the end."""

    items: tuple[T, ...]
    next: str | None


class Accepted(JsonResponse, frozen=True, kw_only=True):
    """A thing is kept; `position` is the log position at which every read model shows it."""

    id: UUID
    version: int
    position: int


class AcceptedWithNotice(Accepted, frozen=True, kw_only=True):
    """`notice`: what the key's policy made of it, if anything."""

    notice: UUID | None


class TriggerAccepted(JsonResponse, frozen=True, kw_only=True):
    """A webhook is on disk; what became of it stands at `status_url`."""

    id: UUID
    status_url: str


class AudienceBody(JsonResponse, frozen=True, kw_only=True):
    """An audience: `people` with a contact point due, `by_channel` their contact points."""

    people: int
    unreachable: int
    by_channel: dict[str, int]
    by_language: dict[str, int]
    position: int
    sample: tuple[UUID, ...]


class Event(JsonResponse, frozen=True, kw_only=True):
    """One event of the log, personal data left out."""

    position: int
    type: str
    version: int
    stream: UUID
    at: datetime
    data: dict[str, Any]


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> BytesResponse:
    """A JSON response."""
    made = BytesResponse(status, _HEAD, _encode(body))
    if headers:
        made.headers.extend(headers)
    return made


def page(
    request: web.Request, public_url: str, found: CursorPage[Any], shown: Callable[[Any], object]
) -> BytesResponse:
    """A page of a list, with the address of the next one."""
    return listed(map(shown, found.items), next_url(public_url, request, found.next))


def listed(items: Iterable[object], following: str | None = None) -> BytesResponse:
    """A list as CONTRACT shapes it."""
    return answer({"items": list(items), "next": following})
