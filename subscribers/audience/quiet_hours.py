"""Deferral of messages: quiet hours, digests, local times that clocks skip or repeat (RULES 4–6, 21)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from alerts.kernel.terms import Frequency, NoticeKind, Priority
from alerts.kernel.times import instant, micros, zone
from subscribers.audience.index import AudienceColumns, ContactFacts
from subscribers.audience.index.schema import DANGER, FREQUENCIES, quiet_hours
from subscribers.domain.events import QuietHours

Reason = Literal["quiet hours", "digest"]
REASONS: tuple[Reason, ...] = ("quiet hours", "digest")

DIGEST_AT = time(8, 0)
_MONDAY = 0
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Deferral:
    """Earliest send time `until` (UTC), and the reason."""

    until: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Deferrals:
    """Deferrals of many contact points, as aligned arrays."""

    until: NDArray[np.int64]
    """Microseconds since 1970; 0: at once."""
    reason: NDArray[np.int8]
    """Index into `REASONS`; -1: at once."""


def quiet_until(quiet: QuietHours, tz: str, now: datetime) -> datetime | None:
    """End (UTC) of the quiet hours that `now` is in; None if in none."""
    start, end = time.fromisoformat(quiet.start), time.fromisoformat(quiet.end)
    if start == end:
        return None
    today = now.astimezone(zone(tz)).date()
    over = _DAY if end < start else timedelta(0)
    for day in (today - _DAY, today, today + _DAY):
        until = instant(day + over, end, tz)
        if instant(day, start, tz) <= now < until:
            return until
    return None


def next_digest(frequency: Frequency, tz: str, now: datetime) -> datetime:
    """Next digest (UTC) after `now`: daily at 08:00 local time, weekly on Monday at 08:00."""
    if frequency == "immediate":
        raise ValueError("whoever wants messages at once has no digest")
    day = now.astimezone(zone(tz)).date()
    if frequency == "weekly":
        day += timedelta(days=(_MONDAY - day.weekday()) % 7)
    step = _DAY if frequency == "daily" else 7 * _DAY
    while (due := instant(day, DIGEST_AT, tz)) <= now:
        day += step
    return due


def deferral(
    facts: ContactFacts,
    *,
    priority: Priority,
    danger: bool,
    kind: NoticeKind,
    now: datetime,
    follow_up_of_woken: bool = False,
) -> Deferral | None:
    """Compute the deferral of a message to this contact point; None: send at once.

    `danger` is the notice's danger to life. `follow_up_of_woken`: a follow-up to a person whose quiet hours or
    frequency the first message overrode (RULES 14). A pause is no deferral.
    """
    if follow_up_of_woken:
        return None
    return _hold(facts.timezone, facts.quiet_hours, facts.frequency, facts.danger_to_life, priority, danger, kind, now)


def deferrals(
    columns: AudienceColumns,
    contacts: NDArray[np.int64],
    *,
    priority: Priority,
    danger: bool,
    kind: NoticeKind,
    now: datetime,
) -> Deferrals:
    """Compute `deferral` for many contact points (numbers), once per distinct combination of preferences."""
    rows = columns.contact_rows(contacts)
    people = columns.people
    person = columns.contacts.person[rows]
    ticked = (people.flags[person] & DANGER != 0).astype(np.int64)
    combinations = np.column_stack(
        [people.timezone[person], people.quiet[person], people.frequency[person], ticked],
    ).astype(np.int64)
    kinds, back = np.unique(combinations, axis=0, return_inverse=True)
    until = np.zeros(len(kinds), dtype=np.int64)
    reason = np.full(len(kinds), -1, dtype=np.int8)
    for index, (tz, quiet, frequency, danger_ticked) in enumerate(kinds.tolist()):
        hours = columns.quiets.values[quiet]
        found = _hold(
            columns.timezones.values[tz],
            None if hours is None else quiet_hours(hours),
            FREQUENCIES[frequency],
            bool(danger_ticked),
            priority,
            danger,
            kind,
            now,
        )
        if found is not None:
            until[index], reason[index] = micros(found.until), REASONS.index(found.reason)
    back = back.ravel()
    known = rows >= 0
    return Deferrals(np.where(known, until[back], 0), np.where(known, reason[back], np.int8(-1)))


def _hold(
    tz: str,
    quiet: QuietHours | None,
    frequency: Frequency,
    ticked: bool,
    priority: Priority,
    danger: bool,
    kind: NoticeKind,
    now: datetime,
) -> Deferral | None:
    if danger and ticked:
        return None
    if priority == "notice" and kind != "bulletin" and frequency != "immediate":
        return Deferral(next_digest(frequency, tz, now), "digest")
    if quiet is None:
        return None
    if priority == "emergency" and not danger and quiet.wake_for == "emergency":
        return None
    until = quiet_until(quiet, tz, now)
    return None if until is None else Deferral(until, "quiet hours")
