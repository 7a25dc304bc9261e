"""Builds of the product that are known to be bad, for the tests alone: `python -m tests.crash.bad_builds NAME serve …`.

Each takes one safety out by replacing a part of the product in this process before it starts. Where two things must be
one transaction, the bad build makes two of them and waits in between, so that a kill can fall there.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from threading import Thread
from typing import Any

from alerts.channels.message import SendResult
from alerts.delivery_queue.claim import Claim
from alerts.delivery_queue.row_format import JOB_NOTICE
from alerts.dispatch import delivery, fanout, housekeeping, planner, worker
from alerts.dispatch.personal_content import SenderProfile
from alerts.kernel.ids import SHARDS

BETWEEN_S = 1.0
"""Between two transactions that should be one."""


def done_before_sending() -> None:
    """An outcome is recorded, and then the message is handed over."""
    handing_over = delivery.DeliveryRunner._sent
    under_way: set[asyncio.Task[Any]] = set()

    async def sent(self: Any, provider: Any, out: Any, expires: Mapping[int, datetime]) -> list[Any]:
        async def later() -> None:
            await asyncio.sleep(BETWEEN_S)
            await handing_over(self, provider, out, expires)

        under_way.add(asyncio.ensure_future(later()))
        now, said = self._clock(), SendResult(result="sent")
        return [self._retries.outcome_of(row, said, now, now, expires[row.notice], out.language) for row in out.rows]

    delivery.DeliveryRunner._sent = sent  # type: ignore[method-assign]


def cursor_before_rows() -> None:
    """A page's cursor is committed, and then its rows."""
    writers: list[Any] = []
    made = housekeeping.Housekeeping.__init__

    def keeping(self: Any, queue: Any, *others: Any, **named: Any) -> None:
        writers.append(queue.writer)
        made(self, queue, *others, **named)

    def rows_of(unit: Any, number: int, page: planner.PlannedPage) -> None:
        unit.write_many(*page.plain)
        for (channel, state), amount in page.tally.items():
            unit.write(planner._sql.tally, (page.notice, channel, state, number, amount))

    def write(unit: Any, number: int, page: planner.PlannedPage) -> bool:
        def later() -> None:
            time.sleep(BETWEEN_S)
            writers[-1].submit(partial(rows_of, number=number, page=page), by="system").result()

        unit.write(planner._sql.job_page, (page.number + 1, page.notice))
        unit.after_commit(lambda: Thread(target=later, daemon=True).start())
        return True

    housekeeping.Housekeeping.__init__ = keeping  # type: ignore[method-assign]
    planner.write = write


def claims_not_reset() -> None:
    """Claims of a dead process are never released."""
    housekeeping.requeue_orphaned = lambda *_: Claim([], SHARDS)  # type: ignore[attr-defined]


def fifo_instead_of_lanes() -> None:
    """The oldest dispatch goes first, whatever it is."""

    def pick(self: Any, lanes: Sequence[int]) -> Any:
        now = self._clock()
        for lane in lanes:
            due = self._snapshot.due.get(lane)
            if due is not None and due <= now:
                return partial(self._serve_due, lane)
        for job in sorted(self._snapshot.jobs, key=lambda job: int(job.notice)):
            if job.kind == JOB_NOTICE and job.end(now) is None and self._has_rows(job):
                return partial(self._serve_waiting, job)
        return None

    worker.Worker._pick = pick  # type: ignore[method-assign]


def random_message_id() -> None:
    """Each attempt has an identity of its own."""
    SenderProfile.delivery = lambda self, notice, contact: secrets.token_hex(16)  # type: ignore[method-assign]


def cursor_in_another_transaction() -> None:
    """The fan-out says how far it has come, and then has its effects."""

    def commit(self: Any, recorded: Any, works: Sequence[Callable[[Any], None]]) -> None:
        def moved(unit: Any) -> None:
            unit.track(fanout.NAME, recorded.position)

        def effects(unit: Any) -> None:
            for work in works:
                work(unit)

        self._writer.submit(moved, by="system").result()
        time.sleep(BETWEEN_S)
        self._writer.submit(effects, by="system", cause=recorded.position).result()
        self._turns.step_done(recorded.position, ours=True)

    fanout.FanOut._commit = commit  # type: ignore[method-assign]


def forgetful_follow_up() -> None:
    """People to whom a notice is being handed over when it is cancelled are not told of the cancel."""
    fanout.FanOut._outcomes = lambda self, number, reached: []  # type: ignore[method-assign]


BUILDS: dict[str, Callable[[], None]] = {
    build.__name__.replace("_", "-"): build
    for build in (
        done_before_sending,
        cursor_before_rows,
        claims_not_reset,
        fifo_instead_of_lanes,
        random_message_id,
        cursor_in_another_transaction,
        forgetful_follow_up,
    )
}
REPLACED: tuple[tuple[Any, str], ...] = (
    (delivery.DeliveryRunner, "_sent"),
    (planner, "write"),
    (housekeeping.Housekeeping, "__init__"),
    (housekeeping, "requeue_orphaned"),
    (worker.Worker, "_pick"),
    (SenderProfile, "delivery"),
    (fanout.FanOut, "_commit"),
    (fanout.FanOut, "_outcomes"),
)
"""Attributes that the builds replace: each must exist, or a bad build would be a good one."""


if __name__ == "__main__":
    from alerts.cli import run

    BUILDS[sys.argv[1]]()
    sys.exit(run(sys.argv[2:]))
