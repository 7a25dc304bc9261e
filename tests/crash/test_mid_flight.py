"""Cancelled, stopped, expired or updated in mid-dispatch: nothing starts a second later (P5), and who had it hears."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.crash.peer import Copy, Peer, peer
from tests.crash.server import NOTICE, Json, Server

PEOPLE = {f"p{i}@example.org" for i in range(1500)}
LATE_S = 1.0
"""P5."""
MOVING = ("unprojected", "planning", "queued", "in_flight", "in_doubt")


class House:
    """A server that sends to a slow peer."""

    def __init__(self, server: Server, box: Peer) -> None:
        self.server, self.box = server, box

    def of(self, notice: str) -> list[Copy]:
        """Copies of a notice that the peer took."""
        ids = {delivery["id"] for delivery in self.server.deliveries(notice)}
        return [copy for copy in self.box.copies() if copy.delivery in ids]

    def on_its_way(self, **changes: object) -> str:
        """A notice a quarter of which has left."""
        before = self.box.count()
        notice = self.server.issue({**NOTICE, **changes})
        self.box.wait(before + len(PEOPLE) // 4)
        return notice

    def end(self, notice: str, how: str, body: Json) -> tuple[str, float]:
        """Cancel, update …; (the id in the answer, when the answer was there)."""
        answer = self.server.ask("POST", f"/api/v1/notices/{notice}/{how}", body)
        return str(answer["id"]), time.time()

    def rest(self) -> None:
        """Wait until nothing moves any more."""
        self.server.until("/api/v1/status", lambda found: not any(found[name] for name in MOVING), 60)

    def states(self, notice: str) -> Counter[str]:
        """Number of its deliveries by state."""
        return Counter(delivery["state"] for delivery in self.server.deliveries(notice))


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("mid-flight")
    url = f"sqlite:///{folder}/var/alerts.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("new_postgres")()
    with peer(folder / "ledger", think_s=0.03) as box:
        settings = {"ALERTS_SMTP_URL": box.url, "ALERTS_SMTP_CONNECTIONS": "16"}  # some 500 a second at most
        server = Server(folder, url, settings)
        server.run("migrate")
        server.take_in(PEOPLE)
        server.make_key()
        server.start()
        try:
            server.ask("GET", "/healthz")
            yield House(server, box)
        finally:
            server.kill()


@pytest.mark.crash
def test_cancel_stops_sending_and_reaches_those_who_had_it(house: House) -> None:
    notice = house.on_its_way()
    cancel, at = house.end(notice, "cancel", {"reason": "a faulty sensor"})
    house.server.complete(cancel)
    house.rest()
    copies = house.of(notice)
    assert len(PEOPLE) // 4 <= len(copies) < len(PEOPLE), "it was to be cancelled in mid-dispatch"
    assert max(copy.begun for copy in copies) - at <= LATE_S
    assert house.states(notice) == {"sent": len(copies), "cancelled": len(PEOPLE) - len(copies)}
    assert {copy.to for copy in house.of(cancel)} == {copy.to for copy in copies}
    _in_order(copies, house.of(cancel))


@pytest.mark.crash
def test_nothing_starts_after_a_stop(house: House) -> None:
    notice = house.on_its_way()
    _, at = house.end(notice, "stop", {"reason": "the wrong area"})
    house.rest()
    copies = house.of(notice)
    assert len(copies) < len(PEOPLE) and max(copy.begun for copy in copies) - at <= LATE_S
    assert house.states(notice) == {"sent": len(copies), "cancelled": len(PEOPLE) - len(copies)}


@pytest.mark.crash
def test_nothing_starts_after_the_end_of_its_validity(house: House) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=2.5)
    notice = house.on_its_way(expires=ends.isoformat())
    house.rest()
    copies = house.of(notice)
    assert len(copies) < len(PEOPLE) and max(copy.begun for copy in copies) - ends.timestamp() <= LATE_S
    assert house.states(notice) == {"sent": len(copies), "expired": len(PEOPLE) - len(copies)}


@pytest.mark.crash
def test_nobody_gets_the_original_after_its_update(house: House) -> None:
    notice = house.on_its_way()
    words = {"en": {"title": "More smoke", "body": "Stay in."}}
    update, _ = house.end(notice, "update", {**NOTICE, "content": words})
    _, at = house.end(update, "issue", {})
    house.server.complete(update)
    house.rest()
    copies, updates = house.of(notice), house.of(update)
    assert len(copies) < len(PEOPLE) and max(copy.begun for copy in copies) - at <= LATE_S
    assert house.states(notice) == {"sent": len(copies), "superseded": len(PEOPLE) - len(copies)}
    assert Counter(copy.to for copy in updates) == dict.fromkeys(PEOPLE, 1)
    _in_order(copies, updates)


def _in_order(first: list[Copy], second: list[Copy]) -> None:
    """Nobody's copy of the first begins after their copy of the second was taken."""
    taken = {copy.to: copy.taken for copy in second}
    overtaken = [copy.to for copy in first if copy.begun > taken.get(copy.to, float("inf"))]
    assert not overtaken
