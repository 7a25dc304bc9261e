"""Browsers that show a member the team's notifications: added by the account page's script, removed there."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from alerts.channels.message import Message
from alerts.channels.replies import Answers
from alerts.contract.bodies import Body, PushBody, PushKeys
from alerts.kernel.errors import DomainError
from alerts.kernel.terms import Channel
from alerts.kernel.texts import cut, without_hidden
from alerts.services import Services
from alerts.web.api.common import read
from alerts.web.console.frame import Frame
from alerts.web.console.member_actor import member_of
from alerts.web.http.requests import json_body
from alerts.web.http.routing import Route, role
from alerts.web.public.forms import read_form

PATH = "/console/account/devices"
_LABEL = 60


class TeamDeviceBody(Body, frozen=True, kw_only=True):
    """Push subscription of a member's browser, and the name that the member gave it."""

    label: str
    endpoint: str
    keys: PushKeys


def routes(services: Services) -> list[Route]:
    """Policy rows."""
    devices = DeviceHandlers(services)
    return [
        Route("POST", PATH, devices.add, role("viewer")),
        Route("POST", f"{PATH}/remove", devices.remove, role("viewer")),
    ]


class DeviceHandlers:
    """Handlers."""

    def __init__(self, services: Services) -> None:
        self._services, self._frame = services, Frame(services)
        settings = services.settings
        self._answers = Answers(
            sender=settings.sender, clock=services.clock, default_language=settings.default_language
        )

    async def add(self, request: web.Request) -> web.Response:
        """Add this browser, and show a first notification there: so that its owner knows that it works."""
        (body, _), member = await json_body(request, TeamDeviceBody), member_of(request)
        services = self._services
        services.limits.take(f"team device:{member.id}", 0.5, burst_seconds=100.0)
        label = cut(" ".join(without_hidden(body.label).split()), _LABEL, "") or "This browser"
        device = await services.team_devices.add(member.id, label, PushBody(endpoint=body.endpoint, keys=body.keys))
        own = [way for way in await read(services, services.team_ways.of, [member]) if way.device == device]
        for way in own:
            result = await services.team_ways.send(way, self._first, "team-device")
            if result.retire:
                return _json({"detail": "The browser's push service does not know this browser. Try again."}, 422)
        return _json({"shown": bool(own), "token": await read(services, services.team_devices.token, device)})

    async def remove(self, request: web.Request) -> web.Response:
        """Remove one browser; one that is gone already is no error."""
        fields = await read_form(request)
        try:
            await self._services.team_devices.remove(member_of(request).id, UUID(fields.line("device")))
        except (ValueError, DomainError):
            pass  # a second press, or another tab: what was wanted is so
        return await self._frame.to("/console/account")

    def _first(self, _: Channel, to: str, delivery: str) -> Message:
        return self._answers.device_of_team(to, delivery, f"{self._services.settings.public_url}/console")


def _json(document: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), status=status, content_type="application/json")
