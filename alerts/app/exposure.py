"""Exposure check: what is reached from other machines has a public https address and an administrator.

Without a public address the local inbox shows every message to whoever can reach it, links lead nowhere, and cookies go
in the clear; without an administrator nobody may end a false alert.
"""

from __future__ import annotations

import asyncio

from alerts.commands import Commands
from alerts.commands.actor import SYSTEM
from alerts.kernel.errors import Unavailable
from alerts.net.loopback import is_loopback
from alerts.services import Services
from alerts.settings import Settings

_CATCH_UP_S = 60.0
_HOW = "name one in ALERTS_ADMIN, or run `alerts team add you@example.org --role admin`, which prints a sign-in link"


def check_address(settings: Settings, host: str) -> None:
    """Refuse to serve pages beyond this machine without a public https address. Raises Unavailable."""
    if is_loopback(host) or settings.allow_private_targets:
        return
    if settings.inbox or not settings.public_url.startswith("https://"):
        raise Unavailable(
            f"{host} is reached from other machines, and ALERTS_PUBLIC_URL is {settings.public_url}: set it to the "
            "https:// address that people use (a proxy with the certificate stands in front), or serve on 127.0.0.1"
        )


async def first_administrator(services: Services, commands: Commands, host: str) -> str:
    """Make the first administrator, if one is configured and there is none. Returns words for the terminal.

    They hold the sign-in link of a new administrator, or say how to make one; "" if there is one. Raises Unavailable if
    the pages are reached from other machines and there is no administrator.
    """
    settings = services.settings
    await services.runner.wait_for_async(await asyncio.to_thread(services.log.position), _CATCH_UP_S)
    team = await asyncio.to_thread(services.views.members)
    if any(member.role == "admin" for member in team):
        return ""
    if settings.admin:
        saved = await commands.invite_member(SYSTEM, settings.admin, "admin")
        link = await asyncio.to_thread(services.sessions.new_link, saved.id)
        url = f"{settings.public_url}/console/sign-in/{link.token}"
        return f"Sign in as the first administrator, {settings.admin}, within a day and once:\n{url}"
    if not is_loopback(host) and not settings.allow_private_targets:
        raise Unavailable(f"there is no administrator: {_HOW}")
    return f"Nobody can sign in to the console yet: {_HOW}"
