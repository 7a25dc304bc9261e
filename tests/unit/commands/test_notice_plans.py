"""A notice plan as a request body, and back."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from alerts.commands.notice_plans import ValidNotice, plan_as_body, plan_of
from alerts.contract.bodies import NoticeBody
from alerts.domain.events import NoticePlan

AREAS = st.sampled_from([[{"place": "a"}], [{"place": "b"}], [{"place": "c"}]])


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
