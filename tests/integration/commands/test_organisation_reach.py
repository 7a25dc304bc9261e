"""Property: no notice leaves outside its organisation's areas or kinds, by any route and whatever changes before."""

from __future__ import annotations

import asyncio
from typing import Any, get_args
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.contract.bodies import ContentBody, IncidentBody, NoticeBody, OrganisationBody
from alerts.domain.events import NoticeIssued, Policy
from alerts.domain.organisation import OrganisationState
from alerts.domain.streams import ORGANISATION, organisation_id
from alerts.kernel.errors import DomainError
from alerts.kernel.terms import NoticeKind
from tests.support.command_rig import CommandRig, key

KINDS: tuple[NoticeKind, ...] = ("alert", "announcement", "bulletin")
RADII = (0.5, 2.0, 8.0)
"""Concentric circles: one lies in another if its radius is not greater."""
LIMITS = st.fixed_dictionaries(
    {
        "radius": st.none() | st.sampled_from(RADII),
        "kinds": st.none() | st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True).map(tuple),
        "retired": st.booleans(),
    }
)
ROUTES = ("people", "key", "incident", "update")


def circle(radius: float | None) -> Any:
    return None if radius is None else {"circle": {"lat": 51.55, "lon": -0.15, "radius_km": radius}}


async def limit(rig: CommandRig, limits: dict[str, Any]) -> None:
    """Give the organisation these limits."""
    body = OrganisationBody(
        slug="council",
        name={"en": "Council"},
        sender_name="Council",
        areas=circle(limits["radius"]),
        kinds=limits["kinds"],
    )
    await rig.commands.define_organisation(key(), body)
    if limits["retired"]:
        await rig.commands.retire_organisation(key(), "council")


def allowed(rig: CommandRig, position: int, issued: NoticeIssued) -> bool:
    """True if the organisation, as of the issue, may issue this; computed by the radius alone."""
    state: OrganisationState | None = rig.log.state(ORGANISATION, organisation_id("council"), position)
    assert state is not None
    mine = None if issued.plan.area is None else issued.plan.area[0]["circle"]["radius_km"]
    theirs = None if state.areas is None else state.areas[0]["circle"]["radius_km"]
    inside = theirs is None or (mine is not None and mine <= theirs)
    return not state.retired and inside and (state.kinds is None or issued.plan.kind in state.kinds)


async def send(rig: CommandRig, route: str, kind: NoticeKind, radius: float | None, later: dict[str, Any]) -> None:
    """Try to get a notice out by some route; the organisation changes right before the end of it."""
    program = key(Policy(default="issue", organisation="council"))
    body = NoticeBody(
        kind=kind,
        area=circle(radius),
        topic="community",
        content={"en": ContentBody(title="Notice")},
        organisation="council",
    )
    if route == "incident":
        await limit(rig, later)
        await rig.commands.report_incident(program, IncidentBody(headline="Flood", area=circle(radius)))
        return
    ann, bob = await rig.person("ann"), await rig.person("bob")
    if route == "key":
        notice = (await rig.commands.draft_notice(program, body)).id
        await limit(rig, later)
        await rig.commands.issue(program, notice)
        return
    notice = await approved(rig, (await rig.commands.draft_notice(ann, body)).id)
    if route == "update":
        await rig.commands.issue(bob, notice)
        wider = NoticeBody(kind=kind, area=circle(8.0), content={"en": ContentBody(title="Wider")})
        notice = await approved(rig, (await rig.commands.update(ann, notice, wider)).id)
    await limit(rig, later)
    await rig.commands.issue(bob, notice)


async def approved(rig: CommandRig, notice: UUID) -> UUID:
    await rig.commands.submit(await rig.person("ann"), notice)
    await rig.settled()
    await rig.commands.approve(await rig.person("bob"), notice, rig.notice(notice).version, 0)
    return notice


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    now=LIMITS,
    later=LIMITS,
    route=st.sampled_from(ROUTES),
    kind=st.sampled_from(KINDS),
    radius=st.none() | st.sampled_from(RADII),
)
def test_no_notice_leaves_outside_its_organisation(
    now: dict[str, Any], later: dict[str, Any], route: str, kind: NoticeKind, radius: float | None
) -> None:
    assert set(KINDS) < set(get_args(NoticeKind))

    async def run() -> None:
        await rig.commands.define_built_in_topics()
        await limit(rig, now)
        try:
            await send(rig, route, kind, radius, later)
        except DomainError:
            pass  # refused, in words; what left before must be allowed

    rig = CommandRig.in_memory()
    try:
        asyncio.run(run())
        for recorded in rig.events(NoticeIssued.topic()):
            assert isinstance(recorded.event, NoticeIssued)
            assert recorded.event.plan.organisation == "council"
            assert allowed(rig, recorded.position, recorded.event)
    finally:
        rig.close()
