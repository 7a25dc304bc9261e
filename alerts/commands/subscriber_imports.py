"""Subscriber imports: pages of rows, each with its progress in one transaction.

A page is a bulk registration: rows whose addresses are all unknown are registered without reading any stream, the
others as by `register_subscriber`. The progress is stored by the digest of the file's bytes, so an interrupted import
resumes, and a finished one takes nothing a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from uuid import UUID

import msgspec

from alerts.commands.actor import Actor
from alerts.commands.address_claims import AddressClaims
from alerts.commands.preferences import RequestedPreferences
from alerts.commands.register_cache import KnownNames
from alerts.commands.subscribers import LAPSE, LAPSES_AFTER, SubscriberCommands, joined
from alerts.contract.bodies import SubscriberBody
from alerts.domain.events import ImportFinished, ImportRowRefused, ImportStarted
from alerts.domain.streams import IMPORT, IMPORT_PAGE, import_id, import_page_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict, FieldError, Invalid, NotFound
from alerts.kernel.ids import contact_number, new_id
from alerts.kernel.terms import Channel
from alerts.kernel.times import from_micros, micros
from alerts.scheduler.due_items import plan_due
from alerts.storage.named_queries import load
from alerts.storage.ports import Row, Statement
from subscribers.addresses import Owner, claim_many, held
from subscribers.confirmation_limit import ask_once, was_asked
from subscribers.domain import lifecycle, signup
from subscribers.domain.events import Consent, Preferences
from subscribers.domain.signup import ContactDetails
from subscribers.domain.subscriber import SUBSCRIBER

_sql = load("alerts.commands", "subscriber_imports.sql")
HOW = "import"
NOT_VALID = "not valid"
"""Reason in the log for a row refused at this stage: the full message may quote the row's data."""
OLD_CONSENT = "this consent is older than the leaving of this person or address: a newer one is needed"
"""Reason in the log for a row whose consent would bring back a person who left after it."""


class ImportRow(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Parsed row of a file: a person's data, or the reason why it is refused."""

    line: int
    body: SubscriberBody | None = None
    """Not validated yet: checks that depend on the instance's settings (push services) are made here."""
    reaches: tuple[tuple[Channel, str], ...] = ()
    """Channel and normalized address."""
    preferences: Preferences | None = None
    consent: Consent | None = None
    """With a consent the person is confirmed; without, asked to confirm."""
    paused_until: datetime | None = None
    field: str = ""
    reason: str = ""
    """Reason for refusing the row; "" if it is accepted."""
    recorded: str = ""
    """The same reason without any of the row's data, for the log."""
    repeated: bool = False
    """In a rehearsal: an earlier row of the file has one of its addresses."""


class RefusedRow(msgspec.Struct, frozen=True):
    """A refused row."""

    line: int
    field: str
    reason: str


class ImportProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Progress of a file's import. `done` counts its rows, refused ones included."""

    run: int
    started_at: datetime
    position: int
    """Log position of its ImportStarted."""
    rows: int
    done: int
    taken: int
    known: int
    refused: int
    finished: bool


class ImportedPage(msgspec.Struct, frozen=True):
    """Outcome of some rows: new, already known, and refused."""

    count: int
    taken: int
    known: int
    refused: tuple[RefusedRow, ...]


class ImportCommands(SubscriberCommands):
    """Subscriber files, identified by the SHA-256 of their bytes (in hex)."""

    async def terms(self) -> tuple[KnownNames, str, str, tuple[str, ...]]:
        """Return what rows are validated against: registers, default language and time zone, phone prefixes."""
        return await self._checked(lambda known: known), self._language, self._timezone, self._sms_prefixes

    async def import_progress(self, digest: str) -> ImportProgress | None:
        """Return a file's progress, None if its import never began."""

        def read() -> ImportProgress | None:
            with self._database.read() as tx:
                return _progress(tx.execute(_sql.progress, (digest,)))

        return await asyncio.to_thread(read)

    async def begin_import(self, actor: Actor, digest: str, rows: int, *, again: bool = False) -> ImportProgress:
        """Begin an import or find its progress. A finished one restarts only with `again`."""

        def work(unit: UnitOfWork) -> ImportProgress | None:
            found = _progress(unit.read(_sql.progress, (digest,)))
            if found is not None and not (found.finished and again):
                return found
            run = found.run + 1 if found else 1
            stream = import_id(digest)
            unit.get(IMPORT, stream)
            unit.append(IMPORT, stream, ImportStarted(digest=digest, rows=rows))

            def begun(positions: Sequence[int]) -> Iterable[Statement]:
                yield _sql.begin, (digest, run, micros(unit.now), positions[0], rows)

            unit.on_positions(begun)
            return None

        found = (await self._writer.run(work, by=actor.by)).result or await self.import_progress(digest)
        assert found is not None, "it has just been written"
        return found

    async def import_page(
        self,
        actor: Actor,
        digest: str,
        start: int,
        rows: Sequence[ImportRow],
        *,
        turn: AbstractAsyncContextManager[None] | None = None,
    ) -> ImportedPage:
        """Import rows of a file from row `start` on. Raises Conflict if they are not the next ones.

        `turn` is entered once the rows are prepared, while the preceding page may still be in flight.
        """
        rows, hashes = await self._prepared(rows)
        taken = known = done = 0
        refused: list[RefusedRow] = []
        async with turn or nullcontext():
            progress = await self.import_progress(digest)
            while done < len(rows) and progress is not None:
                work = _ImportBatch(self, digest, start + done, rows[done:], hashes[done:]).work
                page = (await self._writer.run(work, by=actor.by, cause=progress.position)).result
                done, taken, known = done + page.count, taken + page.taken, known + page.known
                refused.extend(page.refused)
        return ImportedPage(done, taken, known, tuple(refused))

    async def rehearse_page(self, rows: Sequence[ImportRow]) -> ImportedPage:
        """Dry run of `import_page`; stores nothing."""
        rows, hashes = await self._prepared(rows)

        def work(unit: UnitOfWork) -> ImportedPage:
            there = held(unit.read, [one for own in hashes for one in own])
            known, refused = 0, list[ImportRow]()
            for row, own in zip(rows, hashes, strict=True):
                try:
                    if not row.reason and there.intersection(own):
                        AddressClaims(unit, self._addresses).look_up(row.reaches, consent=row.consent)
                    elif row.consent is not None and not row.reason:
                        signup.check_consent(row.consent, None, unit.now)
                except Conflict:
                    known += 1
                    continue
                except Invalid as error:
                    refused.append(_refusal(row, error))
                    continue
                if row.reason:
                    refused.append(row)
                else:
                    known += row.repeated
            told = tuple(RefusedRow(row.line, row.field, row.reason) for row in refused)
            return ImportedPage(len(rows), len(rows) - known - len(told), known, told)

        return (await self._writer.run(work, by="system")).result

    async def finish_import(self, actor: Actor, digest: str) -> ImportProgress:
        """Finish an import; idempotent. Raises Conflict if rows are missing."""

        def work(unit: UnitOfWork) -> ImportProgress:
            found = _need(unit, digest)
            if found.finished:
                return found
            if found.done != found.rows:
                raise Conflict(f"{found.done} of {found.rows} rows of this file have been taken: import it once more.")
            unit.get(IMPORT, import_id(digest))
            event = ImportFinished(taken=found.taken, known=found.known, refused=found.refused)
            unit.append(IMPORT, import_id(digest), event)
            unit.write(_sql.finish, (digest,))
            return msgspec.structs.replace(found, finished=True)

        progress = await self.import_progress(digest)
        cause = progress.position if progress else None
        return (await self._writer.run(work, by=actor.by, cause=cause)).result

    # --- what a page needs

    def _hashes(self, rows: Sequence[ImportRow]) -> list[tuple[bytes, ...]]:
        keyed_hash = self._addresses.keyed_hash
        return [tuple(keyed_hash(channel, address) for channel, address in row.reaches) for row in rows]

    async def _prepared(self, rows: Sequence[ImportRow]) -> tuple[list[ImportRow], list[tuple[bytes, ...]]]:
        """Finish validating the rows, and return them with the keyed hashes of their addresses."""
        checked = [row if row.body is None else await self._row_checked(row, row.body) for row in rows]
        return checked, await asyncio.to_thread(self._hashes, checked)

    async def _row_checked(self, row: ImportRow, body: SubscriberBody) -> ImportRow:
        try:
            requested = await self.check_registration(body)
        except Invalid as error:
            return msgspec.structs.replace(_refusal(row, error), body=None)
        consent = requested.consent if body.confirmed else None
        return msgspec.structs.replace(
            row, body=None, reaches=requested.reaches, preferences=requested.preferences, consent=consent
        )


class _ImportBatch:
    """Import transaction: the rows from `start` on, up to one that shares an address with an earlier one.

    That row must see the outcome of the other, so it begins the next transaction.
    """

    def __init__(
        self,
        commands: ImportCommands,
        digest: str,
        start: int,
        rows: Sequence[ImportRow],
        hashes: Sequence[tuple[bytes, ...]],
    ) -> None:
        self._commands, self._digest, self._start = commands, digest, start
        count = _distinct(hashes)
        self._rows, self._hashes = rows[:count], hashes[:count]
        self._refused: list[ImportRow] = []

    def work(self, unit: UnitOfWork) -> ImportedPage:
        """Decide on the rows and write them with the import's progress."""
        progress = _need(unit, self._digest)
        if progress.done != self._start:
            raise Conflict("Somebody else is importing this file at the same time. Let one of the two go on.")
        there = held(unit.read, [one for own in self._hashes for one in own])
        taken, known = 0, 0
        self._refused = []  # a transaction may run twice
        fresh: list[tuple[ImportRow, tuple[bytes, ...]]] = []
        for row, own in zip(self._rows, self._hashes, strict=True):
            try:
                if row.reason:
                    self._refused.append(row)
                elif there.intersection(own):
                    outcome = self._register_known(unit, row)
                    taken, known = taken + (outcome == "taken"), known + (outcome == "known")
                else:
                    if row.consent is not None:
                        signup.check_consent(row.consent, None, unit.now)
                    fresh.append((row, own))
            except Invalid as error:
                self._refused.append(_refusal(row, error))
        self._register_new(unit, fresh)
        taken += len(fresh)
        self._record(unit, progress.run)
        done = self._start + len(self._rows)
        unit.write(
            _sql.advance,
            (
                done,
                progress.taken + taken,
                progress.known + known,
                progress.refused + len(self._refused),
                self._digest,
            ),
        )
        refused = tuple(RefusedRow(row.line, row.field, row.reason) for row in self._refused)
        return ImportedPage(len(self._rows), taken, known, refused)

    def _register_known(self, unit: UnitOfWork, row: ImportRow) -> str:
        """Register a person with a known address: "taken" if they return, or are asked once more.

        "known" if subscribed already, or asked within a day: nobody is asked twice in it.
        """
        if row.consent is None and self._is_asked(unit, row):
            return "known"
        try:
            kept = self._commands.join(unit, _requested(row), HOW, confirmed=row.consent is not None)
        except Conflict:
            return "known"
        self._pause(unit, kept.id, row)
        return "taken"

    def _is_asked(self, unit: UnitOfWork, row: ImportRow) -> bool:
        """True if every address of a row had its confirmation of the day."""
        addresses = self._commands._addresses
        for channel, address in row.reaches:
            owner = addresses.find(unit.read, channel, address)
            if owner is None or not was_asked(unit, addresses.keyed_hash(channel, address), owner.contact):
                return False
        return True

    def _register_new(self, unit: UnitOfWork, fresh: Sequence[tuple[ImportRow, tuple[bytes, ...]]]) -> None:
        """Register unknown people: numbers reserved together, addresses written by one statement."""
        sequence = unit.number("contact", sum(len(own) for _, own in fresh)) if fresh else 0
        claims: list[tuple[bytes, Owner]] = []
        for row, own in fresh:
            subscriber = new_id()
            contacts = []
            for (channel, address), keyed_hash in zip(row.reaches, own, strict=True):
                number = contact_number(sequence, subscriber)
                sequence += 1
                contacts.append(ContactDetails(number, channel, address))
                claims.append((keyed_hash, Owner(subscriber, number)))
            if row.consent is None:
                ask_once(unit, [(keyed, c.number) for keyed, c in zip(own, contacts, strict=True)])
            events = joined(None, contacts, _requested(row), HOW, confirmed=row.consent is not None)
            unit.append(SUBSCRIBER, subscriber, *events)
            if row.consent is None:
                plan_due(unit, LAPSE, subscriber, unit.now + LAPSES_AFTER)
            self._pause(unit, subscriber, row)
        claim_many(unit, claims)

    def _pause(self, unit: UnitOfWork, subscriber: UUID, row: ImportRow) -> None:
        if row.paused_until is None or row.paused_until <= unit.now:
            return
        state = unit.get(SUBSCRIBER, subscriber)
        assert state is not None
        unit.append(SUBSCRIBER, subscriber, *lifecycle.decide_pause(state, row.paused_until, now=unit.now))

    def _record(self, unit: UnitOfWork, run: int) -> None:
        if self._refused:
            events = [ImportRowRefused(line=r.line, field=r.field, reason=r.recorded) for r in self._refused]
            unit.append(IMPORT_PAGE, import_page_id(self._digest, run, self._start), *events)


def _refusal(row: ImportRow, error: Invalid) -> ImportRow:
    """Mark a row as refused. The log gets a reason without the row's data."""
    first = error.errors[0] if error.errors else FieldError("", error.message)
    recorded = OLD_CONSENT if isinstance(error, signup.OldConsent) else NOT_VALID
    return msgspec.structs.replace(row, field=first.field, reason=first.message, recorded=recorded)


def _requested(row: ImportRow) -> RequestedPreferences:
    assert row.preferences is not None, "a row that is not refused has been checked"
    return RequestedPreferences(row.reaches, row.preferences, row.consent)


def _distinct(hashes: Sequence[tuple[bytes, ...]]) -> int:
    """Count the leading rows that share no address with one before them."""
    seen: set[bytes] = set()
    for count, own in enumerate(hashes):
        if not seen.isdisjoint(own):
            return count
        seen.update(own)
    return len(hashes)


def _progress(rows: Sequence[Row]) -> ImportProgress | None:
    if not rows:
        return None
    run, started_at, position, count, done, taken, known, refused, finished = rows[0]
    return ImportProgress(
        run=run,
        started_at=from_micros(started_at),
        position=position,
        rows=count,
        done=done,
        taken=taken,
        known=known,
        refused=refused,
        finished=bool(finished),
    )


def _need(unit: UnitOfWork, digest: str) -> ImportProgress:
    found = _progress(unit.read(_sql.progress, (digest,)))
    if found is None:
        raise NotFound("The import of this file was never begun.")
    return found
