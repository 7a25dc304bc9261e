"""What is pure in the commands: pairing CAP groups, identities of CAP messages, addresses."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.commands.cap_alerts import paired
from alerts.commands.notice_plans import ValidNotice, plan_as_body, plan_of
from alerts.contract.bodies import NoticeBody
from alerts.contract.cap_message import CapGroup, cap_message_id
from alerts.domain.events import IncidentFacts, NoticePlan
from alerts.domain.incident import IncidentState
from alerts.kernel.ids import new_id
from subscribers.addresses import Addresses, email
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


@pytest.mark.parametrize("sent", ["2026-03-01T12:00:00-00:00", "2026-03-01T12:00:00.0Z", "2026-03-01T13:00:00+01:00"])
def test_one_instant_is_one_message_however_it_is_written(sent: str) -> None:
    assert cap_message_id((" met ", "A", sent)) == cap_message_id(("met", "A", "2026-03-01T12:00:00-00:00"))
    assert cap_message_id(("met", "A", sent)) != cap_message_id(("met", "A", "2026-03-01T12:00:01-00:00"))


@given(
    st.builds(
        NoticePlan,
        kind=st.just("alert"),
        severity=st.sampled_from(["Extreme", "Severe", "Minor"]),
        urgency=st.sampled_from(["Immediate", "Future"]),
        certainty=st.sampled_from(["Likely", "Unknown"]),
        topic=st.sampled_from([None, "weather"]),
        area=AREAS,
        status=st.sampled_from(["Actual", "Test"]),
    )
)
def test_a_plan_shown_and_sent_back_is_the_same_plan(plan: NoticePlan) -> None:
    decided = plan_of(ValidNotice(NoticeBody(kind="alert"), None, {}), plan)
    decided = msgspec.structs.replace(decided, status=plan.status)
    decided = plan_of(ValidNotice(msgspec.convert(plan_as_body(decided), NoticeBody), decided.area, {}), None)
    again = plan_of(ValidNotice(msgspec.convert(plan_as_body(decided), NoticeBody), decided.area, {}), None)
    assert again == decided


@given(st.emails())
def test_the_fast_path_takes_nothing_that_the_library_refuses(text: str) -> None:
    from alerts.kernel.errors import Invalid
    from subscribers import addresses

    if addresses._PLAIN_EMAIL.fullmatch(text) and len(text) <= 254 and text.find("@") <= 64:
        try:
            checked = addresses._checked_email(text, "email")
        except Invalid as error:
            raise AssertionError(f"{text!r} is refused by the library: {error}") from error
        assert checked == email(text)


def test_addresses_are_found_by_a_keyed_hash_whatever_their_case() -> None:
    one, two = Addresses(b"a" * 32), Addresses(b"b" * 32)
    assert one.keyed_hash("email", "Ann@Example.org") == one.keyed_hash("email", "ann@example.org")
    assert one.keyed_hash("email", "ann@example.org") != one.keyed_hash("member", "ann@example.org")
    assert one.keyed_hash("email", "ann@example.org") != two.keyed_hash("email", "ann@example.org")
