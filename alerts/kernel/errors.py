"""Domain errors, worded for a person.

Each interface renders them in its own form (problem+json, one line on the terminal).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """Error of one field; `field` is a dotted path such as `places.0.radius_km`, or "" for the whole body."""

    field: str
    message: str


class DomainError(Exception):
    """A command cannot be carried out; nothing was changed. `str(error)` says what to do."""

    def __init__(self, message: str, **extra: object) -> None:
        super().__init__(message)
        self.message = message
        self.extra = extra
        """Members to add to the problem document, such as `subscriber` for a known address."""


class Invalid(DomainError):
    """The input can be read but is not acceptable (HTTP 422)."""

    def __init__(self, message: str, errors: Sequence[FieldError] = (), **extra: object) -> None:
        super().__init__(message, **extra)
        self.errors: tuple[FieldError, ...] = tuple(errors)

    @classmethod
    def field(cls, field: str, message: str) -> Invalid:
        """Build the error of a single field."""
        return cls(message, (FieldError(field, message),))


class Malformed(Invalid):
    """The input cannot be parsed (HTTP 400)."""


class NotFound(DomainError):
    """The resource does not exist (HTTP 404)."""


class Conflict(DomainError):
    """The state forbids the command, or another writer was first (HTTP 409)."""


class Stale(DomainError):
    """The version given is not the current one (HTTP 412, optimistic concurrency)."""


class Forbidden(DomainError):
    """The actor lacks the permission (HTTP 403)."""


class TooManyRequests(DomainError):
    """The caller's rate limit is used up (HTTP 429). `retry_after`: whole seconds until a request may pass."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(DomainError):
    """Temporarily not possible; the caller may try again (HTTP 503)."""
