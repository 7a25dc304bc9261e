"""Pairing the groups of a CAP message with incidents."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alerts.commands.cap_alerts import content, paired
from alerts.contract.cap_message import CapGroup, CapWords
from alerts.domain.events import IncidentFacts
from alerts.domain.incident import IncidentState
from alerts.kernel.ids import new_id
from alerts.kernel.texts import cut
from tests.support.memory_stream import NOW

AREAS = st.sampled_from([[{"place": "a"}], [{"place": "b"}], [{"place": "c"}]])
CATEGORIES: Any = st.sampled_from(["Met", "Fire"])
GROUPS = st.lists(st.builds(CapGroup, category=CATEGORIES, area=AREAS), min_size=1, max_size=4)


def incident(area: Any, category: Any) -> IncidentState:
    facts = IncidentFacts(headline={"en": "x"}, area=area, category=category)
    return IncidentState(id=new_id(), version=1, facts=facts, source="source:met", status="open", reported_at=NOW)


@given(GROUPS, st.lists(st.builds(incident, AREAS, CATEGORIES), max_size=4))
def test_no_group_is_lost_and_no_incident_is_left(groups: list[CapGroup], incidents: list[IncidentState]) -> None:
    pairs = paired(tuple(groups), incidents)
    assert [state for _, state in pairs if state is not None] == incidents
    assert all(group in [said for said, _ in pairs] for group in groups)
    assert len(pairs) == max(len(groups), len(incidents))


def test_the_likest_group_says_more_of_an_incident() -> None:
    fire, flood = CapGroup(category="Fire", area=[{"place": "b"}]), CapGroup(category="Met", area=[{"place": "a"}])
    one, two = incident([{"place": "a"}], "Met"), incident([{"place": "b"}], "Fire")
    assert paired((fire, flood), [one, two]) == [(flood, one), (fire, two)]
    assert paired((fire,), [one, two]) == [(fire, one), (fire, two)]


@given(st.text(max_size=400), st.integers(10, 200))
def test_text_is_cut_to_its_limit_and_only_shortened(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert len(short) <= limit
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


def test_text_is_cut_at_a_word() -> None:
    assert cut("Heavy rain over Bahr-el-Gazel", 20) == "Heavy rain over…"
    assert cut("非常に激しい雨が降っています", 8) == "非常に激しい雨…"


def test_headline_that_was_cut_opens_the_body_as_a_whole() -> None:
    headline = "Heavy rain " * 30
    said = content(CapGroup(category="Met", content={"en": CapWords(title=headline, body="Stay in.")}))["en"]
    assert said.title.endswith("rain…") and len(said.title) <= 200
    assert said.body == f"{headline.strip()}\n\nStay in."
