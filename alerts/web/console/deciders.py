"""Approvers of a notice: who can decide about it, and how fast such decisions were of late."""

from __future__ import annotations

from datetime import timedelta
from statistics import median

from alerts.commands.rights import is_for
from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import MemberState
from alerts.domain.roles import at_least
from alerts.services import Services
from alerts.web.console.presenter import Presenter

_NAMED = 5
"""People who are named."""
_LATELY, _DECISIONS = timedelta(days=30), 10
"""Time, and number of decisions, by which it is judged how long one takes."""


def may_decide(services: Services, member: MemberState, notice: NoticeState) -> bool:
    """True for an approver whose role is for a notice, and who had no hand in it unless it is issued. Blocks."""
    return (
        at_least(member.role, "approver")
        and (notice.issued or f"person:{member.id}" not in notice.hands)
        and is_for(services.log, member, notice.plan)
    )


def deciders(presenter: Presenter, notice: NoticeState) -> str:
    """Names of those who may decide about a notice now: approve it, or correct and end it once it is issued. Blocks."""
    found = [
        one.name or one.email or "an approver"
        for one in presenter.services.views.members()
        if may_decide(presenter.services, one, notice)
    ]
    more = len(found) - _NAMED
    return ", ".join(found[:_NAMED]) + (f" and {more} more" if more > 0 else "") if found else "nobody yet"


def decision_time(presenter: Presenter) -> str:
    """Median time from the request to the approval by a person of the last decisions, in words; "" for none. Blocks."""
    views, now = presenter.services.views, presenter.services.clock()
    waits = []
    for notice in views.recent(now - _LATELY, now):
        if notice.approved_at is None or not (notice.approved_by or "").startswith("person:"):
            continue
        asked = next((e.at for e in views.timeline(20, None, notice.id) if e.topic == "NoticeSubmitted"), None)
        if asked is not None and asked <= notice.approved_at:
            waits.append((notice.approved_at - asked).total_seconds())
        if len(waits) >= _DECISIONS:
            break
    if not waits:
        return ""
    words = presenter.span(timedelta(seconds=median(waits)))
    return words if words.startswith("less") else f"at most {words}"
