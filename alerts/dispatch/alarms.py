"""Alarm watch: detects that nothing leaves although something should, from what all processes share.

Each process with a role looks every two seconds: at the signs of life of the other roles, at issued notices without a
plan, and at each channel's open messages. What a look finds is shown by `/readyz`, `/status`, `/metrics`, the console
and the log of each process; the team is told by one of them (`alerts.dispatch.alarm_messages`).

Ages are counted by the watch's own monotonic clock from the last change that it has seen: the clocks of hosts do not
matter, and a process that starts gives the others the time to show themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from alerts.delivery_queue.row_format import DEFERRED, QUEUED, SENDING, STATE
from alerts.kernel.terms import CHANNELS
from alerts.kernel.times import from_micros, micros
from alerts.storage.in_clauses import select_in
from alerts.storage.named_queries import load
from alerts.storage.ports import Database
from alerts.storage.server_clock import shared_now, steady

_log = logging.getLogger(__name__)
_sql = load("alerts.dispatch", "alarms.sql")
EVERY_S = 2.0
"""Seconds between two looks."""
BEAT_S = 5.0
"""Seconds between two signs of life of a role."""
SILENT_S = 20.0
"""Seconds without a sign of life after which a role counts as gone."""
UNPLANNED_S = 2.0
"""Seconds after its issue in which a notice must have its plan."""
STUCK_S = 20.0
"""Seconds in which nothing has left a channel, or no page was planned, although something waits."""
MANY = 10
"""Deferred messages of a channel that are not a matter of single mailboxes."""
NEEDED_ROLES = ("worker", "scheduler")
"""Roles without which nothing is sent, or nothing that is due happens."""
WAITS = "waits:"
"""Beginning of the names of what waits for a person (`alerts.dispatch.attention`); it is no alarm to the public."""
_PREFIX = "role:"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_ANSWERED = frozenset(STATE[state] for state in ("sent", "delivered", "failed-permanent"))
"""States that show that a provider has answered."""

_ROLE_WORDS = {
    "worker": "No worker has given a sign of life for {s} s: nothing is sent. Start one (`alerts worker`), or see why "
    "it stopped.",
    "scheduler": "No scheduler has given a sign of life for {s} s: nothing that is due happens. Start one "
    "(`alerts scheduler`), or see why it stopped.",
    "web": "No web process has given a sign of life for {s} s: pages and webhooks are not answered.",
}


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """Something that keeps messages from leaving."""

    name: str
    """Stable identifier: `role:worker`, `unplanned`, `planning`, `channel:email`."""
    words: str
    """Fault and remedy in words, for an operator."""
    since: datetime


class PastAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """Alarm that is over, and of which the team was told."""

    name: str
    since: datetime
    ended: datetime


class UnplannedNotice(msgspec.Struct, frozen=True, kw_only=True):
    """Live notice that should have a dispatch."""

    number: int
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class ChannelLoad:
    """Open messages of a channel."""

    queued: int = 0
    deferred: int = 0
    answered: int = 0
    """Messages of open dispatches that a provider took or refused; any change of it is progress."""
    oldest: datetime | None = None

    @property
    def waiting(self) -> int:
        """Number of messages that should leave."""
        return self.queued + self.deferred


@dataclass(frozen=True, slots=True)
class Observation:
    """Values that a look has read."""

    at: datetime
    beats: Mapping[str, int] = field(default_factory=dict)
    """Role → its last sign of life; any change of it is life."""
    unplanned: Sequence[UnplannedNotice] = ()
    """Notices issued more than `UNPLANNED_S` ago that have no dispatch yet."""
    planning: Mapping[int, int] = field(default_factory=dict)
    """Notice → next page, of dispatches whose plan is not complete."""
    channels: Mapping[str, ChannelLoad] = field(default_factory=dict)
    unwell: Mapping[str, str] = field(default_factory=dict)
    """Channel → why its provider is not well."""


class AlarmDetector:
    """Turns observations into alarms; pure, apart from what it remembers of the ones before."""

    def __init__(self, tick: Callable[[], float] = steady) -> None:
        """`tick`: monotonic seconds."""
        self._tick = tick
        self._seen: dict[str, tuple[object, float]] = {}
        """Watched thing → its last value, and when that changed."""

    def detect(self, seen: Observation) -> list[Alarm]:
        """Return the alarms that hold now."""
        return [*self._roles(seen), *self._planning(seen), *self._channels(seen)]

    def _still_for(self, name: str, value: object) -> float:
        """Seconds since the value of a watched thing has changed."""
        now = self._tick()
        known = self._seen.get(name)
        if known is None or known[0] != value:
            self._seen[name] = (value, now)
            return 0.0
        return now - known[1]

    def _roles(self, seen: Observation) -> Iterable[Alarm]:
        for role in (*NEEDED_ROLES, *(r for r in seen.beats if r not in NEEDED_ROLES and r in _ROLE_WORDS)):
            still = self._still_for(_PREFIX + role, seen.beats.get(role))
            if still >= SILENT_S:
                words = _ROLE_WORDS[role].format(s=f"{still:.0f}")
                yield Alarm(name=_PREFIX + role, words=words, since=_ago(seen.at, still))

    def _planning(self, seen: Observation) -> Iterable[Alarm]:
        if seen.unplanned:
            first = min(one.issued_at for one in seen.unplanned)
            waits = (seen.at - first).total_seconds()
            words = (
                f"{_count(len(seen.unplanned), 'issued notice')} without a plan, the oldest for {waits:.0f} s: nobody "
                "is told of it yet. See whether a worker runs and what its log says."
            )
            yield Alarm(name="unplanned", words=words, since=first)
        for notice in [name for name in self._seen if name.startswith("page:")]:
            if int(notice.removeprefix("page:")) not in seen.planning:
                del self._seen[notice]
        still = [self._still_for(f"page:{notice}", page) for notice, page in seen.planning.items()]
        # The pages of one notice wait for those of a more urgent one: only if none moves, planning stands still.
        if still and min(still) >= STUCK_S:
            what = _count(len(still), "notice")
            words = f"The plan of {what} has not moved for {min(still):.0f} s. See the workers' log."
            yield Alarm(name="planning", words=words, since=_ago(seen.at, min(still)))

    def _channels(self, seen: Observation) -> Iterable[Alarm]:
        for channel in CHANNELS:
            load = seen.channels.get(channel, ChannelLoad())
            still = self._still_for(f"channel:{channel}", (load.answered, load.waiting == 0))
            why = seen.unwell.get(channel, "")
            if still < STUCK_S or not load.waiting or not (why or load.queued or load.deferred >= MANY):
                continue
            words = (
                f"Nothing leaves by {channel} since {_ago(seen.at, still):%H:%M:%S} UTC; "
                f"{_count(load.waiting, 'message')} waiting. {why or 'No provider has refused it.'} They leave by "
                "themselves once the provider answers; `alerts doctor` asks it."
            )
            yield Alarm(name=f"channel:{channel}", words=words, since=_ago(seen.at, still))


class AlarmWatch:
    """Watches the shared database from one process. `look` blocks; `alarms` may be read from any thread."""

    def __init__(
        self,
        database: Database,
        live: Callable[[datetime, datetime], Sequence[tuple[int, datetime]]],
        providers: Callable[[], Mapping[str, Any]],
        *,
        clock: Callable[[], datetime],
        tick: Callable[[], float] = steady,
    ) -> None:
        """`live(since, now)`: number and issue time of notices in force that are to have a dispatch.

        `providers`: as in `Services`.
        """
        self._database, self._live, self._providers, self._clock = database, live, providers, clock
        self._detector = AlarmDetector(tick)
        self._alarms: tuple[Alarm, ...] = ()
        self._planned_to = _BEGINNING
        """Every notice issued before this time has a dispatch."""

    def alarms(self) -> tuple[Alarm, ...]:
        """Alarms of the last look, the oldest first."""
        return self._alarms

    def look(self) -> None:
        """Look once; log what begins and what ends."""
        before = {alarm.name: alarm for alarm in self._alarms}
        found = sorted(self._detector.detect(self._observe()), key=lambda alarm: alarm.since)
        # An alarm keeps the time at which it was first seen: the reason may change meanwhile.
        kept = tuple(
            msgspec.structs.replace(alarm, since=min(alarm.since, before[alarm.name].since))
            if alarm.name in before
            else alarm
            for alarm in found
        )
        self._alarms = kept
        for alarm in kept:
            if alarm.name not in before:
                _log.error("alarm %s: %s", alarm.name, alarm.words, extra={"alarm": alarm.name})
        for name in before.keys() - {alarm.name for alarm in kept}:
            _log.warning("alarm %s is over", name, extra={"alarm": name})

    def _observe(self) -> Observation:
        now = self._clock()
        with self._database.read() as tx:
            beats = {str(name): int(at) for name, at in tx.execute(_sql.beats)}
            loads = tx.execute(_sql.channels)
            planning = {int(notice): int(page) for notice, page in tx.execute(_sql.planning)}
        providers = self._providers()
        return Observation(
            at=now,
            beats={name.removeprefix(_PREFIX): at for name, at in beats.items() if name.startswith(_PREFIX)},
            unplanned=self._unplanned(now),
            planning=planning,
            channels=_loads(loads),
            unwell={channel: why for channel, one in providers.items() if (why := unwell(one))},
        )

    def _unplanned(self, now: datetime) -> list[UnplannedNotice]:
        due = now - timedelta(seconds=UNPLANNED_S)
        found = self._live(self._planned_to, now)
        issued = [UnplannedNotice(number=number, issued_at=at) for number, at in found if at <= due]
        with self._database.read() as tx:
            planned = {row[0] for row in select_in(tx, _sql.planned, [one.number for one in issued])}
        waiting = [one for one in issued if one.number not in planned]
        self._planned_to = min((one.issued_at for one in waiting), default=due)
        return waiting


def beat(database: Database, role: str, now: datetime) -> None:
    """Record a sign of life of a role, in a transaction of its own. Blocks."""
    with database.write() as tx:
        tx.execute(_sql.beat, (_PREFIX + role, shared_now(tx.execute, tx.dialect, now)))


def silent_roles(database: Database, now: datetime) -> dict[str, float]:
    """Role → seconds since its last sign of life, of the roles that were ever seen and are silent now. Blocks."""
    with database.read() as tx:
        at = shared_now(tx.execute, tx.dialect, now)
        beats = {str(name): (at - int(seen)) / 1e6 for name, seen in tx.execute(_sql.beats)}
    return {
        name.removeprefix(_PREFIX): age for name, age in beats.items() if name.startswith(_PREFIX) and age >= SILENT_S
    }


def past_alarms(database: Database, since: datetime, most: int) -> list[PastAlarm]:
    """Alarms that ended since a time, the latest first. Blocks."""
    with database.read() as tx:
        rows = tx.execute(_sql.past, (micros(since), most))
    return [PastAlarm(name=str(n), since=from_micros(int(b)), ended=from_micros(int(e))) for n, b, e in rows]


def waiting_by_channel(database: Database) -> dict[str, ChannelLoad]:
    """Open messages of each channel that has any. Blocks."""
    with database.read() as tx:
        return _loads(tx.execute(_sql.channels))


def _loads(rows: Iterable[Sequence[Any]]) -> dict[str, ChannelLoad]:
    sums: dict[str, dict[str, int]] = {}
    oldest: dict[str, datetime] = {}
    for channel, state, amount, issued_at in rows:
        of = sums.setdefault(CHANNELS[channel], {"queued": 0, "deferred": 0, "answered": 0})
        if state in (QUEUED, SENDING):
            of["queued"] += int(amount)
        elif state == DEFERRED:
            of["deferred"] += int(amount)
        elif state in _ANSWERED:
            of["answered"] += int(amount)
        if state in (QUEUED, SENDING, DEFERRED):
            at = from_micros(int(issued_at))
            oldest[CHANNELS[channel]] = min(at, oldest.get(CHANNELS[channel], at))
    return {channel: ChannelLoad(**of, oldest=oldest.get(channel)) for channel, of in sums.items()}


def unwell(provider: Any) -> str:
    """Why nothing may leave through a provider, "" if something may; `provider` as in `Services.providers`."""
    if not provider.get("provider"):
        return "No provider is configured for it."
    if provider.get("state") == "well":
        return ""
    whys = [f"{one['name']}: {one['why']}" for one in provider.get("members", ()) if one.get("why")]
    return ("; ".join(whys)[:300] + ".") if whys else f"Its provider is {provider.get('state')}."


def _ago(at: datetime, seconds: float) -> datetime:
    return at - timedelta(seconds=seconds)


def _count(amount: int, what: str) -> str:
    return f"{amount:,} {what}{'' if amount == 1 else 's'}"
