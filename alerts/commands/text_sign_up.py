"""Sign-up by text: `JOIN SE5 4NN`. The text came from that phone, so the number needs no confirmation."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from alerts.channels.descriptor import AddressRules
from alerts.channels.registry import REPLIES, WRITABLE
from alerts.commands.actor import RESIDENT
from alerts.commands.delivery_receipts import restore_contact
from alerts.commands.preferences import MAX_PLACES, RequestedPreferences
from alerts.commands.results import Saved
from alerts.commands.subscribers import SubscriberCommands
from alerts.domain.delivery_receipt import is_older
from alerts.domain.events import InboundTextReceived
from alerts.domain.streams import TEXTS, texts_id
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict, Invalid
from subscribers.addresses import Owner, sender_phone
from subscribers.domain import lifecycle, signup
from subscribers.domain.events import Consent, Preferences, SubscriberPlace
from subscribers.domain.subscriber import SUBSCRIBER

BY_JOIN: Final = "JOIN by text"
"""`Consent.how` of a person who texted JOIN."""


class TextSignUpCommands(SubscriberCommands):
    """JOIN by text."""

    async def join_by_text(
        self,
        provider: str,
        number: str,
        place: SubscriberPlace,
        language: str,
        wording: str,
        at: datetime | None = None,
        external_id: str = "",
    ) -> Saved:
        """Sign a number up for a place, or add the place to what it gets. `created`: False if nothing was done.

        A number that no text is sent to (`ALERTS_SMS_PREFIXES`, costly ones) is not signed up. One that was written
        before a later STOP changes nothing.
        """
        try:
            rules = AddressRules(self._sms_prefixes, self._endpoints)
            sender = WRITABLE[REPLIES].parse_address(sender_phone(number), "phone", rules)
        except Invalid:
            return Saved(id=texts_id(0), version=0)

        def work(unit: UnitOfWork) -> Saved:
            written = min(at, unit.now) if at is not None else unit.now
            owner = self._addresses.find(unit.read, REPLIES, sender)
            before = unit.get(TEXTS, texts_id(owner.contact)) if owner is not None else None
            if before is not None and (is_older(before, written) or (external_id and external_id in before.seen)):
                return Saved(id=texts_id(0), version=0)
            consent = Consent(wording=wording, given_at=written, how=BY_JOIN)
            try:
                contact = self._joined(unit, owner, sender, place, language, consent)
            except (Invalid, Conflict):  # they have left since by another way
                return Saved(id=texts_id(0), version=0)
            stream = texts_id(contact)
            unit.get(TEXTS, stream)
            received = InboundTextReceived(
                provider=provider, word="join", contact=contact, external_id=external_id, at=written
            )
            unit.append(TEXTS, stream, received)
            return Saved(id=stream, version=unit.version(stream), created=True)

        return await self._run(RESIDENT, work)

    def _joined(
        self,
        unit: UnitOfWork,
        owner: Owner | None,
        sender: str,
        place: SubscriberPlace,
        language: str,
        consent: Consent,
    ) -> int:
        """Sign up, return or widen; return the contact point's number."""
        state = unit.get(SUBSCRIBER, owner.subscriber) if owner is not None else None
        if owner is None or state is None or not signup.is_living(state):
            preferences = Preferences(places=(place,), channels=(REPLIES,), language=language, timezone=self._timezone)
            requested = RequestedPreferences(((REPLIES, sender),), preferences, consent)
            saved = self.join(unit, requested, "text", confirmed=True)
            return next(contact.number for contact in saved.contacts if contact.channel == REPLIES)
        signup.check_consent(consent, signup.left_at(state, owner.contact), unit.now)
        reach = signup.ContactDetails(owner.contact, REPLIES, sender)
        restore_contact(unit, owner.subscriber, reach, consent, consent.given_at)
        self._append(unit, owner.subscriber, lambda s, _: lifecycle.decide_consent(s, consent))
        self._append(unit, owner.subscriber, lambda s, _: lifecycle.decide_change(s, _wider(s.preferences, place)))
        return owner.contact


def _wider(preferences: Preferences | None, place: SubscriberPlace) -> Preferences:
    """Return the preferences with one place more; without any they mean everywhere already."""
    assert preferences is not None, "a living person has preferences"
    if preferences.only_followed:
        return replace(preferences, places=(place,), only_followed=False, danger_to_life=True)
    if not preferences.places or place in preferences.places or len(preferences.places) >= MAX_PLACES:
        return preferences
    return replace(preferences, places=(*preferences.places, place))
