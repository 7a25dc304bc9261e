"""Several servers for one channel: who is drawn, who rests, and how one that failed is trusted again."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.providers.circuit_breaker import (
    HEARSAY,
    RESTS,
    SHARES,
    SLOW,
    SLOW_LEAST,
    SLOW_STEP,
    STEP_SECONDS,
    STEP_SUCCESSES,
    CircuitBreaker,
)
from alerts.providers.failover import FailoverPool


def two(
    weights: tuple[float, float] = (1.0, 1.0),
) -> tuple[CircuitBreaker[str], CircuitBreaker[str], FailoverPool[str]]:
    a, b = CircuitBreaker("a", "a", weights[0]), CircuitBreaker("b", "b", weights[1])
    return a, b, FailoverPool([a, b], rng=random.Random(7).random)


def first(pool: FailoverPool[str], now: float, times: int = 4000, *, urgent: bool = False) -> Counter[str]:
    return Counter(pool.order(now, urgent=urgent)[0].it for _ in range(times))


def test_members_are_drawn_by_weight() -> None:
    _, _, pool = two((3.0, 1.0))
    assert 0.70 < first(pool, 0.0)["a"] / 4000 < 0.80


def test_one_that_failed_rests_longer_each_time() -> None:
    a, _, pool = two()
    now = 0.0
    for rest in (*RESTS, RESTS[-1]):
        a.failed(now, "connection refused")
        assert a.state(now + rest - 0.01) == "resting"
        assert [m.it for m in pool.order(now + rest - 0.01)] == ["b"]
        now += rest
        assert a.state(now) == "limping"


def test_those_that_fail_together_are_one_failure() -> None:
    a, _, _ = two()
    for _ in range(16):
        a.failed(0.0, "connection refused")
    assert a.state(RESTS[0]) == "limping"


def test_a_peers_own_wish_to_be_left_alone_is_obeyed() -> None:
    a, b, pool = two()
    a.failed(0.0, "429", rest=42.0)
    assert a.state(41.9) == "resting" and a.state(42.0) == "limping"
    b.failed(0.0, "503")
    b.failed(0.1, "429", rest=42.0)
    assert pool.order(40.0) == []
    assert 1.9 < pool.wakes_in(40.0) <= 2.1


def test_single_hiccups_are_forgiven_where_the_caller_says_so() -> None:
    a, _, _ = two()
    for _ in range(2):
        a.failed(0.0, "500", strikes=3)
    assert a.state(0.0) == "well"
    a.succeeded(0.0)
    for _ in range(2):
        a.failed(0.0, "500", strikes=3)
    assert a.state(0.0) == "well"
    a.failed(0.0, "500", strikes=3)
    assert a.state(0.0) == "resting"


def test_breaker_recovers_with_intermittent_failures() -> None:
    a, _, _ = two()
    for _ in range(3):
        a.failed(0.0, "500", strikes=3)
    a.failed(RESTS[0], "500", strikes=3)
    now = RESTS[0] + RESTS[1]
    assert a.state(now - 0.1) == "resting", "who finds out needs no second failure"
    while now < 60.0:
        a.succeeded(now)
        a.failed(now, "500", strikes=3)
        assert a.state(now) == "limping"
        now += 1.0


def test_rests_do_not_grow_for_one_that_works_in_between() -> None:
    a, _, _ = two()
    now = 0.0
    for _ in range(10):
        a.failed(now, "429", rest=1.0)
        assert (a.state(now + 0.9), a.state(now + 1.0)) == ("resting", "limping")
        for _ in range(STEP_SUCCESSES):
            a.succeeded(now + 1.0)
        now += 2.0
    a.failed(now, "429", rest=1.0)
    a.failed(now + 1.0, "429", rest=1.0)
    assert a.state(now + 1.0 + RESTS[1] - 0.1) == "resting", "who finds out that it does not is another matter"


def test_one_message_at_a_time_finds_out_whether_it_works() -> None:
    a, _, pool = two()
    a.failed(0.0, "down")
    now = RESTS[0]
    assert a.try_start(now)
    assert not a.try_start(now)
    assert {m.it for m in pool.order(now)} == {"b"}
    a.abandon()
    assert a.try_start(now)
    a.failed(now, "still down")
    assert a.state(now + RESTS[1] - 0.1) == "resting"


def test_its_share_grows_by_successes_and_time_until_it_is_well() -> None:
    a, _, pool = two()
    a.failed(0.0, "down")
    now, shares = RESTS[0], []
    while a.state(now) == "limping":
        shares.append(a.share(now))
        for _ in range(STEP_SUCCESSES):
            a.succeeded(now)
        assert a.share(now) == shares[-1], "successes alone are not enough"
        now += STEP_SECONDS
        a.succeeded(now)
    assert tuple(shares) == SHARES[:-1]
    assert a.why == ""
    assert pool.health("smtp", now).state == "well"


def test_a_limping_one_gets_little_and_no_emergency() -> None:
    a, _, pool = two()
    a.failed(0.0, "down")
    now = RESTS[0]
    assert 0 < first(pool, now)["a"] / 4000 < 0.1
    assert first(pool, now, urgent=True)["a"] == 0
    [seen] = [m for m in pool.health("smtp", now).members if m.name == "a"]
    assert (seen.state, seen.why) == ("limping", "down") and 0 < seen.share < 0.06


def test_a_late_answer_from_before_does_not_end_the_rest() -> None:
    a, _, _ = two()
    a.failed(0.0, "down")
    a.succeeded(0.5)
    assert a.state(0.5) == "resting"


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["begin", "ok", "fail", "pass", "wait"]), st.floats(0, 30)), max_size=60))
def test_whatever_happens_a_member_can_be_used_again(steps: list[tuple[str, float]]) -> None:
    member, now = CircuitBreaker("a", "a"), 0.0
    for what, seconds in steps:
        match what:
            case "begin":
                assert member.try_start(now) or not member.open(now) or member.state(now) != "well"
            case "ok":
                member.succeeded(now)
            case "fail":
                member.failed(now, "x", rest=seconds)
            case "pass":
                member.abandon()
            case _:
                now += seconds
        assert (member.share(now) == 0.0) == (member.state(now) == "resting")
    assert member.try_start(now + 1000.0)


def answers(member: CircuitBreaker[str], now: float, count: int, slow: int) -> None:
    """So many at that time, the slow ones spread among them."""
    for number in range(count):
        is_slow = (number + 1) * slow // count > number * slow // count
        member.succeeded(now, SLOW + 1 if is_slow else 0.1)


def test_one_that_is_slow_for_too_much_of_a_quarter_hour_gets_less() -> None:
    a, _, pool = two()
    answers(a, 0.0, 100, 14)
    assert a.state(0.0) == "well"
    answers(a, 60.0, 100, 20)
    assert (a.state(60.0), a.share(60.0)) == ("limping", SHARES[SLOW_STEP])
    assert 0.1 < first(pool, 60.0)["a"] / 4000 < 0.3
    assert first(pool, 60.0, urgent=True)["a"] == 0
    assert "of its answers in the last quarter hour" in pool.health("smtp", 60.0).members[0].why


def test_a_few_slow_answers_tell_nothing() -> None:
    a, _, _ = two()
    answers(a, 0.0, SLOW_LEAST - 1, SLOW_LEAST - 1)
    assert a.state(0.0) == "well"


def test_one_that_fails_now_and_then_gets_less_too() -> None:
    a, _, _ = two()
    for _ in range(20):
        a.failed(0.0, "500", strikes=3)
        answers(a, 0.0, 4, 0)
    assert (a.state(0.0), a.share(0.0)) == ("limping", SHARES[SLOW_STEP])


def test_it_drifts_back_once_it_is_well_and_not_to_and_fro() -> None:
    a, _, _ = two()
    answers(a, 0.0, 100, 30)
    shares = []
    for minute in range(1, 40):  # one slow answer in ten: not bad enough to go down, nor good enough to come up
        answers(a, minute * 60.0, 100, 10)
        shares.append(a.share(minute * 60.0))
    assert set(shares) == {SHARES[SLOW_STEP]}
    for minute in range(40, 60):
        answers(a, minute * 60.0, 100, 1)
        shares.append(a.share(minute * 60.0))
    assert shares == sorted(shares), "it only comes up"
    assert a.state(3600.0) == "well" and a.why == ""


def test_what_was_slow_before_an_outage_does_not_end_its_rest() -> None:
    a, _, _ = two()
    answers(a, 0.0, 100, 30)
    a.failed(1.0, "down")
    answers(a, 1.5, 100, 100)
    assert a.share(1.5) == 0.0 and a.share(1.0 + RESTS[0]) == SHARES[0]


def test_what_another_process_leaves_alone_is_tried_by_one_message() -> None:
    a, b, pool = two()
    pool.apply_peer_health({"a": "connection refused", "unknown": "x"}, 0.0)
    assert (a.state(0.0), a.why, b.state(0.0)) == ("limping", "another process: connection refused", "well")
    assert a.try_start(0.0) and not a.try_start(0.0)
    a.succeeded(0.1)
    pool.apply_peer_health({"a": "connection refused"}, 0.2)
    assert a.try_start(0.2) and a.try_start(0.2), "it has worked here since: that counts more"


def test_what_works_here_is_not_given_up_for_hearsay() -> None:
    a, _, pool = two()
    a.succeeded(0.0)
    pool.apply_peer_health({"a": "down"}, HEARSAY - 0.1)
    assert a.state(HEARSAY) == "well"
    pool.apply_peer_health({"a": "down"}, HEARSAY + 0.1)
    assert a.state(HEARSAY + 0.1) == "limping"
