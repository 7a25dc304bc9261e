"""Transactional messages: confirmations, answers to HELP and to reports, words about a device, messages to the team.

At most one per day, kind and contact point. Its content is computed at hand-over, from the state at that time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from alerts.channels.discreet import discreet
from alerts.channels.i18n import translator
from alerts.channels.message import Message
from alerts.channels.registry import ANSWERABLE, REPLIES, WRITABLE
from alerts.channels.renderer import Renderer
from alerts.channels.replies import Answers, ReportAnswer, WebhookOff, YearlySummary
from alerts.delivery_queue.enqueue import NewDelivery
from alerts.delivery_queue.row_format import (
    CANCELLED,
    EXPIRED,
    JOB_ANSWERS,
    JOB_CONFIRMATIONS,
    JOB_DEVICE,
    JOB_FRESH,
    JOB_HELP,
    JOB_JOINED,
    JOB_STOPPED,
    JOB_TEAM,
    JOB_TESTS,
    JOB_YEARLY,
    STATE,
    DeliveryFlag,
)
from alerts.delivery_queue.settle import Claimed, DeliveryOutcome
from alerts.dispatch.personal_content import SenderProfile
from alerts.domain import events as e
from alerts.domain.place_names import place_name
from alerts.kernel.confirmation_codes import confirmation_code
from alerts.kernel.events import Recorded
from alerts.kernel.terms import CHANNEL_CODE, CHANNELS, SIGN_IN_CHANNEL, Channel
from subscribers.audience.reference_data import ReferenceData
from subscribers.directory import ContactCard, ReportCard
from subscribers.domain import events as se
from subscribers.domain.events import SubscriberPlace


class TransactionalRequest(NamedTuple):
    """Messages that an event requests: rows of a day's dispatch of a kind."""

    kind: int
    rows: list[NewDelivery]


def requested_by(recorded: Recorded, reference_data: ReferenceData) -> TransactionalRequest | None:
    """Messages requested by an event; None if there are none."""
    match recorded.event:
        case se.SubscriptionRequested(contacts=contacts):
            return _confirmations([(ref.number, ref.channel) for ref in contacts])
        case se.ContactPointAdded(number=number, channel=channel, verified=False):
            return _confirmations([(number, channel)])
        case e.InboundTextReceived(word="help", contact=int(contact)):
            return TransactionalRequest(JOB_HELP, [NewDelivery(contact, CHANNEL_CODE[REPLIES], 0)])
        case e.InboundTextReceived(word="join", contact=int(contact)):
            return TransactionalRequest(JOB_JOINED, [NewDelivery(contact, CHANNEL_CODE[REPLIES], 0)])
        case e.InboundTextReceived(word="stop" | "start" as word, contact=int(contact), provider=provider):
            if provider in ANSWERS_ITSELF:
                return None
            kind = JOB_STOPPED if word == "stop" else JOB_JOINED
            return TransactionalRequest(kind, [NewDelivery(contact, CHANNEL_CODE[REPLIES], 0)])
        case se.DeviceAnnounced(to=to):
            rows = [NewDelivery(ref.number, CHANNEL_CODE[ref.channel], 0) for ref in to if ref.channel in ANSWERABLE]
            return TransactionalRequest(JOB_DEVICE, rows)
        case se.FreshLinkRequested() | se.FollowRequested() as event if event.channel in ANSWERABLE:
            return TransactionalRequest(JOB_FRESH, [NewDelivery(event.number, CHANNEL_CODE[event.channel], 0)])
        case se.ContactTestRequested(to=to):
            rows = [NewDelivery(ref.number, CHANNEL_CODE[ref.channel], 0) for ref in to if ref.channel in ANSWERABLE]
            return TransactionalRequest(JOB_TESTS, rows)
        case se.YearlyMailDue(number=number):
            return TransactionalRequest(JOB_YEARLY, [NewDelivery(number, CHANNEL_CODE["email"], 0)])
        case e.ReportAnswered(contact=int(contact), channel=channel) if channel in WRITABLE:
            return TransactionalRequest(JOB_ANSWERS, [NewDelivery(contact, CHANNEL_CODE[channel], 0)])
        case e.WebhookDisabled():
            owners = reference_data.webhook_owners(recorded.originator_id)
            return TransactionalRequest(
                JOB_TEAM,
                [
                    NewDelivery(member.contact, CHANNEL_CODE[SIGN_IN_CHANNEL], int(DeliveryFlag.TEAM))
                    for member in owners
                ],
            )
        case _:
            return None


def may_request(event: object) -> bool:
    """True if an event of this type may request messages."""
    match event:
        case se.SubscriptionRequested() | se.ContactPointAdded(verified=False):
            return True
        case (
            e.InboundTextReceived(word="help" | "join" | "stop" | "start")
            | e.WebhookDisabled()
            | se.DeviceAnnounced()
            | se.FreshLinkRequested()
            | se.ContactTestRequested()
            | se.YearlyMailDue()
            | se.FollowRequested()
        ):
            return True
        case e.ReportAnswered(contact=int()):
            return True
        case _:
            return False


def _confirmations(wanted: Sequence[tuple[int, Channel]]) -> TransactionalRequest:
    """Request a confirmation for each new contact point of a supported channel."""
    rows = [NewDelivery(number, CHANNEL_CODE[channel], 0) for number, channel in wanted if channel in WRITABLE]
    return TransactionalRequest(JOB_CONFIRMATIONS, rows)


ANSWERS_ITSELF = frozenset(("twilio",))
"""Providers that answer STOP and START by themselves."""

Write = Callable[[], tuple[Message, str, bool]]
"""Renders the message; returns it with its language, and True if it is an emergency."""


class Transactional:
    """Decides and renders. Shared by all senders of a process; thread-safe."""

    def __init__(
        self, reference_data: ReferenceData, renderer: Renderer, sender: SenderProfile, *, clock: Callable[[], datetime]
    ) -> None:
        self._reference_data, self._renderer, self._sender, self._clock = reference_data, renderer, sender, clock
        self._answers = Answers(sender=sender.sender, clock=clock, default_language=sender.default_language)

    def decide(self, row: Claimed, kind: int, card: ContactCard | None, expires: datetime) -> DeliveryOutcome | Write:
        """Return the outcome of a row without a message, or the function that renders it."""
        if self._clock() >= expires:
            return DeliveryOutcome(row, EXPIRED, "its day is over")
        if card is None or card.address is None:
            gone = "no longer on the team" if kind == JOB_TEAM else "erased"
            return DeliveryOutcome(row, STATE["suppressed"], gone)
        if card.suppressed is not None:
            return DeliveryOutcome(row, STATE["suppressed"], f"suppressed: {card.suppressed}")
        address = card.address
        if kind == JOB_HELP:
            return lambda: self._help(row, card, address)
        if kind in (JOB_JOINED, JOB_STOPPED):
            is_out = card.state == "removed" or card.phase == "ended"
            if is_out != (kind == JOB_STOPPED):
                return DeliveryOutcome(row, CANCELLED, "they changed their mind since")
            return lambda: self._by_text(row, card, address, is_out=is_out)
        if kind == JOB_TEAM:
            webhooks = self._webhooks_off(row.contact)
            if not webhooks:
                return DeliveryOutcome(row, CANCELLED, "it is posted to again")
            return lambda: self._team(row, card, address, webhooks)
        if kind == JOB_DEVICE:
            if card.state == "removed" or card.phase in ("ended", "lapsed"):
                return DeliveryOutcome(row, STATE["suppressed"], "removed" if card.state == "removed" else card.phase)
            return lambda: self._device(row, card, address)
        if kind in (JOB_FRESH, JOB_TESTS, JOB_YEARLY):
            if card.state != "verified" or card.phase != "confirmed":
                return DeliveryOutcome(row, STATE["suppressed"], "removed" if card.state == "removed" else card.phase)
            if kind == JOB_TESTS:
                return lambda: self._test(row, card, address)
            if kind == JOB_YEARLY:
                return lambda: self._yearly(row, card, address)
            return lambda: self._fresh(row, card, address)
        if kind == JOB_ANSWERS:
            if not isinstance(card, ReportCard) or card.answer is None:
                return DeliveryOutcome(row, STATE["suppressed"], "erased")
            return lambda: self._answer(row, card, address)
        refused = _is_unneeded(row, card)
        return refused if refused is not None else lambda: self._confirmation(row, card, address)

    def _confirmation(self, row: Claimed, card: ContactCard, address: str) -> tuple[Message, str, bool]:
        language, delivery = self._language(card), self._sender.delivery(row.notice, row.contact)
        url, channel = self._sender.confirm_url(card), CHANNELS[row.channel]
        if channel == "sms":
            code = confirmation_code(self._sender.secret, card.number, self._clock())
            return self._answers.confirmation_code(language, address, delivery, code, url), language, False
        if channel == "email" and card.preferences is not None and card.preferences.only_followed:
            return self._answers.confirm_follow(language, address, delivery, url), language, False
        message = self._renderer.confirmation(channel, language, address, delivery, url)
        return self._veiled(message, card, language, url), language, False

    def _help(self, row: Claimed, card: ContactCard, address: str) -> tuple[Message, str, bool]:
        language, delivery = self._language(card), self._sender.delivery(row.notice, row.contact)
        return self._answers.help(language, address, delivery, self._sender.public_url), language, False

    def _by_text(self, row: Claimed, card: ContactCard, address: str, *, is_out: bool) -> tuple[Message, str, bool]:
        language, delivery = self._language(card), self._sender.delivery(row.notice, row.contact)
        if is_out:
            return self._answers.stopped(language, address, delivery), language, False
        places = card.preferences.places if card.preferences else ()
        where = places[-1].name or places[-1].slug or "" if places else ""
        url = self._sender.preferences_url(card)
        return self._answers.joined(language, address, delivery, where, url), language, False

    def _device(self, row: Claimed, card: ContactCard, address: str) -> tuple[Message, str, bool]:
        language, delivery = self._language(card), self._sender.delivery(row.notice, row.contact)
        channel, url = CHANNELS[row.channel], self._sender.public_url
        return self._answers.device_added(channel, language, address, delivery, url), language, False

    def _fresh(self, row: Claimed, card: ContactCard, address: str) -> tuple[Message, str, bool]:
        language, delivery = self._language(card), self._sender.delivery(row.notice, row.contact)
        channel, url = CHANNELS[row.channel], self._sender.fresh_url(card, self._clock())
        message = self._answers.fresh_link(channel, language, address, delivery, url)
        return self._veiled(message, card, language, url), language, False

    def _test(self, row: Claimed, card: ContactCard, address: str) -> tuple[Message, str, bool]:
        language, delivery = self._language(card), self._sender.delivery(row.notice, row.contact)
        channel, url = CHANNELS[row.channel], self._sender.preferences_url(card)
        message = self._answers.test(channel, language, address, delivery, url)
        t = translator(language, self._sender.default_language)
        return self._veiled(message, card, language, url, mark=t.text("mark", "Test")), language, False

    def _yearly(self, row: Claimed, card: ContactCard, address: str) -> tuple[Message, str, bool]:
        language, url = self._language(card), self._sender.preferences_url(card)
        t = translator(language, self._sender.default_language)
        preferences = card.preferences
        places = [self._place(place, language) for place in preferences.places] if preferences else []
        topics = [t.topic(topic) for topic in preferences.topics] if preferences else []
        summary = YearlySummary(
            places=t.comma.join(filter(None, places)) or t.text("yearly", "everywhere"),
            topics=t.comma.join(topics) or t.text("sign_up", "all_topics"),
            preferences_url=url,
            stop_url=self._sender.stop_url(row.notice, row.contact),
        )
        delivery = self._sender.delivery(row.notice, row.contact)
        message = self._answers.yearly(language, address, delivery, summary)
        return self._veiled(message, card, language, url), language, False

    def _place(self, place: SubscriberPlace, language: str) -> str:
        """The person's own name for a place, else the registered one; "" for a place without any."""
        registered = self._reference_data.place(place.slug) if place.slug else None
        if place.name or registered is None:
            return place.name or place.slug or ""
        return place_name(registered, language, self._sender.default_language)

    def _answer(self, row: Claimed, card: ReportCard, address: str) -> tuple[Message, str, bool]:
        language, delivery = self._language(card), self._sender.delivery(row.notice, row.contact)
        channel, url = CHANNELS[row.channel], f"{self._sender.public_url}/report/{card.receipt}"
        answer = ReportAnswer(receipt=card.receipt, words=card.answer or "", url=url)
        return self._answers.report_answer(channel, language, address, delivery, answer), language, False

    def _team(
        self, row: Claimed, card: ContactCard, address: str, webhooks: list[WebhookOff]
    ) -> tuple[Message, str, bool]:
        language, delivery = self._language(card), self._sender.delivery(row.notice, row.contact)
        return self._answers.webhook_off(language, address, delivery, webhooks), language, False

    def _veiled(self, message: Message, card: ContactCard, language: str, url: str, mark: str = "") -> Message:
        """Leave out what it is about, for who asked for discreet messages; `mark` stands before what is left."""
        if card.preferences is None or not card.preferences.discreet:
            return message
        return discreet(message, translator(language, self._sender.default_language), url, mark=mark)

    def _language(self, card: ContactCard) -> str:
        return card.language or self._sender.default_language

    def _webhooks_off(self, contact: int) -> list[WebhookOff]:
        member = self._reference_data.member_of(contact)
        if member is None:
            return []
        return [
            WebhookOff(id=state.id, url=state.url, reason=state.reason, position=position)
            for state, position in self._reference_data.webhooks_off(member)
        ]


def _is_unneeded(row: Claimed, card: ContactCard) -> DeliveryOutcome | None:
    """Outcome of a confirmation that is no longer needed, or None."""
    if card.state == "removed" or card.phase in ("ended", "lapsed"):
        return DeliveryOutcome(row, STATE["suppressed"], "removed" if card.state == "removed" else card.phase)
    if card.state == "verified":
        return DeliveryOutcome(row, CANCELLED, "confirmed already")
    return None
