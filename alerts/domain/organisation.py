"""Issuing organisation: in whose name notices go out, where, and of which kinds. State, fold and rule. Pure."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parseaddr
from uuid import UUID

import msgspec
from msgspec.structs import replace

from alerts.domain.events import AreaJson, NoticePlan, OrganisationDefined, OrganisationRetired
from alerts.domain.evolve import unexpected_first_event
from alerts.kernel.events import Recorded
from alerts.kernel.languages import choose
from alerts.kernel.terms import NoticeKind

KIND_WORDS: dict[NoticeKind, str] = {
    "alert": "alerts",
    "service-change": "service changes",
    "announcement": "announcements",
    "bulletin": "bulletins",
}


class OrganisationState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An organisation. `version` counts its definitions."""

    id: UUID
    slug: str
    version: int
    name: dict[str, str]
    sender_name: str
    consent: dict[str, str] = {}
    areas: AreaJson | None = None
    """Areas that its notices lie in; None without a limit."""
    kinds: tuple[NoticeKind, ...] | None = None
    """Kinds of its notices; None without a limit."""
    retired: bool = False
    position: int = 0

    def named(self, language: str, default: str) -> str:
        """Name in a reader's language."""
        return choose(self.name, language, default)[1] if self.name else self.sender_name

    def sender(self, service: str) -> str:
        """Sender of its e-mails, `Name <address>`, at the service's own address."""
        return f'"{self.sender_name}" <{parseaddr(service)[1]}>'


def evolve(state: OrganisationState | None, recorded: Recorded) -> OrganisationState:
    """Fold one event of an organisation."""
    match recorded.event:
        case OrganisationDefined() as event:
            return OrganisationState(
                id=recorded.originator_id,
                slug=event.slug,
                version=recorded.originator_version,
                name=event.name,
                sender_name=event.sender_name,
                consent=event.consent,
                areas=event.areas,
                kinds=event.kinds,
                position=recorded.position,
            )
        case OrganisationRetired() if state is not None:
            return replace(state, retired=True, version=recorded.originator_version, position=recorded.position)
    return state if state is not None else unexpected_first_event("organisation", recorded)


def refusal(
    state: OrganisationState, plan: NoticePlan, inside: Callable[[AreaJson], bool], *, finished: bool = True
) -> str:
    """Say why a notice may not go out in this organisation's name; "" if it may.

    `inside(areas)` returns True if the notice, or every point of its change, lies wholly inside their union. It is
    asked only where the organisation has areas. `finished`: also a notice without a place, which reaches everywhere.
    """
    name = state.sender_name
    if state.retired:
        return f"{name} issues nothing any more: choose another organisation, or none."
    if state.kinds is not None and plan.kind not in state.kinds:
        may = ", ".join(KIND_WORDS[kind] for kind in state.kinds) or "nothing"
        return f"{name} issues {may} only, not {KIND_WORDS[plan.kind]}: choose another organisation, or another kind."
    placed = plan.area is not None or plan.service_change is not None
    if state.areas is None or not (placed or finished):
        return ""
    if not placed:
        return f"{name} issues notices for its own areas only: give this one an area inside them."
    if not inside(state.areas):
        return f"This lies outside the areas of {name}: choose another organisation, or a smaller area."
    return ""
