"""Problem details for programs: `application/problem+json` (RFC 9457).

A document has a `type`, a `title`, a `detail` that says what to do and, for bad input,
`errors: [{"field", "message"}]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web

from alerts.kernel.errors import (
    Conflict,
    DomainError,
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    Stale,
    TooManyRequests,
    Unavailable,
)

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:community-alerts:problem:"

KINDS: dict[int, tuple[str, str]] = {
    400: ("malformed", "What you sent cannot be read"),
    401: ("not-signed-in", "We do not know who you are"),
    403: ("not-allowed", "You may not do this"),
    404: ("not-found", "There is no such thing"),
    405: ("method-not-allowed", "This address does not know this method"),
    408: ("too-slow", "It took too long to arrive"),
    409: ("conflict", "The current state does not allow this"),
    412: ("stale", "Somebody changed it in the meantime"),
    413: ("too-large", "What you sent is too large"),
    415: ("wrong-type", "What you sent has the wrong content type"),
    422: ("invalid", "What you sent cannot be accepted"),
    428: ("if-match-needed", "Say which version you edit"),
    429: ("too-many", "Too many requests"),
    500: ("internal", "Something went wrong on our side"),
    503: ("unavailable", "Not possible just now"),
}
"""Status → (last part of `type`, `title`). The title is fixed per type; `detail` describes the occurrence."""

_STATUS: tuple[tuple[type[DomainError], int], ...] = (
    (Malformed, 400),
    (Invalid, 422),
    (NotFound, 404),
    (Conflict, 409),
    (Stale, 412),
    (Forbidden, 403),
    (TooManyRequests, 429),
    (Unavailable, 503),
)


class RequestRefused(Exception):
    """Refusal of a request before it reached a command: an HTTP status with a message."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, tuple(errors)
        self.headers = dict(headers or {})


def document(
    status: int, message: str, errors: Sequence[FieldError] = (), extra: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Build the members of a problem document. Bad input always has `errors`, at least one about the whole body."""
    kind, title = KINDS.get(status, ("about:blank", "The request failed"))
    members: dict[str, object] = {
        "type": kind if ":" in kind else TYPE_PREFIX + kind,
        "title": title,
        "status": status,
        "detail": message,
    }
    if status in (400, 422):
        listed = errors or (FieldError("", message),)
        members["errors"] = [{"field": e.field, "message": e.message} for e in listed]
    for name, value in (extra or {}).items():
        members.setdefault(name, value)
    return members


def response(
    status: int,
    message: str,
    errors: Sequence[FieldError] = (),
    extra: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Build a problem response."""
    return web.Response(
        status=status,
        body=msgspec.json.encode(document(status, message, errors, extra)),
        content_type=CONTENT_TYPE,
        headers=headers,
    )


def status_of(error: DomainError) -> int:
    """Map a domain error to its HTTP status."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def headers_of(error: DomainError) -> dict[str, str]:
    """Return the `Retry-After` header of a domain error, if it has one."""
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(error.retry_after)}
    return {"Retry-After": "1"} if isinstance(error, Unavailable) else {}


def of_domain(error: DomainError) -> web.Response:
    """Build the problem response of a domain error."""
    status = status_of(error)
    errors = error.errors if isinstance(error, Invalid) else ()
    return response(status, error.message, errors, error.extra, headers_of(error))


def of_refusal(refused: RequestRefused) -> web.Response:
    """Build the problem response of a refused request."""
    return response(refused.status, refused.message, refused.errors, headers=refused.headers)
