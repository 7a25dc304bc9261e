"""View of the service's own state for residents: in words first, then by channel. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel.dates import format_date

from alerts.channels.i18n import Translator
from alerts.delivery_queue.promptness import Promptness, Share
from alerts.dispatch.alarms import Alarm, PastAlarm
from alerts.dispatch.canary import CanaryState
from alerts.kernel.terms import CHANNELS
from alerts.web.public.notice_view import ReaderLocale

State = Literal["well", "slow", "stopped"]
_TONES: dict[State, str] = {"well": "clear", "slow": "moderate", "stopped": "severe"}
_AIM = 99.0
"""Percent of an emergency's messages that are to leave in time."""


@dataclass(frozen=True)
class ServiceHealth:
    """State of the service as one look found it. `unread`: parts that could not be read."""

    alarms: Sequence[Alarm] = ()
    past: Sequence[PastAlarm] = ()
    providers: Mapping[str, Any] = field(default_factory=dict)
    canaries: Mapping[str, CanaryState] = field(default_factory=dict)
    promptness: Promptness = field(default_factory=Promptness)
    unread: bool = False


def page(health: ServiceHealth, reader: ReaderLocale) -> dict[str, Any]:
    """Build the template context."""
    t = reader.translator
    offered = [c for c in CHANNELS if health.providers.get(c, {}).get("provider") or c in health.promptness.long]
    states: dict[str, State] = {channel: channel_state(channel, health) for channel in offered}
    whole = [alarm for alarm in health.alarms if not alarm.name.startswith("channel:")]
    worst: State = "stopped" if whole else max(states.values(), key=list(_TONES).index, default="well")
    if health.unread and worst == "well":
        worst = "slow"
    return {
        "tone": _TONES[worst],
        "title": _title(worst, states, whole, health, t),
        "lines": _lines(worst, states, whole, health, reader),
        "rows": [_row(channel, states[channel], health, t) for channel in offered],
        "canary": _canary(health, t),
        "incidents": [_incident(alarm, reader) for alarm in health.past],
        "well_since": "" if health.past else t.text("status", "no_incidents"),
    }


def channel_state(channel: str, health: ServiceHealth) -> State:
    """State of one channel, the worst of what is known."""
    if any(alarm.name == f"channel:{channel}" for alarm in health.alarms):
        return "stopped"
    provider = health.providers.get(channel, {})
    if provider.get("provider") and provider.get("state", "well") != "well":
        return "slow"
    canary = health.canaries.get(channel)
    if canary is not None and canary.result and not canary.well:
        return "slow"
    recent = health.promptness.recent.get(channel, Share()).percent
    return "slow" if recent is not None and recent < _AIM else "well"


def _title(
    worst: State, states: Mapping[str, State], whole: Sequence[Alarm], health: ServiceHealth, t: Translator
) -> str:
    bad = [channel for channel, state in states.items() if state == worst]
    if whole:
        return t.text("status", "all_stopped")
    if worst == "well":
        return t.text("status", "all_well")
    if not bad:
        return t.text("status", "unknown")
    return t.text("status", worst + "_title", ways=t.comma.join(_way(channel, t) for channel in bad))


def _lines(
    worst: State, states: Mapping[str, State], whole: Sequence[Alarm], health: ServiceHealth, reader: ReaderLocale
) -> list[str]:
    t = reader.translator
    if worst == "well":
        return [t.text("status", "well_hint")]
    lines = []
    since = min((alarm.since for alarm in health.alarms), default=None)
    if since is not None:
        lines.append(t.text("status", "since", time=reader.time(since)))
    well = [channel for channel, state in states.items() if state == "well"]
    if well and not whole:
        lines.append(t.text("status", "others_well", ways=t.comma.join(_way(channel, t) for channel in well)))
    return [*lines, t.text("status", "other_ways")]


def _row(channel: str, state: State, health: ServiceHealth, t: Translator) -> dict[str, str]:
    return {
        "way": _way(channel, t),
        "recent": _percent(health.promptness.recent.get(channel), t),
        "long": _percent(health.promptness.long.get(channel), t),
        "tone": _TONES[state],
        "state": t.text("status", state),
    }


def _percent(share: Share | None, t: Translator) -> str:
    """Format a share, rounded down: 99.96 % is not all."""
    if share is None or share.percent is None:
        return "–"
    tenths = int(share.percent * 10)
    return t.percent(tenths / 1000)


def _canary(health: ServiceHealth, t: Translator) -> str:
    """Say how old each way's last test is; "" without testers."""
    found = []
    for channel, canary in health.canaries.items():
        if canary.age_s is None:
            found.append(t.text("status", "never", way=_way(channel, t)))
        else:
            minutes = t.number(int(canary.age_s // 60))
            found.append(t.text("status", "ago", way=_way(channel, t), minutes=minutes))
    return t.text("status", "tests", ways="; ".join(found)) if found else ""


def _incident(alarm: PastAlarm, reader: ReaderLocale) -> dict[str, str]:
    t = reader.translator
    local = alarm.since.astimezone(ZoneInfo(reader.timezone))
    kind, _, channel = alarm.name.partition(":")
    words = t.text("status", "was_stopped", way=_way(channel, t)) if kind == "channel" else t.text("status", "was_late")
    return {
        "iso": local.date().isoformat(),
        "weekday": format_date(local, "EEE", locale=t.locale),
        "day": format_date(local, "d", locale=t.locale),
        "month": format_date(local, "MMM", locale=t.locale),
        "words": words,
        "span": t.text("status", "span", start=t.clock(alarm.since, reader.timezone), end=_end(alarm.ended, reader)),
    }


def _end(ended: datetime, reader: ReaderLocale) -> str:
    return reader.translator.clock(ended, reader.timezone)


def _way(channel: str, t: Translator) -> str:
    return t.text("status", f"way_{channel}") if channel in CHANNELS else channel
