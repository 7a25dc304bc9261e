"""Caller of a command, with its policy and scopes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from alerts.domain.events import Policy

ActorKind = Literal["person", "key", "source", "operator", "resident", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Authenticated caller, made by the endpoint. Endpoints check scopes, commands check the rest.

    `person` is the team member who acts: in the console, or through a key that was issued for them. Such a key acts as
    that person (RULES 16: the person is compared, never the key), but keeps its own policy and its own references.
    """

    kind: ActorKind
    id: str
    """A source's name; a key's, member's or subscriber's id as text; an operator's user name; "" for the system."""
    name: str = ""
    policy: Policy | None = None
    """Set for sources and keys; None for people and the system."""
    policy_at: int | None = None
    """Log position at which the policy was set: the places that it names are those of then. None: those of now."""
    person: UUID | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    """Scopes that may be used: for a key of a person, those that the person's role allows."""
    member_version: int | None = None
    """Version of the person's record that scopes and policy were bounded by; None without a person."""

    @property
    def by(self) -> str:
        """Author that the log records for an event."""
        if self.person is not None:
            return f"person:{self.person}"
        return self.source

    @property
    def source(self) -> str:
        """Owner of references (`source_ref`) and threads: `source:{name}`, `key:{id}`, `person:{id}`, …"""
        return self.kind if self.kind in ("resident", "system") else f"{self.kind}:{self.id}"

    @property
    def may_approve(self) -> bool:
        """True for an identified person with the right to approve."""
        return self.person is not None and "notices:approve" in self.scopes

    @property
    def policy_name(self) -> str:
        """Name under which an approval by policy is recorded."""
        version = self.policy.version if self.policy else 0
        return f"policy:{self.name or self.id}@{version}"


SYSTEM = Actor(kind="system", id="", name="system")
RESIDENT = Actor(kind="resident", id="", name="resident")
