"""`/status`: the service's own state in words, by channel, with what went wrong before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from alerts.delivery_queue.promptness import Promptness, Share
from alerts.dispatch.alarms import Alarm, PastAlarm
from alerts.dispatch.canary import CanaryState
from alerts.services import Services
from alerts.web.http import app
from tests.support.scene import NOW, Scene

Page = Callable[..., Awaitable[str]]
WELL = {"provider": "smtp", "state": "well"}
SMS = Alarm(name="channel:sms", words="Nothing leaves by sms since 13:40:00 UTC", since=NOW - timedelta(minutes=52))


async def shown(parts: Services, **changes: Any) -> str:
    async with TestClient(TestServer(app.build(replace(parts, **changes)))) as client:
        answer = await client.get("/status")
        assert answer.status == 200
        return await answer.text()


async def test_all_is_well_is_said_first(scene: Scene) -> None:
    long = Promptness({}, {"email": Share(9996, 10000)})
    text = await shown(scene.parts, providers=lambda: {"email": WELL}, promptness=lambda: long)
    assert text.index("All is well") < text.index("99.9%") and "Nothing in the last 90 days." in text
    assert '<td class="num"><bdi>–</bdi></td>' in text, "nothing left in this hour: no figure is made up"


async def test_trouble_of_one_way_names_it_and_the_others(scene: Scene) -> None:
    text = await shown(
        scene.parts,
        providers=lambda: {"email": WELL, "sms": WELL},
        alarms=lambda: (SMS,),
        canaries=lambda: {"email": CanaryState(well=True, result="sent", age_s=130.0)},
    )
    assert "Not leaving: text messages" in text and "Well: e-mail." in text
    assert "Since Monday 23 November, 13:40." in text and "e-mail, 2 min ago" in text
    assert "UTC" not in text, "words for operators are not for residents"


async def test_slow_way_is_not_shown_as_well(scene: Scene) -> None:
    slow = Promptness({"sms": Share(712, 1000)}, {"sms": Share(991, 1000)})
    text = await shown(scene.parts, providers=lambda: {"sms": WELL}, promptness=lambda: slow)
    assert "Slow: text messages" in text and "71.2%" in text and "All is well" not in text


async def test_silent_worker_is_trouble_of_everything(scene: Scene) -> None:
    silent = Alarm(name="role:worker", words="No worker", since=NOW)
    text = await shown(scene.parts, providers=lambda: {"email": WELL}, alarms=lambda: (silent,))
    assert "Messages do not leave as they should" in text and "Well:" not in text


async def test_past_trouble_is_listed(scene: Scene) -> None:
    begun = datetime(2026, 10, 9, 7, 58, tzinfo=UTC)
    past = [PastAlarm(name="channel:email", since=begun, ended=begun + timedelta(minutes=23))]
    text = await shown(scene.parts, past_alarms=lambda: past)
    assert "Did not leave for a while: e-mail." in text and "08:58 to 09:21" in text


async def test_page_is_there_when_the_database_is_not(scene: Scene) -> None:
    def fails() -> Any:
        raise OSError("gone")

    text = await shown(scene.parts, providers=lambda: {"email": WELL}, promptness=fails, past_alarms=fails)
    assert "We cannot see just now whether all is well" in text


async def test_each_language_has_the_page(page: Page) -> None:
    for tag in ("cy", "pl", "ur", "ar"):
        assert "<h1>" in await page(f"/status?lang={tag}")
