"""Evaluation of a source's or key's policy (RULES 17). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from alerts.domain.events import AreaJson, Policy
from alerts.kernel.terms import NoticeKind, PolicyAnswer, Severity

_STRENGTH: Final[dict[PolicyAnswer, int]] = {"record": 0, "draft": 1, "issue": 2}


def weakest(answers: Iterable[PolicyAnswer]) -> PolicyAnswer:
    """Return the weakest of one or more answers; none after a `record` is asked for."""
    found: PolicyAnswer = "issue"
    for answer in answers:
        found = min(found, answer, key=_STRENGTH.__getitem__)
        if found == "record":
            break
    return found


def names_places(policy: Policy) -> bool:
    """True if a rule names a registered place, whose version at the time of the policy is meant."""
    return any("place" in part for rule in policy.rules for part in rule.areas or ())


def without_issue(policy: Policy) -> Policy:
    """Return the same policy with `draft` wherever it says `issue`."""
    rules = tuple(replace(rule, then=weakest((rule.then, "draft"))) for rule in policy.rules)
    return replace(policy, default=weakest((policy.default, "draft")), rules=rules)


def only_records(policy: Policy | None) -> bool:
    """True if the policy answers `record` in every case."""
    return policy is not None and not policy.rules and policy.default == "record"


def policy_answer(
    policy: Policy | None, *, kind: NoticeKind, severity: Severity, inside: Callable[[AreaJson], bool]
) -> PolicyAnswer:
    """Answer of the first matching rule, else the default; `record` if there is no policy (a person, the system).

    `inside(areas)` returns True if the notice, or every point of its change, lies wholly inside the union of these
    areas. It is called only for rules that name areas and match otherwise.
    """
    if policy is None:
        return "record"
    for rule in policy.rules:
        if rule.kinds is not None and kind not in rule.kinds:
            continue
        if rule.severities is not None and severity not in rule.severities:
            continue
        if rule.areas is not None and not inside(rule.areas):
            continue
        return rule.then
    return policy.default
