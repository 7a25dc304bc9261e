"""Periodic jobs, run by APScheduler in the process's event loop.

A job is a wake-up: rows and positions of our own decide what is due, so that a job that runs twice, late or in two
processes does nothing twice. The jobs of a process are in one table (`alerts.app.periodic_jobs`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from alerts.kernel.errors import DomainError

if TYPE_CHECKING:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

_log = logging.getLogger(__name__)

_CHECK_S = 1.0
"""Seconds between checks for jobs delayed by a changed wall clock."""


class PeriodicJob(NamedTuple):
    """Row of the table of periodic jobs."""

    name: str
    every_s: float
    run: Callable[[], Awaitable[object]]
    """Job function; an error is logged, and the job runs again at its next time."""


class PeriodicJobs:
    """Runner of a table of jobs: each at once, then at its interval, never twice at a time.

    Belongs to one event loop.
    """

    def __init__(self, jobs: Sequence[PeriodicJob]) -> None:
        self._jobs = {job.name: job for job in jobs}
        if len(self._jobs) != len(jobs):
            raise ValueError(f"two jobs of one name: {sorted(job.name for job in jobs)}")
        self._called: dict[str, float] = {}
        """Time of the last call by the scheduler, by the event loop's clock."""
        self._running: dict[str, asyncio.Task[None]] = {}
        self._scheduler: AsyncIOScheduler | None = None
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start in the running event loop."""
        if not self._jobs:
            return
        from apscheduler.schedulers.asyncio import AsyncIOScheduler  # 60 ms: only a process with jobs pays for it

        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        for job in self._jobs.values():
            self._scheduler.add_job(
                self._start_run,
                "interval",
                seconds=job.every_s,
                args=(job.name,),
                id=job.name,
                next_run_time=datetime.now(UTC),
                coalesce=True,
                misfire_grace_time=None,
            )
        self._called = dict.fromkeys(self._jobs, asyncio.get_running_loop().time())
        self._scheduler.start()
        self._watch = asyncio.create_task(self._reschedule_held_up(), name="periodic jobs held up")

    def remove(self, name: str) -> None:
        """Remove a job; an unknown name is ignored."""
        if self._scheduler is not None and self._jobs.pop(name, None) is not None:
            self._scheduler.remove_job(name)

    async def end(self, name: str) -> None:
        """Remove a job and cancel its run."""
        self.remove(name)
        if task := self._running.get(name):
            task.cancel()
            await asyncio.wait([task])

    async def stop(self) -> None:
        """Start no further jobs, and cancel the running ones."""
        if self._scheduler is None:
            return
        self._scheduler.pause()  # at once; the shutdown takes place in the event loop's next turn
        self._scheduler.shutdown(wait=False)
        self._scheduler = None
        tasks = [*self._running.values(), *([self._watch] if self._watch is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    def run_at(self, name: str, at: datetime) -> None:
        """Schedule one extra run at that time (aware); a later call replaces an earlier one."""
        if self._scheduler is None:
            return
        self._scheduler.add_job(
            self._start_run,
            "date",
            run_date=at,
            args=(name,),
            id=f"{name}, once",
            replace_existing=True,
            misfire_grace_time=None,
        )

    async def _start_run(self, name: str) -> None:
        """Start a run as a task of our own: APScheduler reports each of its tasks that is cancelled as an error."""
        self._called[name] = asyncio.get_running_loop().time()
        if self._scheduler is not None and name in self._jobs and name not in self._running:
            task = self._running[name] = asyncio.create_task(self._run(self._jobs[name]), name=name)
            task.add_done_callback(lambda _: self._running.pop(name))

    async def _run(self, job: PeriodicJob) -> None:
        try:
            await job.run()
        except DomainError as error:
            _log.warning("%s waits for its next turn: %s", job.name, error)
        except Exception:
            _log.exception("%s failed; it runs again at its next turn", job.name)

    async def _reschedule_held_up(self) -> None:
        """Schedule delayed jobs anew: after the wall clock was set back, APScheduler waits for the former time."""
        loop = asyncio.get_running_loop()
        while self._scheduler is not None:
            await asyncio.sleep(_CHECK_S)
            for job in list(self._jobs.values()):
                if loop.time() - self._called[job.name] > job.every_s + _CHECK_S:
                    self._scheduler.modify_job(job.name, next_run_time=datetime.now(UTC))
