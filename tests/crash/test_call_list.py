"""A list of the unreached while its server is killed: everyone stands on one list, once, and no page is lost."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.crash.postgres import OwnPostgres, own_postgres
from tests.crash.server import Server
from tests.crash.test_console import Desk, desks

PEOPLE = 40
NUMBERS = {f"+4420794600{number:02}" for number in range(PEOPLE)}
NOTICE = {
    "kind": "announcement",
    "area": {"circle": {"lat": 51.49, "lon": -0.09, "radius_km": 1}},
    "content": {"en": {"title": "Boil the water", "body": "It is not safe to drink."}},
    "channels": ["email"],
}


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/var/alerts.db"
    made: OwnPostgres = request.getfixturevalue("postgres")
    return made.new()


def take_in(server: Server, folder: Path) -> None:
    """People whose mailbox is dead, and who have a number that volunteers call."""
    file = folder / "people.csv"
    rows = [
        f'no-such-mailbox-{number[-2:]}@example.org,{number},"51.49,-0.09,0.1",yes,2026-01-01T00:00:00Z,test'
        for number in sorted(NUMBERS)
    ]
    file.write_text("\n".join(["email,call,places,consent_wording,consent_given_at,consent_how", *rows]))
    server.run("import", str(file))


async def pressed_and_killed(server: Server, desk: Desk, rng: random.Random) -> None:
    """Press, and kill the server meanwhile; then it runs again."""
    press = asyncio.create_task(desk.press(within="call-list"))
    await asyncio.sleep(rng.uniform(0.0, 0.25))
    server.kill()
    await asyncio.gather(press, return_exceptions=True)
    server.start()


@pytest.mark.soak  # tests/integration/web/console/test_unreached.py shows one list for two officers, without kills
@pytest.mark.crash
async def test_killed_server_makes_one_list_with_everyone(url: str, tmp_path: Path) -> None:
    server, seed = Server(tmp_path, url), time.time_ns()
    print(f"seed {seed}")
    server.run("migrate")
    take_in(server, tmp_path)
    server.make_key()
    try:
        async with desks(server) as (author, _):
            notice = await asyncio.to_thread(server.issue, NOTICE)
            await asyncio.to_thread(server.complete, notice)
            report = f"/console/notices/{notice}/report"
            await author.reach(report, f"{PEOPLE} people were not reached")
            page = author.text, author.url
            rng = random.Random(seed)
            for _ in range(3):
                author.text, author.url = page
                await pressed_and_killed(server, author, rng)
            await author.reach(report, "What readers say")
            author.text, author.url = page
            await author.press(within="call-list")
            assert "/console/letters/" in author.url, author.text[-2000:]
            await author.reach(author.url, f"{PEOPLE} of {PEOPLE} wait")
            assert Counter(re.findall(r"tel:(\+44\d{10})", author.text)) == dict.fromkeys(NUMBERS, 1)
            await author.reach("/console/letters", "Batches")
            assert author.text.count("/console/letters/") == 1, "a second list"
            progress = await asyncio.to_thread(server.ask, "GET", f"/api/v1/notices/{notice}/dispatch")
            assert progress["by_channel"]["phone"] == {"held": PEOPLE}, progress
    except aiohttp.ClientError as error:
        raise AssertionError(server.log()[-4000:]) from error
    finally:
        server.kill()
