"""Base of every command: run in the writer, idempotency keys, validation against the registers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import msgspec

from alerts.channels.descriptor import EndpointRule
from alerts.commands.actor import Actor
from alerts.commands.ports import AudiencePort, Idempotency
from alerts.commands.register_cache import KnownNames, KnownNamesCache
from alerts.commands.results import AnyResult, Result
from alerts.commands.rights import check_unchanged
from alerts.domain import notice_lifecycle
from alerts.domain.streams import NOTICE
from alerts.eventlog.ports import Log, UnitOfWork, Writer
from alerts.gazetteer import Postcodes
from alerts.kernel.errors import Conflict, Invalid
from alerts.kernel.times import micros
from alerts.observability import request_id
from alerts.storage.named_queries import load
from alerts.storage.ports import Database, Statement
from subscribers.addresses import Addresses

_sql = load("alerts.commands", "commands.sql")
_decoder = msgspec.msgpack.Decoder(AnyResult)
T = TypeVar("T")
A = TypeVar("A", bound=Result)

KEPT_FOR = timedelta(hours=24)


class CommandBase:
    """Collaborators of the commands. `clock` returns aware UTC; `erase_key` destroys a person's key for good."""

    def __init__(
        self,
        *,
        writer: Writer,
        log: Log,
        database: Database,
        addresses: Addresses,
        audience: AudiencePort,
        erase_key: Callable[[UUID], None],
        clock: Callable[[], datetime],
        default_language: str = "en",
        timezone: str = "Europe/London",
        endpoints: EndpointRule | None = None,
        sms_prefixes: tuple[str, ...] = (),
        postcodes: Postcodes | None = None,
        seal: Callable[[UUID, bytes], bytes] | None = None,
    ) -> None:
        """Wire the collaborators.

        `endpoints` accepts or refuses push endpoints; None refuses all. `sms_prefixes`: prefixes of accepted telephone
        numbers; an empty tuple accepts any. `postcodes` finds them; None: only where the extra is installed. `seal`
        encrypts under a subject's own key what is stored outside the log; None: nothing is.
        """
        self._writer, self._log, self._database = writer, log, database
        self._addresses, self._audience, self._erase_key, self._clock = addresses, audience, erase_key, clock
        self._language, self._timezone, self._endpoints = default_language, timezone, endpoints
        self._sms_prefixes = sms_prefixes
        self._postcodes = postcodes or Postcodes()
        self._seal = seal
        self._known = KnownNamesCache(database)

    async def _run(self, actor: Actor, work: Callable[[UnitOfWork], A], idem: Idempotency | None = None) -> A:
        """Run a command; with an idempotency key that was used before, return the first result again."""

        def job(unit: UnitOfWork) -> A:
            check_unchanged(unit, actor)
            if idem is not None and (before := _answer_before(unit, idem)) is not None:
                return before  # type: ignore[return-value]  # the same path, so the same type of result
            answer = work(unit)
            if idem is not None:
                _store_answer(unit, idem, answer)
            return answer

        committed = await self._writer.run(job, by=actor.by, command=request_id.current())
        answer = committed.result
        return answer if answer.position else msgspec.structs.replace(answer, position=committed.position)

    async def _count_approved(self, notice: UUID) -> int | None:
        """Count whom an approved notice would reach now; None if its approval does not rest on a count."""
        state = await asyncio.to_thread(self._log.state, NOTICE, notice)
        if state is None or state.phase not in ("approved", "scheduled") or not notice_lifecycle.counts_matter(state):
            return None
        return (await self._audience.count(state.plan, at=self._clock(), msg_type=state.msg_type)).people

    async def _checked(self, check: Callable[[KnownNames], T], *, heavy: bool = False) -> T:
        """Validate a body against the registers, before the command queues.

        `heavy`: off the event loop (geometry). A name missing from the cached registers may have been registered since:
        validation is then repeated with fresh ones.
        """

        def run(known: KnownNames | None) -> T:
            if known is None:
                return check(self._known.read())
            try:
                return check(known)
            except Invalid:
                return check(self._known.read())

        known = self._known.cached()
        if known is not None and not heavy:
            try:
                return check(known)
            except Invalid:
                known = None
        return await asyncio.to_thread(run, known)


def _answer_before(unit: UnitOfWork, idem: Idempotency) -> Result | None:
    since = micros(unit.now - KEPT_FOR)
    rows = unit.read(_sql.answer, (idem.caller, idem.path, idem.key, since))
    if not rows:
        return None
    digest, answer = rows[0]
    if bytes(digest) != idem.digest:
        raise Conflict("This Idempotency-Key was used with another body: take a new key for a new request.")
    stored: Result = _decoder.decode(bytes(answer))
    return stored


def _store_answer(unit: UnitOfWork, idem: Idempotency, answer: Result) -> None:
    """Store the result, with its log position, in the transaction of its events."""
    at = micros(unit.now)

    def statements(positions: Sequence[int]) -> Iterable[Statement]:
        stored = msgspec.structs.replace(answer, position=positions[-1]) if positions else answer
        yield _sql.drop_answers, (micros(unit.now - KEPT_FOR),)
        yield (
            _sql.keep_answer,
            (idem.caller, idem.path, idem.key, idem.digest, msgspec.msgpack.encode(stored), at),
        )

    unit.on_positions(statements)
