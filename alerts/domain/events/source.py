"""Events of webhook sources, and their policy."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from alerts.domain.events.types import AreaJson, Json
from alerts.kernel.events import Event
from alerts.kernel.terms import (
    NoticeKind,
    PolicyAnswer,
    Severity,
)


class PolicyRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rule of a policy. The first match applies; an absent clause matches everything."""

    then: PolicyAnswer
    kinds: tuple[NoticeKind, ...] | None = None
    areas: AreaJson | None = None
    """Matches if the notice, or every point of the change, lies wholly inside their union."""
    severities: tuple[Severity, ...] | None = None


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """The policy of a source or key: the actions it may take by itself."""

    version: int = 1
    default: PolicyAnswer = "draft"
    rules: tuple[PolicyRule, ...] = ()
    organisation: str | None = None
    """Organisation in whose name all goes out that it causes; None for the service itself."""


class SourceConnected(Event, frozen=True, kw_only=True):
    """A webhook integration was connected. The secret is sealed under the source's own key."""

    personal: ClassVar[tuple[str, ...]] = ("secret",)
    name: str
    kind: Literal["standard-webhook", "cap", "json"]
    policy: Policy
    secret: str | None
    mapping: Json | None = None


class SourceRevised(Event, frozen=True, kw_only=True):
    """The source has another policy or mapping."""

    policy: Policy
    mapping: Json | None = None


class SourceSecretRotated(Event, frozen=True, kw_only=True):
    """The source has a new secret, or the same one alone from now on."""

    personal: ClassVar[tuple[str, ...]] = ("secret",)
    secret: str | None
    old_until: datetime | None = None
    """Time until which the secret before is taken too; None: it is refused at once."""


class SourceDisconnected(Event, frozen=True, kw_only=True):
    """The source's webhooks are refused from now on."""


EVENTS: tuple[type[Event], ...] = (
    SourceConnected,
    SourceRevised,
    SourceSecretRotated,
    SourceDisconnected,
)
