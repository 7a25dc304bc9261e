"""Events of issuing organisations."""

from __future__ import annotations

from alerts.domain.events.types import AreaJson
from alerts.kernel.events import Event
from alerts.kernel.terms import NoticeKind


class OrganisationDefined(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An organisation in whose name notices go out was defined, or has a new version."""

    slug: str
    name: dict[str, str]
    """Name by language, on pages and letters."""
    sender_name: str
    """Name that messages begin with: the From of an e-mail, the first words of a text."""
    consent: dict[str, str] = {}
    """Line by language below the consent of the sign-up: what it sends."""
    areas: AreaJson | None = None
    """Areas that its notices lie in; None without a limit."""
    kinds: tuple[NoticeKind, ...] | None = None
    """Kinds of its notices; None without a limit."""


class OrganisationRetired(Event, frozen=True, kw_only=True):
    """No new notice goes out in its name."""

    slug: str


EVENTS: tuple[type[Event], ...] = (
    OrganisationDefined,
    OrganisationRetired,
)
