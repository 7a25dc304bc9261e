"""What a source or key may do by itself (RULES 17). Pure."""

from __future__ import annotations

from collections.abc import Callable

from alerts.domain.events import AreaJson, Policy
from alerts.kernel.terms import NoticeKind, PolicyAnswer, Severity


def only_records(policy: Policy | None) -> bool:
    """Whether it answers `record` to whatever happens."""
    return policy is not None and not policy.rules and policy.default == "record"


def policy_answer(
    policy: Policy | None, *, kind: NoticeKind, severity: Severity, inside: Callable[[AreaJson], bool]
) -> PolicyAnswer:
    """The first rule that matches, else the default; who has no policy (a person, the system) lets nothing happen.

    `inside(areas)`: whether the notice, or every point of its change, lies wholly inside the union of these areas. It
    is asked only of rules that name areas and match otherwise.
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
