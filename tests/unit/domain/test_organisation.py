"""Organisations: their fold, and what they refuse."""

from __future__ import annotations

from typing import get_args
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.domain.events import NoticePlan, OrganisationDefined, OrganisationRetired
from alerts.domain.organisation import OrganisationState, refusal
from alerts.domain.streams import ORGANISATION
from alerts.kernel.events import Event
from alerts.kernel.geometry import resolve_area
from alerts.kernel.terms import NoticeKind
from tests.support.memory_stream import Told

KINDS: tuple[NoticeKind, ...] = get_args(NoticeKind)
COUNCIL = OrganisationDefined(slug="council", name={"en": "Southwark Council"}, sender_name="Southwark Council")
RADII = (0.5, 5.0, 50.0)
"""Concentric circles: one lies in another if its radius is not greater."""


def folded(*events: Event) -> OrganisationState:
    return Told(ORGANISATION).tell(*events)


def circle(radius_km: float) -> list[dict[str, object]]:
    return [{"circle": {"lat": 51.5, "lon": -0.1, "radius_km": radius_km}}]


def state(**changes: object) -> OrganisationState:
    given: dict[str, object] = {"id": UUID(int=1), "slug": "council", "version": 1, "name": {"en": "The Council"}}
    return OrganisationState(**{**given, "sender_name": "Council", **changes})  # type: ignore[arg-type]


def refused(organisation: OrganisationState, plan: NoticePlan, *, finished: bool = True) -> str:
    def inside(areas: list[dict[str, object]]) -> bool:
        reached = resolve_area(plan.area or [], lambda _: None)
        return resolve_area(areas, lambda _: None).contains(reached)

    return refusal(organisation, plan, inside, finished=finished)


def test_organisation_is_folded_from_its_events() -> None:
    made = folded(COUNCIL)
    assert (made.slug, made.version, made.retired, made.areas) == ("council", 1, False, None)
    assert folded(COUNCIL, OrganisationRetired(slug="council")).retired
    again = folded(COUNCIL, OrganisationRetired(slug="council"), COUNCIL)
    assert not again.retired and again.version == 3


def test_organisation_is_named_in_the_readers_language() -> None:
    organisation = state(name={"en": "The Council", "cy": "Y Cyngor"})
    assert organisation.named("cy", "en") == "Y Cyngor"
    assert organisation.named("pl", "en") == "The Council"
    assert organisation.sender("Town <a@town.example>") == '"Council" <a@town.example>'


def test_retired_organisation_issues_nothing() -> None:
    assert "issues nothing any more" in refused(state(retired=True), NoticePlan(kind="alert", area=circle(0.5)))


def test_draft_without_a_place_waits_for_one() -> None:
    organisation, plan = state(areas=circle(5.0)), NoticePlan(kind="announcement")
    assert refused(organisation, plan, finished=False) == ""
    assert "its own areas only" in refused(organisation, plan)


@settings(deadline=None)
@given(
    kinds=st.none() | st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True).map(tuple),
    own=st.none() | st.sampled_from(RADII),
    kind=st.sampled_from(KINDS),
    radius=st.none() | st.sampled_from(RADII),
)
def test_nothing_passes_outside_areas_or_kinds(
    kinds: tuple[NoticeKind, ...] | None, own: float | None, kind: NoticeKind, radius: float | None
) -> None:
    organisation = state(kinds=kinds, areas=None if own is None else circle(own))
    words = refused(organisation, NoticePlan(kind=kind, area=None if radius is None else circle(radius)))
    within = (kinds is None or kind in kinds) and (own is None or (radius is not None and radius <= own))
    assert (words == "") is within
    assert within or words.startswith("Council ") or (words.endswith("a smaller area.") and "Council" in words)
