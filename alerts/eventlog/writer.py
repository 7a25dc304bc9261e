"""Group-commit writer of a process: commands queued during a commit form the next transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import sleep
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from alerts.eventlog.application import EventStoreApplication
from alerts.eventlog.ports import Committed, ConcurrencyConflict, UnitOfWork
from alerts.eventlog.stream_cache import StreamCache
from alerts.eventlog.unit_of_work import StreamUnitOfWork, WriteBatch
from alerts.kernel.errors import Conflict, Unavailable
from alerts.storage.base import BaseTransaction

T = TypeVar("T")

logger = logging.getLogger(__name__)

_BATCH = 256
_TRIES = 3
_STATES = 10_000
_EVICT_AT_MOST = 5_000
_RETRY_DELAYS_S = (0.0, 0.1, 0.5, 1.0, 2.0)
"""Seconds between checks whether a commit succeeded, while the database is away."""

_Answer = tuple["QueuedCommand[Any]", Any, BaseException | None]


class QueuedCommand(Generic[T]):
    """Queued command, with the future of its result: a thread's or an event loop's."""

    __slots__ = ("by", "cause", "command", "future", "loop", "work")

    def __init__(
        self,
        work: Callable[[UnitOfWork], T],
        by: str,
        command: UUID | None,
        cause: int | None,
        future: Future[Committed[T]] | asyncio.Future[Committed[T]],
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.work, self.by, self.command, self.cause, self.future, self.loop = work, by, command, cause, future, loop


class GroupCommitWriter:
    """`ports.Writer`. Commands run one after another in one thread, so that no two of a process can race.

    Across processes (PostgreSQL) the append lock is held from before a command reads until its commit, and streams that
    others have appended to are evicted first: a command never decides on stale state.
    """

    def __init__(
        self,
        application: EventStoreApplication,
        clock: Callable[[], datetime],
        *,
        flush_keys: Callable[[], None] = lambda: None,
        grown: Callable[[int], None] = lambda position: None,
        states: int = _STATES,
    ) -> None:
        """`flush_keys` writes new keys to disk before the events sealed with them.

        `grown` is called with each new end of the log.
        """
        self._application, self._database, self._clock = application, application.database, clock
        self._flush_keys, self._grown = flush_keys, grown
        self._states = StreamCache(states)
        self._queue: SimpleQueue[QueuedCommand[Any] | None] = SimpleQueue()
        self._lock = Lock()
        self._closed = False
        self._position = application.recorder.max_notification_id() or 0
        self._end = self._position
        """Last position in use, as far as this process knows; commits of others move it."""
        self._thread = Thread(target=self._loop, name="log writer", daemon=True)
        self._thread.start()

    # --- the outside

    def submit(
        self, work: Callable[[UnitOfWork], T], *, by: str, command: UUID | None = None, cause: int | None = None
    ) -> Future[Committed[T]]:
        """Run `work` in the writer's thread; the future resolves after the commit, or with the error `work` raised."""
        future: Future[Committed[T]] = Future()
        future.set_running_or_notify_cancel()  # A queued command is run: it cannot be cancelled halfway.
        self._put(QueuedCommand(work, by, command, cause, future))
        return future

    async def run(
        self, work: Callable[[UnitOfWork], T], *, by: str, command: UUID | None = None, cause: int | None = None
    ) -> Committed[T]:
        """Asynchronous version of `submit`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Committed[T]] = loop.create_future()
        self._put(QueuedCommand(work, by, command, cause, future, loop))
        return await future

    def position(self) -> int:
        """Last position this process has committed (or found at start)."""
        return self._position

    def close(self) -> None:
        """Finish what is queued, then stop."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _put(self, job: QueuedCommand[Any]) -> None:
        with self._lock:
            if self._closed:
                raise Unavailable("The server is stopping. Try again in a moment.")
            self._queue.put(job)

    # --- the thread

    def _loop(self) -> None:
        while True:
            jobs, last = self._take()
            if jobs:
                self._serve(jobs)
            if last:
                return

    def _take(self) -> tuple[list[QueuedCommand[Any]], bool]:
        """Take the queued commands, at least one; and True if the queue ends there."""
        jobs: list[QueuedCommand[Any]] = []
        job = self._queue.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == _BATCH:
                return jobs, False
            try:
                job = self._queue.get_nowait()
            except Empty:
                return jobs, False
        return jobs, True

    def _serve(self, jobs: list[QueuedCommand[Any]]) -> None:
        try:
            self._commit(jobs)
        except Exception as error:
            hopeless = len(jobs) == 1 and not self._worth_retrying(error)
            if hopeless or isinstance(error, Unavailable) or self._database.fault_kind(error) == "transient":
                refused = self._in_words(error)
                self._answer([(job, None, refused) for job in jobs])
                return
            # One command or a conflict is at fault: run singly, each command fails or succeeds by itself.
            for job in jobs:
                self._serve_alone(job)

    def _serve_alone(self, job: QueuedCommand[Any]) -> None:
        error: BaseException = Conflict("Somebody else was first.")
        for _ in range(_TRIES):
            try:
                self._commit([job])
                return
            except Exception as found:
                error = found
                if not self._worth_retrying(found):
                    break
        self._answer([(job, None, self._in_words(error))])

    def _worth_retrying(self, error: Exception) -> bool:
        return isinstance(error, ConcurrencyConflict) or self._database.fault_kind(error) == "conflict"

    def _in_words(self, error: BaseException) -> BaseException:
        trouble = self._database.fault_kind(error)
        if isinstance(error, ConcurrencyConflict) or trouble == "conflict":
            return Conflict("Somebody else changed the same thing at the same moment. Look again, then repeat.")
        if trouble == "transient":
            logger.error("the log could not be written: %s", error)
            refused = Unavailable(f"The log cannot be written just now ({str(error).strip()}). Try again in a moment.")
            refused.__cause__ = error
            return refused
        return error

    def _commit(self, jobs: list[QueuedCommand[Any]]) -> None:
        """Commit these commands in one transaction and answer them; on an error roll back and answer none."""
        batch: WriteBatch | None = None
        complete = False
        answers: list[_Answer] = []
        hooks: list[Callable[[], None]] = []
        try:
            with self._database.write() as tx, self._application.recorder.joined(tx):
                batch = self._begin(tx)
                for job in jobs:
                    answers.append(self._run(job, batch, hooks))
                batch.finish(self._flush_keys)
                complete = True
        except BaseException as error:
            if batch is None or not complete or not self._was_committed(batch, error):
                if batch is not None:
                    self._states.evict(batch.touched)
                raise
        self._end = batch.end
        if batch.stored:
            self._position = batch.end
            self._application.recent.add(batch.stored)
            hooks.insert(0, partial(self._grown, batch.end))
        for hook in hooks:
            self._call(hook)
        self._answer(answers)

    def _was_committed(self, batch: WriteBatch, error: BaseException) -> bool:
        """True if a commit whose answer was lost is on disk: its last event is there, byte for byte.

        Checked under the append lock, so that a commit still in progress on the server has ended by then.
        """
        if self._database.fault_kind(error) != "transient" or not batch.stored:
            return False
        last = batch.stored[-1]
        for pause in _RETRY_DELAYS_S:
            try:
                with self._database.write() as tx, self._application.recorder.joined(tx):
                    self._application.recorder.lock()
                    return list(self._application.recorder.select_at([last.id])) == [last]
            except Exception as found:
                if self._database.fault_kind(found) is None and not isinstance(found, Unavailable):
                    raise
                sleep(pause)
        return False

    def _begin(self, tx: BaseTransaction) -> WriteBatch:
        end = self._application.recorder.lock()
        if end != self._end:
            touched = self._application.recorder.streams_since(self._end, _EVICT_AT_MOST)
            if touched is None:
                self._states.clear()
            else:
                self._states.evict([stream.int for stream in touched])
            self._end = end
        return WriteBatch(tx, self._application, self._states, end)

    def _run(self, job: QueuedCommand[Any], batch: WriteBatch, hooks: list[Callable[[], None]]) -> _Answer:
        unit = StreamUnitOfWork(batch, self._clock(), job.by, job.command, job.cause)
        try:
            result = job.work(unit)
        except Exception as error:
            if batch.spoilt or self._database.fault_kind(error) is not None or isinstance(error, ConcurrencyConflict):
                raise  # The whole transaction has failed.
            return (job, None, error)
        batch.accept(unit)
        hooks.extend(unit.then)
        return (job, Committed(result, batch.end), None)

    def _call(self, hook: Callable[[], None]) -> None:
        """Call a hook; an error is only logged, since raising would rerun committed work."""
        try:
            hook()
        except Exception:
            logger.exception("a hook after a commit failed; the commit stands")

    def _answer(self, answers: list[_Answer]) -> None:
        """Resolve the futures: those of one event loop by one wake-up of it."""
        by_loop: dict[asyncio.AbstractEventLoop, list[_Answer]] = {}
        for answer in answers:
            job, result, error = answer
            if job.loop is not None:
                by_loop.setdefault(job.loop, []).append(answer)
            elif error is not None:
                cast("Future[Any]", job.future).set_exception(error)
            else:
                cast("Future[Any]", job.future).set_result(result)
        for loop, of_loop in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, of_loop)
            except RuntimeError:
                continue  # That loop was closed: it has no waiters any more.


def _resolve(answers: list[_Answer]) -> None:
    for job, result, error in answers:
        future = cast("asyncio.Future[Any]", job.future)
        if future.done():
            continue  # Its task was cancelled; the command is committed all the same.
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
