"""Today, the console's start screen: items that need a person, live and due notices, system health."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web
from msgspec.structs import asdict

from alerts.delivery_queue.queries import QueueState
from alerts.domain.notice import NoticeState
from alerts.domain.reference_data import MemberState
from alerts.domain.roles import at_least
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.deciders import may_decide
from alerts.web.console.first_steps import first_steps
from alerts.web.console.frame import CHANNELS, Frame
from alerts.web.console.member_actor import member_of
from alerts.web.console.presenter import Presenter
from alerts.web.console.waiting import waiting_items
from alerts.web.http.routing import Route, role

_SHOWN = 5
_PRACTICE = timedelta(days=31)
"""Time after which a drill is due again."""
_LABELS = {
    "trigger": "Parked trigger",
    "paused": "Paused",
    "failed": "Failed",
    "audience": "Nobody was told",
    "read-model": "Pages lack an entry",
}

_TEMPLATES = 8
"""Templates that are offered on Today; all of them are in compose."""


def routes(services: Services) -> list[Route]:
    """Policy row of the screen."""
    frame = Frame(services)

    async def screen(request: web.Request) -> web.Response:
        return frame.screen(
            request, "console/today.html", await read(services, _context, Presenter(frame), member_of(request))
        )

    return [Route("GET", "/console", screen, role("viewer"))]


def _context(presenter: Presenter, member: MemberState) -> dict[str, Any]:
    """Build the template context."""
    views, now = presenter.services.views, presenter.services.clock()
    waiting = views.waiting()
    status = presenter.services.dispatch.status(now)
    providers = presenter.services.providers()
    return {
        "here": "today",
        "title": presenter.translator.time(now, presenter.services.settings.timezone),
        "health": _health(presenter, status),
        "needs": [_need(presenter, n, member) for n in waiting if _needs_person(n)],
        "drafts": [presenter.card(n) for n in waiting if n.phase == "draft" and not _needs_person(n)],
        **_waiting(presenter),
        "letters": [
            {"label": CHANNELS[pages.channel], "pages": pages.pages, "oldest": presenter.time(pages.oldest)}
            for pages in presenter.services.commands.waiting_pages()
        ],
        **_reports(presenter),
        "live": [_live(presenter, n) for n in views.live(now)],
        "due": [presenter.card(n) for n in waiting if n.phase in ("scheduled", "approved")],
        "providers": _providers(providers),
        "alarms": [
            {"channel": CHANNELS.get(channel, channel), "words": found["alarm"]}
            for channel, found in providers.items()
            if found.get("alarm")
        ]
        + [
            {"channel": CHANNELS.get(channel, channel), "words": f"The tester gets nothing: {state.reason}"}
            for channel, state in presenter.services.canaries().items()
            if not state.well
        ],
        "lanes": _lanes(status),
        "templates": [(one.slug, one.current.text.name) for one in views.templates() if one.current][:_TEMPLATES],
        "first_steps": first_steps(presenter.services, member),
        **_reminders(presenter, member),
    }


def _needs_person(notice: NoticeState) -> bool:
    """True for a notice that waits for a decision; an unfinished draft of a program does until a person edits it."""
    if notice.phase == "draft":
        return notice.source is not None and not any(hand.startswith("person:") for hand in notice.hands)
    return notice.phase in ("pending-approval", "returned")


def _need(presenter: Presenter, notice: NoticeState, member: MemberState) -> dict[str, Any]:
    """Format a notice that waits; for whoever may approve it, it leads to the question itself."""
    card = {**presenter.card(notice), "decide": False}
    if notice.phase == "draft":
        return {**card, "phase": "draft of a source", "phase_tone": "moderate"}
    if notice.phase != "pending-approval":
        return card
    asked = next(
        (one.at for one in presenter.services.views.timeline(20, None, notice.id) if one.topic == "NoticeSubmitted"),
        notice.drafted_at,
    )
    waits = f"approval, waiting {presenter.age(asked)}"
    if may_decide(presenter.services, member, notice):
        return {**card, "link": f"{card['link']}/approve", "phase": waits, "decide": True}
    return {**card, "phase": waits}


def _reminders(presenter: Presenter, member: MemberState) -> dict[str, Any]:
    """Tell what a team forgets on quiet days: a monthly drill, and a second administrator."""
    views, now = presenter.services.views, presenter.services.clock()
    drills = [one for one in views.recent(now - _PRACTICE, now) if one.plan.status == "Exercise" and one.issued]
    admins = sum(one.role == "admin" for one in views.members())
    return {
        "drill_due": at_least(member.role, "author") and not drills,
        "lone_admin": member.role == "admin" and admins < 2,
    }


def _reports(presenter: Presenter) -> dict[str, Any]:
    count, oldest = presenter.services.views.waiting_reports()
    return {"reports": count, "reports_age": presenter.age(oldest) if oldest is not None else ""}


def _live(presenter: Presenter, notice: NoticeState) -> dict[str, Any]:
    return {**presenter.card(notice), "progress": presenter.progress(notice)}


def _waiting(presenter: Presenter) -> dict[str, Any]:
    """List what is parked, paused or failed: the oldest, and how many more there are."""
    found = sorted(waiting_items(presenter), key=lambda one: (one.at is None, one.at or presenter.services.clock()))
    shown = [
        {
            "tone": one.tone,
            "label": f"{_LABELS[one.kind]}{f', for {presenter.age(one.at)}' if one.at is not None else ''}",
            "what": one.what,
            "words": one.words,
        }
        for one in found[:_SHOWN]
    ]
    return {"waiting": shown, "more_waiting": max(len(found) - _SHOWN, 0)}


def _health(presenter: Presenter, status: QueueState) -> dict[str, Any]:
    waiting = status.queued + status.in_flight
    end = presenter.services.log.position()
    behind = max(end - presenter.services.runner.position(), 0)
    words = [
        "queue empty" if waiting == 0 else f"{presenter.translator.number(waiting)} messages on their way",
        f"{presenter.translator.number(status.held)} held",
        f"{presenter.translator.number(status.deferred)} to be tried again",
        f"log at entry {presenter.translator.number(end)}",
    ]
    if behind:
        words.append(f"pages {presenter.translator.number(behind)} entries behind")
    halted, alarms = presenter.services.parked(), presenter.services.alarms()
    return {
        "tone": "severe" if halted or alarms else "clear",
        "word": "Messages do not leave" if alarms else "Needs a person" if halted else "All well",
        "rest": words,
    }


def _lanes(status: QueueState) -> list[tuple[str, str]]:
    """Format each lane's open rows; counts of zero are left out."""
    return [
        (
            lane,
            ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in asdict(state).items() if count)
            or "empty",
        )
        for lane, state in status.lanes.items()
    ]


def _providers(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(CHANNELS.get(channel, channel), _value(value)) for channel, value in found.items()]


def _value(value: Any) -> str:
    """Format a status value of any shape as text."""
    if isinstance(value, Mapping):
        return ", ".join(v if isinstance(v, str) else f"{k} {_value(v)}" for k, v in value.items())
    if isinstance(value, str) or not isinstance(value, Iterable):
        return str(value)
    return ", ".join(map(_value, value))
