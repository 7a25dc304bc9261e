"""Audience computation: people due and their contact points, at the columns' position (RULES 1–4, 11, 15, 22)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from alerts.kernel.geometry import Area
from alerts.kernel.geometry.geodesy import Bools
from alerts.kernel.terms import CHANNEL_CODE, CHANNELS, SEVERITY_RANK, Channel
from alerts.kernel.times import micros
from subscribers.audience.area_matching import Rows, touching
from subscribers.audience.index import AudienceColumns
from subscribers.audience.index.schema import CONFIRMED, DANGER, TESTER, UNREADABLE
from subscribers.audience.index.topic_sets import includes
from subscribers.audience.query import AudienceQuery
from subscribers.audience.rule_matching import matches
from subscribers.audience.service_change_matching import reach_area, reached
from subscribers.audience.work_budget import WorkBudget


@dataclass(frozen=True)
class Count:
    """Audience size. `people` have at least one contact point due, `unreachable` are due but have none (RULES 3)."""

    people: int
    unreachable: int
    by_channel: dict[Channel, int]
    """Contact points."""
    by_language: dict[str, int]
    """People, by the language tag they chose."""
    position: int
    _rows: Rows
    _high: NDArray[np.uint64]
    _low: NDArray[np.uint64]

    @cached_property
    def subscribers(self) -> tuple[UUID, ...]:
        """Everyone with a contact point due."""
        return self._ids(self._rows)

    def sample(self, count: int) -> tuple[UUID, ...]:
        """Up to `count` of them, evenly spread."""
        if len(self._rows) <= count:
            return self.subscribers
        return self._ids(self._rows[np.linspace(0, len(self._rows) - 1, count).astype(np.int64)])

    def _ids(self, rows: Rows) -> tuple[UUID, ...]:
        pairs = zip(self._high[rows].tolist(), self._low[rows].tolist(), strict=True)
        return tuple(UUID(int=high << 64 | low) for high, low in pairs)


@dataclass(frozen=True)
class Audience(Count):
    """Count with the contact points, as aligned arrays ordered by number."""

    contacts: NDArray[np.int64]
    """Contact point numbers, each once, ascending."""
    channels: NDArray[np.uint8]
    """Indexes into `alerts.kernel.terms.CHANNELS`."""
    languages: NDArray[np.uint16]
    """Indexes into `language_tags`."""
    language_tags: tuple[str, ...]
    _without: Rows

    def without(self, most: int) -> tuple[UUID, ...]:
        """Up to so many of the unreachable."""
        return self._ids(self._without[:most])


@dataclass(frozen=True)
class _Due:
    """People due, a mask of those with a contact point, and the contact rows due."""

    people: Rows
    reached: Bools
    contacts: Rows


def count(columns: AudienceColumns, query: AudienceQuery, work: WorkBudget | None = None) -> Count:
    """Count an audience without listing its contact points. Raises TooMuchWork."""
    return _counted(columns, _due(columns, query, None, work or WorkBudget()))


def count_near(
    columns: AudienceColumns, query: AudienceQuery, wider: Area, work: WorkBudget | None = None
) -> tuple[Count, int]:
    """Count an audience, and how many more a wider area would reach. Raises TooMuchWork.

    The two areas differ for few people, so that the second count costs little more than its area test.
    """
    work = work or WorkBudget()
    rows, touched = _placed(columns, query, None, work)
    counted = _counted(columns, _due_of(columns, query, rows, touched, work))
    work.area(wider)
    also = touching(columns, wider)
    shell = np.flatnonzero(also & ~touched)
    before = shell[columns.people.everywhere[shell]]
    gained = _due_of(columns, query, shell, also, work).reached.sum()
    return counted, int(gained - _due_of(columns, query, before, touched, work).reached.sum())


def audience(columns: AudienceColumns, query: AudienceQuery, work: WorkBudget | None = None) -> Audience:
    """List every contact point due for the notice, at the position of the columns. Raises TooMuchWork."""
    due = _due(columns, query, None, work or WorkBudget())
    counted = _counted(columns, due)
    rows = due.contacts[np.argsort(columns.contacts.number[due.contacts])]
    return Audience(
        people=counted.people,
        unreachable=counted.unreachable,
        by_channel=counted.by_channel,
        by_language=counted.by_language,
        position=counted.position,
        _rows=counted._rows,
        _high=counted._high,
        _low=counted._low,
        contacts=columns.contacts.number[rows],
        channels=columns.contacts.channel[rows],
        languages=columns.people.language[columns.contacts.person[rows]],
        language_tags=tuple(columns.languages.values),
        _without=due.people[~due.reached],
    )


def matches_one(columns: AudienceColumns, subscriber: UUID, query: AudienceQuery) -> NDArray[np.int64]:
    """Contact points of one subscriber that are due, ascending: for late joiners (RULES 7)."""
    row = columns.row(subscriber)
    if row < 0:
        return np.empty(0, dtype=np.int64)
    due = _due(columns, query, np.array([row], dtype=np.int64), WorkBudget())
    return np.sort(columns.contacts.number[due.contacts])


def _counted(columns: AudienceColumns, due: _Due) -> Count:
    people = due.people[due.reached]
    tags = columns.languages.values
    channels = np.bincount(columns.contacts.channel[due.contacts], minlength=len(CHANNELS)).tolist()
    languages = np.bincount(columns.people.language[people], minlength=len(tags)).tolist()
    return Count(
        people=len(people),
        unreachable=len(due.people) - len(people),
        by_channel={c: n for c, n in zip(CHANNELS, channels, strict=True) if n},
        by_language={t: n for t, n in zip(tags, languages, strict=True) if n},
        position=columns.position,
        _rows=people,
        _high=columns.people.id_high,
        _low=columns.people.id_low,
    )


def _due(columns: AudienceColumns, query: AudienceQuery, only: Rows | None, work: WorkBudget) -> _Due:
    rows, touched = _placed(columns, query, only, work)
    return _due_of(columns, query, rows, touched, work)


def _due_of(columns: AudienceColumns, query: AudienceQuery, rows: Rows, touched: Bools, work: WorkBudget) -> _Due:
    """Return who is due of people who pass the place clause. `touched`: by row, those with a place in the area."""
    able = CONFIRMED if query.status == "Actual" else CONFIRMED | TESTER
    endangered = _with_flags(columns, rows[touched[rows]], able | DANGER) if query.danger_to_life else rows[:0]
    ordinary = _with_flags(columns, _preferring(columns, query, rows), able)
    if endangered.size:
        # each person once: danger to life uses more channels than the ordinary rules
        ordinary = ordinary[~np.isin(ordinary, endangered, assume_unique=True)]
    if query.rule is not None:
        # both at once: a rule is evaluated once per question
        holds = matches(columns, query.rule, np.concatenate([endangered, ordinary]), work)
        endangered, ordinary = endangered[holds[: len(endangered)]], ordinary[holds[len(endangered) :]]
    notice = np.uint8(sum(1 << CHANNEL_CODE[c] for c in query.channels))
    wanted = columns.people.wanted[ordinary] & notice
    channels = np.concatenate([np.full(len(endangered), notice, dtype=np.uint8), wanted])
    return _contacts(columns, np.concatenate([endangered, ordinary]), channels)


def _with_flags(columns: AudienceColumns, rows: Rows, flags: int) -> Rows:
    """Filter people with all of these flags and readable preferences."""
    return np.asarray(rows[columns.people.flags[rows] & np.uint8(flags | UNREADABLE) == np.uint8(flags)])


def _preferring(columns: AudienceColumns, query: AudienceQuery, rows: Rows) -> Rows:
    """Filter people not paused whose topics and severity floor admit the notice; each step narrows the rows."""
    people = columns.people
    rows = rows[_topics(columns, query.topic)[people.topics[rows]]]
    if query.kind == "alert":
        rows = rows[people.floor[rows] <= SEVERITY_RANK[query.severity]]
    return rows[people.paused_until[rows] <= micros(query.at)]


def _placed(columns: AudienceColumns, query: AudienceQuery, only: Rows | None, work: WorkBudget) -> tuple[Rows, Bools]:
    """People who pass the place clause, and for everyone (by row) True if a place of theirs touches the area."""
    people = columns.people
    if query.change is not None:
        work.area(reach_area(query.change))
        touched = reached(columns, query.change, only)
    elif query.area is not None:
        work.area(query.area)
        touched = touching(columns, query.area, only)
    else:
        return np.arange(people.size) if only is None else only, np.zeros(people.size, dtype=np.bool_)
    if only is None:
        return np.flatnonzero(touched | people.everywhere[: people.size]), touched
    return only[touched[only] | people.everywhere[only]], touched


def _topics(columns: AudienceColumns, topic: str | None) -> Bools:
    """By topic set, True if it includes the notice's topic (RULES 2)."""
    return np.array([includes(chosen, topic) for chosen in columns.topic_sets.values], dtype=np.bool_)


def _contacts(columns: AudienceColumns, people: Rows, channels: NDArray[np.uint8]) -> _Due:
    """Follow everyone's chain of contact points; return the usable ones on an allowed channel."""
    contacts, some = columns.contacts, np.zeros(len(people), dtype=np.bool_)
    found: list[Rows] = []
    at = np.arange(len(people))
    rows = columns.people.first_contact[people].astype(np.int64)
    while True:
        there = rows >= 0
        if not there.all():
            rows, at = rows[there], at[there]
        if not rows.size:
            break
        fit = contacts.usable[rows] & ((channels[at] >> contacts.channel[rows]) & 1 != 0)
        found.append(rows[fit])
        some[at[fit]] = True
        rows = contacts.next[rows].astype(np.int64)
    return _Due(people, some, np.concatenate(found) if found else np.empty(0, dtype=np.int64))
