"""OpenAPI documentation of an API route, beyond its method, path and scopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alerts.web.http.requests import PAGE_MOST

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
ID: Schema = {"type": "string", "format": "uuid"}
POSITION: Schema = {"type": "integer", "minimum": 0}
"""Schema of a log position."""
PAGING: Mapping[str, Schema] = {"cursor": TEXT, "limit": {"type": "integer", "minimum": 1, "maximum": PAGE_MOST}}
"""Query parameters of all lists."""


@dataclass(frozen=True, slots=True)
class Operation:
    """OpenAPI operation. `response` and `body` are structs; without `response` only the summary describes it."""

    summary: str
    status: int = 200
    response: Any = None
    body: Any = None
    example: Any = None
    """Example request body."""
    query: Mapping[str, Schema] = field(default_factory=dict)
    """Query parameters by name."""
    body_required: bool = True
    merge_patch: bool = False
    """The body is a JSON merge patch and needs `If-Match`."""
    event_stream: bool = False
    """True if it also serves server-sent events."""
    upsert: bool = False
    """Responds 200 instead of `status` if the resource existed already."""
