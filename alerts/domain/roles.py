"""Roles of the team, and what each may do through a key or in the console. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from msgspec.structs import replace

from alerts.domain.events import Policy

Role = Literal["viewer", "author", "approver", "admin"]

ROLES: tuple[Role, ...] = ("viewer", "author", "approver", "admin")
"""Roles in ascending order; each includes the rights of the lower ones."""

SCOPE_ROLES: dict[str, Role] = {
    "read": "viewer",
    "incidents:write": "author",
    "services:write": "author",
    "places:write": "author",
    "notices:write": "author",
    "notices:approve": "approver",
    "notices:issue": "author",
    "subscribers:read": "author",
    "subscribers:write": "author",
    "subscribers:export": "admin",
    "segments:write": "author",
    "newsletters:write": "author",
    "letters:write": "author",
    "reports:read": "author",
    "reports:write": "author",
    "webhooks:write": "approver",
    "team:write": "admin",
}
"""Scopes of API keys, each with the lowest role of a person whose key may use it."""
SCOPES = tuple(SCOPE_ROLES)
OF_A_PERSON = ("notices:approve", "team:write")
"""Scopes that only a key issued for a person may have."""
ISSUES_ALONE: Role = "approver"
"""Lowest role of a person whose key's policy may issue without a second person."""


def at_least(role: Role | None, least: Role) -> bool:
    """True if `role` includes the rights of `least`; None is a person who is not in the team any more."""
    return role is not None and ROLES.index(role) >= ROLES.index(least)


def scopes_of(role: Role | None, scopes: Collection[str]) -> frozenset[str]:
    """Scopes of a person's key that the person's role allows (RULES 17)."""
    return frozenset(scope for scope in scopes if scope in SCOPE_ROLES and at_least(role, SCOPE_ROLES[scope]))


def policy_of(role: Role | None, policy: Policy) -> Policy:
    """Policy of a person's key, bounded by the person's role: who may not approve may not issue alone (RULES 17)."""
    if at_least(role, ISSUES_ALONE):
        return policy
    rules = tuple(replace(rule, then="draft") if rule.then == "issue" else rule for rule in policy.rules)
    return replace(policy, default="draft" if policy.default == "issue" else policy.default, rules=rules)
