"""Routes of the preference centre."""

from __future__ import annotations

from alerts.services import Services
from alerts.web.http.routing import PUBLIC, TOKEN, Route
from alerts.web.public.preferences.ask_link import AskLink
from alerts.web.public.preferences.center import PreferenceCenter
from alerts.web.public.preferences.edits import Edits
from alerts.web.public.preferences.messages import Messages
from alerts.web.public.preferences.overview import Overview
from alerts.web.public.preferences.own_data import OwnData
from alerts.web.public.preferences.own_test import OwnTest
from alerts.web.public.preferences.places import OwnPlaces
from alerts.web.public.preferences.why_not import WhyNot

ROOT = "/preferences/{token}"


def routes(services: Services) -> list[Route]:
    """Policy rows of the preference centre. No GET changes anything."""
    center = PreferenceCenter(services)
    overview, edits, places = Overview(center), Edits(center), OwnPlaces(center)
    data, messages, ask, test = OwnData(center), Messages(center), AskLink(center), OwnTest(center)
    behind = center.behind_link
    rows = [
        Route("GET", "/preferences", ask.show, PUBLIC),
        Route("POST", "/preferences", ask.take, PUBLIC),
        Route("GET", ROOT, behind(overview.show), TOKEN),
        Route("POST", ROOT, overview.take, TOKEN),
        Route("POST", f"{ROOT}/pause", behind(overview.pause), TOKEN),
        Route("GET", f"{ROOT}/leave", behind(overview.ask_leave), TOKEN),
        Route("POST", f"{ROOT}/leave", behind(overview.leave), TOKEN),
        Route("GET", f"{ROOT}/test", behind(test.show), TOKEN),
        Route("POST", f"{ROOT}/test", behind(test.send), TOKEN),
        Route("GET", f"{ROOT}/messages", behind(messages.show), TOKEN),
        Route("GET", f"{ROOT}/why-not", behind(WhyNot(center).show, fresh=True), TOKEN),
        Route("GET", f"{ROOT}/export", behind(data.ask_export, fresh=True), TOKEN),
        Route("POST", f"{ROOT}/export", behind(data.export, fresh=True), TOKEN),
        Route("GET", f"{ROOT}/erase", behind(data.ask_erase, fresh=True), TOKEN),
        Route("POST", f"{ROOT}/erase", behind(data.erase, fresh=True), TOKEN),
    ]
    for name, page, fresh in (
        ("where", places.where, True),
        ("what", edits.what, False),
        ("danger", edits.danger, False),
        ("how", edits.how, False),
        ("quiet", edits.quiet, False),
        ("language", edits.language, False),
        ("addresses", data.addresses, True),
    ):
        handler = behind(page, fresh=fresh)
        rows += [Route("GET", f"{ROOT}/{name}", handler, TOKEN), Route("POST", f"{ROOT}/{name}", handler, TOKEN)]
    return rows
