"""Evaluation of rules: each operator once per question, within a budget of work."""

from __future__ import annotations

import numpy as np
import pytest

from alerts.kernel.rules import All, AnyOf, HasChannel, LanguageIs, Not, Rule, resolve_rule
from subscribers.audience.matching import count
from subscribers.audience.person_matching import rule_holds
from subscribers.audience.rule_matching import RuleQuestion, matches
from subscribers.audience.work_budget import TooMuchWork, WorkBudget
from tests.unit.kernel.rules.test_size import LEVELS, doubling, nowhere, read
from tests.unit.subscribers.audience.makers import columns_of, person_id, query, registered, states_of

PEOPLE = [registered(1), registered(2, have=("sms",)), registered(3, language="pl")]


def doubled() -> Rule:
    rules = {slug: read(raw) for slug, raw in doubling().items()}
    return resolve_rule(read({"segment": f"s{LEVELS}"}), rules.get, nowhere)


def test_shared_operators_are_evaluated_once() -> None:
    question = RuleQuestion(columns_of(PEOPLE), doubled(), np.arange(3), WorkBudget())
    assert question.answer().tolist() == [True, False, True]
    assert question.evaluations == LEVELS + 1


def test_shared_operators_are_evaluated_once_for_one_person() -> None:
    states = states_of(PEOPLE)
    assert [rule_holds(doubled(), states[person_id(n)], nowhere) for n in (1, 2, 3)] == [True, False, True]


def test_shared_operator_below_a_narrower_one() -> None:
    """It is known for everyone, however few it is first asked about."""
    shared = Not(HasChannel("sms"))
    rule = AnyOf((All((LanguageIs("pl"), shared)), shared))
    assert matches(columns_of(PEOPLE), rule, np.arange(3)).tolist() == [True, False, True]


def test_question_ends_with_its_budget() -> None:
    asked = query(rule=doubled())
    assert count(columns_of(PEOPLE), asked).people == 2
    with pytest.raises(TooMuchWork):
        count(columns_of(PEOPLE), asked, WorkBudget(limit=10))
