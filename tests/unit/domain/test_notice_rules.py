"""RULES 4, 15, 16, 17 as tables."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any, get_args
from uuid import UUID

import pytest
from msgspec.structs import replace

from alerts.domain import notice_lifecycle as life
from alerts.domain.events import Content, NoticeApproved, NoticeDrafted, NoticePlan, Policy, PolicyRule
from alerts.domain.notice import NoticeState
from alerts.domain.source_policy import policy_answer
from alerts.domain.streams import NOTICE
from alerts.kernel.errors import Conflict
from alerts.kernel.terms import Certainty, MsgType, NoticeKind, Severity, Status, Urgency
from tests.support.memory_stream import NOW, Told

PLAN = NoticePlan(
    kind="alert",
    content={"en": Content(title="Flood")},
    area=[{"place": "camden"}],
    severity="Severe",
    urgency="Immediate",
    certainty="Observed",
    priority="emergency",
)


def test_danger_to_life_is_exactly_what_rule_4_says() -> None:
    cases = product(
        get_args(NoticeKind),
        get_args(MsgType),
        get_args(Status),
        get_args(Severity),
        get_args(Urgency),
        get_args(Certainty),
    )
    dangerous = {
        (kind, msg_type, status, severity, urgency, certainty)
        for kind, msg_type, status, severity, urgency, certainty in cases
        if life.danger_to_life(
            replace(PLAN, kind=kind, status=status, severity=severity, urgency=urgency, certainty=certainty), msg_type
        )
    }
    assert dangerous == set(
        product(
            ["alert"],
            ["Alert", "Update"],
            ["Actual"],
            ["Extreme", "Severe"],
            ["Immediate", "Expected"],
            ["Observed", "Likely"],
        )
    )


@pytest.mark.parametrize(
    ("before", "now", "moved"),
    [
        (100, 150, False),  # 50 more is not more than 50
        (100, 151, True),
        (1000, 1100, False),  # 10 % is not more than 10 %
        (1000, 1101, True),
        (1000, 899, True),
        (0, 51, True),
        (0, 50, False),
        (100_000, 100_051, False),
    ],
)
def test_a_count_has_moved_by_more_than_both(before: int, now: int, moved: bool) -> None:
    assert life.count_moved(before, now) is moved


def approved(plan: NoticePlan, msg_type: MsgType = "Alert") -> Told[NoticeState]:
    told = Told(NOTICE)
    told.tell(NoticeDrafted(number=1, msg_type=msg_type, thread=told.id, plan=plan), by="person:ann")
    assert told.state is not None
    told.tell(*life.decide_approve_alone(told.state, approver="policy:p@1", digest="h", now=told.now))
    return told


@pytest.mark.parametrize(("kind", "lives"), [("alert", timedelta(hours=24)), ("announcement", timedelta(days=30))])
def test_without_expiry_alerts_live_a_day_and_others_thirty(kind: Any, lives: timedelta) -> None:
    told = approved(replace(PLAN, kind=kind, severity="Minor", priority="notice"))
    assert told.state is not None
    issued = told.tell(*life.decide_issue(told.state, (), NOW))
    assert issued.expires == NOW + lives


def test_an_ending_keeps_its_lane_but_is_no_danger() -> None:
    told = approved(PLAN, "AllClear")
    assert told.state is not None
    issued = told.tell(*life.decide_issue(told.state, (UUID(int=7),), NOW))
    assert (issued.danger_to_life, issued.priority, issued.references) == (False, "emergency", (UUID(int=7),))


def test_approval_tolerates_a_small_count_change() -> None:
    told = Told(NOTICE)
    told.tell(NoticeDrafted(number=1, thread=told.id, plan=PLAN), by="person:ann")
    assert told.state is not None
    state = told.tell(*life.decide_submit(told.state, NOW), by="person:ann")
    asked: dict[str, Any] = {"approver": "person:bob", "version": 2, "digest": "h", "now": NOW}
    assert life.decide_approve(state, seen=1000, people=1001, **asked)
    with pytest.raises(Conflict):
        life.decide_approve(state, seen=1000, people=1200, **asked)
    calm = replace(state, plan=replace(PLAN, severity="Minor", priority="notice"))
    [granted] = life.decide_approve(calm, seen=1000, people=1100, **asked)
    assert isinstance(granted, NoticeApproved) and granted.people == 1000
    with pytest.raises(Conflict):
        life.decide_approve(calm, seen=1000, people=1101, **asked)


POLICY = Policy(
    default="record",
    rules=(
        PolicyRule(then="issue", kinds=("alert",), severities=("Extreme", "Severe"), areas=[{"place": "camden"}]),
        PolicyRule(then="draft", kinds=("alert",)),
    ),
)


@pytest.mark.parametrize(
    ("kind", "severity", "inside", "answer"),
    [
        ("alert", "Severe", True, "issue"),
        ("alert", "Severe", False, "draft"),
        ("alert", "Minor", True, "draft"),
        ("announcement", "Severe", True, "record"),
    ],
)
def test_the_first_rule_that_matches_wins(kind: Any, severity: Any, inside: bool, answer: str) -> None:
    assert policy_answer(POLICY, kind=kind, severity=severity, inside=lambda _: inside) == answer


def test_areas_are_asked_only_where_a_rule_names_them() -> None:
    def never(_: Any) -> bool:
        raise AssertionError("geometry is not free")

    assert policy_answer(POLICY, kind="announcement", severity="Severe", inside=never) == "record"
    assert policy_answer(Policy(), kind="alert", severity="Severe", inside=never) == "draft"
    assert policy_answer(None, kind="alert", severity="Severe", inside=never) == "record"
