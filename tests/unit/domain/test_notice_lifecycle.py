"""A notice's life as a state machine: whatever is asked in whatever order, the rules hold (VOCABULARY "States")."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from alerts.domain import notice_lifecycle as life
from alerts.domain.events import Content, NoticeDrafted, NoticePlan
from alerts.domain.notice import NoticeState
from alerts.domain.streams import NOTICE
from alerts.kernel.errors import Conflict, DomainError, Forbidden, Invalid
from alerts.kernel.events import Event
from tests.support.memory_stream import Told

LEGAL: dict[str, set[str]] = {
    "draft": {"draft", "pending-approval", "approved", "rejected"},
    "pending-approval": {"pending-approval", "returned", "rejected", "approved"},
    "returned": {"draft", "pending-approval", "rejected", "approved"},
    "approved": {"approved", "pending-approval", "scheduled", "live", "rejected"},
    "scheduled": {"scheduled", "pending-approval", "live", "rejected"},
    "live": {"live", "superseded", "cancelled", "cleared", "expired"},
    "expired": {"expired", "superseded", "cancelled", "cleared"},
    "rejected": {"rejected"},
    "superseded": {"superseded"},
    "cancelled": {"cancelled"},
    "cleared": {"cleared"},
}
FINAL = ("rejected", "superseded", "cancelled", "cleared")
PEOPLE = ("person:ann", "person:bob", "person:carol")
PLANS = st.builds(
    NoticePlan,
    kind=st.just("announcement"),
    topic=st.sampled_from(["community", None]),
    audience=st.sampled_from([None, {"all": []}]),
    content=st.sampled_from([{}, {"en": Content(title="One")}, {"en": Content(title="Two")}]),
)


class NoticeMachine(RuleBasedStateMachine):
    """Asks for moves at random, and looks at what was told."""

    told: Told[NoticeState]

    @initialize(plan=PLANS, by=st.sampled_from(PEOPLE))
    def drafted(self, plan: NoticePlan, by: str) -> None:
        self.told = Told(NOTICE)
        self.told.tell(NoticeDrafted(number=1, thread=self.told.id, plan=plan), by=by)
        self.writers = {by}
        self.returner = ""
        self.approved_plan: NoticePlan | None = None

    @property
    def state(self) -> NoticeState:
        assert self.told.state is not None
        return self.told.state

    def ask(self, decide: Any, *args: Any, by: str = "person:dan", **more: Any) -> tuple[Event, ...]:
        """Events that were decided; () if the decision was refused, and then nothing may have changed."""
        before = self.state
        try:
            events: tuple[Event, ...] = decide(before, *args, **more)
        except DomainError as error:
            assert isinstance(error, Conflict | Invalid | Forbidden) and str(error)
            return ()
        after = before
        for event in events:
            phase = after.phase
            after = self.told.tell(event, by=by)
            assert after.phase in LEGAL[phase], f"{phase} → {after.phase}"
        return events

    @rule(plan=PLANS, by=st.sampled_from(PEOPLE))
    def revise(self, plan: NoticePlan, by: str) -> None:
        before = self.state
        if self.ask(life.decide_revise, plan, by, by=by):
            self.writers.add(by)
            assert by != self.returner, "who returned it does not edit it"
            self.returner = ""
            assert self.state.plan == plan and self.state.approved_by is None
            assert before.phase not in FINAL and not before.issued

    @rule(by=st.sampled_from(PEOPLE))
    def submit(self, by: str) -> None:
        if self.ask(life.decide_submit, self.told.now, by=by):
            self.writers.add(by)
            self.returner = "" if by != self.returner else by
            assert not life.gaps(self.state.plan, self.told.now)

    @rule(by=st.sampled_from(PEOPLE))
    def give_back(self, by: str) -> None:
        if self.ask(life.decide_return, "look again", by=by):
            self.returner = by

    @rule()
    def reject(self) -> None:
        self.ask(life.decide_reject, "no")

    @rule(
        by=st.sampled_from(PEOPLE),
        stale=st.booleans(),
        seen=st.sampled_from([100, 150, 151]),
    )
    def approve(self, by: str, stale: bool, seen: int) -> None:
        version = self.state.version - stale
        events = self.ask(
            life.decide_approve,
            approver=by,
            version=version,
            seen=seen,
            people=100,
            digest="h",
            now=self.told.now,
            by=by,
        )
        if events:
            assert by not in self.writers and not stale and seen != 151
            self.approved_plan = self.state.plan

    @rule()
    def approve_alone(self) -> None:
        if self.ask(life.decide_approve_alone, approver="policy:p@1", digest="h", now=self.told.now):
            self.approved_plan = self.state.plan

    @rule()
    def void(self) -> None:
        self.ask(life.decide_void, "the count moved")

    @rule(hours=st.integers(-1, 30))
    def schedule(self, hours: int) -> None:
        if self.ask(life.decide_schedule, self.told.now + timedelta(hours=hours), self.told.now):
            assert hours > 0

    @rule()
    def issue(self) -> None:
        if self.ask(life.decide_issue, (), self.told.now):
            assert self.state.plan == self.approved_plan

    @rule(msg_type=st.sampled_from(["Update", "Cancel", "AllClear"]))
    def follow(self, msg_type: Any) -> None:
        following = replace(self.state, id=UUID(int=2), msg_type=msg_type)
        if self.ask(life.decide_replace, following):
            assert self.state.replaced_by == following.id

    @rule(right=st.booleans())
    def expire(self, right: bool) -> None:
        due = (self.state.expires or self.told.now) if right else self.told.now - timedelta(days=1)
        self.ask(life.decide_expire, due)

    @rule(hours=st.integers(1, 100))
    def wait(self, hours: int) -> None:
        self.told.pass_time(hours=hours)

    @invariant()
    def folding_again_gives_the_same(self) -> None:
        assert self.told.refold() == self.state

    @invariant()
    def issued_at_most_once_and_only_approved(self) -> None:
        topics = self.told.topics()
        assert topics.count("NoticeIssued") <= 1
        if self.state.issued:
            assert self.state.approved_by is not None and not life.gaps(self.state.plan, self.state.issued_at)  # type: ignore[arg-type]

    @invariant()
    def whoever_wrote_it_did_not_approve_it(self) -> None:
        assert self.state.approved_by not in self.state.hands
        assert self.writers <= self.state.hands


TestNoticeMachine = NoticeMachine.TestCase
TestNoticeMachine.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
