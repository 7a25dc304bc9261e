"""Inbound commands: receipts, bounces and complaints of providers, and text messages of residents.

Each is idempotent, and the order of arrival does not change the result.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from alerts.channels.redact import without_address, without_numbers
from alerts.channels.registry import BOUNCING, REPLIES
from alerts.commands.actor import RESIDENT, SYSTEM
from alerts.commands.base import CommandBase
from alerts.commands.results import Saved
from alerts.delivery_queue.receipts import AppliedReceipt, apply_receipt
from alerts.domain.delivery_receipt import BounceKind, ReceiptsState, ReceiptStatus, Word, bounce_key, is_older
from alerts.domain.events import ContactPointBounced, InboundTextReceived, ReceiptReceived
from alerts.domain.streams import RECEIPTS, TEXTS, receipts_id, texts_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.terms import CHANNELS
from subscribers.addresses import owner_of, sender_phone
from subscribers.domain import lifecycle, signup
from subscribers.domain.events import Consent, Preferences
from subscribers.domain.subscriber import SUBSCRIBER, ContactState, SubscriberState
from subscribers.suppression import suppress

BY_TEXT: Final = "START by text"
"""`Consent.how` of a person who texted START."""
STOPPED: Final = "STOP"
"""Removal reason of a contact point that texted STOP."""
_REASON = 300
_OUTCOMES: Final[dict[BounceKind, str]] = {"hard": "bounced", "soft": "bounced", "complaint": "complained"}


class ReceiptCommands(CommandBase):
    """Receipts, bounces and inbound texts. `created` in a result is True if it was not known before."""

    async def take_receipt(
        self,
        provider: str,
        notice: int,
        contact: int,
        status: ReceiptStatus,
        reason: str = "",
        at: datetime | None = None,
        reference: str = "",
        external_id: str = "",
        *,
        retire: str = "",
    ) -> Saved:
        """Record the status of a delivery (notice number, contact point number) after a provider accepted it.

        `delivered` beats `failed`, whichever comes first; a repeated status is ignored. `retire`: a failure caused by
        the address (`hard-bounce`, `opt-out`, …) suppresses the contact point too. `at` is the provider's time,
        `reference` its own id of the message. An unknown delivery changes nothing.
        """
        stream = receipts_id(notice, contact)

        def work(unit: UnitOfWork) -> Saved:
            before = unit.get(RECEIPTS, stream)
            if before is not None and status in before.statuses:
                return Saved(id=stream, version=before.version)
            words = _redacted(reason)
            taken = _report(unit, notice, contact, before, status, status, words, at)
            if taken is None:
                return Saved(id=stream, version=0)
            received = _received(unit, provider, notice, contact, status, taken, words, at, reference or external_id)
            unit.append(RECEIPTS, stream, received)
            if retire and status == "failed":
                suppress(unit, contact, retire)
            return Saved(id=stream, version=unit.version(stream), created=True)

        return await self._run(SYSTEM, work)

    async def take_bounce(
        self,
        provider: str,
        kind: BounceKind,
        *,
        failed: bool | None = None,
        contact: int | None = None,
        address: str = "",
        notice: int | None = None,
        reason: str = "",
        external_id: str = "",
        at: datetime | None = None,
    ) -> Saved:
        """Record a bounce or complaint, for a contact point or for the e-mail address it had.

        hard and complaint: the contact point is suppressed (`hard-bounce`, `complaint`). soft: recorded. `failed`: the
        message will not arrive any more (default: True for a hard one), so its delivery has failed for good. An unknown
        address changes nothing.
        """

        def work(unit: UnitOfWork) -> Saved:
            number = contact
            if number is None:
                owners = (self._addresses.find(unit.read, channel, address) for channel in BOUNCING if address)
                owner = next((found for found in owners if found is not None), None)
                number = owner.contact if owner else None
            if number is None:
                return Saved(id=receipts_id(0, 0), version=0)
            lost = kind == "hard" if failed is None else failed
            return _bounced(unit, provider, kind, lost, number, notice, _redacted(reason), external_id, at)

        return await self._run(SYSTEM, work)

    async def take_inbound(
        self, provider: str, number: str, word: Word, at: datetime | None = None, external_id: str = ""
    ) -> Saved:
        """Record a text from `number`, in any international spelling. `created`: False if unknown or repeated.

        stop ends that contact point, and the subscription with its last one; start brings it back for the same person,
        with their last preferences; help is answered once a day. A STOP or START that was written before one already
        known changes nothing.
        """

        sender = sender_phone(number)

        def work(unit: UnitOfWork) -> Saved:
            owner = self._addresses.find(unit.read, REPLIES, sender)
            if owner is None:
                return Saved(id=texts_id(0), version=0)
            stream, contact = texts_id(owner.contact), owner.contact
            before = unit.get(TEXTS, stream)
            if before is not None and external_id and external_id in before.seen:
                return Saved(id=stream, version=before.version)
            written = min(at, unit.now) if at is not None else unit.now  # a clock ahead must not silence a later STOP
            late = word in ("stop", "start") and is_older(before, written)
            received = InboundTextReceived(
                provider=provider, word=word, contact=contact, external_id=external_id, at=written
            )
            unit.append(TEXTS, stream, received)
            if not late and word == "stop":
                _stop(unit, owner.subscriber, contact)
            if not late and word == "start":
                _start(unit, owner.subscriber, contact, written)
            return Saved(id=stream, version=unit.version(stream), created=True)

        return await self._run(RESIDENT, work)


# --- receipts and bounces


def _report(
    unit: UnitOfWork,
    notice: int,
    contact: int,
    before: ReceiptsState | None,
    status: ReceiptStatus | None,
    outcome: str,
    reason: str,
    at: datetime | None,
) -> AppliedReceipt | None:
    nth = (before.version if before else 0) + 1
    return apply_receipt(
        unit, notice, contact, status, nth=nth, outcome=outcome, reason=_plain(reason), at=at or unit.now
    )


def _received(
    unit: UnitOfWork,
    provider: str,
    notice: int,
    contact: int,
    status: ReceiptStatus,
    taken: AppliedReceipt,
    reason: str,
    at: datetime | None,
    reference: str,
) -> ReceiptReceived:
    return ReceiptReceived(
        number=notice,
        contact=contact,
        channel=taken.channel,
        provider=provider,
        status=status,
        was=taken.was,
        state=taken.state,
        reason=_plain(reason),
        at=at,
        reference=_plain(reference),
        language=_language(unit, contact) if taken.state != taken.was else "",
    )


def _language(unit: UnitOfWork, contact: int) -> str:
    """Return the person's language, by which statistics count their deliveries; "" if unknown or erased."""
    subscriber = owner_of(unit.read, contact)
    state = unit.get(SUBSCRIBER, subscriber) if subscriber is not None else None
    return state.preferences.language if state is not None and state.preferences is not None else ""


def _bounced(
    unit: UnitOfWork,
    provider: str,
    kind: BounceKind,
    failed: bool,
    contact: int,
    notice: int | None,
    reason: str,
    external_id: str,
    at: datetime | None,
) -> Saved:
    stream = receipts_id(notice or 0, contact)
    before = unit.get(RECEIPTS, stream)
    if before is not None and bounce_key(kind, external_id) in before.bounces:
        return Saved(id=stream, version=before.version)
    bounced = ContactPointBounced(
        contact=contact,
        number=notice,
        kind=kind,
        provider=provider,
        reason=_plain(reason),
        external_id=_plain(external_id),
    )
    taken = None
    if notice is not None:
        status: ReceiptStatus | None = "failed" if failed else None
        taken = _report(unit, notice, contact, before, status, _OUTCOMES[kind], reason, at)
    unit.append(RECEIPTS, stream, bounced)
    if taken is not None and taken.state != taken.was and notice is not None:
        # The same fact, in the form that statistics and follow-ups read.
        failure = _received(unit, provider, notice, contact, "failed", taken, reason, at, external_id)
        unit.append(RECEIPTS, stream, failure)
    if kind != "soft":
        suppress(unit, contact, "hard-bounce" if kind == "hard" else "complaint")
    return Saved(id=stream, version=unit.version(stream), created=True)


def _redacted(words: str) -> str:
    """Redact phone numbers and addresses from a provider's text, which the log stores in clear."""
    return without_numbers(without_address(words, ""))


def _plain(text: str) -> str:
    """Sanitize external text for storage: one line, printable characters only, limited length."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_REASON]


# --- texts


def _stop(unit: UnitOfWork, subscriber: UUID, contact: int) -> None:
    state = unit.get(SUBSCRIBER, subscriber)
    if state is not None and state.contact(contact) is not None:
        unit.append(SUBSCRIBER, subscriber, *lifecycle.decide_remove(state, contact, STOPPED))


def _start(unit: UnitOfWork, subscriber: UUID, contact: int, at: datetime) -> None:
    """Restore the contact point. The text was sent from that phone, so it needs no confirmation."""
    state = unit.get(SUBSCRIBER, subscriber)
    point = state.contact(contact) if state is not None else None
    if state is None or point is None or point.address is None or state.preferences is None:
        return
    # A START and a STOP are ordered by when they were written; any other leaving by when it was recorded.
    left = signup.left_at(state, contact, other_than=STOPPED)
    if left is not None and at < left:
        return
    consent = Consent(wording="START", given_at=at, how=BY_TEXT)
    reach = signup.ContactDetails(contact, point.channel, point.address)
    if state.phase not in ("confirmed", "requested"):
        preferences = _with_texts(state.preferences, point)
        again = signup.decide_register(state, how="text", contacts=[reach], preferences=preferences, consent=consent)
        unit.append(SUBSCRIBER, subscriber, *again)
        return
    restore_contact(unit, subscriber, reach, consent, at)


def restore_contact(
    unit: UnitOfWork, subscriber: UUID, reach: signup.ContactDetails, consent: Consent, at: datetime
) -> None:
    """Restore a contact point of a current subscriber: verified, and any opt-out lifted."""

    def now() -> SubscriberState:
        state = unit.get(SUBSCRIBER, subscriber)
        assert state is not None, "it was there a moment ago"
        return state

    point = now().contact(reach.number)
    if point is None or (point.usable and now().phase == "confirmed"):
        return
    here = now().phase == "confirmed"  # else verifying confirms the person
    unit.append(SUBSCRIBER, subscriber, *lifecycle.decide_add(now(), reach, verified=here))
    unit.append(SUBSCRIBER, subscriber, *lifecycle.decide_verify(now(), reach.number, now=at))
    point = now().contact(reach.number)
    if point is not None and point.suppressed == signup.OPT_OUT:
        unit.append(SUBSCRIBER, subscriber, *lifecycle.decide_lift(now(), reach.number, BY_TEXT))
    unit.append(SUBSCRIBER, subscriber, *lifecycle.decide_consent(now(), consent))
    preferences = now().preferences
    if preferences is not None:
        unit.append(SUBSCRIBER, subscriber, *lifecycle.decide_change(now(), _with_texts(preferences, reach)))


def _with_texts(preferences: Preferences, point: ContactState | signup.ContactDetails) -> Preferences:
    """Return the last preferences with the contact point's channel added: START asks for texts."""
    channels = tuple(c for c in CHANNELS if c in preferences.channels or c == point.channel)
    return preferences if not preferences.channels else msgspec.structs.replace(preferences, channels=channels)
