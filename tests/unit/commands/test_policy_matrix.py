"""RULES 17 as a table: answers × kinds × areas × severities × follow-ups, against a second computation."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.commands.actor import Actor
from alerts.commands.policy_decision import policy_decision
from alerts.domain.events import AreaJson, NoticePlan, Policy, PolicyRule
from alerts.domain.notice import NoticeState
from alerts.domain.source_policy import weakest, without_issue
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel import geometry
from alerts.kernel.terms import NoticeKind, PolicyAnswer, Severity
from tests.support.memory_stream import NOW

ANSWERS: tuple[PolicyAnswer, ...] = ("record", "draft", "issue")
KINDS: tuple[NoticeKind, ...] = get_args(NoticeKind)
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


def circle(radius_km: float) -> AreaJson:
    return [{"circle": {"lat": 51.5, "lon": -0.1, "radius_km": radius_km}}]


RADII = (0.5, 5.0, 50.0)
"""Concentric circles: one lies in another if its radius is not greater."""
PLANS = [
    NoticePlan(kind=kind, severity=severity, area=None if radius is None else circle(radius))
    for kind, severity, radius in product(KINDS, SEVERITIES, (None, *RADII))
]
RULES = st.builds(
    PolicyRule,
    then=st.sampled_from(ANSWERS),
    kinds=st.none() | st.lists(st.sampled_from(KINDS), min_size=1, max_size=2).map(tuple),
    areas=st.none() | st.sampled_from([circle(radius) for radius in RADII]),
    severities=st.none() | st.lists(st.sampled_from(SEVERITIES), min_size=1, max_size=3).map(tuple),
)
POLICIES = st.builds(Policy, default=st.sampled_from(ANSWERS), rules=st.lists(RULES, max_size=4).map(tuple))


class NoUnit:
    """A unit that must not be read: no plan here names a place, a change or a point."""

    def get(self, stream: Any, stream_id: UUID) -> Any:
        raise AssertionError("geometry is in the plans")


def member(plan: NoticePlan) -> NoticeState:
    """An issued notice of this plan."""
    return NoticeState(
        id=UUID(int=1),
        number=1,
        version=1,
        phase="live",
        msg_type="Alert",
        thread=UUID(int=1),
        references=(),
        plan=plan,
        source=None,
        drafted_at=NOW,
        drafted_by="key:k",
        hands=frozenset(),
        issued_at=NOW,
        issued_position=7,
    )


def decided(policy: Policy | None, plan: NoticePlan, *thread: NoticePlan) -> PolicyAnswer:
    unit: UnitOfWork = NoUnit()  # type: ignore[assignment]
    actor = Actor(kind="key", id="k", policy=policy)
    return policy_decision(unit, actor, plan, [member(one) for one in thread])


def radius_of(area: AreaJson | None) -> float | None:
    return None if area is None else float(area[0]["circle"]["radius_km"])


def expected(policy: Policy, plan: NoticePlan) -> PolicyAnswer:
    """The first rule that matches, with areas compared by their radius alone."""
    mine = radius_of(plan.area)
    for rule in policy.rules:
        theirs = radius_of(rule.areas)
        if (
            (rule.kinds is None or plan.kind in rule.kinds)
            and (rule.severities is None or plan.severity in rule.severities)
            and (theirs is None or (mine is not None and mine <= theirs))
        ):
            return rule.then
    return policy.default


@settings(max_examples=200, deadline=None)
@given(policy=POLICIES, plan=st.sampled_from(PLANS), thread=st.lists(st.sampled_from(PLANS), max_size=3))
def test_weakest_answer_over_notice_and_thread_holds(policy: Policy, plan: NoticePlan, thread: list[Any]) -> None:
    answers = {expected(policy, one) for one in (plan, *thread)}
    assert decided(policy, plan, *thread) == next(answer for answer in ANSWERS if answer in answers)


@settings(max_examples=100, deadline=None)
@given(policy=POLICIES, plan=st.sampled_from(PLANS), thread=st.lists(st.sampled_from(PLANS), max_size=3))
def test_follow_up_may_never_do_more_than_a_first_notice(policy: Policy, plan: NoticePlan, thread: list[Any]) -> None:
    assert ANSWERS.index(decided(policy, plan, *thread)) <= ANSWERS.index(decided(policy, plan))


@settings(max_examples=100, deadline=None)
@given(policy=POLICIES, plan=st.sampled_from(PLANS))
def test_policy_without_issue_never_issues(policy: Policy, plan: NoticePlan) -> None:
    answer = decided(policy, plan)
    assert decided(without_issue(policy), plan) == ("draft" if answer == "issue" else answer)


@pytest.mark.parametrize("plan", PLANS[:4])
def test_without_a_policy_nothing_is_sent(plan: NoticePlan) -> None:
    assert decided(None, plan) == "record"
    assert decided(None, plan, replace(plan, severity="Minor")) == "record"


def test_order_of_answers_is_record_draft_issue() -> None:
    for one, two in product(range(3), range(3)):
        assert weakest((ANSWERS[one], ANSWERS[two])) == ANSWERS[min(one, two)]


def test_repeated_areas_of_a_thread_are_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    resolve = geometry.resolve_area
    monkeypatch.setattr(geometry, "resolve_area", lambda *given: asked.append(given[0]) or resolve(*given))
    policy = Policy(rules=(PolicyRule(then="issue", areas=circle(5.0)),))
    plan = NoticePlan(kind="alert", area=circle(0.5))
    wider = replace(plan, area=circle(1.0))
    assert decided(policy, plan, *[plan, wider] * 50) == "issue"
    assert sorted(radius_of(area) or 0.0 for area in asked) == [0.5, 1.0, 5.0]
