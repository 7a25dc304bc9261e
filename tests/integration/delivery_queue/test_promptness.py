"""Counts of what left in time, on both databases."""

from __future__ import annotations

from datetime import timedelta

from alerts.delivery_queue.promptness import Share, count, promptness
from alerts.kernel.terms import CHANNEL_CODE
from alerts.kernel.times import micros
from tests.support.rig import Rig


def test_share_is_counted_by_channel_and_time(rig: Rig) -> None:
    now = rig.clock()
    email, sms = CHANNEL_CODE["email"], CHANNEL_CODE["sms"]
    sent = [(email, now + timedelta(seconds=s)) for s in (1, 10, 11)] + [(sms, now + timedelta(seconds=2))]
    old = now - timedelta(days=3)
    rig.writer.submit(lambda unit: count(unit, 1, micros(now), sent), by="system").result()
    rig.writer.submit(lambda unit: count(unit, 2, micros(old), [(email, old)]), by="system").result()
    found = promptness(rig.main, now + timedelta(seconds=20))
    assert found.recent == {"email": Share(2, 3), "sms": Share(1, 1)}
    assert found.long == {"email": Share(3, 4), "sms": Share(1, 1)}
    assert promptness(rig.main, now + timedelta(days=31)).long == {}
