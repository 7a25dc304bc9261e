"""Log positions at which an approval was given and a policy was set, folded from the streams they belong to. Pure.

They are folds of their own: the read models store the states of notices, keys and sources, and need no positions.
"""

from __future__ import annotations

import msgspec

from alerts.domain.events import ApprovalVoided, NoticeApproved, Policy
from alerts.kernel.events import Recorded, Stream


class SetAt(msgspec.Struct, frozen=True):
    """Last setting of something, and its position; None if it holds no more."""

    position: int | None = None
    policy: Policy | None = None


def _approval(state: SetAt | None, recorded: Recorded) -> SetAt:
    match recorded.event:
        case NoticeApproved():
            return SetAt(recorded.position)
        case ApprovalVoided():
            return SetAt()
        case _:
            return state or SetAt()


def _policy(state: SetAt | None, recorded: Recorded) -> SetAt:
    state = state or SetAt()
    policy = getattr(recorded.event, "policy", None)
    if not isinstance(policy, Policy) or policy == state.policy:
        return state
    return SetAt(recorded.position, policy)


APPROVAL_SET_AT: Stream[SetAt] = Stream("approval-set-at", _approval)
"""Fold of a notice's stream: its current approval."""
POLICY_SET_AT: Stream[SetAt] = Stream("policy-set-at", _policy)
"""Fold of a key's or source's stream: its current policy. A new secret or mapping leaves it where it was."""
