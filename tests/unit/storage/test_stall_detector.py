"""Stall detection."""

from __future__ import annotations

from alerts.storage.stall_detector import StallDetector


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_work_that_moves_is_never_stalled() -> None:
    clock = Clock()
    watch = StallDetector(3.0, clock)
    for step in range(10):
        assert not watch.is_stalled(step)
        clock.now += 2.9


def test_work_that_stands_is_stalled_after_the_timeout() -> None:
    clock = Clock()
    watch = StallDetector(3.0, clock)
    assert not watch.is_stalled(7)
    clock.now += 3.0
    assert not watch.is_stalled(7)
    clock.now += 0.1
    assert watch.is_stalled(7)
    assert not watch.is_stalled(8), "it has moved"


def test_a_reset_begins_the_wait_anew() -> None:
    clock = Clock()
    watch = StallDetector(3.0, clock)
    watch.is_stalled(7)
    clock.now += 5
    watch.reset()
    assert not watch.is_stalled(7), "nothing was awaited meanwhile"
