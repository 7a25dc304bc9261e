"""The console while its server is killed, or its database away: nothing acknowledged is lost, nothing is sent twice."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.crash.postgres import OwnPostgres, own_postgres
from tests.crash.server import Server
from tests.crash.test_kill_server import inbox
from tests.support.form_browser import Form

PEOPLE = {f"p{i}@example.org" for i in range(60)}
AWAY_S = 10.0
TEAM = {"ann": "author", "kofi": "approver"}
NEW, WORDS = "/console/notices/new", {"instruction_en": "Stay indoors.", "body_en": "A gas main is leaking."}


class Desk(Form):
    """Browser of a member of the team at a server that may be gone."""

    async def press(self, do: str = "", *, within: str = 'name="once"', **fields: Any) -> str:
        return await super().press(do, within=within, **fields)

    async def reach(self, path: str, words: str) -> None:
        """Open a page until it is there, and says this."""
        deadline = time.monotonic() + 60
        while True:
            try:
                await self.open(path)
                if self.status == 200 and words in self.text:
                    return
            except aiohttp.ClientError as error:
                self.status, self.text = 0, repr(error)
            assert time.monotonic() < deadline, (
                path,
                words,
                self.url,
                self.status,
                re.sub(r"(?s)<style.*?</style>|<[^>]+>|\s+", " ", self.text),
            )
            await asyncio.sleep(0.1)

    @property
    def notice(self) -> str:
        """Notice of the page's path."""
        found = re.search(r"/console/notices/([0-9a-f-]{36})", self.url)
        assert found is not None, (self.url, self.status, self.text[-2000:])
        return found[1]


@asynccontextmanager
async def desks(server: Server) -> AsyncIterator[list[Desk]]:
    """Start the server; members of the team, each signed in by a link in a browser of their own."""
    links = [
        json.loads(server.run("team", "add", f"{name}@town.example", "--role", role, "--name", name, "--json"))
        for name, role in TEAM.items()
    ]
    server.start()
    await asyncio.to_thread(server.ask, "GET", "/healthz")
    async with AsyncExitStack() as stack:
        opened = []
        for link in links:
            cookies = aiohttp.CookieJar(unsafe=True)  # those of an address, too
            client = aiohttp.ClientSession(server.url, cookie_jar=cookies, timeout=aiohttp.ClientTimeout(30))
            opened.append(Desk(await stack.enter_async_context(client)))
            await client.post(link["sign_in_url"].removeprefix(server.url))
        yield opened


def draft_of(title: str) -> dict[str, str]:
    """A danger to life in Walworth, until tomorrow."""
    ends = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    return {"near": "51.49,-0.09", "radius": "2000", "title_en": title, **WORDS, "ends_day": ends, "ends_time": "20:00"}


async def killed_meanwhile(server: Server, desk: Desk, rng: random.Random, do: str, **fields: str) -> bool:
    """Press, and kill the server meanwhile; then it runs again. True if the press was acknowledged."""
    press = asyncio.create_task(desk.press(do, **fields))
    await asyncio.sleep(rng.uniform(0.0, 0.12))
    server.kill()
    try:
        await press
        done = desk.status == 200
    except (aiohttp.ClientError, TimeoutError):
        done = False
    server.start()
    return done


@pytest.mark.crash
@pytest.mark.parametrize(
    ("dialect", "rounds"),
    [
        ("sqlite", 1),
        pytest.param("sqlite", 12, marks=pytest.mark.soak),
        pytest.param("postgresql", 12, marks=pytest.mark.soak),
    ],
    indirect=["dialect"],
)
async def test_server_killed_at_each_press_loses_and_doubles_nothing(
    dialect: str, database_url: str, rounds: int, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/var/alerts.db" if dialect == "sqlite" else database_url
    server, seed = Server(tmp_path, url), time.time_ns()
    if dialect == "postgresql":
        server.run("migrate")
    rng = random.Random(seed)
    print(f"seed {seed}")
    server.take_in(PEOPLE)
    server.make_key()
    try:
        async with desks(server) as (author, approver):
            titles = [f"Gas leak {number}, East Street: stay in until 20:00" for number in range(rounds)]
            for title in titles:
                await author.reach(NEW, 'name="once"')
                page = author.text, author.url
                asked = draft_of(title)
                if not await killed_meanwhile(server, author, rng, "save", **asked):
                    await author.reach(NEW, 'name="once"')  # it is back
                    author.text, author.url = page  # the same form, pressed again
                    await author.press("save", **asked)
                notice = author.notice
                await author.reach(f"/console/notices/{notice}/check", "Ask for approval")
                assert title in author.text, "an acknowledged save is lost"
                page = author.text, author.url
                await killed_meanwhile(server, author, rng, "")
                path = f"/console/notices/{notice}"
                await author.reach(path, title)
                author.text, author.url = page
                await author.press()  # taken or not, it is asked for once
                await approver.reach(f"{path}/approve", 'value="send"')
                page = approver.text, approver.url
                await killed_meanwhile(server, approver, rng, "send", people=str(len(PEOPLE)))
                await approver.reach(path, title)
                for _ in range(2):  # the same press again, and once more: each gets the first one's answer
                    approver.text, approver.url = page
                    await approver.press("send", people=str(len(PEOPLE)))
                    assert approver.status == 200 and approver.notice == notice, approver.text[-2000:]
                await asyncio.to_thread(server.complete, notice)
        await asyncio.to_thread(_judged, server, tmp_path, url, titles)
    finally:
        server.kill()


def _judged(server: Server, folder: Path, url: str, titles: list[str]) -> None:
    """Each notice is there and live once; each person got each of them, under one identity."""
    items = server.ask("GET", "/api/v1/notices?limit=500")["items"]
    assert sorted(item["content"]["en"]["title"] for item in items) == sorted(titles), "lost or doubled"
    for item in items:
        assert item["state"] == "live", item
        deliveries = server.deliveries(item["id"])
        assert {one["state"] for one in deliveries} == {"sent"}
        ids = {one["id"] for one in deliveries}
        copies = Counter(copy for copy in inbox(folder, url) if copy[0] in ids)
        reached = Counter(to for _, to in copies if to in PEOPLE)
        assert set(reached) == PEOPLE and set(reached.values()) == {1}, "lost, or two identities"
        # A copy beyond the first is what was in doubt when the server died, under the same identity.
        assert max(copies.values()) <= 2, copies.most_common(3)


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        yield server


@pytest.mark.crash
async def test_database_away_in_mid_compose_keeps_the_words(postgres: OwnPostgres, tmp_path: Path) -> None:
    """For ten seconds: the words stand in the answer, the number of people stays to be typed, a retry is taken once."""
    url = postgres.new()
    server, title = Server(tmp_path, url), "Gas leak, East Street: stay in until 20:00"
    server.run("migrate")
    server.take_in(PEOPLE)
    server.make_key()
    try:
        async with desks(server) as (author, approver):
            other = await _waiting(author, f"{title} (2)")
            await approver.reach(f"/console/notices/{other}/approve", 'value="send"')
            await author.reach(NEW, 'name="once"')
            await asyncio.to_thread(postgres.stop, crash=False)
            gone = time.monotonic()
            await asyncio.gather(
                author.press("save", **draft_of(title)), approver.press("send", people=str(len(PEOPLE)))
            )
            for desk in (author, approver):
                assert desk.status == 503 and "press Try again" in desk.text, desk.text[-2000:]
            assert title in author.text and WORDS["instruction_en"] in author.text
            await asyncio.sleep(max(0.0, AWAY_S - (time.monotonic() - gone)))
            await asyncio.to_thread(postgres.start)
            for desk in (author, approver):
                while desk.status == 503:
                    assert time.monotonic() < gone + 60, desk.text[-2000:]
                    await asyncio.sleep(0.5)
                    await desk.press(within="Try again")
                assert desk.status == 200, desk.text[-2000:]
            assert approver.notice == other and author.notice != other
            await asyncio.to_thread(server.complete, other)
        items = (await asyncio.to_thread(server.ask, "GET", "/api/v1/notices?limit=500"))["items"]
        found = Counter((item["content"]["en"]["title"], item["state"]) for item in items)
        assert found == Counter([(title, "draft"), (f"{title} (2)", "live")])
        copies = inbox(tmp_path, url)
        assert Counter(to for _, to in copies if to in PEOPLE) == Counter(PEOPLE)
    finally:
        server.kill()


async def _waiting(author: Desk, title: str) -> str:
    """Draft a notice and ask for its approval; its id."""
    await author.reach(NEW, 'name="once"')
    await author.press("save", **draft_of(title))
    notice = author.notice
    await author.reach(f"/console/notices/{notice}/check", "Ask for approval")
    await author.press()
    return notice
