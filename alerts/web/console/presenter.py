"""Formatting shared by the console screens: notices, log entries, actors and times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from alerts.channels.i18n import direction
from alerts.channels.severity_style import style, tag
from alerts.domain.notice import NoticeState
from alerts.projections.queries import TimelineEntry
from alerts.web.console.frame import CHANNELS, Frame
from alerts.web.public.map_svg import Zone, draw
from alerts.web.public.why_view import title_of

_DONE = ("delivered", "sent")
_OPEN = ("queued", "held", "sending", "deferred")
_BY_HAND = ("letter", "phone")
"""Channels that a person carries out: no rate says when theirs leave."""
_FAILED = ("failed-permanent", "failed-technical")
_PARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("ok", "sent", ("sent", "delivered")),
    ("part", "waiting", _OPEN),
    ("bad", "failed", ("failed-permanent", "failed-technical")),
    ("rest", "not sent", ("expired", "suppressed", "superseded", "cancelled")),
)
"""Segments of a progress bar: (CSS class, word, delivery states)."""
UNTITLED = "No title yet"
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_PHASES = {"pending-approval": "severe", "returned": "moderate", "approved": "clear", "scheduled": "change"}


class Presenter:
    """Format read models for one request. Read-only; for team members only."""

    def __init__(self, frame: Frame) -> None:
        self.services, self.site, self.place_shapes = frame.services, frame.site, frame.place_shapes
        self.translator = frame.translator

    def card(self, notice: NoticeState) -> dict[str, Any]:
        """Format a notice as a list entry."""
        language, title = title_of(notice, *[self.services.settings.default_language] * 2)
        return {
            "link": f"{self.site.base}/console/notices/{notice.id}",
            "title": title or UNTITLED,
            "lang": language if title else "en",
            "dir": direction(language if title else "en"),
            "tone": self.style_class(notice),
            "tag": self.tag(notice),
            "phase": notice.phase.replace("-", " "),
            "phase_tone": _PHASES.get(notice.phase, "minor"),
            "by": self.who(notice.source or notice.drafted_by),
            "issuer": self.issuer(notice),
            "drafted": self.time(notice.drafted_at),
            "reason": notice.reason,
            "send_at": self.time(notice.send_at),
            "issued": self.time(notice.issued_at),
            "ends": self.time(notice.expires),
        }

    def issuer(self, notice: NoticeState) -> str:
        """Name the organisation in whose name a notice goes out; "" for the service itself."""
        found = self.services.views.issuer(notice.plan)
        return found.sender_name if found is not None else ""

    def progress(self, notice: NoticeState) -> dict[str, Any] | None:
        """Format people, deliveries and a bar per channel; None until the audience is frozen."""
        progress = self.services.dispatch.progress(notice.number)
        if progress is None:
            return None
        bars = [_bar(channel, states, self.translator.number) for channel, states in progress.by_channel.items()]
        left = sum(states.get(s, 0) for states in progress.by_channel.values() for s in _DONE)
        failed = sum(states.get(s, 0) for states in progress.by_channel.values() for s in _FAILED)
        total = sum(sum(states.values()) for states in progress.by_channel.values())
        leaves_by_itself = any(
            states.get(state, 0)
            for channel, states in progress.by_channel.items()
            if channel not in _BY_HAND
            for state in _OPEN
        )
        times = (
            ("The first left after", progress.first_attempt_s),
            ("Half of all had left after", progress.p50_s),
            ("95 %", progress.p95_s),
            ("99 %", progress.p99_s),
        )
        return {
            "people": self.translator.number(progress.people or 0),
            "unreachable": self.translator.number(progress.unreachable or 0),
            "late": self.translator.number(progress.late or 0),
            "deliveries": self.translator.number(progress.deliveries),
            "share": "" if total == 0 else f"{100 * left // total} % sent",
            "percent": 0 if total == 0 else 100 * left // total,
            "failed": failed,
            "pace": self._pace(notice, left, total) if not progress.complete and leaves_by_itself else "",
            "complete": progress.complete,
            "parked": progress.parked,
            "paused": progress.paused,
            "bars": bars,
            "times": [(word, f"{seconds:.1f} s") for word, seconds in times if seconds is not None],
        }

    def _pace(self, notice: NoticeState, left: int, total: int) -> str:
        """Rate since the issue and the time that the rest takes at it; "" while nothing has left."""
        if notice.issued_at is None or not left:
            return ""
        seconds = max((self.services.clock() - notice.issued_at).total_seconds(), 0.1)
        rate = left / seconds
        minutes, rest = divmod(round((total - left) / rate), 60)
        remaining = f"{minutes} min {rest} s" if minutes else f"{rest} s"
        return f"{self.translator.number(round(rate * 60))} a minute, {remaining} left"

    def entry(self, entry: TimelineEntry) -> dict[str, Any]:
        """Format a log entry."""
        is_notice = entry.kind == "notices"
        zone = self.services.settings.timezone
        return {
            "position": entry.position,
            "at": f"{self.translator.short_day(entry.at, zone)}, {self.translator.clock(entry.at, zone)}",
            "iso": entry.at.isoformat(),
            "what": _spaced(entry.topic),
            "title": entry.title or (UNTITLED if is_notice else ""),
            "link": f"{self.site.base}/console/notices/{entry.subject}" if is_notice else "",
            "detail": self.who(entry.detail) if entry.topic == "NoticeApproved" else entry.detail,
            "by": self.who(entry.by),
        }

    def who(self, actor: str) -> str:
        """Format an actor. The console is for staff: only here are members named."""
        kind, _, name = actor.partition(":")
        return self._names.get(actor) or (f"{kind} “{name}”" if name and kind != "person" else f"the {kind}")

    def time(self, at: datetime | None) -> str:
        """Format a time; "" for None."""
        return "" if at is None else self.translator.time(at, self.services.settings.timezone)

    def age(self, at: datetime) -> str:
        """Format the time since a moment in its largest unit: `3 hours`."""
        return self.span(self.services.clock() - at)

    def span(self, length: timedelta) -> str:
        """Format a length of time in its largest unit: `3 hours`."""
        seconds = max(length.total_seconds(), 0.0)
        for size, unit in _UNITS:
            if (amount := int(seconds // size)) >= 1:
                return f"{amount} {unit}{'' if amount == 1 else 's'}"
        return "less than a minute"

    def style_class(self, notice: NoticeState) -> str:
        """Return the CSS class of a notice's severity style."""
        return style(notice.plan.kind, notice.msg_type, notice.plan.severity).name

    def tag(self, notice: NoticeState) -> str:
        """Format a notice's tag, such as `Update, Severe`."""
        tag_text = tag(notice.plan.kind, notice.msg_type, notice.plan.severity, self.translator)
        marks = [m for m in (notice.plan.status, notice.msg_type) if m in ("Exercise", "Test", "Update")]
        return ", ".join([*(self.translator.text("mark", m) for m in marks), tag_text])

    @cached_property
    def _names(self) -> dict[str, str]:
        """Display names of actors by their name in the log."""
        views = self.services.views
        members = {f"person:{m.id}": m.name or m.email or "a person" for m in views.members()}
        return members | {f"key:{key.id}": f"key “{key.name}”" for key in views.keys()}  # noqa: SIM118  not a dict


def area_map(presenter: Presenter, notice: NoticeState) -> dict[str, Any] | None:
    """Draw the area of a notice, with its words; None without an area. Blocks."""
    shapes = presenter.place_shapes
    area = shapes.area(notice.plan.area)
    if area.empty:
        return None
    svg = draw(shapes.outlines(), [Zone(presenter.style_class(notice), area)], [], "Map of the area")
    return {"svg": svg, "words": shapes.where(notice.plan.area, presenter.translator)}


def _bar(channel: str, states: Mapping[str, int], number: Any) -> dict[str, Any]:
    """Format a channel's progress as percentage segments, with the same as text."""
    total = sum(states.values())
    segments, words, at = [], [], 0.0
    for css, word, members in _PARTS:
        have = sum(states.get(state, 0) for state in members)
        if have:
            width = 100 * have / total
            segments.append({"css": css, "x": f"{at:.2f}", "width": f"{width:.2f}"})
            words.append(f"{number(have)} {word}")
            at += width
    return {"channel": CHANNELS.get(channel, channel), "total": number(total), "segments": segments, "words": words}


def _spaced(topic: str) -> str:
    """`NoticeIssued` → `Notice issued`."""
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in topic).strip()
    return words[:1].upper() + words[1:]
