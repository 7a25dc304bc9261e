"""Verdict on a run, by pure functions of: who is due (the test's own reckoning), the peers' ledger, the instants of
the kills, and the outcomes that the product tells. Nothing here reads a table or a clock.

Every finding names the promise that it breaks. The counts: *lost* (due, and neither taken nor ended for a reason that
the ledger or the test knows), *ghost* (taken for somebody not due), *duplicated* (copies beyond the first; allowed
within P3), *recovered* (taken although something had gone wrong before), *early* (before its time or before a peer's
Retry-After), *late* (begun more than a second after its notice had ended), *overtaken* (after its own update, or an
emergency behind what had waited).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import msgspec

from tests.crash.harness.ledger import Hand

Pair = tuple[str, str, str]
"""(Mark of the notice, channel, to whom)."""
LATE_S = 1.0
"""P5."""
CHUNK_A_SENDER = 6 * 500
"""Maximum hand-overs of a process without a record: a chunk for each sender (P3)."""
FINAL = {
    "sent",
    "delivered",
    "failed-permanent",
    "failed-technical",
    "expired",
    "suppressed",
    "superseded",
    "cancelled",
}
ENDS: dict[str, set[str]] = {
    "cancelled": {"cancelled"},
    "expired": {"expired"},
    "updated": {"superseded"},
    "": set(),
}
"""Final states of deliveries that had not left, by how their notice ended."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Notice that was issued, as the test did it."""

    mark: str
    asked: float
    """Time at which its issue was requested: nothing may leave before."""
    due_at: float = 0.0
    """Its `send_at`, 0 for at once."""
    acknowledged: float = 0.0
    """Time of the 2xx."""
    urgent: bool = False
    ended: float | None = None
    """Time at which it was cancelled, stopped or updated (the 2xx was there), or its `expires`."""
    how: Literal["", "cancelled", "expired", "updated"] = ""
    update: str = ""
    """The mark of what replaced it."""
    follows: bool = False
    """It goes to those who had what it follows, which may become known long after its issue."""


class Incident(NamedTuple):
    """Kill or stop of one process: its hand-overs without a record are in doubt.

    `until`: what it had begun may have come to its peers up to then. `peer`: the one that it alone hands over to, "" if
    it is the only process. `woke`: when one that was stopped went on.
    """

    at: float
    until: float
    peer: str = ""
    woke: float | None = None


class Told(NamedTuple):
    """Delivery as the product reports it."""

    identity: str
    notice: str
    """Its mark."""
    channel: str
    to: str
    state: str
    outcomes: tuple[str, ...]
    """Of its attempts, in order: `in-doubt`, `deferred`, or the state that it ended in."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Input of the checker: everything known of one run."""

    notices: Sequence[Notice]
    due: frozenset[Pair]
    allowed: frozenset[Pair] = frozenset()
    """Optional recipients: a follow-up also goes to those of whom it is uncertain whether they had the first."""
    hands: Sequence[Hand]
    told: Sequence[Told] | None = None
    """None where nobody asked the product."""
    incidents: Sequence[Incident] = ()
    tries: int = 99
    """Attempts after which the product gives up."""
    at_once: int = CHUNK_A_SENDER
    """Maximum hand-overs of a process without a record."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The counts, and every breach in words."""

    due: int
    hands: int
    taken: int
    lost: int
    ghost: int
    duplicated: int
    recovered: int
    early: int
    late: int
    overtaken: int
    breaches: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """True if every promise was kept."""
        return not self.breaches

    def broken(self, promise: str) -> bool:
        """True if that promise was broken."""
        return any(breach.startswith(promise) for breach in self.breaches)


def judge(case: Case) -> Verdict:
    """Count, and find every breach."""
    copies: dict[Pair, list[Hand]] = defaultdict(list)
    for hand in case.hands:
        if hand.taken:
            copies[hand.notice, hand.channel, hand.to].append(hand)
    for found in copies.values():
        found.sort(key=lambda hand: (hand.begun, hand.n))
    ghost = _ghosts(case, copies)
    lost = _lost(case, copies)
    twice = [*_identities(case), *_duplicates(case, copies)]
    early, late, overtaken = _early(case), _late(case), _overtaken(case, copies)
    return Verdict(
        due=len(case.due),
        hands=len(case.hands),
        taken=len(copies),
        lost=len(lost),
        ghost=len(ghost),
        duplicated=sum(len(found) - 1 for found in copies.values()),
        recovered=_recovered(case, copies),
        early=len(early),
        late=len(late),
        overtaken=len(overtaken),
        breaches=(*lost, *ghost, *twice, *early, *late, *overtaken),
    )


# --- P1, P2


def _lost(case: Case, copies: Mapping[Pair, Sequence[Hand]]) -> list[str]:
    if case.told is None:
        return [f"P2 lost: {pair} was never taken" for pair in sorted(case.due - set(copies))]
    rows: dict[Pair, list[Told]] = defaultdict(list)
    for told in case.told:
        rows[told.notice, told.channel, told.to].append(told)
    reasons = _Reasons(case)
    found = []
    for pair in sorted(case.due):
        of_pair = rows.get(pair, [])
        if not of_pair and reasons.was_gone(pair):
            continue
        if len(of_pair) != 1:
            found.append(f"P2 lost: {pair} has {len(of_pair)} deliveries")
            continue
        why = reasons.against(of_pair[0], pair in copies)
        if why:
            found.append(f"P2 lost: {pair} is told as {of_pair[0].state}, but {why}")
    return found


class _Reasons:
    """Accepted reasons for a delivery to end otherwise than taken, by the ledger and by what the test did."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._ends = {notice.mark: ENDS[notice.how] for notice in case.notices}
        self._begun = {one.mark: _NEVER if one.follows else one.acknowledged for one in case.notices}
        self._refused: set[tuple[str, str, str]] = set()
        self._gone: dict[tuple[str, str], float] = {}
        for hand in case.hands:
            # Who is refused before the message came has no mark yet: then the recipient says enough.
            self._refused.add((hand.channel, hand.to, hand.refused))
            if hand.gone:
                self._gone.setdefault((hand.channel, hand.to), hand.ended)

    def was_gone(self, pair: Pair) -> bool:
        """True if the recipient was known not to exist by the time that the notice found its readers: then
        nothing is due."""
        mark, channel, to = pair
        return self._gone.get((channel, to), _NEVER) < self._begun[mark]

    def against(self, told: Told, taken: bool) -> str:
        """Objection to the reported state; "" if there is none."""
        to = (told.channel, told.to)
        match told.state:
            case "sent" | "delivered":
                return "" if taken else "nobody took it"
            case "failed-permanent":
                return "" if (*to, "permanent") in self._refused else "nobody refused it"
            case "failed-technical":
                given_up = len(told.outcomes) >= self._case.tries
                return "" if given_up or (*to, "technical") in self._refused else "nothing stood in its way"
            case "suppressed":
                return "" if to in self._gone else "nobody said that there is no such recipient"
            case state if state in self._ends.get(told.notice, set()):
                return ""
            case state if state in FINAL:
                return "its notice did not end like that"
        return "that is no end"


def _ghosts(case: Case, copies: Mapping[Pair, Sequence[Hand]]) -> list[str]:
    may = case.due | case.allowed
    found = [f"P2 ghost: {pair} was taken and is not due" for pair in sorted(set(copies) - may)]
    for told in case.told or ():
        pair = (told.notice, told.channel, told.to)
        if pair not in may and pair not in copies:
            found.append(f"P2 ghost: {pair} has a delivery and is not due")
    return found


# --- P3


def _identities(case: Case) -> list[str]:
    """Check that each delivery has one identity, and no identity has two deliveries."""
    of_pair: dict[Pair, set[str]] = defaultdict(set)
    of_identity: dict[str, set[Pair]] = defaultdict(set)
    for hand in case.hands:
        if hand.notice and (hand.identity or hand.taken):
            pair = (hand.notice, hand.channel, hand.to)
            of_pair[pair].add(hand.identity)
            of_identity[hand.identity].add(pair)
    for told in case.told or ():
        of_pair[told.notice, told.channel, told.to].add(told.identity)
    found = [f"P3 identity: {pair} came under {len(ids)}" for pair, ids in of_pair.items() if len(ids) > 1]
    found += [f"P3 identity: {name!r} names {len(pairs)}" for name, pairs in of_identity.items() if len(pairs) > 1]
    return found


def _duplicates(case: Case, copies: Mapping[Pair, Sequence[Hand]]) -> list[str]:
    """Copies ≤ 1 + in-doubt incidents of that contact point; of one incident no more than were in hand."""
    found = []
    by_incident: Counter[Incident] = Counter()
    awake: Counter[Incident] = Counter()
    for pair, of_pair in copies.items():
        free = list(case.incidents)
        for first, second in pairwise(of_pair):
            if first.lost:
                continue
            incident = next((one for one in free if _explains(one, first, second)), None)
            if incident is None:
                found.append(f"P3 copies: {pair} was taken again at {second.begun:.3f} though nothing had happened")
                continue
            free.remove(incident)
            by_incident[incident] += 1
            if _begun_awake(incident, second):
                awake[incident] += 1
    found += [f"P3 copies: who woke at {one.woke} began {awake[one]} anew" for one in awake if awake[one] > 1]
    for incident, amount in by_incident.items():
        if amount > case.at_once:
            found.append(f"P3 copies: {amount} came twice by the incident of {incident.at:.3f}")
    return found + _told_twice(case, copies)


def _explains(incident: Incident, first: Hand, second: Hand) -> bool:
    """True if the first copy was in flight in the process of this incident, and the second came afterwards."""
    in_hand = first.begun <= incident.until < second.begun and incident.peer in ("", first.peer)
    return in_hand or _begun_awake(incident, second)


def _begun_awake(incident: Incident, copy: Hand) -> bool:
    """True if a copy came of a hand-over that was released right before the stop, and begun right after it: a process
    does one thing at a time, so that there is one such hand-over at most."""
    woke, patience = incident.woke, incident.until - incident.at
    return woke is not None and copy.peer == incident.peer and woke <= copy.begun <= woke + patience


def _told_twice(case: Case, copies: Mapping[Pair, Sequence[Hand]]) -> list[str]:
    """By the product's own record: a copy more for each attempt in doubt, and none after one that was recorded."""
    found = []
    for told in case.told or ():
        pair = (told.notice, told.channel, told.to)
        doubts = sum(outcome == "in-doubt" for outcome in told.outcomes)
        if len(copies.get(pair, ())) > 1 + doubts:
            found.append(f"P3 copies: {pair} came {len(copies[pair])} times after {doubts} attempts in doubt")
        if "sent" in told.outcomes[:-1] and case.told is not None:
            found.append(f"P3 record: {pair} was handed over again after it was recorded as sent")
    return found


# --- P4, P5, and the order of things


def _early(case: Case) -> list[str]:
    found = []
    begins = {notice.mark: max(notice.asked, notice.due_at) for notice in case.notices}
    waits: dict[tuple[str, str], Hand] = {}
    for hand in sorted(case.hands, key=lambda hand: hand.begun):
        if hand.notice in begins and hand.begun < begins[hand.notice]:
            found.append(f"P2 early: {hand.notice} to {hand.to}, {begins[hand.notice] - hand.begun:.3f} s too soon")
        before = waits.pop((hand.peer, hand.identity), None) if hand.identity else None
        if before is not None and hand.begun < _may_return(before, case.incidents):
            found.append(f"P6 early: {hand.to} came back to {hand.peer} before it had been asked to")
        if hand.wait is not None and hand.identity:
            waits[hand.peer, hand.identity] = hand
    return found


def _may_return(asked: Hand, incidents: Iterable[Incident]) -> float:
    """Earliest next attempt; a process killed in between may not have recorded that it was asked to wait."""
    assert asked.wait is not None
    until = asked.ended + asked.wait
    return min([until, *(one.at for one in incidents if one.until >= asked.begun)])


def _late(case: Case) -> list[str]:
    ended = {notice.mark: notice.ended for notice in case.notices if notice.ended is not None}
    return [
        f"P5 late: {hand.notice} to {hand.to}, {hand.begun - ended[hand.notice]:.3f} s after its end"
        for hand in case.hands
        if hand.notice in ended and hand.begun > ended[hand.notice] + LATE_S
    ]


def _overtaken(case: Case, copies: Mapping[Pair, Sequence[Hand]]) -> list[str]:
    found = []
    for notice in case.notices:
        if not notice.update:
            continue
        for (mark, channel, to), of_pair in copies.items():
            later = copies.get((notice.update, channel, to), ())
            if mark == notice.mark and later and of_pair[-1].begun > later[0].ended:
                found.append(f"P5 overtaken: {to} got {mark} after {notice.update}")
    for notice in case.notices:
        if notice.urgent:
            found += _behind(case, notice)
    return found


def _behind(case: Case, urgent: Notice) -> list[str]:
    """First attempts of an emergency before which more than half went of what was waiting for the same channel when it
    was issued."""
    waiting = {one.mark for one in case.notices if not one.urgent and one.acknowledged < urgent.asked}
    first: dict[Pair, Hand] = {}
    for hand in sorted(case.hands, key=lambda hand: hand.begun):
        if hand.notice:
            first.setdefault((hand.notice, hand.channel, hand.to), hand)
    others: dict[str, list[float]] = defaultdict(list)
    for hand in first.values():
        if hand.notice in waiting and hand.begun > urgent.acknowledged:
            others[hand.channel].append(hand.begun)
    half = {channel: sorted(found)[len(found) // 2] for channel, found in others.items() if len(found) >= _ENOUGH}
    return [
        f"P4 overtaken: {urgent.mark} to {hand.to} went after half of what had waited"
        for hand in first.values()
        if hand.notice == urgent.mark and hand.begun > half.get(hand.channel, _NEVER)
    ]


_ENOUGH = 500
"""Fewer than a chunk may well be in the senders' hands already."""
_NEVER = float("inf")


def _recovered(case: Case, copies: Mapping[Pair, Sequence[Hand]]) -> int:
    """Taken in the end, though a peer had refused it or cut it off, or an attempt was in doubt."""
    troubled = {
        (told.notice, told.channel, told.to) for told in case.told or () if set(told.outcomes) - {"sent", "delivered"}
    }
    for hand in case.hands:
        if hand.notice and (not hand.taken or hand.lost):
            troubled.add((hand.notice, hand.channel, hand.to))
    return len(troubled & set(copies))
