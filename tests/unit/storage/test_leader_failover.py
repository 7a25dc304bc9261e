"""Leader failover: one process does the work, the others stand by and go on where it stopped."""

from __future__ import annotations

from alerts.storage.leader_failover import LeaderWithFailover
from alerts.storage.stall_detector import STALL_TIMEOUT_S


class World:
    """A lock, what is on disk, and the time."""

    def __init__(self) -> None:
        self.holder: object = None
        self.reached, self.at = 0, 100.0

    def turns(self) -> LeaderWithFailover:
        return LeaderWithFailover(Lock(self), lambda: self.reached, what="the work", tick=lambda: self.at)


class Lock:
    """A process' way to the world's lock."""

    def __init__(self, world: World) -> None:
        self._world = world

    def is_leader(self) -> bool:
        self._world.holder = self._world.holder or self
        return self._world.holder is self

    def release(self) -> None:
        if self._world.holder is self:
            self._world.holder = None


def test_whoever_comes_first_does_the_work_and_the_others_see_it_done() -> None:
    world = World()
    first, second = world.turns(), world.turns()
    assert first.whose_step(5) == "ours"
    assert second.whose_step(5) == "theirs"
    world.reached = 5
    first.step_done(5, ours=True)
    assert second.whose_step(5) == "done" and second.done == 5
    assert second.whose_step(6) == "theirs" and first.whose_step(6) == "ours"


def test_a_free_lock_is_taken_at_once() -> None:
    world = World()
    first, second = world.turns(), world.turns()
    assert (first.whose_step(5), second.whose_step(5)) == ("ours", "theirs")
    first.release()
    assert second.whose_step(5) == "ours"


def test_standby_leads_while_the_lease_holder_stalls() -> None:
    world = World()
    first, second = world.turns(), world.turns()
    assert first.whose_step(5) == "ours"
    for _ in range(3):  # it moves, however slowly: nobody stands in
        world.at += STALL_TIMEOUT_S - 0.1
        world.reached += 1
        assert second.whose_step(5) == "theirs"
    world.at += STALL_TIMEOUT_S + 0.1
    assert second.whose_step(5) == "ours" and second.is_leader()
    second.step_done(5, ours=True)
    assert second.whose_step(6) == "ours", "at once, while the other sleeps"
    second.step_done(6, ours=False)
    assert not second.is_leader() and second.whose_step(7) == "theirs", "the other is awake"
