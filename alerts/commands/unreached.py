"""Unreached people of a notice: count them, and put them on one list for a person to call or write to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from alerts.commands.actor import Actor
from alerts.commands.base import CommandBase
from alerts.commands.ports import Idempotency
from alerts.commands.print_batches import MOST, drop_old, needless_lines
from alerts.commands.results import Saved
from alerts.delivery_queue.by_hand import ByHand, carry
from alerts.delivery_queue.requeue import open_dispatch
from alerts.delivery_queue.row_format import STATE
from alerts.delivery_queue.unreached import Judged, RowState, judge, rows_of, suspects, without_way
from alerts.domain.events import PrintBatchMade, UnreachedListed
from alerts.domain.notice import NoticeState
from alerts.domain.streams import DISPATCH, NOTICE, PRINT_BATCH, dispatch_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict, NotFound
from alerts.kernel.ids import SHARDS, new_id
from alerts.kernel.terms import CHANNEL_CODE, CHANNELS, Channel
from alerts.kernel.times import from_micros, micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Row
from subscribers.addresses import Reader
from subscribers.domain.events import SubscriberLookedUp
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState

_sql = load("alerts.commands", "print_batches.sql")
LOOKED_AT = 1_000
"""People that are judged for a page, which waits for it; a list is made from all."""
EXAMINED = 20_000
"""Failed deliveries that are looked at for a page, to find those people among them."""
_EXAMINED_AT_A_TIME = 4_000
_MOST_SHARDS = 64
"""Shards of one statement, if they hold few failed deliveries."""
_JUDGED_AT_A_TIME = 500
_LOOKED_UP = "call list: no message reached you"
_FAILING = frozenset(STATE[state] for state in ("failed-permanent", "failed-technical", "expired", "suppressed"))


class CallList(msgspec.Struct, frozen=True, kw_only=True):
    """List made for a notice. `waiting` includes those whose page is still being written."""

    id: UUID
    channel: Channel
    made_at: datetime
    made_by: str
    people: int
    waiting: int


class Unreached(msgspec.Struct, frozen=True, kw_only=True):
    """People whom no way of a notice has reached, by what is left."""

    call: int = 0
    write: int = 0
    no_way: int = 0
    reasons: tuple[tuple[str, int], ...] = ()
    """Why nothing is left, for those of `no_way`, the most frequent first."""
    withheld: int = 0
    """People who are not counted above: what failed is not all, and the rest was rightly not sent."""
    more: bool = False
    """True if not everybody was looked at: there are at least so many."""
    lists: tuple[CallList, ...] = ()

    @property
    def people(self) -> int:
        """Everybody whom no way has reached, and who is on no list that waits."""
        return self.call + self.write + self.no_way


class _Chosen(NamedTuple):
    """Person on a list with the verdict that put them there."""

    person: UUID
    judged: Judged
    rows: dict[int, RowState]


class UnreachedCommands(CommandBase):
    """Count and list the unreached."""

    def unreached(self, notice: NoticeState) -> Unreached:
        """Count the unreached of an issued notice; nobody for a drill. Blocks."""
        if notice.plan.status != "Actual" or not notice.issued:
            return Unreached()
        with self._database.read() as tx:
            made = tx.execute(_sql.lists_of, (notice.number,))
            lists = _lists(made, needless_lines(tx, [bytes(id) for id, *_, waiting in made if waiting]))
            unreachable = tx.execute(_sql.has_unreachable, (notice.number,))
            planned = _lane(tx.execute, notice.number) is not None
            failed = _failed(tx.execute, notice.number)
        if not planned or not (unreachable or failed):
            return Unreached(lists=lists)
        verdicts, reasons = Counter[str](), Counter[str]()
        walk = _Walk(most=LOOKED_AT, examined=EXAMINED)
        for one in self._judged(notice, walk):
            verdicts[one.judged.verdict] += 1
            reasons[one.judged.why] += one.judged.verdict == "no way"
        return Unreached(
            call=verdicts["call"],
            write=verdicts["write"],
            no_way=verdicts["no way"],
            reasons=tuple((why, count) for why, count in reasons.most_common() if count),
            withheld=verdicts["withheld"],
            more=walk.cut,
            lists=lists,
        )

    async def list_unreached(self, actor: Actor, notice: UUID, *, idem: Idempotency | None = None) -> Saved:
        """Put who is unreached on a list of calls and one of letters, at most `MOST` each; return the first list's id.

        Who presses second gets the list that there is. Raises NotFound; Conflict if it is a drill or over, or if nobody
        is left to call or write to.
        """
        state = await asyncio.to_thread(self._log.state, NOTICE, notice)
        if state is None or not state.issued:
            raise NotFound("There is no such notice, or it was not sent.")
        if state.plan.status != "Actual":
            raise Conflict("This is a drill: nobody is called for it.")
        wanted = await asyncio.to_thread(self._wanted, state)

        def work(unit: UnitOfWork) -> Saved:
            return self._list(unit, actor, state, wanted)

        return await self._run(actor, work, idem)

    def _list(self, unit: UnitOfWork, actor: Actor, notice: NoticeState, wanted: Sequence[UUID]) -> Saved:
        """Judge again what was seen outside the transaction: a second press finds everyone on the first one's list."""
        now = unit.get(NOTICE, notice.id)
        if now is None or now.phase != "live":
            raise Conflict("This notice is not live any more: nobody is called or written to about it.")
        number, _ = open_dispatch(unit, notice.id)
        if _lane(unit.read, number) is None:
            raise Conflict("Its messages are still being made ready: ask again in a moment.")
        drop_old(unit)
        stream = dispatch_id(notice.id)
        unit.get(DISPATCH, stream)  # two processes conflict here, and the second decides again
        chosen: dict[Channel, list[_Chosen]] = {"phone": [], "letter": []}
        for person in wanted:
            one = _judged_now(unit, person, notice)
            if one is None or one.judged.verdict not in ("call", "write"):
                continue
            rows = chosen["phone" if one.judged.verdict == "call" else "letter"]
            if len(rows) < MOST:
                rows.append(one)
        lists = [(new_id(), channel, people) for channel, people in chosen.items() if people]
        if not lists:
            made = unit.read(_sql.lists_of, (number,))
            if not made:
                raise Conflict("Nobody is left to call or write to: everyone was reached, or has no way left.")
            return Saved(id=UUID(bytes=bytes(made[0][0])), version=1)
        for batch, channel, people in lists:
            unit.write(_sql.add_list, (batch.bytes, CHANNEL_CODE[channel], micros(unit.now), actor.by, number))
            _write(unit, notice, batch, channel, people)
        calls, letters = len(chosen["phone"]), len(chosen["letter"])
        listed = UnreachedListed(
            notice=notice.id, number=number, calls=calls, letters=letters, lists=tuple(batch for batch, _, _ in lists)
        )
        unit.append(DISPATCH, stream, listed)
        return Saved(id=lists[0][0], version=1, created=True)

    def _wanted(self, notice: NoticeState) -> list[UUID]:
        """List the first `MOST` people to call and to write to each, however many others failed before them. Blocks."""
        found: dict[str, list[UUID]] = {"call": [], "write": []}
        for one in self._judged(notice):
            people = found.get(one.judged.verdict)
            if people is not None and len(people) < MOST:
                people.append(one.person)
                if all(len(listed) == MOST for listed in found.values()):
                    break
        return [person for people in found.values() for person in people]

    def _judged(self, notice: NoticeState, walk: _Walk | None = None) -> Iterator[_Chosen]:
        """Judge the people whom no way of a notice seems to have reached, in a fixed order, as far as `walk` goes."""
        now, known = self._clock(), set[UUID]()
        for people in self._suspects(notice.number, walk):
            fresh = [person for person in people if person not in known]
            known.update(fresh)
            for start in range(0, len(fresh), _JUDGED_AT_A_TIME):
                some = fresh[start : start + _JUDGED_AT_A_TIME]
                if walk is not None and not walk.takes(some):
                    return
                states = self._log.states(SUBSCRIBER, some)
                with self._database.read() as tx:
                    rows = rows_of(tx.execute, notice.number, states.values())
                judged = (_judge(states.get(person), rows, notice, now) for person in some)
                yield from (one for one in judged if one is not None)

    def _suspects(self, notice: int, walk: _Walk | None) -> Iterator[list[UUID]]:
        with self._database.read() as tx:
            failed = _failed(tx.execute, notice)
        step = max(1, min(_MOST_SHARDS, SHARDS * _EXAMINED_AT_A_TIME // max(failed, 1)))
        for first in range(0, SHARDS if failed else 0, step):
            if walk is not None and walk.examined <= 0:
                walk.cut = True
                return
            with self._database.read() as tx:
                found = suspects(tx.execute, notice, range(first, min(first + step, SHARDS)))
            if walk is not None:
                walk.examined -= found.examined
            yield found.people
        with self._database.read() as tx:
            people = without_way(tx.execute, notice)
        yield people


@dataclass(slots=True)
class _Walk:
    """Limits of the people of a notice that are judged for a page."""

    most: int
    """People that may still be judged."""
    examined: int
    """Failed deliveries that may still be looked at."""
    cut: bool = False
    """True if it ended before everybody was judged."""

    def takes(self, people: list[UUID]) -> bool:
        """Cut a list to what may still be judged; False if that is nothing."""
        self.cut = self.cut or len(people) > self.most
        del people[self.most :]
        self.most -= len(people)
        return bool(people)


def _write(unit: UnitOfWork, notice: NoticeState, batch: UUID, channel: Channel, people: Sequence[_Chosen]) -> None:
    lane = _lane(unit.read, notice.number)
    assert lane is not None
    for person, judged, rows in people:
        contact = judged.contact
        assert contact is not None
        wakes = 0
        for row in rows.values():
            wakes |= row.flags
        carry(unit, notice.number, lane, [ByHand(contact.number, channel, judged.row, wakes)])
        remark = judged.row.reason or "could not leave" if judged.row is not None else ""
        others = ",".join(str(other) for other in rows if other != contact.number)
        line = (notice.number, contact.number, batch.bytes, person.bytes, remark, others)
        unit.write(_sql.add_line, line)
        unit.append(SUBSCRIBER, person, SubscriberLookedUp(number=contact.number, reason=_LOOKED_UP))
    unit.append(PRINT_BATCH, batch, PrintBatchMade(channel=channel, pages=len(people)))


def _lane(read: Reader, notice: int) -> int | None:
    """Lane of a dispatch; None until every row is written, as a person's other rows may be among the missing."""
    rows = read(_sql.lane, (notice,))
    return int(rows[0][0]) if rows and rows[0][1] >= rows[0][2] else None


def _failed(read: Reader, notice: int) -> int:
    """Count the deliveries of a notice that have failed or were not to leave."""
    return sum(int(amount) for state, amount in read(_sql.failing, (notice,)) if state in _FAILING)


def _judged_now(unit: UnitOfWork, person: UUID, notice: NoticeState) -> _Chosen | None:
    state = unit.get(SUBSCRIBER, person)
    rows = rows_of(unit.read, notice.number, [state] if state is not None else [])
    return _judge(state, rows, notice, unit.now)


def _judge(
    state: SubscriberState | None, rows: Mapping[int, RowState], notice: NoticeState, now: datetime
) -> _Chosen | None:
    if state is None or state.phase == "erased":
        return None
    own = {contact.number: rows[contact.number] for contact in state.contacts if contact.number in rows}
    return _Chosen(state.id, judge(state, own, now, danger_to_life=notice.danger_to_life), own)


def _lists(rows: Sequence[Row], needless: Counter[bytes]) -> tuple[CallList, ...]:
    return tuple(
        CallList(
            id=UUID(bytes=bytes(id)),
            channel=CHANNELS[channel],
            made_at=from_micros(at),
            made_by=by,
            people=int(people),
            waiting=int(waiting) - needless[bytes(id)],
        )
        for id, channel, at, by, people, waiting in rows
    )
