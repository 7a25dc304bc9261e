"""Texts to real providers that work, stall, break and run out, with the budget in both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from aiohttp import web

from alerts.channels.message import Message, SendResult
from alerts.delivery_queue import provider_health
from alerts.delivery_queue.daily_quota import DailyQuota
from alerts.domain import events as e
from alerts.providers.failover import ReportsHealth
from alerts.providers.sms.build import Texts, names, sms_provider
from alerts.providers.sms.provider import SmsProvider
from alerts.settings.provider_urls import sms
from tests.support.rig import Rig, Scripted, now

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]
DAY = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Peer:
    """A provider of texts on a port of its own."""

    def __init__(self, answering: Answering | None = None) -> None:
        self.answering, self.got = answering, 0
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Peer:
        app = web.Application()
        app.router.add_post("/{any:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def url(self, weight: int = 1) -> str:
        return f"http+json://tk@127.0.0.1:{self.port}/send?weight={weight}"

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.got += 1
        if self.answering is not None:
            return await self.answering(request)
        return web.json_response({"id": f"m{self.got}"})


class Endless:
    """A budget without end."""

    daily = 1

    async def reserve(self, name: str) -> int | None:
        return 0

    def refund(self, name: str, day: int) -> None: ...

    def remaining(self, name: str) -> int:
        return 1

    async def close(self) -> None: ...


def text(to: str = "+447700900000", *, urgent: bool = False) -> Message:
    return Message(channel="sms", delivery="d1", to=to, data=b"Smoke", sender="", urgent=urgent)


def provider(*urls: str, rate: float = 1000.0, **options: object) -> SmsProvider:
    texts = {"budget": Endless(), "prefixes": (), "receipts": "http://x/hooks/{}/receipts", "clock": now, **options}
    return sms_provider(Texts(targets=sms(",".join(urls)), rate=rate, **texts), 64)  # type: ignore[arg-type]


async def answers(status: int, **headers: str) -> web.StreamResponse:
    return web.json_response({}, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_failing_provider_is_skipped_and_recovers_by_degrees() -> None:
    async def run() -> None:
        broken = True

        async def moody(_: web.Request) -> web.StreamResponse:
            return await answers(429) if broken else web.json_response({"id": "x"})

        async with Peer(moody) as shaky, Peer() as sound:
            texts = provider(shaky.url(weight=9), sound.url())
            assert {(await texts.send(text())).result for _ in range(40)} == {"sent"}
            assert shaky.got <= 2 and sound.got == 40
            health = texts.health()
            assert isinstance(texts, ReportsHealth) and health.state == "limping"
            assert [m.state for m in health.members] == ["resting", "well"] and health.members[0].why == "429"
            assert "tk" not in repr(health)
            broken = False
            await asyncio.sleep(1.1)
            before = shaky.got
            assert {(await texts.send(text())).result for _ in range(40)} == {"sent"}
            assert 1 <= shaky.got - before < 25, "a share, not nine in ten"
            await texts.close()

    asyncio.run(run())


def test_nobody_there_is_temporary_and_a_free_port_takes_nothing() -> None:
    async def run() -> None:
        async with Peer() as gone:
            url = gone.url()
        texts = provider(url)
        first, second = await texts.send(text()), await texts.send(text())
        assert first.result == second.result == "not-begun", "waiting for a gateway is no try"
        assert "no connection" in first.reason and second.retry_after is not None
        await texts.close()

    asyncio.run(run())


def test_a_peer_is_obeyed_when_it_asks_for_time() -> None:
    async def run() -> None:
        async with Peer(lambda _: answers(503, Retry_After="7")) as busy:
            texts = provider(busy.url())
            handed = await texts.send(text())
            assert handed.result == "temporary" and 6 < (handed.retry_after or 0) <= 7
            await texts.send(text())
            assert busy.got == 1
            await texts.close()

    asyncio.run(run())


def test_lost_answer_is_in_doubt_and_asks_no_other_provider() -> None:
    async def run() -> None:
        async def drops(request: web.Request) -> web.StreamResponse:
            await request.read()
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        async with Peer(drops) as lost, Peer() as other:
            texts = provider(lost.url(weight=1000), other.url())
            handed = await texts.send(text())
            assert handed.result == "in-doubt" and other.got == 0
            await texts.close()

    asyncio.run(run())


def test_redirects_and_wrong_credentials_are_technical_failures() -> None:
    async def run() -> None:
        async with Peer() as canary:
            there = f"http://127.0.0.1:{canary.port}/stolen"
            async with Peer(lambda _: answers(307, Location=there)) as moved, Peer(lambda _: answers(401)) as wrong:
                texts = provider(moved.url(), wrong.url())
                handed = await texts.send(text())
                assert handed.result == "technical" and "redirect" in handed.reason and "401" in handed.reason
                assert canary.got == 0
                await texts.close()

    asyncio.run(run())


def test_endless_bodies_are_not_read_to_their_end() -> None:
    async def run() -> None:
        async def endless(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(status=200)
            await response.prepare(request)
            try:
                for _ in range(1000):
                    await response.write(b" " * 65536)
            except ConnectionError:
                pass
            return response

        async with Peer(endless) as peer:
            texts = provider(peer.url())
            begun = monotonic()
            assert (await texts.send(text())).result == "in-doubt"
            assert monotonic() - begun < 3
            await texts.close()

    asyncio.run(run())


def test_an_emergency_goes_round_a_provider_that_stalls() -> None:
    async def run() -> None:
        async def stalls(_: web.Request) -> web.StreamResponse:
            await asyncio.sleep(30)
            return web.Response()

        async with Peer(stalls) as stalled, Peer() as sound:
            texts = provider(stalled.url(weight=1000), sound.url())
            stuck = [asyncio.create_task(texts.send(text())) for _ in range(8)]
            await asyncio.sleep(2.2)
            begun = monotonic()
            assert (await texts.send(text(urgent=True))).result == "sent"
            assert monotonic() - begun < 5 and sound.got >= 1, "the stalled one would keep it for ten seconds"
            for task in stuck:
                task.cancel()
            await asyncio.gather(*stuck, return_exceptions=True)
            await texts.close()

    asyncio.run(run())


def test_stalled_provider_takes_no_load_of_a_rate_limited_one() -> None:
    async def run() -> None:
        async def stalls(_: web.Request) -> web.StreamResponse:
            await asyncio.sleep(30)
            return web.Response()

        async with Peer(stalls) as stalled, Peer() as sound:
            texts = provider(stalled.url(weight=1000), sound.url(), rate=1.0)
            stuck = asyncio.create_task(texts.send(text()))
            await asyncio.sleep(2.2)  # by now the stalled one has a token again
            assert texts.rate() == 1.0, "one of the two takes nothing just now"
            assert [(await texts.send(text())).result for _ in range(2)] == ["sent", "not-begun"]
            assert (stalled.got, sound.got) == (1, 1)
            stuck.cancel()
            await asyncio.gather(stuck, return_exceptions=True)
            await texts.close()

    asyncio.run(run())


def test_only_allowed_numbers_are_texted() -> None:
    async def run() -> None:
        async with Peer() as peer:
            texts = provider(peer.url(), prefixes=("+44", "+353"))
            refused = await texts.send(text("+15550100"))
            assert refused.result == "permanent" and "+44, +353" in refused.reason and not refused.retire
            assert (await texts.send(text("+353861234567"))).result == "sent"
            assert peer.got == 1
            await texts.close()

    asyncio.run(run())


def test_daily_budget_is_a_hard_stop_shared_by_all_processes(rig: Rig) -> None:
    time = DAY

    def budget() -> DailyQuota:
        return DailyQuota(rig.main, rig.writer, 10, clock=lambda: time)

    async def run() -> None:
        nonlocal time
        async with Peer() as one, Peer() as two:
            here, there = (provider(one.url(), two.url(), budget=budget()) for _ in range(2))
            handed = await asyncio.gather(*(p.send(text()) for p in (here, there) for _ in range(20)))
            assert [h.result for h in handed].count("sent") == 20
            assert {h.result for h in handed} == {"sent", "not-begun"}
            assert one.got == two.got == 10, "one that is used up leaves it to the other"
            assert here.health().budget_left == 0
            assert "is used up: no text leaves until 00:00 UTC" in here.health().alarm
            refused = await here.send(text())
            assert "budget" in refused.reason and refused.result == "not-begun"
            time += timedelta(hours=12)
            assert (await here.send(text())).result == "sent"
            await here.close()
            await there.close()

    asyncio.run(run())


def test_what_did_not_leave_is_not_counted_and_what_was_reserved_goes_back(rig: Rig) -> None:
    async def run() -> None:
        async with Peer(lambda _: answers(422)) as peer:
            budget = DailyQuota(rig.main, rig.writer, 10_000, clock=lambda: DAY)
            texts = provider(peer.url(), budget=budget)
            for _ in range(3):
                assert (await texts.send(text())).result == "permanent"
            assert texts.health().budget_left == 10_000 and texts.health().alarm == ""
            await texts.close()
            again = DailyQuota(rig.main, rig.writer, 10_000, clock=lambda: DAY)
            assert again.remaining(names(sms(peer.url()))[0]) == 10_000

    asyncio.run(run())


class Slow(Scripted):
    """Takes so many a second."""

    def __init__(self, rate: float) -> None:
        super().__init__("email")
        self.texts_per_s = rate

    def rate(self) -> float:
        return self.texts_per_s

    def share_among(self, processes: int) -> None:
        """Alone here."""


def test_queue_waits_for_a_slow_provider_and_can_be_stopped(rig: Rig) -> None:
    rig.people(150)

    async def run() -> None:
        slow = Slow(40.0)
        async with rig.working({"email": slow}):
            notice, number = rig.issue(severity="Minor")
            began = now()
            await rig.until(lambda: len(slow.handed) >= 60)
            stopped = now()
            rig.stop_dispatch(notice, number)
            await rig.complete(number)
            took = (stopped - began) / timedelta(seconds=1)
            assert took > 1, "60 at 40 a second, of which ten or so may go at once"
            assert len(slow.handed) <= 40 * (took + 1) + 20
            assert all(at < stopped + timedelta(seconds=1) for at, _ in slow.handed)
            states = list(rig.states(number).values())
            assert states.count("sent") == len(slow.handed)
            assert states.count("cancelled") == 150 - len(slow.handed)

    asyncio.run(run())


def test_an_emergency_overtakes_a_line_of_texts(rig: Rig) -> None:
    rig.people(120)

    async def run() -> None:
        slow = Slow(40.0)
        async with rig.working({"email": slow}):
            _, first = rig.issue(severity="Minor")
            await rig.until(lambda: len(slow.handed) > 5)
            begun = now()
            words = {"en": e.Content(title="Leave now", body="Fire.", instruction="Go.")}
            _, second = rig.issue(
                severity="Extreme", urgency="Immediate", certainty="Observed", priority="emergency", content=words
            )
            await rig.complete(second)
            done = now()
            urgent = [at for at, message in slow.handed if b"Leave now" in message.data]
            assert len(urgent) == 120
            assert min(urgent) - begun < timedelta(seconds=2)
            assert done - begun < timedelta(seconds=7), "120 at 40 a second, nobody in between"
            await rig.complete(first, 30)
            assert len(slow.handed) == 240

    asyncio.run(run())


def test_each_provider_has_a_name_of_its_own_and_none_tells_a_secret() -> None:
    url = "https+json://secret@sms.example/hook/T0KEN?secret=whsec_x"
    found = names(sms(f"{url},{url},twilio://AC1:tok@api.twilio.com?from=%2B4477"))
    assert found == ["http-json sms.example", "http-json sms.example (2)", "twilio api.twilio.com +4477"]


def test_its_own_rate_holds_for_each_provider() -> None:
    async def run() -> list[SendResult]:
        async with Peer() as peer:
            texts = provider(peer.url(), rate=4.0)
            assert texts.rate() == 4.0
            texts.share_among(4)
            assert texts.rate() == 1.0
            handed = [await texts.send(text()) for _ in range(3)]
            await texts.close()
            return handed

    assert [h.result for h in asyncio.run(run())] == ["sent", "not-begun", "not-begun"]


def test_a_process_that_sends_nothing_knows_how_the_providers_stand(rig: Rig) -> None:
    if rig.main.dialect == "sqlite":
        pytest.skip("there is one process on SQLite, which knows by itself")

    async def run() -> None:
        async with Peer(lambda _: answers(429)) as busy:
            texts = provider(busy.url())
            await texts.send(text())
            async with rig.working({"sms": texts}):
                await rig.until(lambda: "sms" in provider_health.latest(rig.main, now()))
                said = provider_health.latest(rig.main, now())["sms"]
        assert said["provider"] == "http-json" and said["members"][0]["why"] == "429"
        assert provider_health.latest(rig.main, now() + timedelta(minutes=2)) == {}

    asyncio.run(run())


def test_a_process_heeds_what_another_leaves_alone(rig: Rig) -> None:
    if rig.main.dialect == "sqlite":
        pytest.skip("there is one process on SQLite, which knows by itself")

    async def run() -> None:
        async with Peer(lambda _: answers(503)) as down:
            theirs, ours = provider(down.url()), provider(down.url())
            for _ in range(3):
                await theirs.send(text())
            told = provider_health.local({"sms": theirs})
            await rig.writer.run(lambda unit: provider_health.save(unit, 999, told), by="system")
            async with rig.working({"sms": ours}):
                await rig.until(lambda: ours.health().state == "limping")
            assert ours.health().members[0].why.startswith("another process: 503")
            assert down.got == 3, "nothing was sent to find out"
            assert provider_health.unhealthy_elsewhere(rig.main, now(), but=999) == {}, (
                "its own word is none of another's"
            )
            await theirs.close()

    asyncio.run(run())
