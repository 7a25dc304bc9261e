"""Report commands: residents report and say what they think of a notice; staff answer, accept, dismiss, erase."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from alerts.channels.descriptor import AddressRules
from alerts.channels.registry import WRITABLE
from alerts.channels.sms import home_prefixes
from alerts.commands import incidents, validation
from alerts.commands.actor import RESIDENT, Actor
from alerts.commands.base import CommandBase
from alerts.commands.incidents import check_incident
from alerts.commands.notice_plans import plan_of_incident
from alerts.commands.ports import Idempotency
from alerts.commands.results import Saved
from alerts.commands.rights import check_plan
from alerts.commands.subscribers import ERASURE
from alerts.contract.bodies import IncidentBody
from alerts.domain import report as domain
from alerts.domain.events import FeedbackGiven, ReportReceived
from alerts.domain.report import ReportState
from alerts.domain.streams import FEEDBACK, NOTICE, REPORT, feedback_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Invalid, NotFound, Unavailable
from alerts.kernel.ids import contact_number, new_id
from alerts.kernel.terms import Channel
from alerts.scheduler.due_items import plan_due
from alerts.storage.named_queries import load

_sql = load("alerts.commands", "reports.sql")
WORDS_LEAST, WORDS_MOST = 10, 2_000
"""Characters of what a resident saw."""
WHERE_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentReport:
    """Report of a resident, checked by the form. `photo` is a re-encoded JPEG without metadata."""

    words: str
    where: str
    language: str
    lat: float | None = None
    lon: float | None = None
    place: str | None = None
    reach: tuple[Channel, str] | None = None
    """Channel and normalized address for the answer."""
    photo: bytes | None = None


def reach_of(text: str, timezone: str, field: str = "contact") -> tuple[Channel, str] | None:
    """Read an e-mail address or a telephone number, also without its country's code; None for "". Raises Invalid."""
    text = text.strip()
    if not text:
        return None
    rules = AddressRules(prefixes=home_prefixes(timezone))
    if "@" in text:
        return "email", WRITABLE["email"].parse_address(text, field, rules)
    return "sms", WRITABLE["sms"].parse_address(international(text, timezone), field, rules)


def international(text: str, timezone: str) -> str:
    """Write a number of the instance's country with its code."""
    region = next(iter(home_prefixes(timezone)), "")
    if not region or text.startswith(("+", "00")):
        return f"+{text[2:]}" if text.startswith("00") else text
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return text
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


class ReportCommands(CommandBase):
    """Reports of residents, and their feedback on notices."""

    async def receive_report(self, report: ResidentReport, *, idem: Idempotency | None = None) -> Saved:
        """Receive a report; it waits for a person. Its photo is stored in the same transaction, sealed."""
        stream = new_id()

        def work(unit: UnitOfWork) -> Saved:
            contact = contact_number(unit.number("contact"), stream) if report.reach else None
            unit.get(REPORT, stream)
            unit.append(
                REPORT,
                stream,
                ReportReceived(
                    receipt=domain.receipt_number(secrets.randbelow(domain.RECEIPTS)),
                    language=report.language,
                    place=report.place,
                    photo=report.photo is not None,
                    contact=contact,
                    channel=report.reach[0] if report.reach else None,
                    words=report.words,
                    where=report.where,
                    lat=report.lat,
                    lon=report.lon,
                    address=report.reach[1] if report.reach else None,
                ),
            )
            if report.photo is not None:
                if self._seal is None:
                    raise Unavailable("Photos cannot be kept here: send it without one.")
                unit.write(_sql.keep_photo, (stream.bytes, self._seal(stream, report.photo)))
            return Saved(id=stream, version=1, created=True)

        return await self._run(RESIDENT, work, idem)

    async def answer_report(self, actor: Actor, report: UUID, words: str, *, idem: Idempotency | None = None) -> Saved:
        """Answer a report: by the way the resident gave, and on the page of the receipt number. Once only."""
        words = validation.text(words, "words", validation.REASON, needed=True)

        def work(unit: UnitOfWork) -> Saved:
            unit.append(REPORT, report, *domain.decide_answer(_report(unit, report), words))
            return Saved(id=report, version=unit.version(report))

        return await self._run(actor, work, idem)

    async def dismiss_report(
        self, actor: Actor, report: UUID, reason: str, *, idem: Idempotency | None = None
    ) -> Saved:
        """Dismiss a report; the reason is for the record, the resident sees that nothing follows."""
        reason = validation.text(reason, "reason", validation.REASON, needed=True)

        def work(unit: UnitOfWork) -> Saved:
            unit.append(REPORT, report, *domain.decide_dismiss(_report(unit, report), reason))
            return Saved(id=report, version=unit.version(report))

        return await self._run(actor, work, idem)

    async def accept_report(
        self, actor: Actor, report: UUID, body: IncidentBody, *, idem: Idempotency | None = None
    ) -> Saved:
        """Make an incident of a report, in the actor's own words and under the actor's policy (RULES 17, 18)."""
        facts, categories = await self._checked(
            lambda known: (check_incident(body, known, self._clock(), self._language), known.categories),
            heavy=validation.is_drawn(body.area),
        )

        def work(unit: UnitOfWork) -> Saved:
            state = _report(unit, report)
            check_plan(unit, actor, plan_of_incident(facts, categories))
            made, created, told = incidents.report(unit, actor, facts, categories)
            unit.append(REPORT, report, *domain.decide_accept(state, made.id))
            notice = told.notice.id if told.notice is not None else None
            return Saved(id=made.id, version=made.version, created=created, notice=notice)

        return await self._run(actor, work, idem)

    async def erase_report(self, actor: Actor, report: UUID, *, idem: Idempotency | None = None) -> Saved:
        """Destroy what the resident wrote, the address and the photo. On return the key is gone."""

        def work(unit: UnitOfWork) -> Saved:
            unit.append(REPORT, report, *domain.decide_erase(_report(unit, report)))
            unit.write(_sql.drop_photo, (report.bytes,))
            plan_due(unit, ERASURE, report, unit.now)
            return Saved(id=report, version=unit.version(report))

        saved = await self._run(actor, work, idem)
        await asyncio.to_thread(self._erase_key, report)
        return saved

    def sealed_photo(self, report: UUID) -> bytes | None:
        """Return a report's photo as stored, sealed; None if there is none. Blocks."""
        with self._database.read() as tx:
            rows = tx.execute(_sql.photo, (report.bytes,))
        return bytes(rows[0][0]) if rows else None

    # --- feedback

    async def vote(self, notice: UUID, useful: bool, *, idem: Idempotency | None = None) -> Saved:
        """Count a reader's yes or no on the thread of a notice. Raises NotFound unless it was issued."""

        def work(unit: UnitOfWork) -> Saved:
            thread = _thread(unit, notice)
            stream = feedback_id(thread)
            unit.get(FEEDBACK, stream)
            unit.append(FEEDBACK, stream, FeedbackGiven(notice=thread, useful=useful))
            return Saved(id=stream, version=unit.version(stream), created=True)

        return await self._run(RESIDENT, work, idem)

    async def comment(self, notice: UUID, words: str, language: str, *, idem: Idempotency | None = None) -> Saved:
        """Record what a reader wrote about the thread of a notice, sealed under a key of its own."""
        words = validation.text(words, "words", WORDS_MOST, needed=True)
        stream = new_id()

        def work(unit: UnitOfWork) -> Saved:
            thread = _thread(unit, notice)
            unit.get(FEEDBACK, stream)
            unit.append(FEEDBACK, stream, FeedbackGiven(notice=thread, language=language, words=words))
            return Saved(id=stream, version=1, created=True)

        return await self._run(RESIDENT, work, idem)


def _report(unit: UnitOfWork, report: UUID) -> ReportState:
    state = unit.get(REPORT, report)
    if state is None:
        raise NotFound("There is no such report.")
    return state


def _thread(unit: UnitOfWork, notice: UUID) -> UUID:
    state: Any = unit.get(NOTICE, notice)
    if state is None or not state.issued:
        raise NotFound("There is no such notice.")
    thread: UUID = state.thread
    return thread


def check_words(words: str, field: str = "what") -> str:
    """Validate what a resident saw. Raises Invalid."""
    plain = validation.text(words, field, WORDS_MOST)
    if len(plain) < WORDS_LEAST:
        raise Invalid.field(field, f"Write at least {WORDS_LEAST} letters.")
    return plain
