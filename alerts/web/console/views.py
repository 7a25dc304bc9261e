"""What the console's pages show, gathered from the read models. Reads, never decides; for team members only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from markupsafe import Markup
from msgspec.structs import asdict

from alerts.channels import markdown
from alerts.channels.i18n import direction, translator
from alerts.channels.severity_style import style, tag
from alerts.channels.sms_segments import count
from alerts.delivery_queue.queries import QueueState
from alerts.domain.notice import NoticeState
from alerts.kernel.terms import Channel, DeliveryState
from alerts.projections.queries import TimelineEntry
from alerts.services import Services
from alerts.web.public.map_svg import Zone, draw
from alerts.web.public.place_shapes import PlaceShapes
from alerts.web.public.templating import Site
from alerts.web.public.why_view import title_of

_LOG_PAGE = 50
_CHANNELS = {"email": "E-mail", "sms": "Text", "push": "Push", "letter": "Letter"}
_DONE = ("delivered", "sent")
_PARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("ok", "sent", ("sent", "delivered")),
    ("part", "waiting", ("queued", "held", "sending", "deferred")),
    ("bad", "failed", ("failed-permanent", "failed-technical")),
    ("rest", "not sent", ("expired", "suppressed", "superseded", "cancelled")),
)
"""The parts of a progress bar: (class, word, delivery states)."""
_NOT_LEFT: dict[DeliveryState, str] = {
    "failed-permanent": "refused for good",
    "failed-technical": "could not leave; waits for a person",
    "deferred": "put off; tried again",
    "expired": "its time was over",
    "suppressed": "nothing is sent to this address",
    "superseded": "a newer message took its place",
    "cancelled": "withdrawn before it left",
}
_FAILURES = 500
_PHASES = {"pending-approval": "severe", "returned": "moderate", "approved": "clear", "scheduled": "change"}


class ConsoleViews:
    """Builds what the layouts show, for one request."""

    def __init__(self, parts: Services, site: Site, atlas: PlaceShapes) -> None:
        self._parts, self._site, self._atlas = parts, site, atlas
        self._speech = translator("en")

    def today(self) -> dict[str, Any]:
        """The first page."""
        views, now = self._parts.views, self._parts.clock()
        waiting = views.waiting()
        status = self._parts.dispatch.status(now)
        providers = self._parts.providers()
        return {
            "here": "today",
            "title": self._speech.time(now, self._parts.settings.timezone),
            "health": self._health(status),
            "needs": [self._card(n) for n in waiting if n.phase in ("pending-approval", "returned")],
            "drafts": [self._card(n) for n in waiting if n.phase == "draft"],
            "parked": [self._trigger(t) for t in views.triggers("parked", None, 10).items],
            "halted": self._parts.parked(),
            "paused": [{"id": str(d.id), "reason": d.reason} for d in self._parts.dispatch.paused(now)],
            "live": [self._live(n) for n in views.live(now)],
            "due": [self._card(n) for n in waiting if n.phase in ("scheduled", "approved")],
            "providers": _providers(providers),
            "alarms": [
                {"channel": _CHANNELS.get(channel, channel), "words": found["alarm"]}
                for channel, found in providers.items()
                if found.get("alarm")
            ]
            + [
                {"channel": _CHANNELS.get(channel, channel), "words": f"The tester gets nothing: {state.reason}"}
                for channel, state in self._parts.canaries().items()
                if not state.well
            ],
            "lanes": _lanes(status),
        }

    def log(self, before: int | None) -> dict[str, Any]:
        """A page of the log."""
        entries = self._parts.views.timeline(_LOG_PAGE, before)
        last = entries[-1].position if len(entries) == _LOG_PAGE else None
        return {
            "here": "log",
            "entries_of": [self._entry(entry) for entry in entries],
            "older": f"{self._site.base}/console/log?before={last}" if last else "",
            "newest": f"{self._site.base}/console/log" if before else "",
        }

    def notices(self, cursor: str | None) -> dict[str, Any]:
        """A page of all notices."""
        page = self._parts.views.notices(cursor=cursor, limit=50)
        return {
            "here": "notices",
            "notices": [self._card(notice) for notice in page.items],
            "older": f"{self._site.base}/console/notices?cursor={page.next}" if page.next else "",
        }

    def notice(self, notice: UUID) -> dict[str, Any] | None:
        """One notice; None if there is none."""
        found = self._parts.views.notice(notice)
        if found is None:
            return None
        dispatched = self._parts.views.dispatch(found.id)
        area = self._atlas.area(found.plan.area)
        zone = Zone(self._tone(found), area)
        svg = None if area.empty else draw(self._atlas.outlines(), [zone], [], "Map of the area")
        return {
            "here": "notices",
            **self._card(found),
            "facts": self._facts(found),
            "languages": [],
            "words": [self._words(tag_, words) for tag_, words in found.plan.content.items()],
            "thread": [self._card(n) for n in reversed(self._parts.views.thread(found.id)) if n.id != found.id],
            "progress": self._progress(found) if dispatched else None,
            "failures": self._failures(found),
            "entries_of": [self._entry(e) for e in self._parts.views.timeline(50, None, found.id)],
            "map": svg and {"svg": svg, "words": self._atlas.where(found.plan.area, self._speech)},
            "public": f"{self._site.base}/alerts/{found.id}" if found.issued else "",
        }

    def _card(self, notice: NoticeState) -> dict[str, Any]:
        language, title = title_of(notice, self._parts.settings.default_language)
        return {
            "link": f"{self._site.base}/console/notices/{notice.id}",
            "title": title,
            "lang": language,
            "dir": direction(language),
            "tone": self._tone(notice),
            "tag": self._tag(notice),
            "phase": notice.phase.replace("-", " "),
            "phase_tone": _PHASES.get(notice.phase, "minor"),
            "by": self._who(notice.source or notice.drafted_by),
            "drafted": self._time(notice.drafted_at),
            "reason": notice.reason,
            "send_at": self._time(notice.send_at),
            "issued": self._time(notice.issued_at),
            "ends": self._time(notice.expires),
        }

    def _live(self, notice: NoticeState) -> dict[str, Any]:
        return {**self._card(notice), "progress": self._progress(notice)}

    def _progress(self, notice: NoticeState) -> dict[str, Any] | None:
        """People, deliveries and a bar for each channel; None until the audience is frozen."""
        progress = self._parts.dispatch.progress(notice.number)
        if progress is None:
            return None
        bars = [_bar(channel, states, self._speech.number) for channel, states in progress.by_channel.items()]
        left = sum(states.get(s, 0) for states in progress.by_channel.values() for s in _DONE)
        total = sum(sum(states.values()) for states in progress.by_channel.values())
        times = (
            ("The first left after", progress.first_attempt_s),
            ("Half of all had left after", progress.p50_s),
            ("95 %", progress.p95_s),
            ("99 %", progress.p99_s),
        )
        return {
            "people": self._speech.number(progress.people),
            "unreachable": self._speech.number(progress.unreachable),
            "late": self._speech.number(progress.late),
            "deliveries": self._speech.number(progress.deliveries),
            "share": "" if total == 0 else f"{100 * left // total} % sent",
            "complete": progress.complete,
            "parked": progress.parked,
            "paused": progress.paused,
            "bars": bars,
            "times": [(word, f"{seconds:.1f} s") for word, seconds in times if seconds is not None],
        }

    def _failures(self, notice: NoticeState) -> list[dict[str, str]]:
        """What did not leave, by channel, state and reason: counted over the first of each state."""
        sums: Counter[tuple[Channel, DeliveryState, str]] = Counter()
        for state in _NOT_LEFT:
            page = self._parts.dispatch.deliveries(notice=notice.number, state=state, limit=_FAILURES)
            sums.update((row.channel, state, row.reason) for row in page.items)
        return [
            {
                "channel": _CHANNELS.get(channel, channel),
                "state": _NOT_LEFT[state],
                "reason": reason,
                "count": self._speech.number(number) + ("+" if number == _FAILURES else ""),
            }
            for (channel, state, reason), number in sums.most_common()
        ]

    def _facts(self, notice: NoticeState) -> list[tuple[str, str]]:
        plan = notice.plan
        facts = (
            ("State", notice.phase.replace("-", " ")),
            ("Kind", f"{plan.kind}, {notice.msg_type}, {plan.status}"),
            ("Danger to life", "yes" if notice.danger_to_life else ""),
            ("Severity", f"{plan.severity}, {plan.urgency}, {plan.certainty}" if plan.kind == "alert" else ""),
            ("Topic", plan.topic or ""),
            ("Area", self._atlas.where(plan.area, self._speech)),
            ("Channels", ", ".join(_CHANNELS.get(c, c) for c in plan.channels)),
            ("From", self._who(notice.source or notice.drafted_by)),
            ("Approved by", self._approver(notice)),
            ("Issued", self._time(notice.issued_at)),
            ("To be sent", self._time(notice.send_at) if notice.issued_at is None else ""),
            ("Ends", self._time(notice.expires)),
            ("Ended", self._time(notice.ended_at)),
            ("Reason", notice.reason),
        )
        return [(name, value) for name, value in facts if value]

    def _words(self, language: str, words: Any) -> dict[str, Any]:
        measured = count(words.sms) if words.sms else None
        return {
            "lang": language,
            "dir": direction(language),
            "name": self._speech.language(language),
            "title": words.title,
            "body": Markup(markdown.html(words.body)),
            "instruction": Markup(markdown.html(words.instruction)),
            "sms": words.sms,
            "segments": f"{measured.segments} × {measured.encoding}" if measured else "",
        }

    def _trigger(self, trigger: Any) -> dict[str, str]:
        return {
            "id": str(trigger.id),
            "source": trigger.source,
            "kind": trigger.kind,
            "reason": trigger.reason,
            "at": self._time(trigger.at),
        }

    def _entry(self, entry: TimelineEntry) -> dict[str, Any]:
        is_notice = entry.kind == "notices"
        zone = self._parts.settings.timezone
        return {
            "position": entry.position,
            "at": f"{self._speech.short_day(entry.at, zone)}, {self._speech.clock(entry.at, zone)}",
            "iso": entry.at.isoformat(),
            "what": _spaced(entry.topic),
            "title": entry.title,
            "link": f"{self._site.base}/console/notices/{entry.subject}" if is_notice else "",
            "detail": self._who(entry.detail) if entry.topic == "NoticeApproved" else entry.detail,
            "by": self._who(entry.by),
        }

    @cached_property
    def _names(self) -> dict[str, str]:
        """Actors by what the log calls them."""
        views = self._parts.views
        members = {f"person:{m.id}": m.name or m.email or "a person" for m in views.members()}
        return members | {f"key:{key.id}": f"key “{key.name}”" for key in views.keys()}  # noqa: SIM118  not a dict

    def _who(self, actor: str) -> str:
        """An actor in words. The console is for staff: members are named here, and only here."""
        kind, _, name = actor.partition(":")
        return self._names.get(actor) or (f"{kind} “{name}”" if name and kind != "person" else f"the {kind}")

    def _approver(self, notice: NoticeState) -> str:
        if not notice.approved_by:
            return ""
        at = self._time(notice.approved_at)
        people = "" if notice.approved_people is None else f", for {self._speech.number(notice.approved_people)} people"
        return f"{self._who(notice.approved_by)}, {at}{people}"

    def _tone(self, notice: NoticeState) -> str:
        return style(notice.plan.kind, notice.msg_type, notice.plan.severity).name

    def _tag(self, notice: NoticeState) -> str:
        said = tag(notice.plan.kind, notice.msg_type, notice.plan.severity, self._speech)
        marks = [m for m in (notice.plan.status, notice.msg_type) if m in ("Exercise", "Test", "Update")]
        return ", ".join([*(self._speech.text("mark", m) for m in marks), said])

    def _health(self, status: QueueState) -> dict[str, Any]:
        waiting = status.queued + status.in_flight
        behind = max(self._parts.writer.position() - self._parts.runner.position(), 0)
        words = [
            "queue empty" if waiting == 0 else f"{self._speech.number(waiting)} messages on their way",
            f"{self._speech.number(status.held)} held",
            f"{self._speech.number(status.deferred)} to be tried again",
            f"log at entry {self._speech.number(self._parts.writer.position())}",
        ]
        if behind:
            words.append(f"pages {self._speech.number(behind)} entries behind")
        halted = self._parts.parked()
        return {
            "tone": "severe" if halted else "clear",
            "word": "Needs a person" if halted else "All well",
            "rest": words,
        }

    def _time(self, at: datetime | None) -> str:
        return "" if at is None else self._speech.time(at, self._parts.settings.timezone)


def _bar(channel: str, states: Mapping[str, int], number: Any) -> dict[str, Any]:
    """A channel's progress as segments of a hundred, with the same in words."""
    total = sum(states.values())
    segments, words, at = [], [], 0.0
    for css, word, members in _PARTS:
        have = sum(states.get(state, 0) for state in members)
        if have:
            width = 100 * have / total
            segments.append({"css": css, "x": f"{at:.2f}", "width": f"{width:.2f}"})
            words.append(f"{number(have)} {word}")
            at += width
    return {"channel": _CHANNELS.get(channel, channel), "total": number(total), "segments": segments, "words": words}


def _lanes(status: QueueState) -> list[tuple[str, str]]:
    """Each lane's open rows, those that are not zero."""
    return [
        (
            lane,
            ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in asdict(state).items() if count)
            or "empty",
        )
        for lane, state in status.lanes.items()
    ]


def _providers(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(_CHANNELS.get(channel, channel), _value(value)) for channel, value in found.items()]


def _value(value: Any) -> str:
    """A status value in words, whatever its shape."""
    if isinstance(value, Mapping):
        return ", ".join(v if isinstance(v, str) else f"{k} {_value(v)}" for k, v in value.items())
    if isinstance(value, str) or not isinstance(value, Iterable):
        return str(value)
    return ", ".join(map(_value, value))


def _spaced(topic: str) -> str:
    """`NoticeIssued` → `Notice issued`."""
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in topic).strip()
    return words[:1].upper() + words[1:]
