"""Frame of the preference centre: links opened, pages rendered, changes saved with a way back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.channels.i18n import LANGUAGES, Translator, language_name, translator
from alerts.kernel.languages import primary_subtag
from alerts.kernel.sealed_values import open_value, seal_value
from alerts.services import Services
from alerts.web.http.requests import read
from alerts.web.public.forecast import Forecasts
from alerts.web.public.forms import FormErrors, error_context
from alerts.web.public.place_shapes import PlaceShapes
from alerts.web.public.preferences.access import NoAccess, OwnAccess, open_link
from alerts.web.public.templating import Pages
from subscribers.domain.events import Preferences

UNDO = "preferences undo"
_UNDO_FOR = timedelta(days=7)
_LONGEST_UNDO = 6_000
"""Characters of a way back. Places with many corners hold more than the 8,000 that servers take as an address."""
_STATUS = {"unknown": 404, "expired": 410, "left": 410, "erased": 410, "unconfirmed": 410}

Handle = Callable[[web.Request, OwnAccess, Translator], Awaitable[web.StreamResponse]]


class UndoChange(msgspec.Struct, frozen=True, kw_only=True):
    """The way back from a change: the preferences before it, for one person and a week."""

    subscriber: UUID
    preferences: Preferences
    until: int


class PreferenceCenter:
    """Shared by the pages of the preference centre."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.pages = Pages(services)
        self.shapes = PlaceShapes(services.views, services.settings.default_language)
        self.forecasts = Forecasts(services, self.shapes)

    def behind_link(self, handle: Handle, *, fresh: bool = False) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Return a handler that opens the link first; `fresh`: only a fresh link will do."""

        async def handler(request: web.Request) -> web.Response:
            found = await read(self.services, open_link, self.services, request.match_info["token"])
            if isinstance(found, NoAccess):
                return self.closed(request, found)
            t = self.language_of(request, found)
            if fresh and not found.fresh:
                return self.page("ask_fresh", request, t, found, {})
            answer = await handle(request, found, t)
            assert isinstance(answer, web.Response)
            return answer

        return handler

    def language_of(self, request: web.Request, own: OwnAccess) -> Translator:
        """Return the translator of the person's own language, unless the page is asked for in another."""
        chosen = own.state.preferences.language if own.state.preferences else ""
        if chosen and primary_subtag(request.query.get("lang", "")) not in LANGUAGES:
            return translator(chosen, self.services.settings.default_language)
        return self.pages.translator(request)

    def url(self, token: str, part: str = "", **query: str) -> str:
        """Return the address of a page of the centre."""
        path = f"{self.pages.site.base}/preferences/{token}" + (f"/{part}" if part else "")
        return f"{path}?{urlencode(query)}" if query else path

    def page(
        self,
        layout: str,
        request: web.Request,
        t: Translator,
        own: OwnAccess,
        context: Mapping[str, Any],
        errors: FormErrors | None = None,
    ) -> web.Response:
        """Render a page, 422 if it has errors. It is never cached."""
        found = errors or FormErrors()
        here = request.path
        shared = {
            "home": self.url(own.token),
            "token": own.token,
            "fresh": own.fresh,
            "action": here,
            "part": lambda name: self.url(own.token, name),
            "languages": [(tag, language_name(tag), f"{here}?lang={tag}") for tag in LANGUAGES if tag != t.tag],
            **error_context(t, found),
        }
        name = f"pages/preferences/{layout}.html"
        return self.pages.page(name, t, {**shared, **context}, 422 if found else 200)

    def closed(self, request: web.Request, found: NoAccess) -> web.Response:
        """Render the page of a link that opens nothing: what it was for, and how to get a fresh one."""
        t = self.pages.translator(request)
        context = {
            "why": found.why,
            "until": t.text("unsubscribe", "undo_until", day=t.day(found.undo_until, self.services.settings.timezone))
            if found.undo_until is not None
            else "",
            "can_send": found.why in ("expired", "unconfirmed"),
            "action": f"{self.pages.site.base}/preferences/{request.match_info['token']}",
        }
        return self.pages.page("pages/preferences/closed.html", t, context, _STATUS[found.why])

    def saved(self, own: OwnAccess, what: str) -> web.Response:
        """Redirect to the overview, which says what was saved and offers the way back, if an address can hold it."""
        query = {"saved": what}
        if own.state.preferences is not None:
            until = int((self.services.clock() + _UNDO_FOR).timestamp())
            back = UndoChange(subscriber=own.state.id, preferences=own.state.preferences, until=until)
            sealed = seal_value(self.services.settings.secret_key, UNDO, back)
            if len(sealed) <= _LONGEST_UNDO:
                query["undo"] = sealed
        return redirect(self.url(own.token, **query))

    async def change(self, own: OwnAccess, what: str, **changes: Any) -> web.Response:
        """Save changed preferences and redirect to the overview."""
        assert own.state.preferences is not None, "a confirmed person has preferences"
        preferences = msgspec.structs.replace(own.state.preferences, **changes)
        if preferences.only_followed and "places" in changes:  # from now on a subscription like any other
            preferences = msgspec.structs.replace(preferences, only_followed=False, danger_to_life=True)
        await self.services.commands.change_own_preferences(own.state.id, preferences)
        return self.saved(own, what)

    def undo_of(self, own: OwnAccess, sealed: str) -> Preferences | None:
        """Return the preferences that an "undo" of this person goes back to; None if it is none, or too old.

        What is followed stays as it is now: it ends by itself, and has its own buttons.
        """
        back = open_value(self.services.settings.secret_key, UNDO, UndoChange, sealed) if sealed else None
        if back is None or back.subscriber != own.state.id or back.until < self.services.clock().timestamp():
            return None
        followed = own.state.preferences.followed if own.state.preferences else ()
        return msgspec.structs.replace(back.preferences, followed=followed)


def redirect(location: str) -> web.Response:
    """Redirect after a form (303), so that a refresh sends nothing."""
    return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})
