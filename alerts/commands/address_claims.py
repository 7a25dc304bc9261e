"""Owners of the addresses that a sign-up or a change names: found, taken over or numbered, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict
from alerts.kernel.ids import contact_number
from alerts.kernel.terms import CHANNEL_TERMS, Channel
from subscribers.addresses import Addresses, Owner
from subscribers.domain import lifecycle, signup
from subscribers.domain.events import Consent
from subscribers.domain.signup import ContactDetails
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState


def _has_devices_only(state: SubscriberState) -> bool:
    return all(CHANNEL_TERMS[contact.channel].per_device for contact in state.contacts)


@dataclass(slots=True)
class AddressClaims:
    """Owners of a request's addresses, within one transaction."""

    unit: UnitOfWork
    addresses: Addresses
    owners: dict[tuple[Channel, str], Owner] = field(default_factory=dict)
    devices_only: bool = False
    """True if no address but a browser's was looked up."""

    def look_up(
        self, reaches: tuple[tuple[Channel, str], ...], *, but: UUID | None = None, consent: Consent | None = None
    ) -> None:
        """Find the owners. Raises Conflict if another living subscription (not `but`'s) has an address.

        `consent`: the one by which the addresses are to be verified. Raises Invalid if it is older than the leaving
        of an owner, or lies in the future.
        """
        left: list[datetime] = []
        self.devices_only = all(CHANNEL_TERMS[channel].per_device for channel, _ in reaches)
        for channel, address in reaches:
            owner = self.addresses.find(self.unit.read, channel, address)
            if owner is None:
                continue
            state = self.unit.get(SUBSCRIBER, owner.subscriber)
            contact = state.contact(owner.contact) if state else None
            verified = contact is not None and contact.state == "verified"
            if owner.subscriber != but and signup.is_living(state) and verified:
                raise Conflict(
                    f"{CHANNEL_TERMS[channel].point} has a subscription already.", subscriber=str(owner.subscriber)
                )
            self.owners[channel, address] = owner
            if (at := signup.left_at(state, owner.contact)) is not None:
                left.append(at)
        if consent is not None:
            signup.check_consent(consent, max(left, default=None), self.unit.now)

    def returning(self) -> UUID | None:
        """Return the returning person: the first owner without a living subscription.

        A browser is shared in many a household. It alone says who returns only if it is all that is given, and all
        that its owner ever gave: nobody gets the record of another person of the house.
        """
        for (channel, _), owner in self.owners.items():
            state = self.unit.get(SUBSCRIBER, owner.subscriber)
            if state is None or signup.is_living(state) or state.phase == "erased":
                continue
            if not CHANNEL_TERMS[channel].per_device or (self.devices_only and _has_devices_only(state)):
                return owner.subscriber
        return None

    def number(self, subscriber: UUID, reaches: tuple[tuple[Channel, str], ...]) -> list[ContactDetails]:
        """Return the person's contact points: former numbers are reused, others taken over or new."""
        return [self._reach(subscriber, channel, address) for channel, address in reaches]

    def _reach(self, subscriber: UUID, channel: Channel, address: str) -> ContactDetails:
        owner = self.owners.get((channel, address))
        if owner is not None and owner.subscriber == subscriber:
            return ContactDetails(owner.contact, channel, address)
        suppressed, left = self._release(owner) if owner is not None else (None, None)
        number = contact_number(self.unit.number("contact"), subscriber)
        self.addresses.claim(self.unit, channel, address, Owner(subscriber, number))
        return ContactDetails(number, channel, address, suppressed, left)

    def _release(self, owner: Owner) -> tuple[str | None, datetime | None]:
        """Take an address from an owner who never confirmed it or has left; return its suppression, and when."""
        state = self.unit.get(SUBSCRIBER, owner.subscriber)
        contact = state.contact(owner.contact) if state is not None else None
        if state is None or contact is None:
            return None, None
        self.unit.append(SUBSCRIBER, owner.subscriber, *lifecycle.decide_remove(state, owner.contact, "taken over"))
        return contact.suppressed, signup.left_at(state, owner.contact)
