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


def check_address(settings: Settings, host: str) -> None:
    """Refuse to serve pages beyond this machine without a public https address. Raises Unavailable."""
    if is_loopback(host) or settings.allow_private_targets:
        return
    if settings.inbox or not settings.public_url.startswith("https://"):
        raise Unavailable(
            f"{host} is reached from other machines, and ALERTS_PUBLIC_URL is {settings.public_url}: set it to the "
            "https:// address that people use (a proxy with the certificate stands in front), or serve on 127.0.0.1"
        )


async def ensure_administrator(services: Services, commands: Commands, host: str) -> str | None:
    """Make the first administrator, if one is configured and there is none; return their sign-in link, else None.

    Raises Unavailable if the pages are reached from other machines and there is no administrator.
    """
    settings = services.settings
    await services.runner.wait_for_async(await asyncio.to_thread(services.log.position), _CATCH_UP_S)
    team = await asyncio.to_thread(services.views.members)
    if any(member.role == "admin" for member in team):
        return None
    if settings.admin:
        saved = await commands.invite_member(SYSTEM, settings.admin, "admin")
        link = await asyncio.to_thread(services.sessions.new_link, saved.id)
        return f"{settings.public_url}/console/sign-in/{link.token}"
    if not is_loopback(host) and not settings.allow_private_targets:
        raise Unavailable(
            "there is no administrator: name one in ALERTS_ADMIN, or run `alerts team add you@example.org --role admin`"
        )
    return None
