"""Response bodies shared by several API resources, and JSON responses.

Bodies are structs, so that the same types define the JSON and `openapi.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.kernel.paging import Page as CursorPage
from alerts.web.http.requests import next_url

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


class JsonResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Response body."""


class ListBody(JsonResponse, Generic[T], frozen=True, kw_only=True):
    """Page of a list: `next` is the URL of the next page, null at the end."""

    items: tuple[T, ...]
    next: str | None


class Accepted(JsonResponse, frozen=True, kw_only=True):
    """Accepted write; `position` is the log position from which all read models contain it."""

    id: UUID
    version: int
    position: int


class AcceptedWithNotice(Accepted, frozen=True, kw_only=True):
    """Accepted write. `notice`: the notice that the key's policy created from it, if any."""

    notice: UUID | None


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Build a JSON response."""
    return web.Response(body=_encode(body), status=status, content_type="application/json", headers=headers)


def page_response(
    request: web.Request, public_url: str, found: CursorPage[Any], shown: Callable[[Any], object]
) -> web.Response:
    """Build the response for a page of a list, with the URL of the next one."""
    return list_response(map(shown, found.items), next_url(public_url, request, found.next))


def list_response(items: Iterable[object], following: str | None = None) -> web.Response:
    """Build a list response in the form of CONTRACT."""
    return json_response({"items": list(items), "next": following})
