"""The checker finds every kind of breach, and nothing where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.crash.harness.checker import Case, Incident, Notice, Pair, Told, Verdict, judge
from tests.crash.harness.faults import MIXES, Plan, place
from tests.crash.harness.ledger import Hand, Ledger, Unheard, read

KILL = Incident(50.0, 51.0)


@dataclass
class History:
    """Notice "Trial 1", asked for at 10, to some people by e-mail; each was taken once. One kill at 50."""

    people: int = 3
    hands: list[Hand] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    due: set[Pair] = field(default_factory=set)
    notices: dict[str, Notice] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=lambda: [KILL])

    def __post_init__(self) -> None:
        self.add("Trial 1", asked=10.0)

    def add(self, mark: str, asked: float, **more: Any) -> None:
        """A notice, taken once by everybody, from a second later on."""
        self.notices[mark] = Notice(mark=mark, asked=asked, acknowledged=asked + 0.1, **more)
        for i in range(self.people):
            to = f"p{i}"
            self.due.add((mark, "email", to))
            self.hand(to, asked + 1 + i, mark=mark)
            self.told.append(Told(f"{mark}/{to}", mark, "email", to, "sent", ("sent",)))

    def hand(self, to: str, at: float, *, mark: str = "Trial 1", **more: Any) -> None:
        """Add a hand-over to the ledger, taken unless stated otherwise."""
        what: dict[str, Any] = {"taken": True, "identity": f"{mark}/{to}", "notice": mark, **more}
        n = len(self.hands) + 1
        self.hands.append(Hand(n=n, channel="email", peer="mail-1", to=to, begun=at, ended=at + 0.5, **what))

    def tell(self, to: str, **changes: Any) -> None:
        """Change what the product reports of Trial 1 to that person."""
        at = next(i for i, told in enumerate(self.told) if told.to == to and told.notice == "Trial 1")
        self.told[at] = self.told[at]._replace(**changes)

    def drop(self, to: str) -> None:
        """Nobody took Trial 1 for that person."""
        self.hands = [hand for hand in self.hands if (hand.to, hand.notice) != (to, "Trial 1")]

    def verdict(self) -> Verdict:
        return judge(
            Case(
                notices=list(self.notices.values()),
                due=frozenset(self.due),
                hands=self.hands,
                told=self.told,
                incidents=self.incidents,
                tries=4,
            )
        )


def refused(history: History, **what: Any) -> None:
    """p0 was never reached; the ledger and the product say why."""
    history.drop("p0")
    history.hand("p0", 12, taken=False, identity="", notice="", **what)


HONEST: dict[str, Callable[[History], None]] = {
    "undisturbed": lambda h: None,
    "a lost reply": lambda h: (
        h.drop("p0"),
        h.hand("p0", 11, lost=True),
        h.hand("p0", 13),
        h.tell("p0", outcomes=("in-doubt", "sent")),
    ),
    "killed between hand-over and record": lambda h: (
        h.hand("p0", 52),
        h.tell("p0", outcomes=("in-doubt", "sent")),
    ),
    "a lost reply, and killed": lambda h: (
        h.drop("p0"),
        h.hand("p0", 11, lost=True),
        h.hand("p0", 13),
        h.hand("p0", 52),
        h.tell("p0", outcomes=("in-doubt", "in-doubt", "sent")),
    ),
    "refused for good": lambda h: (
        refused(h, refused="permanent", gone=True),
        h.tell("p0", state="failed-permanent", outcomes=("failed-permanent",)),
    ),
    "refused before": lambda h: (
        refused(h, refused="permanent", gone=True),
        h.tell("p0", state="suppressed", outcomes=()),
    ),
    "given up": lambda h: (
        refused(h, refused="temporary"),
        h.tell("p0", state="failed-technical", outcomes=("deferred",) * 3 + ("failed-technical",)),
    ),
    "cancelled": lambda h: (
        h.drop("p2"),
        h.notices.update({"Trial 1": msgspec.structs.replace(h.notices["Trial 1"], ended=12.5, how="cancelled")}),
        h.tell("p2", state="cancelled", outcomes=()),
    ),
    "asked to wait, and did": lambda h: (
        h.hand("p0", 10.2, taken=False, refused="temporary", wait=0.3),
        h.tell("p0", outcomes=("deferred", "sent")),
    ),
    "asked to wait, and killed": lambda h: (
        h.drop("p0"),
        h.hand("p0", 49.8, taken=False, refused="temporary", wait=30),
        h.hand("p0", 52),
        h.tell("p0", outcomes=("in-doubt", "sent")),
    ),
}


@pytest.mark.parametrize("what", HONEST)
def test_what_is_promised_passes(what: str) -> None:
    history = History()
    HONEST[what](history)
    assert history.verdict().breaches == ()


BREACHES: dict[str, tuple[str, str, Callable[[History], None]]] = {
    "told as sent, never taken": ("P2", "lost", lambda h: h.drop("p0")),
    "no delivery": ("P2", "lost", lambda h: (h.drop("p0"), h.told.pop(0))),
    "two deliveries": ("P2", "lost", lambda h: h.told.append(h.told[0])),
    "never ended": ("P2", "lost", lambda h: (h.drop("p0"), h.tell("p0", state="sending", outcomes=()))),
    "failed, and nobody refused it": ("P2", "lost", lambda h: (h.drop("p0"), h.tell("p0", state="failed-permanent"))),
    "given up too soon": (
        "P2",
        "lost",
        lambda h: (refused(h, refused="temporary"), h.tell("p0", state="failed-technical", outcomes=("deferred",))),
    ),
    "suppressed for nothing": ("P2", "lost", lambda h: (h.drop("p0"), h.tell("p0", state="suppressed"))),
    "cancelled by nobody": ("P2", "lost", lambda h: (h.drop("p0"), h.tell("p0", state="cancelled"))),
    "told to somebody else": ("P2", "ghost", lambda h: h.hand("stranger", 12)),
    "a delivery to somebody else": (
        "P2",
        "ghost",
        lambda h: h.told.append(Told("x", "Trial 1", "email", "stranger", "suppressed", ())),
    ),
    "a message without mark": ("P2", "ghost", lambda h: h.hand("p0", 12, mark="")),
    "twice though nothing happened": ("P3", "duplicated", lambda h: h.hand("p0", 13)),
    "twice after the kill": (
        "P3",
        "duplicated",
        lambda h: (h.hand("p0", 52), h.hand("p0", 54), h.tell("p0", outcomes=("in-doubt", "in-doubt", "sent"))),
    ),
    "twice before the kill": (
        "P3",
        "duplicated",
        lambda h: (h.hand("p0", 52), h.hand("p0", 11.7), h.tell("p0", outcomes=("in-doubt", "in-doubt", "sent"))),
    ),
    "again after it was recorded": ("P3", "duplicated", lambda h: h.hand("p0", 52)),
    "recorded as sent, and sent again": (
        "P3",
        "duplicated",
        lambda h: (h.hand("p0", 52), h.tell("p0", outcomes=("sent", "in-doubt", "sent"))),
    ),
    "under another name": (
        "P3",
        "duplicated",
        lambda h: (h.hand("p0", 52, identity="other"), h.tell("p0", outcomes=("in-doubt", "sent"))),
    ),
    "before its time": ("P2", "early", lambda h: (h.drop("p0"), h.hand("p0", 9.9))),
    "before it was asked to come back": (
        "P6",
        "early",
        lambda h: h.hand("p0", 10.4, taken=False, refused="temporary", wait=30),
    ),
    "after its end": (
        "P5",
        "late",
        lambda h: h.notices.update(
            {"Trial 1": msgspec.structs.replace(h.notices["Trial 1"], ended=11.9, how="expired")}
        ),
    ),
}


@pytest.mark.parametrize("what", BREACHES)
def test_each_breach_is_found(what: str) -> None:
    promise, count, breach = BREACHES[what]
    history = History()
    breach(history)
    verdict = history.verdict()
    assert verdict.broken(promise), verdict
    assert getattr(verdict, count) > 0, verdict


def test_an_identity_for_two_is_found() -> None:
    history = History()
    history.hands = [msgspec.structs.replace(hand, identity="one") for hand in history.hands]
    assert history.verdict().broken("P3 identity")


def test_an_original_after_its_update_is_found() -> None:
    history = History()
    history.add("Trial 2", asked=20.0)
    ended = {"ended": 20.1, "how": "updated", "update": "Trial 2"}
    history.notices["Trial 1"] = msgspec.structs.replace(history.notices["Trial 1"], **ended)
    assert history.verdict().kept
    history.drop("p0")
    history.hand("p0", 21.6)
    assert history.verdict().overtaken == 1
    assert history.verdict().broken("P5")


@pytest.mark.parametrize("asked", [10.5, 500.0])
def test_an_emergency_behind_what_had_waited_is_found(asked: float) -> None:
    history = History(people=2000)
    history.incidents = []
    history.notices["Trial 1"] = msgspec.structs.replace(history.notices["Trial 1"], acknowledged=10.1)
    history.people = 5
    history.add("Trial 2", asked=asked, urgent=True)
    behind = [hand for hand in history.hands if hand.notice == "Trial 2"]
    assert history.verdict().overtaken == 0
    late = [msgspec.structs.replace(hand, begun=hand.begun + 1990 - asked + 10) for hand in behind]
    history.hands = [hand for hand in history.hands if hand.notice != "Trial 2"] + late
    assert history.verdict().overtaken == (5 if asked < 1000 else 0)


def test_more_than_a_process_may_hold_is_found() -> None:
    history = History(people=20)
    for i in range(20):
        history.hand(f"p{i}", 52 + i)
        history.tell(f"p{i}", outcomes=("in-doubt", "sent"))
    assert history.verdict().kept
    case = Case(
        notices=list(history.notices.values()),
        due=frozenset(history.due),
        hands=history.hands,
        told=history.told,
        incidents=[KILL],
        at_once=19,
    )
    assert judge(case).broken("P3")


@given(st.data())
def test_a_history_with_one_copy_too_many_is_found(data: st.DataObject) -> None:
    """Any number of lost replies and kills: as many copies as they explain pass, one more does not."""
    kills = sorted(data.draw(st.sets(st.integers(1, 20), max_size=4)))
    history = History(people=1)
    history.incidents = [Incident(100.0 * k, 100.0 * k + 1) for k in kills]
    history.drop("p0")
    at, copies = 20.0, 0
    for generation in range(len(kills) + 1):
        for _ in range(data.draw(st.integers(0, 2))):
            history.hand("p0", at, lost=True)
            at, copies = at + 3, copies + 1
        history.hand("p0", at)
        copies += 1
        at = history.incidents[generation].until + 1 if generation < len(kills) else at + 3
    outcomes = ("in-doubt",) * (copies - 1) + ("sent",)
    history.tell("p0", outcomes=outcomes)
    verdict = history.verdict()
    assert verdict.kept and verdict.duplicated == copies - 1
    history.hand("p0", at)
    history.tell("p0", outcomes=("in-doubt", *outcomes))
    assert history.verdict().broken("P3 copies")


# --- the plan and the ledger


@given(st.integers(0, 2**31), st.text(max_size=20), st.integers(1, 9))
def test_a_rerun_meets_the_same_faults(seed: int, to: str, attempt: int) -> None:
    plan = Plan(seed=seed, share=0.5)
    first = [plan.fault(channel, to, attempt) for channel in ("email", "push", "sms")]
    assert first == [Plan(seed=seed, share=0.5).fault(channel, to, attempt) for channel in ("email", "push", "sms")]
    assert attempt <= plan.most or first == [""] * 3
    assert 0 <= place(seed, to, attempt) < 1


@pytest.mark.parametrize("channel", ["email", "push", "sms"])
def test_every_fault_comes_and_about_as_often_as_planned(channel: str) -> None:
    plan = Plan(seed=3, share=0.2)
    found = [plan.fault(channel, f"p{i}", 1) for i in range(4000)]
    assert set(found) == {"", *MIXES[channel]}
    assert 0.17 < sum(map(bool, found)) / len(found) < 0.23


def test_the_ledger_keeps_what_was_found_out_later(tmp_path: Any) -> None:
    ledger = Ledger(tmp_path / "ledger")
    for _ in range(2):
        n = ledger.next()
        ledger.write(Hand(n=n, channel="email", peer="mail-1", to="p", begun=1.0, ended=2.0, taken=True))
    ledger.write(Unheard(n=1))
    (tmp_path / "ledger").open("ab").write(b'{"type":"ha')  # its writer is in the middle of a line
    assert [hand.lost for hand in read(tmp_path / "ledger")] == [True, False]
