"""Message composer: send policy and rendering of claimed rows. Blocking; runs in a thread."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from alerts.channels.descriptor import DigestItem, Prepared
from alerts.channels.discreet import discreet
from alerts.channels.i18n import translator
from alerts.channels.message import Message
from alerts.channels.registry import writable
from alerts.channels.renderer import Renderer
from alerts.channels.subject import marks
from alerts.delivery_queue.row_format import EXPIRED, FAILED_TECHNICAL, HELD, JOB_YEARLY, STATE, DeliveryFlag
from alerts.delivery_queue.settle import Claimed, DeliveryOutcome
from alerts.dispatch.personal_content import SenderProfile, notice_content, personal_content
from alerts.dispatch.send_policy import QUIET, InDigest, Verdict, decide, decide_yearly
from alerts.dispatch.transactional import Transactional
from alerts.kernel.terms import CHANNELS, Channel
from subscribers.audience.issued_notice import IssuedNotice
from subscribers.audience.projector import AudienceProjector
from subscribers.directory import ContactCard, card_of_member

_log = logging.getLogger(__name__)
_CACHE_SIZE = 512
TOGETHER: frozenset[Channel] = frozenset(("email",))
"""Channels on which notices that fall due together for one person arrive as one message."""


class ContactLookup(Protocol):
    """Contact lookup, as the composer needs it (`subscribers.directory.Directory`)."""

    def cards(self, numbers: Sequence[int]) -> dict[int, ContactCard]:
        """Contact points with addresses and preferences."""


@dataclass(frozen=True, slots=True)
class PreparedMessage:
    """Message ready to be sent, with the rows that it settles (several, if it carries a digest)."""

    message: Message
    rows: tuple[Claimed, ...]
    channel: Channel
    language: str
    emergency: bool


@dataclass(slots=True)
class Batch:
    """Messages and outcomes of a claim so far."""

    outgoing: list[PreparedMessage] = field(default_factory=list)
    settled: list[DeliveryOutcome] = field(default_factory=list)
    known: int = 0
    """Position of the last event about people that was taken into account."""


class MessageComposer:
    """Decides and renders. Shared by all senders of a process; thread-safe."""

    def __init__(
        self,
        projector: AudienceProjector,
        directory: ContactLookup,
        renderer: Renderer,
        sender: SenderProfile,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._projector, self._directory, self._renderer, self._sender = projector, directory, renderer, sender
        self._clock = clock
        self._transactional = Transactional(projector.reference_data, renderer, sender, clock=clock)
        self._prepared: OrderedDict[tuple[int, Channel, str], Prepared] = OrderedDict()
        self._logged: set[tuple[int, str]] = set()

    def compose(self, rows: Sequence[Claimed]) -> Batch:
        """Divide rows of notices into messages and outcomes without a message."""
        batch = Batch()
        going: list[Claimed] = []
        woken: dict[int, list[Claimed]] = {}
        carried: dict[int, list[InDigest]] = {}
        with self._projector.locked_at_position():
            batch.known = self._projector.columns.position
            for row in rows:
                verdict = self.dispatch_verdict(row)
                if verdict is None and self._waited_for_quiet_hours(row):
                    woken.setdefault(row.contact, []).append(row)
                elif verdict is None:
                    going.append(row)
                elif isinstance(verdict, InDigest):
                    carried.setdefault(row.contact, []).append(verdict)
                else:
                    batch.settled.append(verdict)
        for contact, rows_of_one in woken.items():
            if len(rows_of_one) == 1:
                going += rows_of_one
            else:
                carried.setdefault(contact, []).extend(InDigest(row, past=False) for row in rows_of_one)
        cards = self._cards([row.contact for row in going] + list(carried))
        for row in going:
            if _is_forgotten(cards.get(row.contact)):
                batch.settled.append(DeliveryOutcome(row, STATE["suppressed"], "erased"))
                continue
            self._add(batch, (row,), lambda row=row: self._message(row, cards))  # type: ignore[misc]
        for contact, items in carried.items():
            self._carry(batch, items, cards.get(contact))
        return batch

    def is_emergency(self, notice: int) -> bool:
        """True if a dispatch belongs to an emergency, or ends one."""
        issued = self._projector.reference_data.issued(notice)
        return issued is not None and issued.lane == "emergency"

    def dispatch_verdict(self, row: Claimed) -> Verdict:
        """Decide if a row may be sent now. Call it while the projector is locked at a position."""
        reference_data = self._projector.reference_data
        notice = reference_data.issued(row.notice)
        if notice is None:
            return DeliveryOutcome(row, FAILED_TECHNICAL, "the notice is not in the log")
        facts = self._projector.columns.facts(row.contact)
        member = reference_data.member_of(row.contact) if row.flags & DeliveryFlag.TEAM else None
        return decide(row, notice, facts, self._clock(), on_team=member is not None)

    def recheck(self, row: Claimed, known: int) -> Verdict:
        """Decide again right before the first byte. `known`: position of the first decision."""
        notice = self._projector.reference_data.issued(row.notice)
        if notice is not None and self._projector.columns.position == known:
            ended = notice.verdict(self._clock())  # people unchanged: only time and its end count
            if ended is None:
                return None
        with self._projector.locked_at_position():
            return self.dispatch_verdict(row)

    def transactional(self, rows: Sequence[Claimed], expires: dict[int, datetime], kinds: Mapping[int, int]) -> Batch:
        """Like `compose`, for a day's confirmations, answers and messages to the team. `kinds`: kind by dispatch."""
        batch = Batch(known=self._projector.columns.position)
        cards = self._cards([row.contact for row in rows])
        for row in rows:
            if kinds[row.notice] == JOB_YEARLY and (waits := self._yearly_verdict(row)) is not None:
                batch.settled.append(waits)
                continue
            decided = self._transactional.decide(row, kinds[row.notice], cards.get(row.contact), expires[row.notice])
            if isinstance(decided, DeliveryOutcome):
                batch.settled.append(decided)
            else:
                self._add(batch, (row,), decided)
        return batch

    def _yearly_verdict(self, row: Claimed) -> DeliveryOutcome | None:
        with self._projector.locked_at_position():
            return decide_yearly(row, self._projector.columns.facts(row.contact), self._clock())

    def _waited_for_quiet_hours(self, row: Claimed) -> bool:
        """True for mail that falls due with the end of quiet hours: several go together. An emergency goes alone."""
        if row.state != HELD or row.reason != QUIET or CHANNELS[row.channel] not in TOGETHER:
            return False
        return not self.is_emergency(row.notice)

    # --- one message ---

    def _add(self, batch: Batch, rows: tuple[Claimed, ...], render: Callable[[], tuple[Message, str, bool]]) -> None:
        """Render a message; one that fails or lacks a part is parked with its reason, and others continue."""
        try:
            message, language, emergency = render()
            lacks = writable(message.channel).missing(message)
            if lacks:
                raise ValueError(f"it has no {lacks}; report this as a fault of the product, then retry")
        except Exception as error:
            self._log_once(rows[0].notice, error)
            reason = f"could not be written: {error}"
            batch.settled += [DeliveryOutcome(row, FAILED_TECHNICAL, reason) for row in rows]
            return
        batch.outgoing.append(PreparedMessage(message, rows, message.channel, language, emergency))

    def _log_once(self, dispatch: int, error: Exception) -> None:
        """Log each distinct error once: a million traces of one broken layout would take hours and help no one."""
        what = (dispatch, str(error))
        if what in self._logged:
            return
        if len(self._logged) >= _CACHE_SIZE:
            self._logged.clear()
        self._logged.add(what)
        _log.error("messages of dispatch %d cannot be written; they are parked", dispatch, exc_info=error)

    def _message(self, row: Claimed, cards: dict[int, ContactCard]) -> tuple[Message, str, bool]:
        notice = self._notice(row)
        card = cards.get(row.contact)
        if card is None:
            raise LookupError("the directory does not know this contact point")
        language = card.language or self._sender.default_language
        prepared = self._for(notice, CHANNELS[row.channel], language)
        own = personal_content(notice, card, row.flags, self._sender, self._projector.reference_data)
        message = prepared.message(own)
        if card.preferences is not None and card.preferences.discreet:
            url = f"{self._sender.public_url}/a/{notice.number}"
            t = translator(language, self._sender.default_language)
            first = t.comma.join(marks(notice.plan.status, notice.msg_type, t))
            message = discreet(message, t, url, own.stop_url, first)
        return message, language, notice.lane == "emergency"

    def _carry(self, batch: Batch, items: list[InDigest], card: ContactCard | None) -> None:
        """Compose one digest of a contact point's waiting items; past items alone send nothing (RULES 5)."""
        batch.settled += [DeliveryOutcome(item.row, EXPIRED, "digest") for item in items if item.past]
        rows = tuple(item.row for item in items if not item.past)
        if not rows:
            return
        if _is_forgotten(card):
            batch.settled += [DeliveryOutcome(row, STATE["suppressed"], "erased") for row in rows]
            return

        def render() -> tuple[Message, str, bool]:
            if card is None:
                raise LookupError("the directory does not know this contact point")
            language = card.language or self._sender.default_language
            listed = [self._item(item, card, language) for item in sorted(items, key=lambda item: item.row.notice)]
            first = next(item for item in listed if not item.past)
            message = self._renderer.digest(language, listed, first.personal, CHANNELS[rows[0].channel])
            if card.preferences is not None and card.preferences.discreet:
                t = translator(language, self._sender.default_language)
                message = discreet(message, t, self._sender.preferences_url(card), first.personal.stop_url)
            return message, language, False

        self._add(batch, rows, render)

    def _item(self, item: InDigest, card: ContactCard, language: str) -> DigestItem:
        notice = self._notice(item.row)
        reference_data = self._projector.reference_data
        words = notice_content(notice, language, self._sender, reference_data)
        own = personal_content(notice, card, item.row.flags, self._sender, reference_data)
        return DigestItem(words=words, personal=own, past=item.past)

    # --- what messages share ---

    def _notice(self, row: Claimed) -> IssuedNotice:
        notice = self._projector.reference_data.issued(row.notice)
        if notice is None:
            raise LookupError("the notice is not in the log")
        return notice

    def _for(self, notice: IssuedNotice, channel: Channel, language: str) -> Prepared:
        key = (notice.number, channel, language)
        prepared = self._prepared.get(key)
        if prepared is None:
            words = notice_content(notice, language, self._sender, self._projector.reference_data)
            prepared = self._renderer.prepare(words, channel)
            self._prepared[key] = prepared
            while len(self._prepared) > _CACHE_SIZE:
                self._prepared.popitem(last=False)
        return prepared

    def _cards(self, contacts: Sequence[int]) -> dict[int, ContactCard]:
        found = self._directory.cards(contacts)
        for contact in contacts:
            member = None if contact in found else self._projector.reference_data.member_of(contact)
            if member is not None:
                found[contact] = card_of_member(member)
        return found


def _is_forgotten(card: ContactCard | None) -> bool:
    """True if the key was destroyed before this process has reached the erasure event."""
    return card is not None and card.address is None
