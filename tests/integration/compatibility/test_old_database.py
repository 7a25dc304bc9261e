"""Compatibility with databases of an earlier version, on SQLite and PostgreSQL (tests/fixtures/old_database).

The clock continues one minute after the old server was killed.
"""

from __future__ import annotations

import asyncio
import json
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eventsourcing.persistence import Notification

from alerts.app.bootstrap import build
from alerts.settings import load
from tests.fixtures.old_database import database, facts
from tests.fixtures.old_database.process import Process

Json = dict[str, Any]
Opens = Callable[[], "Old"]
EXPECTED: Json = json.loads(database.EXPECTED.read_text())
ANSWERS: Json = json.loads(lzma.decompress(database.ANSWERS.read_bytes()))
MOVING = ("queued", "sending")
FAILED = "failed-technical"
"""State of what is sent again by itself once its channel works (RULES 23)."""
BUSY = ("unprojected", "planning", "queued", "in_flight", "in_doubt")


@dataclass
class Old:
    """A copy of an old database."""

    url: str
    process: Process
    expected: Json = field(repr=False)
    answers: Json = field(repr=False)

    @property
    def on_sqlite(self) -> bool:
        """True for the embedded database."""
        return self.url.startswith("sqlite")

    @property
    def last(self) -> int:
        """Last position of the old log."""
        return int(self.expected["events"]["position"])

    def stored(self) -> Json:
        """Summarise the old part of the log."""
        return database.stored_events(self.url, self.last)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def opens(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Opens:
    """Factory of copies."""
    dialect = str(request.param)

    def open_copy() -> Old:
        folder = tmp_path_factory.mktemp("old")
        if dialect == "sqlite":
            url = database.unpack(folder)
        else:
            url = database.restore(request.getfixturevalue("new_postgres")())
        expected = EXPECTED[dialect]
        now = datetime.fromisoformat(expected["now"]) + timedelta(minutes=1)
        return Old(url, Process(folder, url, now), expected, ANSWERS[dialect])

    return open_copy


@pytest.fixture(scope="module")
def opened(opens: Opens) -> Old:
    """A migrated copy without a server."""
    old = opens()
    old.process.run("migrate")
    return old


@pytest.fixture(scope="module")
def served(opens: Opens) -> Iterator[Old]:
    """A copy with a running server."""
    old = opens()
    if not old.on_sqlite:  # there the server migrates
        old.process.run("migrate")
    old.process.start()
    try:
        yield old
    finally:
        old.process.kill()


def test_rows_and_read_models_are_unchanged(opened: Old) -> None:
    assert opened.stored() == opened.expected["events"]
    assert database.last_position(opened.url) == opened.last
    assert database.deliveries(opened.url) == opened.expected["deliveries"]
    # Computed again, since there are new tables; see `test_rebuild_gives_the_old_read_models` for the timeline.
    now, then = facts.checksums_of(opened.url), dict(opened.expected["read_models"])
    assert now.pop("timeline") != then.pop("timeline")
    assert {table: now[table] for table in then} == then


def test_stored_events_encode_to_the_same_bytes(opened: Old) -> None:
    app = build(load(opened.process.settings))
    codec = app.services.codec
    try:
        for position, stream, version, topic, state in database.log(opened.url, opened.last):
            stored = Notification(stream, version, topic, state, position)
            again = codec.to_stored_event(codec.to_domain_event(stored))
            where = f"{topic} at {position}"
            assert (again.originator_id, again.originator_version, again.topic) == (stream, version, topic), where
            (*then, sealed), (*now, _, _) = msgspec.msgpack.decode(state), msgspec.msgpack.decode(again.state)
            if not _policy_default_omitted(then, now):
                assert now == then, where
                bare = b"\x97" + again.state[1:-18]  # without its MAC, which events of that time have not
                assert sealed is not None or bare == state, f"{where}: other bytes"
    finally:
        asyncio.run(app.stop())


def test_verify_passes_with_the_old_checkpoint(opened: Old, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.json"
    checkpoint.write_text(json.dumps(opened.expected["checkpoint"]))
    report = opened.process.answer_of("verify", "--checkpoint", str(checkpoint))
    assert report["compared"] == opened.expected["checkpoint"]
    then = opened.expected["proof"]
    grown = ("proven", "checkpoints")
    assert all(report[name] >= then[name] for name in grown), "each start proves the rest and signs"
    assert {**facts.proof_of(report), **{name: then[name] for name in grown}} == then


def test_rebuild_gives_the_old_read_models(opened: Old) -> None:
    before = database.generation(opened.url)
    rebuilt = opened.process.answer_of("rebuild")
    assert rebuilt["generation"] == before + 1 == database.generation(opened.url)
    now, then = facts.checksums_of(opened.url), dict(opened.expected["read_models"])
    # Since then the timeline has lines of what staff and programs did to subscribers.
    assert now.pop("timeline") != then.pop("timeline")
    assert {table: now[table] for table in then} == then, "there are new tables beside them"
    assert opened.stored() == opened.expected["events"]
    assert database.deliveries(opened.url) == opened.expected["deliveries"]


def test_fresh_database_has_the_old_tables_and_columns(
    opened: Old, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if opened.on_sqlite:
        fresh = f"sqlite:///{tmp_path}/alerts.db"
        asyncio.run(build(load({"ALERTS_DATABASE_URL": fresh})).stop())
    else:
        fresh = request.getfixturevalue("migrated_postgres")()
    now = database.tables(fresh)
    for table, columns in opened.expected["tables"].items():
        assert now.get(table, [])[: len(columns)] == columns, table


def test_server_is_ready_and_answers_as_before(served: Old) -> None:
    process, key = served.process, served.expected["key"]
    assert [process.ask("GET", path).status for path in ("/healthz", "/readyz")] == [200, 200]
    now = facts.answers(process, key, served.last)
    # A webhook is seen by its own key alone: the other one of that version belongs to another.
    served.answers["webhooks"] = [one for one in served.answers["webhooks"] if one["url"].endswith("/hook")]
    assert list(_differences(now, served.answers)) == []
    assert facts.audiences(process, key) == served.expected["audiences"]


def test_queued_deliveries_leave_exactly_once(served: Old) -> None:
    process, key, then = served.process, served.expected["key"], served.expected["deliveries"]
    path = f"/api/v1/deliveries?notice={served.expected['waiting']}&limit=500"
    process.until("the notice has left", lambda: not any(one["state"] in MOVING for one in process.items(path, key)))
    process.until("all is at rest", lambda: not any(process.get("/api/v1/status", key)[name] for name in BUSY))
    process.until("what had failed has left", lambda: database.deliveries(served.url)[FAILED] < then[FAILED])
    since = datetime.fromisoformat(served.expected["now"])
    arrived = [item["delivery"] for item in process.inbox() if datetime.fromisoformat(item["at"]) > since]
    arrived = [one for one in arrived if not one.startswith("alarm-")]  # what waits is told to the team beside them
    now = database.deliveries(served.url)
    again = then[FAILED] - now[FAILED]
    assert len(arrived) == len(set(arrived)) == sum(then[state] for state in MOVING) + again
    left = {one["id"] for one in process.items(path, key) if one["channel"] == "email" and one["state"] == "sent"}
    assert len(set(arrived) - left) == again, "deliveries of that notice and what had failed"
    untouched = set(then) - {*MOVING, FAILED, "sent"}
    assert {state: now.get(state) for state in untouched} == {state: then[state] for state in untouched}


def test_new_events_are_appended_after_the_old_ones(served: Old, tmp_path: Path) -> None:
    process, key = served.process, served.expected["key"]
    end = database.last_position(served.url)
    made = process.ask("POST", "/api/v1/incidents", {"headline": "A burst main", "topic": "utilities"}, key)
    assert made.status == 201
    [event] = process.items(f"/api/v1/events?after={end}&type=IncidentReported", key)
    assert event["stream"] == made.body["id"]
    assert served.last <= end < event["position"] <= made.body["position"]
    assert served.stored() == served.expected["events"]
    checkpoint = tmp_path / "checkpoint.json"
    checkpoint.write_text(json.dumps(served.expected["checkpoint"]))
    report = process.answer_of("verify", "--checkpoint", str(checkpoint))
    assert report["whole"] and report["events"] > served.expected["events"]["count"]
    assert report["compared"] == served.expected["checkpoint"]


def _policy_default_omitted(then: list[Any], now: list[Any]) -> bool:
    """True if only the default word of a policy differs.

    msgspec omits a string that is the default object itself. A policy that was parsed from a request has an equal
    string instead and keeps the field; one that was read from the log loses it."""
    data = dict(then[-1])
    if dict(data.get("policy") or {}) != {"default": "draft"}:
        return False
    return now == [*then[:-1], {**data, "policy": {}}]


def _differences(now: Any, then: Any, where: str = "") -> Iterator[str]:
    """List what is missing or different now; additional fields are allowed."""
    if isinstance(then, dict) and isinstance(now, dict):
        for name, value in then.items():
            if name in now:
                yield from _differences(now[name], value, f"{where}/{name}")
            else:
                yield f"{where}/{name} is gone"
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for number, (value, old) in enumerate(zip(now, then, strict=True)):
            yield from _differences(value, old, f"{where}/{number}")
    elif now != then:
        yield f"{where} was {then!r} and is {now!r}"
