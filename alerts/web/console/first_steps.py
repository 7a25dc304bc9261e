"""Steps that a new installation lacks before a warning can reach anybody, for its administrators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from alerts.domain.reference_data import MemberState
from alerts.domain.roles import at_least
from alerts.services import Services


@dataclass(frozen=True)
class FirstStep:
    """Step with its reason, and a link whose path follows the site's base; "" for a step outside the console."""

    words: str
    link: str = ""
    label: str = ""
    command: str = ""
    """Command that does it, where no screen does."""


def first_steps(services: Services, member: MemberState) -> list[FirstStep]:
    """Return the steps that are left; none for other roles. Blocks."""
    return list(_steps(services)) if member.role == "admin" else []


def _steps(services: Services) -> Iterator[FirstStep]:
    views = services.views
    if sum(at_least(one.role, "approver") for one in views.members()) < 2:
        yield FirstStep(
            "Nobody approves a notice that they wrote: a second person has to.",
            "/console/team",
            "Invite an approver",
        )
    if not views.places():
        yield FirstStep(
            "No place is registered. With places residents choose theirs by name, and messages say where it is.",
            command="alerts places import boroughs.geojson",
        )
    if not views.directory.count():
        yield FirstStep("Nobody has signed up yet.", "/subscribe", "The form that residents fill in")
    if services.settings.inbox:
        yield FirstStep(
            "Messages go to the local inbox instead of people, until ALERTS_PUBLIC_URL is the address that people use.",
            "/inbox",
            "The inbox",
        )
