"""A real Chromium at a real server. Where there is none, these tests are skipped, out loud."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiohttp import web
from PIL import Image

from alerts.commands.actor import SYSTEM, Actor
from alerts.commands.reports import ResidentReport
from alerts.contract.bodies import OrganisationBody, SubscriberBody
from alerts.domain.roles import SCOPES
from alerts.domain.streams import SOURCE, source_id
from alerts.intake.webhook_parser import mapped
from alerts.kernel.check_codes import check_code
from alerts.kernel.signed_tokens import contact_token, delivery_token
from alerts.kernel.times import utc_now
from alerts.web.http import app
from subscribers.domain.subscriber import SUBSCRIBER
from tests.support.scene import Scene, plan_of

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
COUNCIL = OrganisationBody(
    slug="council",
    name={"en": "Southwark Council", "cy": "Cyngor Southwark"},
    sender_name="Southwark Council",
    consent={"en": "Southwark Council sends you what closes, and what it warns of."},
    areas={"circle": {"lat": 51.48, "lon": -0.08, "radius_km": 8.0}},
    kinds=("alert", "service-change"),
)
Evaluate = Callable[[str], Any]


@dataclass
class Site:
    """A served London: its address, and the path of each page by name."""

    url: str
    pages: dict[str, str] = field(default_factory=dict)
    officers: dict[str, UUID] = field(default_factory=dict)
    """Members of the team by role."""
    scene: Scene | None = None
    """The process behind it."""

    def officer(self, role: str) -> str:
        """Return the path of a new sign-in link, made when it is needed: a change of the member voids earlier ones."""
        assert self.scene is not None
        return f"/console/sign-in/{self.scene.parts.sessions.new_link(self.officers[role]).token}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, headless. Gone after the module: its driver holds this thread's event loop, which others need."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install chromium to run the browser tests")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make install-dev")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker, as npm has it: by the lock, never committed."""
    if not AXE.is_file():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("axe-core is not here and there is no npm to fetch it: install npm to run these tests")
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        if not AXE.is_file():
            pytest.skip(f"npm could not fetch axe-core: {done.stderr.strip()[-300:]}")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """A London with alerts, changes, a drill, messages that left, and a member of the team."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Site(f"http://localhost:{port}")  # a name, as passkeys ask for
    ready, over = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(_serve(made, port, ready, over))
        except BaseException as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run, name="site")
    thread.start()
    ready.wait(120)
    if failed:
        raise failed[0]
    yield made
    over.set()
    thread.join(30)


async def _serve(site: Site, port: int, ready: threading.Event, over: threading.Event) -> None:
    with tempfile.TemporaryDirectory(prefix="al-browser-") as folder:
        scene = Scene(Path(folder), sends=True, public_url=site.url)
        await scene.start()
        site.scene = scene
        runner = web.AppRunner(app.build(scene.parts))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            await _tell(scene, site)
            ready.set()
            while not over.is_set():
                await asyncio.sleep(0.1)
        finally:
            await runner.cleanup()
            await scene.stop()


async def _tell(scene: Scene, site: Site) -> None:
    """The story, and where each page of it stands."""
    scene.london()
    _, amina = await scene.resident(phone="+447700900001")
    await scene.resident(email="zofia@resident.example", language="ur")
    await scene.resident(email="no-such-mailbox@resident.example")
    await scene.resident(email="no-such-mailbox-too@resident.example", call="+442079460000")
    closure, fire = scene.closure(), scene.fire()
    await scene.arrived(6)
    update = scene.follow(fire, "smoke-update", "Update")
    site.pages["call list"] = await _call_list(scene, closure, update)
    gas = scene.notice(plan_of("gas"))
    cancelled = scene.follow(gas, "gas-cancel", "Cancel")
    water = scene.notice(plan_of("water"))
    drill = scene.notice(msgspec.structs.replace(plan_of("smoke"), status="Exercise"))
    market = scene.notice(plan_of("market"), source=None)
    scene.propose(plan_of("books"))
    for page in ("confirm", "confirm on a device", "confirm without scripts"):
        email = f"{page.replace(' ', '-')}@resident.example"
        body = {"email": email, "places": [{"lat": 51.488, "lon": -0.093, "radius_km": 1}]}
        asked = await scene.commands.register_subscriber(SYSTEM, msgspec.convert(body, SubscriberBody))
        site.pages[page] = f"/confirm/{contact_token(scene.secret, 'confirm', asked.id, asked.contacts[0].number)}"
    member = await scene.commands.invite_member(SYSTEM, "r.adeyemi@town.example", "admin", "R. Adeyemi")
    await scene.arrived(10)
    assert scene.app.inbox is not None
    items = scene.app.inbox.items(0, 100)
    mail, text = (next(i.id for i in items if i.channel == channel) for channel in ("email", "sms"))
    urdu = next(i.id for i in items if i.to.startswith("zofia"))
    number = scene.number_of(closure)
    site.pages |= {
        "now": "/",
        "now in a place": "/?place=southwark",
        "now in Arabic": "/?lang=ar",
        "changes": "/changes",
        "closure": f"/alerts/{closure}",
        "closure in Welsh": f"/alerts/{closure}?lang=cy",
        "update": f"/alerts/{update}",
        "cancelled": f"/alerts/{cancelled}",
        "water in Urdu": f"/alerts/{water}?lang=ur",
        "drill": f"/alerts/{drill}",
        "announcement": f"/alerts/{market}",
        "nothing there": "/nothing",
        "why": f"/why/{delivery_token(scene.secret, 'why', number, amina)}",
        "stop": f"/unsubscribe/{delivery_token(scene.secret, 'unsubscribe', number, amina)}",
        "inbox": "/inbox",
        "inbox of one": "/inbox?to=amina@resident.example",
        "an e-mail": f"/inbox/{mail}",
        "an e-mail in Urdu": f"/inbox/{urdu}",
        "a text": f"/inbox/{text}",
        "today": "/console",
        "notices": "/console/notices",
        "a notice": f"/console/notices/{closure}",
        "report with a list": f"/console/notices/{closure}/report",
        "report": f"/console/notices/{update}/report",
        "log": "/console/log",
    }
    site.pages |= {
        "near a position": "/?q=51.4880,-0.0930",
        "place not known": "/?q=qqqqzzzz",
        "closure near a position": f"/alerts/{closure}?q=51.4880,-0.0930",
        "place": "/places/southwark",
        "place in Urdu": "/places/southwark?lang=ur",
        "archive": "/archive",
        "archive, wrong": "/archive?from=2026-02-01&to=2026-01-01",
        "check": f"/check?code={check_code(scene.secret, number)}",
        "check, wrong": "/check?code=7ZZZZ7",
        "status": "/status",
        "status in Arabic": "/status?lang=ar",
        "board": "/board?place=southwark",
        "board in Arabic": "/board?place=southwark&lang=ar&size=2",
    }
    site.pages |= await _desks(scene, member.id, member.version)
    for role in ("author", "approver"):
        officer = await scene.commands.invite_member(SYSTEM, f"{role}@town.example", role, f"K. {role.capitalize()}")
        site.officers[role] = officer.id
    site.officers["admin"] = member.id


async def _call_list(scene: Scene, listed: UUID, beside: UUID) -> str:
    """Path of the list of people whom a notice reached by no way; `beside`: another one, of which nobody is listed."""
    for one in (listed, beside):
        while (progress := scene.parts.dispatch.progress(scene.number_of(one))) is None or not progress.complete:
            await asyncio.sleep(0.05)
    made = await scene.commands.list_unreached(SYSTEM, listed)
    while not scene.commands.batch_pages(made.id, scene.parts.unseal):
        await asyncio.sleep(0.05)
    return f"/console/letters/{made.id}"


async def _desks(scene: Scene, member: UUID, version: int) -> dict[str, str]:
    """Pages of the console for what residents and programs sent, and for those who work with it."""
    commands = scene.commands
    photo = BytesIO()
    Image.new("RGB", (40, 30), "teal").save(photo, "JPEG")
    seen = ResidentReport(
        words="There is a smell of gas.",
        where="East Street",
        language="en",
        lat=51.488,
        lon=-0.093,
        reach=("email", "kim@resident.example"),
        photo=photo.getvalue(),
    )
    report = (await commands.receive_report(seen)).id
    mapping = {"id": "id", "type": "incident.reported", "data": {"headline": {"path": "name"}}}
    await commands.connect_source(SYSTEM, "street-works", "json", "draft", mapping)
    source = scene.parts.log.state(SOURCE, source_id("street-works"))
    assert source is not None
    for body in (b'{"id": 1, "name": null}', b'{"id": 2, "name": "A hole"}'):
        await commands.take_mapped(source, mapped(mapping, "", body))
    await commands.reject_trigger("street-works", 422, "data.headlin: unknown field")
    actor = Actor(kind="person", id=str(member), person=member, scopes=frozenset(SCOPES), member_version=version)
    found = await commands.look_up(actor, "amina@resident.example", "calls, got no e-mail")
    state = scene.parts.log.state(SUBSCRIBER, found.id)
    assert state is not None
    await commands.suppress(SYSTEM, state.contacts[-1].number, "complaint")
    closed = scene.parts.views.recent(scene.now - timedelta(days=1), utc_now())[0].id
    one = f"/console/subscribers/{found.id}"
    await commands.define_organisation(SYSTEM, COUNCIL)
    await commands.define_organisation(SYSTEM, msgspec.structs.replace(COUNCIL, slug="police", sender_name="Police"))
    await commands.retire_organisation(SYSTEM, "police")
    return {
        "more": "/console/more",
        "reports": "/console/reports",
        "a report": f"/console/reports/{report}",
        "incident of a report": f"/console/reports/{report}/incident",
        "waiting": "/console/waiting",
        "sources": "/console/sources",
        "a new source": "/console/sources/new",
        "a source": "/console/sources/street-works",
        "organisations": "/console/organisations",
        "an organisation": "/console/organisations/council",
        "a retired organisation": "/console/organisations/police",
        "compose in a name": "/console/notices/new",
        "team": "/console/team",
        "a member": f"/console/team/{member}",
        "find a subscriber": "/console/subscribers",
        "a subscriber": f"{one}?notice={closed}",
        "sign somebody up": "/console/subscribers/new",
        "suppressed": "/console/subscribers/suppressed",
        "letters": "/console/letters",
    }
