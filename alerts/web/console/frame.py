"""Shared frame of the console screens: layouts, the signed-in member, the site and its map."""

from __future__ import annotations

from typing import Any, cast

from aiohttp import web

from alerts.channels.i18n import translator
from alerts.commands.console_sessions import IDLE
from alerts.domain.notice import NoticeState
from alerts.domain.organisation import KIND_WORDS
from alerts.domain.reference_data import MemberState
from alerts.domain.streams import NOTICE
from alerts.kernel.terms import CHANNEL_TERMS, NoticeKind
from alerts.services import Services
from alerts.settings.map_tiles import origin
from alerts.web.api.common import read
from alerts.web.console.member_actor import notice_id
from alerts.web.http.auth import caught_up
from alerts.web.http.return_path import with_return
from alerts.web.http.routing import MEMBER
from alerts.web.http.security import framing
from alerts.web.public.place_shapes import PlaceShapes
from alerts.web.public.templating import Pages

CHANNELS: dict[str, str] = {channel: terms.label for channel, terms in CHANNEL_TERMS.items()}
"""Channel names as the console shows them."""
KIND_LABELS: dict[NoticeKind, str] = {kind: words.capitalize() for kind, words in KIND_WORDS.items()}
"""Kinds of notices as the console shows them."""


class Frame:
    """Renders the console's screens. Safe to share between requests."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.pages = Pages(services)
        self.site = self.pages.site
        self.place_shapes = PlaceShapes(services.views, services.settings.default_language)
        self.translator = translator("en")

    def screen(
        self,
        request: web.Request,
        layout: str,
        context: dict[str, Any],
        status: int = 200,
        *,
        frames: bool = False,
    ) -> web.Response:
        """Render a screen with the name and role of the signed-in member. `frames`: it shows previews in frames."""
        member = cast(MemberState, request[MEMBER])
        who = member.name or member.email or "a member of the team"
        alarms = [alarm.words for alarm in self.services.alarms()]
        return self.pages.page(
            layout,
            self.translator,
            {
                "who": f"{who}, {member.role}",
                "idle_s": int(IDLE.total_seconds()),
                "role": member.role,
                "everywhere": member.areas is None,
                "standstill": alarms,
                **context,
            },
            status,
            framing(origin(self.services.settings.tile_url)) if frames else {},
        )

    async def to(self, path: str) -> web.Response:
        """Redirect to a page of the console, once the read models show what was just written."""
        await caught_up(self.services)
        return web.Response(status=303, headers={"Location": f"{self.site.base}{path}"})

    def message(
        self, title: str, lines: list[str], button: str = "", status: int = 200, *, back: str = ""
    ) -> web.Response:
        """Render a page with a few lines and at most one button, for visitors who are not signed in.

        Without a button it has a link to the sign-in, which comes back to the page `back`.
        """
        context = {"title": title, "lines": lines, "button": button}
        if not button:
            link = with_return("/console/sign-in", back)
            context |= {"link": f"{self.site.base}{link}", "link_words": "Sign in"}
        return self.pages.page("pages/message.html", self.translator, context, status)


async def notice_state(services: Services, request: web.Request) -> NoticeState:
    """Load the notice of the path as the log has it. Raises HTTPNotFound."""
    state = await read(services, services.log.state, NOTICE, notice_id(request))
    if state is None:
        raise web.HTTPNotFound
    return state
