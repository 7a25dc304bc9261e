"""What can go wrong in words a person understands; the doors turn each into their own form (problem+json, one line)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field; `field` is a dotted path such as `places.0.radius_km`, or "" for the whole."""

    field: str
    message: str


class DomainError(Exception):
    """A command that cannot be carried out; nothing was changed. `str(error)` says what to do."""

    def __init__(self, message: str, **extra: object) -> None:
        super().__init__(message)
        self.message = message
        self.extra = extra
        """Members to add to the problem document, such as `subscriber` for a known address."""


class Invalid(DomainError):
    """Understood, but not acceptable (HTTP 422)."""

    def __init__(self, message: str, errors: Sequence[FieldError] = (), **extra: object) -> None:
        super().__init__(message, **extra)
        self.errors: tuple[FieldError, ...] = tuple(errors)

    @classmethod
    def field(cls, field: str, message: str) -> Invalid:
        """One field's error."""
        return cls(message, (FieldError(field, message),))


class Malformed(Invalid):
    """Not readable at all (HTTP 400)."""


class NotFound(DomainError):
    """No such thing (HTTP 404)."""


class Conflict(DomainError):
    """The state forbids it, or somebody else was first (HTTP 409)."""


class Stale(DomainError):
    """The version given is not the current one (HTTP 412)."""


class Forbidden(DomainError):
    """This actor may not do this (HTTP 403)."""


class TooManyRequests(DomainError):
    """The caller's rate limit is used up (HTTP 429). `retry_after`: whole seconds until a request may pass."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(DomainError):
    """Not possible just now; try again (HTTP 503)."""
