"""Take pictures of the pages: `python -m tools.screens FOLDER [NAME...]`.

Each page of a small London is drawn wide and light, dark and at 360 px, those for residents in Arabic and as printed
too, as small JPEG files: the first screen of it, which is what people see. It needs Chromium and what
`make install-dev` installs.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from alerts.commands.actor import SYSTEM
from alerts.contract.bodies import OrganisationBody
from alerts.web.http import app
from alerts.web.http.auth import COOKIE
from tests.support.scene import Scene, plan_of

LOOKS: Mapping[str, Mapping[str, Any]] = {
    "light": {"viewport": {"width": 1100, "height": 780}},
    "dark": {"viewport": {"width": 1100, "height": 780}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}},
    "arabic": {"viewport": {"width": 360, "height": 740}, "locale": "ar"},
    "print": {"viewport": {"width": 800, "height": 1130}},
}
_OF_RESIDENTS = ("arabic", "print")
"""Looks of which the console has none."""
_QUALITY = 35
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


async def main(folder: Path, wanted: list[str]) -> None:
    """Serve the story, visit each page in each look, and write `page-look.jpg`."""
    from playwright.async_api import async_playwright

    executable = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if executable is None:
        raise SystemExit("no Chromium on this machine: install chromium")
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="al-screens-") as scratch, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        scene = Scene(Path(scratch), public_url=f"http://127.0.0.1:{port}")
        await scene.start()
        runner = web.AppRunner(app.build(scene.parts))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        pages = await asyncio.to_thread(_tell, scene)
        pages |= await _console(scene)
        member = await scene.commands.invite_member(SYSTEM, "k.osei@town.example", "admin", "K. Osei")
        cookie = await scene.parts.sessions.open(member.id, "pictures")
        async with async_playwright() as driver:
            browser = await driver.chromium.launch(executable_path=executable, args=["--no-sandbox"])
            for look, given in LOOKS.items():
                context = await browser.new_context(**{"locale": "en-GB", **given})
                await context.add_cookies([{"name": COOKIE, "value": cookie, "url": scene.parts.settings.public_url}])
                page = await context.new_page()
                if look == "print":
                    await page.emulate_media(media="print")
                for name, path in pages.items():
                    if (wanted and name not in wanted) or (name.startswith("console") and look in _OF_RESIDENTS):
                        continue
                    await page.goto(f"{scene.parts.settings.public_url}{path}")
                    await page.wait_for_load_state("networkidle")
                    await page.screenshot(path=str(folder / f"{name}-{look}.jpg"), type="jpeg", quality=_QUALITY)
                await context.close()
            await browser.close()
        await runner.cleanup()
        await scene.stop()


def _tell(scene: Scene) -> dict[str, str]:
    """Tell the story; the path of each page by its name."""
    scene.london()
    closure, fire = scene.closure(), scene.fire()
    scene.follow(fire, "smoke-update", "Update")
    gas = scene.notice(plan_of("gas"))
    scene.follow(gas, "gas-cancel", "Cancel")
    scene.notice(plan_of("water"))
    scene.notice(plan_of("market"), source=None)
    return {
        "now": "/?place=southwark",
        "notice": f"/alerts/{fire}",
        "closure": f"/alerts/{closure}?place=southwark",
        "board": "/board?place=southwark",
        "check": "/check?code=7ZZZZ7",
        "status": "/status",
        "sign-up": "/subscribe",
        "report": "/report",
    }


async def _console(scene: Scene) -> dict[str, str]:
    """Let an officer's day begin; the path of each screen by its name."""
    for number in range(24):
        near = {"lat": 51.556, "lon": -0.28} if number % 2 else {"lat": 51.488, "lon": -0.093}
        place = {**near, "radius_km": 1, "name": "home"}
        await scene.resident(email=f"resident-{number}@resident.example", places=[place])
    for slug, name in (("police", "Metropolitan Police"), ("southwark", "Southwark Council")):
        body = {"slug": slug, "name": {"en": name}, "sender_name": name, "consent": {"en": f"{name} may write to me."}}
        await scene.commands.define_organisation(SYSTEM, msgspec.convert(body, OrganisationBody))
    soon = msgspec.structs.replace(plan_of("books"), send_at=scene.parts.clock() + timedelta(days=2))
    scene.propose(soon)
    waiting = scene.propose(plan_of("gas"))
    drill = scene.propose(msgspec.structs.replace(plan_of("smoke"), status="Exercise"))
    live = scene.notice(plan_of("smoke"), danger=True)
    return {
        "console-sign-in": "/console/sign-in",
        "console-today": "/console",
        "console-compose": f"/console/notices/{waiting}/edit",
        "console-check": f"/console/notices/{waiting}/check",
        "console-drill": f"/console/notices/{drill}/check",
        "console-approve": f"/console/notices/{waiting}/approve",
        "console-live": f"/console/notices/{live}",
        "console-calendar": "/console/calendar",
        "console-organisations": "/console/organisations",
        "console-sign-somebody-up": "/console/subscribers/new",
    }


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
