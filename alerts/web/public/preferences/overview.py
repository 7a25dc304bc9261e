"""Overview: delivery trouble first, then everything at a glance; pause, undo and fresh links from here."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from aiohttp import web

from alerts.channels.i18n import Translator, language_name
from alerts.commands.actor import RESIDENT
from alerts.commands.following import may_be_followed
from alerts.domain.place_names import place_name
from alerts.kernel.errors import Conflict, Invalid, NotFound
from alerts.kernel.times import instant
from alerts.web.http.requests import read
from alerts.web.public.forms import FormErrors, FormFields, read_form
from alerts.web.public.issuers import names
from alerts.web.public.preferences.access import NoAccess, OwnAccess, open_link
from alerts.web.public.preferences.center import PreferenceCenter, redirect
from alerts.web.public.preferences.messages import latest
from alerts.web.public.sign_up.contact_fields import masked_email, masked_phone
from alerts.web.public.why_view import title_of
from subscribers.domain.events import Preferences, SubscriberPlace
from subscribers.domain.following import MOST_FOLLOWED
from subscribers.domain.subscriber import ContactState

_SHOWN = 5
"""Messages on the overview."""
_BEGINS = time(8)
"""Local time at which a pause ends on its day."""
_LONGEST = timedelta(days=366)
_OF_FOLLOWERS = ("where", "how", "language")
"""Rows of a person who only follows threads."""
PARTS = (
    "where",
    "what",
    "danger",
    "how",
    "quiet",
    "language",
    "pause",
    "undo",
    "resumed",
    "addresses",
    "address_asked",
    "follow",
    "unfollow",
)


class Overview:
    """Handlers of the overview."""

    def __init__(self, center: PreferenceCenter) -> None:
        self._center, self._services = center, center.services

    async def show(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Show everything."""
        return await self._page(request, own, t, FormErrors())

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Undo a change, or send a fresh link to where this link was sent."""
        form = await read_form(request)
        token = request.match_info["token"]
        found = await read(self._services, open_link, self._services, token)
        if isinstance(found, NoAccess):
            if found.why == "left" and form.line("do") == "undo" and found.subscriber is not None:
                try:
                    await self._services.commands.undo_leaving(found.subscriber, found.contact)
                except (Conflict, NotFound):
                    return self._center.closed(request, found)
                return redirect(self._center.url(token, saved="undo"))
            if found.why in ("expired", "unconfirmed") and found.subscriber is not None:
                await self._services.commands.send_link_to(found.subscriber, found.contact)
                return redirect(f"{self._center.pages.site.base}/preferences?sent=1")
            return self._center.closed(request, found)
        if form.line("do") == "fresh":
            await self._services.commands.send_link_to(found.state.id, found.contact.number)
            return redirect(f"{self._center.pages.site.base}/preferences?sent=1")
        if form.line("do") == "follow":
            return await self._follow(request, found)
        if form.line("do").startswith("unfollow-"):
            return await self._unfollow(found, form.line("do").removeprefix("unfollow-"))
        before = self._center.undo_of(found, form.sealed("undo"))
        if before is None or (before.only_followed and not before.followed):
            return redirect(self._center.url(token))
        await self._services.commands.change_own_preferences(found.state.id, before)
        return redirect(self._center.url(token, saved="undo"))

    async def _follow(self, request: web.Request, own: OwnAccess) -> web.Response:
        """Follow the thread that was asked for; one that is over meanwhile is not offered any more."""
        try:
            await self._services.commands.agree_to_follow(own.state.id)
        except Conflict:
            return redirect(self._center.url(own.token))
        except Invalid:
            t, errors = self._center.language_of(request, own), FormErrors()
            errors.add("follow", t.text("follow", "most", count=t.number(MOST_FOLLOWED)))
            return await self._page(request, own, t, errors)
        return redirect(self._center.url(own.token, saved="follow"))

    async def _unfollow(self, own: OwnAccess, thread: str) -> web.Response:
        chosen = own.state.preferences
        found = next((one for one in (chosen.followed if chosen else ()) if str(one) == thread), None)
        if found is not None:
            await self._services.commands.unfollow(own.state.id, found)
        return redirect(self._center.url(own.token, saved="unfollow"))

    async def pause(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Pause until a day, or end a pause."""
        form, errors = await read_form(request), FormErrors()
        if form.line("do") == "resume":
            await self._services.commands.pause(RESIDENT, own.state.id, None)
            return redirect(self._center.url(own.token, saved="resumed"))
        until = self._until(own, t, form, errors)
        if until is not None:
            try:
                await self._services.commands.pause(RESIDENT, own.state.id, until)
                return redirect(self._center.url(own.token, saved="pause"))
            except Invalid:
                errors.add("day", t.text("preferences", "pause_past"))
        return await self._page(request, own, t, errors, form.line("day"))

    async def ask_leave(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Ask once more before everything stops."""
        chosen = own.state.preferences
        context = {"loses_danger": chosen is not None and chosen.danger_to_life}
        return self._center.page("leave", request, t, own, context)

    async def leave(self, request: web.Request, own: OwnAccess, t: Translator) -> web.StreamResponse:
        """Stop everything; the page of the link then offers the way back."""
        form = await read_form(request)
        if form.line("do") != "leave":
            return await self.ask_leave(request, own, t)
        await self._services.commands.end_subscriber(RESIDENT, own.state.id, "asked for")
        return redirect(self._center.url(own.token))

    def _until(self, own: OwnAccess, t: Translator, form: FormFields, errors: FormErrors) -> datetime | None:
        zone, now = _zone(own), self._services.clock()
        today = now.astimezone(ZoneInfo(zone)).date()
        chosen = form.one_of("until", ("tomorrow", "monday", "day"), "tomorrow")
        days = {"tomorrow": today + timedelta(days=1), "monday": _monday(today)}
        day = days.get(chosen) or _day(form.line("day"), today)
        if day is None or day <= today or day - today > _LONGEST:
            errors.add("day", t.text("preferences", "pause_past"))
            return None
        return instant(day, _BEGINS, zone)

    async def _page(
        self, request: web.Request, own: OwnAccess, t: Translator, errors: FormErrors, day: str = ""
    ) -> web.Response:
        context = await read(self._services, self._context, own, t)
        saved = request.query.get("saved", "")
        context |= {
            "saved": t.text("preferences", f"saved_{saved}") if saved in PARTS else "",
            "undo": request.query.get("undo", "") if saved in PARTS else "",
            "day": day,
        }
        return self._center.page("overview", request, t, own, context, errors)

    def _context(self, own: OwnAccess, t: Translator) -> dict[str, Any]:
        preferences, state = own.state.preferences, own.state
        assert preferences is not None, "a confirmed person has preferences"
        now, zone = self._services.clock(), _zone(own)
        today = now.astimezone(ZoneInfo(zone)).date()
        paused = state.paused_until if state.paused_until is not None and state.paused_until > now else None
        return {
            "reached": [contact_words(t, c, fresh=own.fresh) for c in state.current if c.state == "verified"],
            "troubles": self._troubles(own, t),
            "rows": self._rows(own, t, preferences),
            "forecast": "" if preferences.only_followed else self._center.forecasts.of(preferences).words(t),
            "only_followed": preferences.only_followed,
            "followed": [(thread, self._title(thread, t)) for thread in preferences.followed],
            "asked": self._asked(state.asked_to_follow, t) if isinstance(state.asked_to_follow, UUID) else "",
            "messages": latest(self._services, own, t, _SHOWN),
            "paused": t.time(paused, zone) if paused else "",
            "tomorrow": t.text(
                "preferences", "tomorrow", day=t.day(instant(today + timedelta(days=1), _BEGINS, zone), zone)
            ),
            "monday": t.text("preferences", "monday", day=t.day(instant(_monday(today), _BEGINS, zone), zone)),
            "first_day": (today + timedelta(days=1)).isoformat(),
            "last_day": (today + timedelta(days=365)).isoformat(),
            "issuers": names(self._services, t),
            "topics": [(topic, t.topic(topic)) for topic in preferences.topics],
        }

    def _troubles(self, own: OwnAccess, t: Translator) -> list[tuple[str, str]]:
        """Return heading and words of what keeps messages from this person, worst first."""
        found: list[tuple[str, str]] = []
        for contact in own.state.current:
            words = contact_words(t, contact, fresh=own.fresh)
            if contact.suppressed is not None:
                key = contact.suppressed if contact.suppressed in ("hard-bounce", "complaint") else "other"
                found.append((t.text("preferences", "trouble"), t.text("preferences", f"trouble_{key}", point=words)))
            elif contact.state == "unverified":
                title = t.text("preferences", "trouble_waits")
                found.append((title, t.text("preferences", "trouble_unverified", point=words)))
        if self._is_dead(own.state.preferences):
            found.append((t.text("preferences", "trouble"), t.text("preferences", "trouble_dead")))
        return found

    def _is_dead(self, preferences: Preferences | None) -> bool:
        """True if nothing can ever match: each place, or each topic, is retired."""
        if preferences is None:
            return False
        views = self._services.views
        places = [views.place(place.slug) for place in preferences.places if place.slug is not None]
        gone_places = len(places) == len(preferences.places) > 0 and all(p is None or p.retired for p in places)
        topics = [views.topic(slug) for slug in preferences.topics if "/" not in slug]
        gone_topics = len(topics) == len(preferences.topics) > 0 and all(x is None or x.retired for x in topics)
        return gone_places or gone_topics

    def _rows(self, own: OwnAccess, t: Translator, chosen: Preferences) -> list[dict[str, Any]]:
        topics = [t.topic(slug) for slug in chosen.topics] or [t.text("sign_up", "all_topics")]
        quiet = chosen.quiet_hours
        hours = t.text("hours", "span", start=quiet.start, end=quiet.end) if quiet else t.text("sign_up", "no")
        here = {contact.channel for contact in own.state.current}
        ways = [t.text("preferences", f"way_{channel}") for channel in chosen.channels if channel in here]
        where = [place_in_words(self._center, t, place, fresh=own.fresh) for place in chosen.places]
        how = [t.comma.join(ways), t.text("sign_up", f"often_{chosen.frequency}")]
        how += [t.text("discreet", "on")] * chosen.discreet
        if chosen.only_followed:
            where = [t.text("follow", "nothing_else")]
        rows = {
            "where": where or [t.text("page", "everywhere")],
            "what": [t.comma.join(topics), t.text("sign_up", f"floor_{_floor(chosen)}")],
            "danger": [t.text("sign_up", "danger_on" if chosen.danger_to_life else "danger_off")],
            "how": how,
            "quiet": [hours],
            "language": [language_name(chosen.language)],
        }
        return [
            {"name": t.text("sign_up", f"row_{name}"), "lines": lines, "link": self._center.url(own.token, name)}
            for name, lines in rows.items()
            if not chosen.only_followed or name in _OF_FOLLOWERS
        ]

    def _asked(self, thread: UUID, t: Translator) -> str:
        """Return the title of a thread that somebody asked to follow; "" once it is over."""
        issued = self._services.views.thread(thread, issued=True)
        return self._title(thread, t) if issued and may_be_followed(issued[-1], self._services.clock()) else ""

    def _title(self, thread: UUID, t: Translator) -> str:
        """Return the latest title of a thread in the reader's language."""
        issued = self._services.views.thread(thread, issued=True)
        if not issued:
            return ""
        return title_of(issued[-1], t.tag, self._services.settings.default_language)[1]


def place_in_words(center: PreferenceCenter, t: Translator, place: SubscriberPlace, *, fresh: bool) -> str:
    """Say a place; without a fresh link neither its name nor where exactly it is."""
    services = center.services
    if place.slug is not None:
        known = services.views.place(place.slug)
        name = place_name(known, t.tag, services.settings.default_language) if known else place.slug
        return f"{name} ({place.name})" if fresh and place.name and place.name != name else name
    if place.lat is None or place.lon is None:
        drawn = t.text("preferences", "drawn")
        return f"{drawn} ({place.name})" if fresh and place.name else drawn
    distance = t.distance(place.radius_km * 1000) if place.radius_km else ""
    if fresh:
        label = place.name or f"{place.lat:.4f}, {place.lon:.4f}"
        return t.text("sign_up", "around", distance=distance, place=label) if distance else label
    within = services.place_lookup.around(place.lat, place.lon, t.tag)
    hidden = t.text("preferences", "place_in", place=within) if within else t.text("preferences", "place_of_yours")
    return t.text("sign_up", "around", distance=distance, place=hidden) if distance else hidden


def contact_words(t: Translator, contact: ContactState, *, fresh: bool) -> str:
    """Name a contact point: in full to the holder of a fresh link, else so that its owner knows it."""
    address = contact.address or ""
    if contact.channel == "email":
        return address if fresh else masked_email(address)
    if contact.channel in ("sms", "phone"):
        return address if fresh else t.text("preferences", "phone_ending", digits=masked_phone(address))
    return t.text("preferences", f"way_{contact.channel}")


def _floor(chosen: Preferences) -> str:
    return chosen.severity_at_least if chosen.severity_at_least in ("Moderate", "Severe", "Extreme") else "all"


def _zone(own: OwnAccess) -> str:
    return own.state.preferences.timezone if own.state.preferences else "Europe/London"


def _monday(today: date) -> date:
    return today + timedelta(days=7 - today.weekday())


def _day(typed: str, today: date) -> date | None:
    """Read a day: 2026-12-14, 14/12/2026, 14.12.; a day without a year is the next one."""
    parts = [int(p) for p in typed.replace("/", "-").replace(".", "-").split("-") if p.isdecimal() and len(p) <= 4]
    try:
        if len(parts) == 3:
            year, month, day = parts if parts[0] > 31 else parts[::-1]
            return date(year + (2000 if year < 100 else 0), month, day)
        if len(parts) == 2:
            found = date(today.year, parts[1], parts[0])
            return found if found > today else date(today.year + 1, parts[1], parts[0])
    except ValueError:
        return None
    return None
