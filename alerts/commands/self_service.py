"""Commands that residents give for themselves, by the public forms and the links in their messages.

Known and unknown addresses are answered alike: what differs is the message that the address gets, and it gets at most
one of each kind in its time.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import msgspec

from alerts.channels import push
from alerts.channels.descriptor import AddressRules
from alerts.commands.actor import RESIDENT, Actor
from alerts.commands.address_claims import AddressClaims
from alerts.commands.ports import Idempotency
from alerts.commands.preferences import RequestedPreferences
from alerts.commands.results import CodeTried, SubscriberSaved
from alerts.commands.subscribers import LAPSE, LAPSES_AFTER, SubscriberCommands, person, saved
from alerts.contract.bodies import PushBody, SubscriberBody
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.confirmation_codes import TRIES
from alerts.kernel.errors import Conflict, NotFound
from alerts.kernel.terms import CHANNEL_TERMS, CHANNELS, Channel
from alerts.scheduler.due_items import cancel_due, plan_due
from subscribers.addresses import Owner
from subscribers.code_tries import count_try, forget_tries, tries_of
from subscribers.confirmation_limit import ask_once
from subscribers.domain import lifecycle, signup
from subscribers.domain.events import FreshLinkRequested, Preferences
from subscribers.domain.signup import ContactDetails
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState


class SelfServiceCommands(SubscriberCommands):
    """Sign-up, fresh links, codes, and the way back after leaving."""

    async def sign_up(self, body: SubscriberBody, *, idem: Idempotency | None = None) -> SubscriberSaved:
        """Sign up by the public form, with the consent that was ticked; confirmed by link or code.

        An address with a living subscription gets a fresh link to it instead, and nothing else is recorded: the
        answer does not tell. Raises Invalid.
        """
        requested = await self.check_registration(body)

        def work(unit: UnitOfWork) -> SubscriberSaved:
            known = [owner for reach in requested.reaches if (owner := self._living(unit, *reach)) is not None]
            if known:
                for owner in known:
                    _ask_fresh(unit, owner)
                return saved(person(unit, known[0].subscriber))
            return self._requested_anew(unit, requested)

        return await self._run(RESIDENT, work, idem)

    def _requested_anew(self, unit: UnitOfWork, requested: RequestedPreferences) -> SubscriberSaved:
        joined = self.join(unit, replace(requested, consent=None), RESIDENT.kind, confirmed=False)
        consent = requested.consent
        if consent is not None:
            self._append(unit, joined.id, lambda s, _: lifecycle.decide_consent(s, consent))
        return saved(person(unit, joined.id), created=True)

    def _living(self, unit: UnitOfWork, channel: Channel, address: str) -> Owner | None:
        """Return the owner of an address if it is verified and its subscription is living."""
        owner = self._addresses.find(unit.read, channel, address)
        state = unit.get(SUBSCRIBER, owner.subscriber) if owner is not None else None
        contact = state.contact(owner.contact) if owner is not None and state is not None else None
        is_theirs = contact is not None and contact.state == "verified" and signup.is_living(state)
        return owner if is_theirs else None

    async def check_device(self, body: PushBody) -> str:
        """Return the address of a browser that somebody signs up with. Raises Invalid; Conflict if it gets alerts.

        The answer tells nobody anything: only the browser itself knows its endpoint.
        """
        address = push.parse_address(body, "", AddressRules(endpoints=self._endpoints))
        found = await self._writer.run(lambda unit: self._living(unit, "push", address), by=RESIDENT.by)
        if found.result is not None:
            raise Conflict("This device gets alerts already.")
        return address

    async def send_link(self, channel: Channel, address: str) -> None:
        """Send a fresh link to an address of a living subscription, a confirmation to one that asked; else nothing."""

        def work(unit: UnitOfWork) -> CodeTried:
            owner = self._addresses.find(unit.read, channel, address)
            if owner is not None:
                self._send_link(unit, owner)
            return CodeTried(id=UUID(int=0), version=0, confirmed=False)

        await self._run(RESIDENT, work)

    async def send_link_to(self, subscriber: UUID, contact: int, actor: Actor = RESIDENT) -> None:
        """Send a fresh link, or the confirmation once more, to a contact point of this person; see `send_link`."""

        def work(unit: UnitOfWork) -> CodeTried:
            if unit.get(SUBSCRIBER, subscriber) is not None:
                self._send_link(unit, Owner(subscriber, contact))
            return CodeTried(id=UUID(int=0), version=0, confirmed=False)

        await self._run(actor, work)

    def _send_link(self, unit: UnitOfWork, owner: Owner) -> None:
        state = unit.get(SUBSCRIBER, owner.subscriber)
        contact = state.contact(owner.contact) if state is not None else None
        if state is None or contact is None or contact.state == "removed" or contact.address is None:
            return
        if contact.state == "verified":
            if signup.is_living(state):
                _ask_fresh(unit, owner)
        elif state.phase in ("requested", "lapsed"):
            self._ask_again(unit, state)

    def _ask_again(self, unit: UnitOfWork, state: SubscriberState) -> None:
        """Ask for the confirmation once more: the request lives another week, with what was wanted before."""
        contacts = [
            ContactDetails(c.number, c.channel, c.address)
            for c in state.current
            if c.address and c.state == "unverified"
        ]
        if not contacts or state.preferences is None:
            return
        consent = state.consent
        requested = signup.decide_request(state, how=RESIDENT.kind, contacts=contacts, preferences=state.preferences)
        unit.append(SUBSCRIBER, state.id, *requested)
        if consent is not None:
            self._append(unit, state.id, lambda s, _: lifecycle.decide_consent(s, consent))
        ask_once(unit, self._hashed(contacts))
        cancel_due(unit, LAPSE, state.id)
        plan_due(unit, LAPSE, state.id, unit.now + LAPSES_AFTER)

    async def try_code(self, subscriber: UUID, contact: int, *, right: bool) -> CodeTried:
        """Confirm a contact point by a code, which the caller has compared; after three wrong ones none is right."""

        def work(unit: UnitOfWork) -> CodeTried:
            state = person(unit, subscriber)
            tries = tries_of(unit, contact)
            point = state.contact(contact)
            if point is None or point.state == "removed" or tries >= TRIES:
                return CodeTried(id=subscriber, version=state.version, confirmed=False)
            if not right:
                left = TRIES - count_try(unit, contact)
                return CodeTried(id=subscriber, version=state.version, confirmed=False, left=left)
            self._append(unit, subscriber, lambda s, u: lifecycle.decide_verify(s, contact, now=u.now))
            return CodeTried(id=subscriber, version=person(unit, subscriber).version, confirmed=True)

        return await self._run(RESIDENT, work)

    async def confirm_contact(self, contact: int, subscriber: UUID) -> SubscriberSaved:
        """Verify a contact point by its link. It takes the place of the person's earlier one of the same channel."""
        answer = await self.verify_contact(RESIDENT, contact, subscriber)

        def work(unit: UnitOfWork) -> SubscriberSaved:
            state = person(unit, answer.id)
            point = state.contact(contact)
            if point is not None and point.state == "verified" and not CHANNEL_TERMS[point.channel].per_device:
                for other in state.current:
                    if other.number != contact and other.channel == point.channel:
                        number = other.number
                        self._append(unit, answer.id, lambda s, _, n=number: lifecycle.decide_remove(s, n, "changed"))  # type: ignore[misc]
            return saved(person(unit, answer.id))

        return await self._run(RESIDENT, work)

    async def change_own_preferences(self, subscriber: UUID, preferences: Preferences) -> SubscriberSaved:
        """Replace the preferences by those of the person's own page, which has checked them."""
        return await self._alter(RESIDENT, subscriber, lambda s, _: lifecycle.decide_change(s, preferences), None)

    async def add_own_address(self, subscriber: UUID, channel: Channel, address: str) -> SubscriberSaved:
        """Add an address, which is asked for a confirmation; the earlier one stays until then.

        Somebody else's address is not added, and nobody is told.
        """

        def work(unit: UnitOfWork) -> SubscriberSaved:
            living = self._living(unit, channel, address)
            if living is None or living.subscriber == subscriber:
                claims = AddressClaims(unit, self._addresses)
                claims.look_up(((channel, address),), but=subscriber)
                [reach] = claims.number(subscriber, ((channel, address),))
                before = person(unit, subscriber)
                if all(c.number != reach.number for c in before.current):
                    ask_once(unit, self._hashed([reach]))
                self._append(unit, subscriber, lambda s, _: lifecycle.decide_add(s, reach, verified=False))
                self._append(unit, subscriber, lambda s, _: lifecycle.decide_change(s, _with(s, channel)))
            return saved(person(unit, subscriber))

        return await self._run(RESIDENT, work)

    async def send_test(self, subscriber: UUID, actor: Actor = RESIDENT) -> SubscriberSaved:
        """Send a message marked TEST to each contact point of this person; nothing soon after the last test."""
        return await self._alter(actor, subscriber, lambda s, u: lifecycle.decide_test(s, now=u.now), None)

    async def undo_leaving(self, subscriber: UUID, contact: int) -> SubscriberSaved:
        """Take a leaving by link back, within a week. Raises Conflict when it is too late, NotFound after erasure."""

        def work(unit: UnitOfWork) -> SubscriberSaved:
            state = person(unit, subscriber)
            point = state.contact(contact)
            if point is not None and point.address is not None:
                owner = self._addresses.find(unit.read, point.channel, point.address)
                if owner is None or owner.subscriber != subscriber:
                    raise NotFound("Somebody else uses this address now.")
            self._append(unit, subscriber, lambda s, u: lifecycle.decide_undo(s, contact, now=u.now))
            return saved(person(unit, subscriber))

        return await self._run(RESIDENT, work)

    async def remove_own_contact(self, actor: Actor, subscriber: UUID, contact: int) -> SubscriberSaved:
        """Remove a contact point of this person by their own page. Raises NotFound for another's."""

        def work(unit: UnitOfWork) -> SubscriberSaved:
            self._append(unit, subscriber, lambda s, _: lifecycle.decide_remove(s, contact, "asked for"))
            return saved(person(unit, subscriber))

        return await self._run(actor, work)

    async def forget_asked_addresses(self) -> None:
        """Delete the hashes of asked addresses, and the counts of wrong codes, of more than 24 hours ago."""
        await super().forget_asked_addresses()
        await self._writer.run(lambda unit: forget_tries(unit, unit.now), by="system")


def _with(state: SubscriberState, channel: Channel) -> Preferences:
    """Return the preferences with a channel among those wanted."""
    chosen = lifecycle.need_subscription(state)
    if not chosen.channels or channel in chosen.channels:
        return chosen
    wider = tuple(c for c in CHANNELS if c == channel or c in chosen.channels)
    return msgspec.structs.replace(chosen, channels=wider)


def _ask_fresh(unit: UnitOfWork, owner: Owner) -> None:
    state = unit.get(SUBSCRIBER, owner.subscriber)
    contact = state.contact(owner.contact) if state is not None else None
    if contact is not None and contact.usable:
        request = FreshLinkRequested(number=contact.number, channel=contact.channel)
        unit.append(SUBSCRIBER, owner.subscriber, request)
