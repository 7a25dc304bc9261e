"""A subscriber's life as a state machine: joining, changing, leaving and returning in any order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from alerts.kernel.errors import Conflict, DomainError, Invalid, NotFound
from alerts.kernel.events import Event
from subscribers.domain import lifecycle, signup
from subscribers.domain.events import Consent, ContactTestRequested, Preferences, YearlyMailDue
from subscribers.domain.signup import LIFTED_BY_CONSENT, ContactDetails
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState
from tests.support.memory_stream import NOW, Told

REACHES = [
    ContactDetails(1, "email", "a@example.org"),
    ContactDetails(2, "sms", "+442079460000"),
    ContactDetails(3, "email", "b@example.org"),
]
CONSENT = Consent(wording="yes", given_at=NOW, how="form")
WISHES = st.builds(Preferences, language=st.sampled_from(["en", "cy"]), channels=st.just(("email", "sms")))
NUMBERS = st.integers(1, 4)


class SubscriberMachine(RuleBasedStateMachine):
    """Asks for moves at random. `blocked` keeps, beside the state, who must never be written to."""

    told: Told[SubscriberState]

    @initialize(wishes=WISHES, confirmed=st.booleans(), reaches=st.lists(st.sampled_from(REACHES), min_size=1))
    def join(self, wishes: Preferences, confirmed: bool, reaches: list[ContactDetails]) -> None:
        self.told = Told(SUBSCRIBER)
        self.blocked: dict[int, str] = {}
        self._join(wishes, confirmed, list(dict.fromkeys(reaches)))

    def _join(self, wishes: Preferences, confirmed: bool, reaches: list[ContactDetails]) -> None:
        if confirmed:
            events = signup.decide_register(
                self.told.state, how="api", contacts=reaches, preferences=wishes, consent=CONSENT
            )
            for reach in reaches:
                if self.blocked.get(reach.number) in LIFTED_BY_CONSENT:
                    del self.blocked[reach.number]
        else:
            events = signup.decide_request(self.told.state, how="form", contacts=reaches, preferences=wishes)
        self.told.tell(*events)
        assert {contact.number for contact in self.state.current} == {reach.number for reach in reaches}

    @property
    def state(self) -> SubscriberState:
        assert self.told.state is not None
        return self.told.state

    def ask(self, decide: Any, *args: Any, **more: Any) -> tuple[Event, ...]:
        before = self.state
        try:
            events: tuple[Event, ...] = decide(before, *args, **more)
        except DomainError as error:
            assert isinstance(error, Conflict | Invalid | NotFound) and str(error)
            return ()
        if events:
            self.told.tell(*events)
        return events

    @precondition(lambda self: self.state.phase in ("requested", "lapsed", "ended"))
    @rule(wishes=WISHES, confirmed=st.booleans(), reaches=st.lists(st.sampled_from(REACHES), min_size=1))
    def come_back(self, wishes: Preferences, confirmed: bool, reaches: list[ContactDetails]) -> None:
        self._join(wishes, confirmed, list(dict.fromkeys(reaches)))

    @rule(number=NUMBERS)
    def verify(self, number: int) -> None:
        was = self.state.phase
        self.ask(lifecycle.decide_verify, number, now=self.told.now)
        if was not in ("requested", "confirmed"):
            assert self.state.phase == was

    @rule()
    def lapse(self) -> None:
        self.ask(lifecycle.decide_lapse)

    @rule(wishes=WISHES)
    def change(self, wishes: Preferences) -> None:
        if self.ask(lifecycle.decide_change, wishes):
            assert self.state.preferences == wishes

    @rule(reach=st.sampled_from(REACHES), verified=st.booleans())
    def add(self, reach: ContactDetails, verified: bool) -> None:
        added = self.ask(lifecycle.decide_add, reach, verified=verified)
        if added and verified and self.blocked.get(reach.number) in LIFTED_BY_CONSENT:
            del self.blocked[reach.number]

    @rule(number=NUMBERS)
    def remove(self, number: int) -> None:
        self.ask(lifecycle.decide_remove, number, "one-click")
        contact = self.state.contact(number)
        assert contact is None or contact.state == "removed"

    @rule(number=NUMBERS, reason=st.sampled_from(["hard-bounce", "opt-out", "gone"]))
    def suppress(self, number: int, reason: str) -> None:
        if self.ask(lifecycle.decide_suppress, number, reason):
            self.blocked[number] = reason

    @rule(number=NUMBERS)
    def lift(self, number: int) -> None:
        if self.ask(lifecycle.decide_lift, number, "mended"):
            del self.blocked[number]

    @rule(hours=st.integers(-2, 2))
    def pause(self, hours: int) -> None:
        until = None if hours == 0 else self.told.now + timedelta(hours=hours)
        self.ask(lifecycle.decide_pause, until, now=self.told.now)

    @rule()
    def end(self) -> None:
        self.ask(lifecycle.decide_end, "asked for")
        assert self.state.phase in ("ended", "erased")

    @rule()
    def erase(self) -> None:
        self.ask(lifecycle.decide_erase)
        assert self.state.phase == "erased"

    @invariant()
    def said_twice_is_said_once(self) -> None:
        state, now = self.state, self.told.now
        assert lifecycle.decide_end(state, "x") == () or state.phase in ("requested", "confirmed", "lapsed")
        for contact in state.contacts:
            if contact.state == "removed":
                assert lifecycle.decide_remove(state, contact.number, "x") == ()
            elif contact.state == "verified" and state.phase == "confirmed":
                assert lifecycle.decide_verify(state, contact.number, now=now) == ()

    @invariant()
    def a_suppression_stands_until_it_is_lifted(self) -> None:
        standing = {c.number: c.suppressed for c in self.state.contacts if c.suppressed is not None}
        assert standing == self.blocked
        assert not any(contact.usable for contact in self.state.contacts if contact.number in self.blocked)

    @invariant()
    def nothing_personal_is_left_after_an_erasure(self) -> None:
        if self.state.phase == "erased":
            assert self.state.preferences is None and self.state.consent is None
            assert {contact.address for contact in self.state.contacts} <= {None}
            assert not self.state.current

    @invariant()
    def nobody_lives_without_a_contact_point(self) -> None:
        if self.state.phase in ("confirmed", "requested"):
            assert self.state.current

    @invariant()
    def one_number_is_one_contact_point(self) -> None:
        numbers = [contact.number for contact in self.state.contacts]
        assert len(numbers) == len(set(numbers))
        assert self.told.refold() == self.state


TestSubscriberMachine = SubscriberMachine.TestCase
TestSubscriberMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_tests_of_a_person_are_limited_and_go_where_alerts_would() -> None:
    told = Told(SUBSCRIBER)
    reaches = [*REACHES, ContactDetails(4, "phone", "+442079460001")]
    told.tell(*signup.decide_register(None, how="api", contacts=reaches, preferences=Preferences(), consent=CONSENT))
    told.tell(*lifecycle.decide_suppress(told.state, 2, "hard-bounce"))
    sent = 0
    for minute in range(0, 2 * 24 * 60, 5):
        told.now = NOW + timedelta(minutes=minute)
        for event in (events := lifecycle.decide_test(told.state, now=told.now)):
            assert isinstance(event, ContactTestRequested) and [ref.number for ref in event.to] == [1, 3]
        told.tell(*events)
        sent += len(events)
        if minute == 5:
            assert sent == 1 and lifecycle.next_test(told.state, told.now) == NOW + lifecycle.TEST_EVERY
    assert sent == 2 * lifecycle.MOST_TESTS


def test_yearly_mail_is_due_once_a_year_and_to_whom_it_suits() -> None:
    told = Told(SUBSCRIBER)
    wishes = Preferences(channels=("email", "sms"))
    told.tell(*signup.decide_register(None, how="api", contacts=REACHES, preferences=wishes, consent=CONSENT))
    a_year = NOW + lifecycle.YEAR
    assert not lifecycle.decide_yearly_mail(told.state, now=a_year - timedelta(seconds=1))
    assert lifecycle.decide_yearly_mail(told.state, now=a_year) == (YearlyMailDue(number=1),)
    paused = replace(told.state, paused_until=a_year + timedelta(days=1))
    alone = replace(told.state, preferences=replace(wishes, only_followed=True))
    texts = replace(told.state, preferences=replace(wishes, channels=("sms",)))
    for other in (paused, alone, texts, replace(told.state, phase="ended")):
        assert not lifecycle.decide_yearly_mail(other, now=a_year)
    told.now = a_year
    told.tell(YearlyMailDue(number=1))
    again = a_year + lifecycle.YEAR
    assert not lifecycle.decide_yearly_mail(told.state, now=again - timedelta(seconds=1))
    assert lifecycle.decide_yearly_mail(told.state, now=again)
    back = replace(told.state, confirmed_at=again - timedelta(days=1))
    assert not lifecycle.decide_yearly_mail(back, now=again), "confirmed anew lately"
    told.tell(*lifecycle.decide_suppress(told.state, 1, "hard-bounce"))
    assert lifecycle.decide_yearly_mail(told.state, now=again) == (YearlyMailDue(number=3),)
    told.tell(*lifecycle.decide_suppress(told.state, 3, "complaint"))
    assert not lifecycle.decide_yearly_mail(told.state, now=again)
