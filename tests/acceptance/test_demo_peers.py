"""The demonstration's story with the world outside in the inbox's place: real SMTP, Web Push and two text providers.

Each notification is decrypted, each VAPID and DKIM signature checked, each receipt signed as its provider signs it; who
should have got what says the same oracle.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from rich.console import Console

from alerts.demo.client import HttpClient, Json
from alerts.demo.command import tell_and_judge
from alerts.demo.server import Server
from tests.acceptance.peers import Device, Peers, unb64

pytestmark = pytest.mark.slow
PEOPLE = 1000


class DoorsAndPeers(HttpClient):
    """The product's doors; what arrived is asked of the peers."""

    def __init__(self, peers: Peers, base: str, session: aiohttp.ClientSession) -> None:
        super().__init__(base, session)
        self._peers = peers

    async def get(self, path: str) -> Any:
        if path.startswith("/inbox/push/"):
            return self._peers.subscription(path.rpartition("/")[2])
        return await super().get(path)

    async def inbox(self, after: int = 0) -> AsyncIterator[Json]:
        for item in list(self._peers.kept.items):
            yield item


async def _told(database_url: str, folder: Path, *, kill: bool) -> tuple[list[str], str, Peers, Json]:
    """Differences, what was printed, the peers, and the service's status at the end."""
    outer = {"ALERTS_DATABASE_URL": database_url} if database_url.startswith("postgres") else {}
    printed = Console(file=io.StringIO(), width=160)
    async with Peers(folder) as peers:
        server = Server(folder, {**os.environ, **outer})
        server.env |= peers.env
        peers.product = server.url
        await asyncio.to_thread(server.start)
        try:
            differences, _ = await tell_and_judge(
                server, printed, kill=kill, people=PEOPLE, client_of=partial(DoorsAndPeers, peers)
            )
            await peers.quiet()
            async with aiohttp.ClientSession() as session, session.get(f"{server.url}/readyz") as answer:
                ready = await answer.json()
        finally:
            await asyncio.to_thread(server.stop)
    assert isinstance(printed.file, io.StringIO)
    return differences, printed.file.getvalue(), peers, ready


def _judge(told: tuple[list[str], str, Peers, Json]) -> tuple[str, Peers]:
    differences, printed, peers, ready = told
    assert differences == [], printed[-6000:]
    assert peers.kept.faults == []
    assert "lost 0, ghost 0" in printed
    came = {
        channel: sum(item["channel"] == channel for item in peers.kept.items) for channel in ("email", "sms", "push")
    }
    assert min(came.values()) > 50, came
    assert peers.receipts >= came["sms"] * 2, "each text's receipts were taken"
    assert {provider["provider"] for provider in ready["providers"].values()} >= {"smtp", "webpush"}, ready
    return printed, peers


@pytest.mark.soak
async def test_exactly_the_expected_messages_arrive(tmp_path: Path) -> None:
    printed, _ = _judge(await _told("sqlite", tmp_path, kill=False))
    assert "copies beyond the first 0" in printed


@pytest.mark.parametrize("dialect", [pytest.param("sqlite", marks=pytest.mark.soak), "postgresql"], indirect=True)
async def test_exactly_the_expected_messages_arrive_though_it_is_killed(database_url: str, tmp_path: Path) -> None:
    printed, _ = _judge(await _told(database_url, tmp_path, kill=True))
    assert "Killed 2 times in mid-dispatch" in printed


def test_the_peers_decrypt_as_the_standard_does() -> None:
    """RFC 8291, appendix A: the published message, keys and plaintext."""
    from cryptography.hazmat.primitives.asymmetric import ec

    number = int.from_bytes(unb64("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), "big")
    device = Device(ec.derive_private_key(number, ec.SECP256R1()), unb64("BTBZMqHH6r4Tts7J_aSIgg"))
    body = unb64(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
        "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
        "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    assert device.decrypt(body) == b"When I grow up, I want to be a watermelon"
