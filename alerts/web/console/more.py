"""More, the console's list of screens that are needed less often, by what the member's role opens."""

from __future__ import annotations

from aiohttp import web

from alerts.domain.roles import Role, at_least
from alerts.services import Services
from alerts.web.console.frame import Frame
from alerts.web.console.member_actor import member_of
from alerts.web.http.routing import Route, role

_SCREENS: tuple[tuple[str, str, str, Role], ...] = (
    ("waiting", "Waiting", "Parked, paused and failed: try it again, or let it go.", "author"),
    ("sources", "Sources", "Webhook integrations: policy, mapping, secret, history.", "admin"),
    (
        "subscribers",
        "Subscribers",
        "Find one by an address, why they got nothing, addresses that are sent nothing.",
        "author",
    ),
    ("team", "Team", "People, roles and their limits, invitations, sign-ins.", "admin"),
    ("organisations", "Organisations", "In whose names notices go out, where, and of which kinds.", "admin"),
    ("newsletters", "Newsletters", "Series, their next issues, and what each one says.", "viewer"),
    ("templates", "Templates", "Words with blanks, approved before they are needed.", "author"),
    ("letters", "Letters and calls", "Batches for people without e-mail and mobile phone.", "author"),
)
"""Path below `/console`, name, what it is for, and the lowest role."""
_EVERYWHERE = frozenset(("waiting", "subscribers", "letters"))
"""Screens that are not for a role limited to some areas."""


def routes(services: Services) -> list[Route]:
    """Policy row of the screen."""
    frame = Frame(services)

    async def screen(request: web.Request) -> web.Response:
        member = member_of(request)
        screens = [
            (path, name, words)
            for path, name, words, least in _SCREENS
            if at_least(member.role, least) and (member.areas is None or path not in _EVERYWHERE)
        ]
        return frame.screen(request, "console/more.html", {"here": "more", "screens": screens})

    return [Route("GET", "/console/more", screen, role("viewer"))]
