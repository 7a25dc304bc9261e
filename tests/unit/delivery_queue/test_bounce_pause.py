"""Conditions under which bounces pause a dispatch."""

from __future__ import annotations

import pytest

from alerts.delivery_queue.bounce_pause import BounceRate, bounces, describe, is_guarded
from alerts.delivery_queue.row_format import JOB_NOTICE, JOB_TEAM, LANE, STATE
from alerts.kernel.terms import CHANNEL_CODE


@pytest.mark.parametrize(
    ("bounced", "outcomes", "asks"),
    [(50, 1000, False), (51, 1000, True), (999, 999, False), (0, 100_000, False), (5001, 100_000, True)],
)
def test_more_than_5_percent_of_at_least_1000(bounced: int, outcomes: int, asks: bool) -> None:
    assert BounceRate(bounced, outcomes).too_many is asks


def test_only_e_mail_with_an_outcome_counts() -> None:
    email, push = CHANNEL_CODE["email"], CHANNEL_CODE["push"]
    found = bounces(
        [
            (email, STATE["sent"], 900),
            (email, STATE["delivered"], 50),
            (email, STATE["failed-permanent"], 50),
            (email, STATE["queued"], 5000),
            (email, STATE["failed-technical"], 70),
            (push, STATE["failed-permanent"], 700),
        ]
    )
    assert found == (50, 1000)


def test_emergencies_and_notices_are_never_paused() -> None:
    assert is_guarded(JOB_NOTICE, LANE["bulletin"], None, 0)
    assert not any(is_guarded(JOB_NOTICE, LANE[lane], None, 0) for lane in ("emergency", "transactional", "notice"))
    assert not is_guarded(JOB_NOTICE, LANE["bulletin"], None, 2), "a person has resumed it"
    assert not is_guarded(JOB_NOTICE, LANE["bulletin"], STATE["cancelled"], 0)
    assert not is_guarded(JOB_TEAM, LANE["bulletin"], None, 0)


def test_what_a_person_is_asked() -> None:
    assert describe(BounceRate(80, 1200)).startswith(
        "80 of 1,200 addresses (6.7 %) refused it for good, more than 5 %: "
    )
