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
    shared_nodes,
)
from alerts.kernel.terms import CHANNEL_CODE, SEVERITY_RANK
from alerts.kernel.times import micros
from subscribers.audience.area_matching import Rows, touching
from subscribers.audience.index import AudienceColumns
from subscribers.audience.index.schema import FREQUENCIES
from subscribers.audience.index.topic_sets import includes
from subscribers.audience.work_budget import WorkBudget

_FEW = 1_000
"""Number of people up to which their places are tested singly rather than all places at once."""


def matches(columns: AudienceColumns, rule: Rule, rows: Rows, work: WorkBudget | None = None) -> Bools:
    """For each of these people (rows), True if the rule holds.

    Raises ValueError for an unresolved rule, TooMuchWork.
    """
    return RuleQuestion(columns, rule, rows, work or WorkBudget()).answer()


class RuleQuestion:
    """Evaluation of a resolved rule. An operator that the rule names more than once is evaluated once."""

    def __init__(self, columns: AudienceColumns, rule: Rule, rows: Rows, work: WorkBudget) -> None:
        self._columns, self._rule, self._rows, self._work = columns, rule, rows, work
        self._shared = shared_nodes(rule)
        self._known: dict[int, Bools] = {}
        """Results of shared operators, for all people of the question."""
        self.evaluations = 0
        """Operators evaluated so far."""

    def answer(self) -> Bools:
        """Evaluate the rule for everyone in question."""
        return self._holds(self._rule, np.arange(len(self._rows)))

    def _holds(self, rule: Rule, at: Rows) -> Bools:
        """Evaluate an operator for some of the people, by their index in the question."""
        if id(rule) not in self._shared:
            return self._evaluate(rule, at)
        known = self._known.get(id(rule))
        if known is None:
            known = self._known[id(rule)] = self._evaluate(rule, np.arange(len(self._rows)))
        return np.asarray(known[at])

    def _evaluate(self, rule: Rule, at: Rows) -> Bools:
        self.evaluations += 1
        self._work.spend()
        columns, people, rows = self._columns, self._columns.people, self._rows[at]
        match rule:
            case All(rules):
                return self._all(rules, at)
            case AnyOf(rules):
                return self._any(rules, at)
            case Not(inner):
                return ~self._holds(inner, at)
            case Touches(_, area):
                if area is None:
                    raise ValueError("a rule with an area must be resolved before it is asked")
                self._work.area(area)
                return touching(columns, area, rows if len(rows) <= _FEW else None)[rows]
            case TopicIs(topic):
                chosen = [includes(topics, topic) for topics in columns.topic_sets.values]
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

    def _all(self, rules: tuple[Rule, ...], at: Rows) -> Bools:
        """Conjunction: each rule is evaluated only where the preceding ones hold; cheap ones go first."""
        result = np.zeros(len(at), dtype=np.bool_)
        left = np.arange(len(at))
        for rule in sorted(rules, key=_costs):
            left = left[self._holds(rule, at[left])]
        result[left] = True
        return result

    def _any(self, rules: tuple[Rule, ...], at: Rows) -> Bools:
        """Disjunction: each rule is evaluated only where no preceding one holds; cheap ones go first."""
        result = np.ones(len(at), dtype=np.bool_)
        left = np.arange(len(at))
        for rule in sorted(rules, key=_costs):
            left = left[~self._holds(rule, at[left])]
        result[left] = False
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
