"""RULE evaluation over columns, for many people (RULES 22)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alerts.kernel.geometry.geodesy import Bools
from alerts.kernel.languages import primary_subtag
from alerts.kernel.rules import (
    All,
    AnyOf,
    FloorAtMost,
    FrequencyIs,
    HasChannel,
    IdIn,
    InSegment,
    LanguageIs,
    Not,
    Rule,
    SubscribedBefore,
    TopicIs,
    Touches,
)
from alerts.kernel.terms import CHANNEL_CODE, NEWSLETTER_PREFIX, SEVERITY_RANK
from alerts.kernel.times import micros
from subscribers.audience.area_matching import Rows, touching
from subscribers.audience.index import AudienceColumns
from subscribers.audience.index.schema import FREQUENCIES

_FEW = 1_000
"""Number of people up to which their places are tested singly rather than all places at once."""


def matches(columns: AudienceColumns, rule: Rule, rows: Rows) -> Bools:
    """For each of these people (rows), True if the rule holds. Raises ValueError for an unresolved rule."""
    people = columns.people
    match rule:
        case All(rules):
            return _all(columns, rules, rows)
        case AnyOf(rules):
            return ~_all(columns, tuple(Not(r) for r in rules), rows)
        case Not(inner):
            return ~matches(columns, inner, rows)
        case Touches(_, area):
            if area is None:
                raise ValueError("a rule with an area must be resolved before it is asked")
            return touching(columns, area, rows if len(rows) <= _FEW else None)[rows]
        case TopicIs(topic):
            chosen = [topic in c if c else not topic.startswith(NEWSLETTER_PREFIX) for c in columns.topic_sets.values]
            return np.array(chosen, dtype=np.bool_)[people.topics[rows]]
        case LanguageIs(tag):
            same = [primary_subtag(t) == primary_subtag(tag) for t in columns.languages.values]
            return np.array(same or [False], dtype=np.bool_)[people.language[rows]]
        case FloorAtMost(severity):
            return people.floor[rows] <= SEVERITY_RANK[severity]
        case HasChannel(channel):
            bit = np.uint8(1 << CHANNEL_CODE[channel])
            return np.asarray(_channels(columns, rows) & bit != 0)
        case FrequencyIs(frequency):
            return np.asarray(people.frequency[rows] == FREQUENCIES.index(frequency))
        case SubscribedBefore(time):
            return people.confirmed_at[rows] < micros(time)
        case IdIn(ids):
            return np.isin(rows, np.array([columns.row(i) for i in ids], dtype=np.int64))
        case InSegment(slug):
            raise ValueError(f"the segment {slug} must be resolved before it is asked")


def _all(columns: AudienceColumns, rules: tuple[Rule, ...], rows: Rows) -> Bools:
    """Conjunction: each rule is evaluated only where the preceding ones hold; cheap ones go first."""
    result = np.zeros(len(rows), dtype=np.bool_)
    left = np.arange(len(rows))
    for rule in sorted(rules, key=_costs):
        left = left[matches(columns, rule, rows[left])]
    result[left] = True
    return result


def _costs(rule: Rule) -> int:
    match rule:
        case Touches():
            return 2
        case All() | AnyOf() | Not():
            return 1
        case _:
            return 0


def _channels(columns: AudienceColumns, rows: Rows) -> NDArray[np.uint8]:
    """Channels of each person's verified and unsuppressed contact points, as bits by channel number."""
    contacts = columns.contacts
    bits = np.zeros(len(rows), dtype=np.uint8)
    at, contact = np.arange(len(rows)), columns.people.first_contact[rows]
    while (there := contact >= 0).any():
        at, contact = at[there], contact[there]
        fit = contacts.usable[contact]
        # each person appears once in a round, so no bit is lost
        bits[at[fit]] |= np.left_shift(np.uint8(1), contacts.channel[contact[fit]])
        contact = contacts.next[contact]
    return bits
