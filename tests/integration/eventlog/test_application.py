"""The log and the read models run on the `eventsourcing` library: its application, recorder, mapper and projections."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.persistence import IntegrityError, Mapper, ProcessRecorder, Tracking, TrackingRecorder
from eventsourcing.projection import Projection

from alerts.eventlog.read_model import ReadModel, ViewRecorder
from alerts.kernel.ids import new_id
from alerts.projections.catalogue import projections
from tests.support.counters import COUNTER, log_rig, raised
from tests.support.databases import Databases
from tests.support.served import Served


@contextmanager
def library_calls() -> Iterator[Counter[str]]:
    """Count calls of functions that stand in the library's modules, in every thread that starts meanwhile."""
    calls: Counter[str] = Counter()

    def hook(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            module = frame.f_globals.get("__name__", "")
            if module.startswith("eventsourcing."):
                calls[module] += 1

    before = sys.getprofile()
    threading.setprofile(hook)
    sys.setprofile(hook)
    try:
        yield calls
    finally:
        sys.setprofile(before)
        threading.setprofile(None)  # type: ignore[arg-type]


def test_a_write_and_its_read_model_run_through_the_library(databases: Databases) -> None:
    with library_calls() as calls, log_rig(databases) as made:
        assert isinstance(made.application, Application)
        assert isinstance(made.application.mapper, Mapper)
        assert isinstance(made.application.recorder, ProcessRecorder)
        calls.clear()
        made.count(new_id())
        assert calls["eventsourcing.application"] > 0, "an append is a save of the application"
        assert calls["eventsourcing.persistence"] > 0
        calls.clear()
        made.log.read(0, 10)
        assert calls["eventsourcing.application"] > 0, "a read is a selection of its notification log"


@pytest.fixture
def library_writes() -> Iterator[tuple[list[str], list[tuple[str, int]]]]:
    """Events given to the library's `Application.save`, and moves of its tracking recorders with their thread.

    Requested before the process is started: only threads that start meanwhile are watched.
    """
    saved: list[str] = []
    tracked: list[tuple[str, int]] = []

    def hook(frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code is Application.save.__code__:
            saved.extend(type(one.event).__name__ for batch in frame.f_locals["objs"] for one in batch.collect_events())
        elif code in (ViewRecorder.fence.__code__, ViewRecorder.track.__code__):
            trackings = frame.f_locals.get("trackings") or [frame.f_locals["tracking"]]
            tracked.extend(
                (threading.current_thread().name, tracking.notification_id)
                for tracking in trackings
                if isinstance(frame.f_locals["self"], TrackingRecorder) and isinstance(tracking, Tracking)
            )

    before = sys.getprofile()
    threading.setprofile(hook)
    sys.setprofile(hook)
    try:
        yield saved, tracked
    finally:
        sys.setprofile(before)
        threading.setprofile(None)  # type: ignore[arg-type]


async def test_a_request_s_event_and_its_read_models_run_through_the_library(
    library_writes: tuple[list[str], list[tuple[str, int]]], served: Served
) -> None:
    saved, tracked = library_writes
    key = await served.key()
    saved.clear()
    tracked.clear()
    made = await served.ok("POST", "/api/v1/incidents", key, {"headline": "Gas leak"}, 201)
    (reported,) = served.parts.log.stream(UUID(made["id"]))
    assert await served.parts.runner.wait_for_async(reported.position, 10)
    assert "IncidentReported" in saved
    assert any(thread == "views runner" and reached >= reported.position for thread, reached in tracked)


def test_every_read_model_has_the_library_s_shape(databases: Databases) -> None:
    assert issubclass(ViewRecorder, TrackingRecorder)
    for projection in projections():
        assert isinstance(projection, Projection) and isinstance(projection, ReadModel), projection.name


def test_a_read_model_takes_events_one_by_one_with_their_tracking(databases: Databases) -> None:
    recorder = ViewRecorder(databases.views)
    with log_rig(databases) as made:
        made.count(new_id())
        for projection in projections():
            projection.bind(recorder)
            (recorded,) = made.log.read(0, 1)
            projection.process_event(recorded, Tracking(projection.name, recorded.position))
            assert recorder.max_tracking_id(projection.name) == recorded.position
            assert recorder.has_tracking_id(projection.name, recorded.position)
            with pytest.raises(IntegrityError):
                projection.process_event(recorded, Tracking(projection.name, recorded.position))


def test_a_reactor_s_position_moves_with_the_events_of_its_command(databases: Databases) -> None:
    with log_rig(databases) as made:

        def react(position: int) -> int:
            def work(unit: Any) -> int:
                raised(unit, new_id())
                unit.track("fan-out", position)
                return int(unit.tracked("fan-out"))

            return made.writer.submit(work, by="system").result(10).result

        assert react(5) == 5
        assert made.application.recorder.max_tracking_id("fan-out") == 5
        assert react(3) == 5, "a position never goes back"
        assert made.application.recorder.has_tracking_id("fan-out", 5)


def test_a_failed_command_moves_no_position(databases: Databases) -> None:
    with log_rig(databases) as made:

        def work(unit: Any) -> None:
            unit.track("fan-out", 7)
            raise ValueError("refused")

        with pytest.raises(ValueError, match="refused"):
            made.writer.submit(work, by="system").result(10)
        assert made.application.recorder.max_tracking_id("fan-out") is None


def test_a_stream_is_folded_by_the_library_s_repository(databases: Databases) -> None:
    with library_calls() as calls, log_rig(databases) as made:
        stream = new_id()
        made.count(stream)
        position = made.count(stream)
        made.count(stream)
        calls.clear()
        assert made.log.state(COUNTER, stream) == 3
        assert calls["eventsourcing.application"] > 0
        assert made.log.state(COUNTER, stream, position) == 2
        assert made.log.state(COUNTER, new_id()) is None
