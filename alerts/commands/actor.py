"""Who gives a command, and what they may do by themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from alerts.domain.events import Policy

ActorKind = Literal["person", "key", "source", "resident", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Made by the door after it has checked who is there; the doors check scopes, the commands check the rest.

    `person` is the team member who acts: in the console, or through a key that was issued for them. Such a key acts as
    that person (RULES 16: the person is compared, never the key), but keeps its own policy and its own references.
    """

    kind: ActorKind
    id: str
    """A source's name; a key's, member's or subscriber's id as text; "" for the system."""
    name: str = ""
    policy: Policy | None = None
    """Of sources and keys; people and the system have none."""
    person: UUID | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)

    @property
    def by(self) -> str:
        """What the log records as the hand behind an event."""
        if self.person is not None:
            return f"person:{self.person}"
        return self.source

    @property
    def source(self) -> str:
        """Whose references (`source_ref`) and threads these are: `source:{name}`, `key:{id}`, `person:{id}`, …"""
        return self.kind if self.kind in ("resident", "system") else f"{self.kind}:{self.id}"

    @property
    def may_approve(self) -> bool:
        """An identified person with the right to approve."""
        return self.person is not None and "notices:approve" in self.scopes

    @property
    def policy_name(self) -> str:
        """How an approval by policy stands on record."""
        version = self.policy.version if self.policy else 0
        return f"policy:{self.name or self.id}@{version}"


SYSTEM = Actor(kind="system", id="", name="system")
RESIDENT = Actor(kind="resident", id="", name="resident")
