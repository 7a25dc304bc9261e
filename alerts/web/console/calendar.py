"""Calendar: what is scheduled and what recurs, by day; a notice is moved to another time, its approval kept."""

from __future__ import annotations

import calendar as months
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from aiohttp import web

from alerts.channels.i18n import Translator
from alerts.domain.notice import NoticeState
from alerts.domain.streams import NOTICE
from alerts.kernel.errors import DomainError
from alerts.kernel.people_words import people_words
from alerts.kernel.times import zone
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame
from alerts.web.console.local_time import YEARS, send_time
from alerts.web.console.member_actor import ONCE, actor_of_member, notice_id, once_key
from alerts.web.console.presenter import Presenter
from alerts.web.console.series import next_issues
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import FormErrors, FormFields, read_form

AHEAD = timedelta(days=120)
CLOSE = timedelta(minutes=15)
"""Two that leave within this time are shown as a clash."""


class Planned(NamedTuple):
    """Something that will leave."""

    at: datetime
    title: str
    link: str
    tag: str
    detail: str
    notice: str
    """Id of a notice that may be moved; "" for an issue of a series."""


def routes(services: Services) -> list[Route]:
    """Policy rows of the screen."""
    screen = CalendarScreen(services)
    return [
        Route("GET", "/console/calendar", screen.show, role("viewer")),
        Route("POST", "/console/calendar/{notice}", screen.move, role("author")),
    ]


class CalendarScreen:
    """Handlers of the calendar."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        self._zone = zone(services.settings.timezone)

    async def show(self, request: web.Request) -> web.Response:
        """Show the coming days, and the form that moves the notice named by `?move=`."""
        return await self._screen(request, request.query.get("move", ""), FormErrors(), None)

    async def move(self, request: web.Request) -> web.Response:
        """Move a notice to another time."""
        fields, notice = await read_form(request), notice_id(request)
        state = await read(self._services, self._services.log.state, NOTICE, notice)
        if state is None:
            raise web.HTTPNotFound
        errors = FormErrors()
        now = self._services.clock()
        tz = self._services.settings.timezone
        at = send_time(fields.line("send-day"), fields.line("send-time"), fields.line("which"), tz, now)
        if isinstance(at, str):
            errors.add("send-day", at)
        else:
            try:
                await self._moved(request, state, at)
            except DomainError as error:
                errors.add("send-day", error.message)
        if errors:
            return await self._screen(request, str(notice), errors, fields, 422)
        return await self._frame.to("/console/calendar")

    async def _moved(self, request: web.Request, state: NoticeState, at: datetime) -> None:
        """Schedule anew what is approved; of a draft, change the time that it asks for."""
        actor, commands = actor_of_member(request), self._services.commands
        if state.phase in ("approved", "scheduled"):
            await commands.schedule(actor, state.id, at)
        else:
            await commands.revise_notice(actor, state.id, {"send_at": at.isoformat()}, state.version)

    async def _screen(
        self, request: web.Request, move: str, errors: FormErrors, fields: FormFields | None, status: int = 200
    ) -> web.Response:
        month = _month(request.query.get("month", ""), self._services.clock().astimezone(self._zone).date())
        context = await read(self._services, self._context, month)
        moving = await read(self._services, self._moving, move, request.query.get("day", ""), fields)
        context |= {"moving": moving, "errors": errors.words, "error_heading": "There is a problem"}
        return self._frame.screen(request, "console/calendar.html", {**context, "once_name": ONCE}, status)

    def _context(self, month: date) -> dict[str, Any]:
        t, now = self._frame.translator, self._services.clock()
        planned = sorted([*self._notices(), *self._series(now)], key=lambda one: (one.at, one.title))
        days: dict[date, list[Planned]] = defaultdict(list)
        for one in planned:
            days[one.at.astimezone(self._zone).date()].append(one)
        tz = self._services.settings.timezone
        return {
            "here": "calendar",
            "zone": tz,
            "change": _clock_change(now, tz, t),
            "clashes": [self._clash(one, two) for one, two in _clashes(planned)],
            "days": [
                {
                    "id": day.isoformat(),
                    "name": ("Today, " if day == now.astimezone(self._zone).date() else "") + t.day(ones[0].at, tz),
                    "items": [
                        {**one._asdict(), "clock": t.clock(one.at, tz), "iso": one.at.isoformat()} for one in ones
                    ],
                }
                for day, ones in sorted(days.items())
            ],
            "month": _weeks(month, {day: len(ones) for day, ones in days.items()}, now.astimezone(self._zone).date()),
            "month_name": f"{month:%B %Y}",
            "before": f"{(month - timedelta(days=1)):%Y-%m}",
            "after": f"{(month + timedelta(days=31)):%Y-%m}",
        }

    def _notices(self) -> list[Planned]:
        presenter, base = Presenter(self._frame), self._frame.site.base
        found = []
        for notice in self._services.views.waiting():
            at = notice.send_at or notice.plan.send_at
            if at is None or notice.phase == "rejected":
                continue
            card = presenter.card(notice)
            people = notice.approved_people
            detail = (
                f"Approved for {people_words(self._frame.translator.number(people))}." if people is not None else ""
            )
            drill = "DRILL, " if notice.plan.status != "Actual" else ""
            link = f"{base}/console/notices/{notice.id}"
            found.append(Planned(at, card["title"], link, drill + card["phase"], detail, str(notice.id)))
        return found

    def _series(self, now: datetime) -> list[Planned]:
        base = self._frame.site.base
        taken = {
            (notice.plan.topic, notice.send_at or notice.plan.send_at) for notice in self._services.views.waiting()
        }
        return [
            Planned(at, newsletter.name, f"{base}/console/newsletters/{newsletter.slug}", "no issue yet", "Recurs.", "")
            for newsletter in self._services.views.newsletters()
            if newsletter.schedule is not None
            for at in next_issues(newsletter.schedule, newsletter.scheduled_at, now)
            if at <= now + AHEAD and (newsletter.topic, at) not in taken
        ]

    def _clash(self, one: Planned, two: Planned) -> dict[str, str]:
        tz, t = self._services.settings.timezone, self._frame.translator
        return {"at": t.time(one.at, tz), "one": one.title, "two": two.title, "later": t.clock(two.at, tz)}

    def _moving(self, move: str, day: str, fields: FormFields | None) -> dict[str, str] | None:
        """Return what the form shows of the notice that is to be moved; None for none."""
        try:
            found = self._services.views.notice(UUID(move))
        except ValueError:
            return None
        if found is None or found.issued:
            return None
        at = found.send_at or found.plan.send_at
        local = at.astimezone(self._zone) if at is not None else None
        shown = {
            "id": str(found.id),
            "title": Presenter(self._frame).card(found)["title"],
            "day": day or (f"{local:%Y-%m-%d}" if local else ""),
            "time": f"{local:%H:%M}" if local else "",
            "which": "",
            "once": once_key(),
        }
        if fields is not None:
            shown |= {"day": fields.line("send-day"), "time": fields.line("send-time"), "which": fields.line("which")}
        return shown


def _month(text: str, today: date) -> date:
    """First day of a month that is named as `2026-12`; of this month for anything else."""
    try:
        month = datetime.strptime(text, "%Y-%m").date()
    except ValueError:
        month = today
    return (month if month.year in YEARS else today).replace(day=1)


def _weeks(month: date, counts: dict[date, int], today: date) -> list[list[dict[str, Any] | None]]:
    """Weeks of a month, Monday first; None for days of other months."""
    return [
        [
            {"day": day.day, "iso": day.isoformat(), "due": counts.get(day, 0), "today": day == today}
            if day.month == month.month
            else None
            for day in week
        ]
        for week in months.Calendar().monthdatescalendar(month.year, month.month)
    ]


def _clashes(planned: list[Planned]) -> list[tuple[Planned, Planned]]:
    """Pairs of neighbours that leave within `CLOSE`."""
    return [(one, two) for one, two in pairwise(planned) if two.at - one.at < CLOSE]


def _clock_change(now: datetime, tz: str, t: Translator) -> str:
    """Day of the next clock change within a year; "" if the zone has none."""
    where = zone(tz)
    today = now.astimezone(where).date()
    for days in range(366):
        at = datetime.combine(today + timedelta(days=days), time(23, 59), where)
        if at.utcoffset() != now.astimezone(where).utcoffset():
            return t.day(at, tz)
    return ""
