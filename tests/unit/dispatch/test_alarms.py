"""Alarm detection: what keeps messages from leaving is said, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alerts.dispatch.alarms import (
    MANY,
    SILENT_S,
    STUCK_S,
    AlarmDetector,
    ChannelLoad,
    Observation,
    UnplannedNotice,
)

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Watched:
    """A detector whose time a test moves; its roles live unless told otherwise."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.detector = AlarmDetector(lambda: self.seconds)

    def look(self, after: float = 0.0, **seen: object) -> dict[str, str]:
        """Names and words of the alarms, some seconds after the last look."""
        self.seconds += after
        beats = {role: int(self.seconds) for role in ("worker", "scheduler", "web")}
        observation = Observation(**{"at": START + timedelta(seconds=self.seconds), "beats": beats, **seen})  # type: ignore[arg-type]
        return {alarm.name: alarm.words for alarm in self.detector.detect(observation)}


def test_quiet_instance_has_no_alarm() -> None:
    watched = Watched()
    assert [watched.look(5) for _ in range(20)] == [{}] * 20


def test_stopped_worker_is_an_alarm_until_it_lives() -> None:
    watched, stopped = Watched(), {"worker": 7, "scheduler": 1}
    watched.look(beats=stopped)
    assert watched.look(SILENT_S - 1, beats={**stopped, "scheduler": 2}) == {}
    found = watched.look(1, beats={**stopped, "scheduler": 3})
    assert list(found) == ["role:worker"] and "nothing is sent" in found["role:worker"]
    assert watched.look(1) == {}


def test_role_that_never_came_is_an_alarm() -> None:
    watched = Watched()
    assert watched.look(beats={}) == {}, "a process that starts gives the others time"
    assert set(watched.look(SILENT_S, beats={})) == {"role:worker", "role:scheduler"}


def test_missing_web_process_matters_once_there_was_one() -> None:
    watched = Watched()
    for second in range(10):
        assert watched.look(5, beats={"worker": second, "scheduler": second}) == {}
    watched.look(beats={"worker": 98, "scheduler": 98, "web": 1})
    found = watched.look(SILENT_S, beats={"worker": 99, "scheduler": 99, "web": 1})
    assert list(found) == ["role:web"]


def test_issued_notice_without_a_plan_is_an_alarm() -> None:
    issued = [UnplannedNotice(number=n, issued_at=START - timedelta(seconds=n)) for n in (3, 128)]
    assert "for 128 s" in Watched().look(unplanned=issued)["unplanned"]


def test_plan_that_does_not_move_is_an_alarm() -> None:
    watched = Watched()
    watched.look(planning={1: 4, 2: 0})
    assert watched.look(STUCK_S, planning={1: 5, 2: 0}) == {}, "the other one comes first"
    assert "planning" in watched.look(STUCK_S, planning={1: 5, 2: 0})
    assert watched.look(1) == {}


def test_channel_in_which_nothing_leaves_is_an_alarm() -> None:
    watched, stuck = Watched(), {"email": ChannelLoad(deferred=44_501, answered=3)}
    watched.look(channels=stuck)
    assert watched.look(STUCK_S - 1, channels=stuck) == {}
    found = watched.look(1, channels=stuck, unwell={"email": "mx:25: refused."})
    assert "44,501 messages waiting" in found["channel:email"] and "mx:25: refused." in found["channel:email"]
    assert watched.look(1, channels={"email": ChannelLoad(deferred=44_500, answered=4)}) == {}


def test_single_full_mailbox_is_no_alarm() -> None:
    watched, mailbox = Watched(), {"email": ChannelLoad(deferred=1, answered=9)}
    watched.look(channels=mailbox)
    assert watched.look(10 * STUCK_S, channels=mailbox) == {}
    many = {"email": ChannelLoad(deferred=MANY, answered=9)}
    assert "channel:email" in watched.look(1, channels=many)
    assert "channel:email" in watched.look(1, channels=mailbox, unwell={"email": "every server rests."})


def test_idle_channel_is_no_alarm_when_work_comes() -> None:
    watched = Watched()
    watched.look(10 * STUCK_S)
    assert watched.look(10 * STUCK_S, channels={"sms": ChannelLoad(queued=5)}) == {}
