"""Events of team members."""

from __future__ import annotations

from typing import ClassVar, Literal

from alerts.domain.events.types import AreaJson
from alerts.kernel.events import Event
from alerts.kernel.terms import NoticeKind


class TeamMemberInvited(Event, frozen=True, kw_only=True):
    """A console user was invited."""

    personal: ClassVar[tuple[str, ...]] = ("email", "name")
    email: str | None
    name: str | None = None
    contact: int
    """Contact point number of the sign-in address, for exercises and tests (RULES 15)."""


class RoleGranted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A role was granted: viewer < author < approver < admin."""

    role: Literal["viewer", "author", "approver", "admin"]
    areas: AreaJson | None = None
    """Areas that it is for; None without a limit."""
    kinds: tuple[NoticeKind, ...] | None = None
    """Kinds of notices that it is for; None without a limit."""
    organisations: tuple[str, ...] | None = None
    """Organisations in whose names the member writes and approves; None without a limit."""


class RoleRevoked(Event, frozen=True, kw_only=True):
    """The member no longer has a role."""


class SignInsEnded(Event, frozen=True, kw_only=True):
    """Every sign-in of the member ended, and every unused sign-in link was voided."""


class SignInWayAdded(Event, frozen=True, kw_only=True):
    """The member added a way to sign in: `password` or `passkey`; its secret is not part of the log."""

    kind: str
    label: str


class SignInWayRemoved(Event, frozen=True, kw_only=True):
    """The member removed a way to sign in."""

    kind: str
    label: str


class LookUpFoundNobody(Event, frozen=True, kw_only=True):
    """The member looked for a subscriber by an address that nobody has; neither it nor the reason is recorded."""


class TeamDeviceAdded(Event, frozen=True, kw_only=True):
    """The member added a browser that shows the team's notifications; its address is not part of the log."""

    label: str


class TeamDeviceRemoved(Event, frozen=True, kw_only=True):
    """A browser shows the team's notifications no more."""

    label: str


EVENTS: tuple[type[Event], ...] = (
    TeamMemberInvited,
    RoleGranted,
    RoleRevoked,
    SignInsEnded,
    SignInWayAdded,
    SignInWayRemoved,
    LookUpFoundNobody,
    TeamDeviceAdded,
    TeamDeviceRemoved,
)
