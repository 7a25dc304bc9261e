"""Subscriber commands: join, change, leave, erase (RULES "Identity, leaving, returning")."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from alerts.channels import push
from alerts.channels.descriptor import AddressRules
from alerts.channels.registry import WRITABLE
from alerts.commands.actor import Actor
from alerts.commands.address_claims import AddressClaims
from alerts.commands.base import CommandBase
from alerts.commands.ports import Idempotency
from alerts.commands.preferences import (
    RequestedPreferences,
    SubscriberEdit,
    check_subscriber,
    following_as_before,
    subscriber_json,
    with_asked_threads,
)
from alerts.commands.results import ContactSaved, SubscriberSaved
from alerts.contract.bodies import PushBody, SubscriberBody
from alerts.eventlog.ports import UnitOfWork
from alerts.intake import strict_json
from alerts.kernel.errors import Invalid, NotFound, Stale
from alerts.kernel.events import Event
from alerts.kernel.ids import new_id
from alerts.kernel.merge_patch import merge_patch
from alerts.kernel.terms import CHANNEL_TERMS, CHANNELS, Channel
from alerts.kernel.time_limits import check_time
from alerts.providers.print_batch.provider import drop_pages
from alerts.scheduler.due_items import cancel_due, plan_due
from subscribers.addresses import Owner, endpoint_of, forget, owner_of
from subscribers.confirmation_limit import ask_once, forget_asked, was_asked
from subscribers.domain import lifecycle, signup
from subscribers.domain.events import ActedOnBehalf
from subscribers.domain.signup import ContactDetails
from subscribers.domain.subscriber import SUBSCRIBER, ContactState, SubscriberState

LAPSE, ERASURE = "subscription-lapse", "erasure"
LAPSES_AFTER = timedelta(days=7)
Decide = Callable[[SubscriberState, UnitOfWork], tuple[Event, ...]]


def saved(state: SubscriberState, *, created: bool = False) -> SubscriberSaved:
    """Build the result for a subscriber."""
    return SubscriberSaved(
        id=state.id,
        version=state.version,
        created=created,
        state=state.phase,
        contacts=tuple(ContactSaved(number=c.number, channel=c.channel, state=c.state) for c in state.current),
    )


def person(unit: UnitOfWork, subscriber: UUID) -> SubscriberState:
    """Load a subscriber. Raises NotFound."""
    state = unit.get(SUBSCRIBER, subscriber)
    if state is None:
        raise NotFound("There is no such subscriber.")
    return state


def _is_new(state: SubscriberState, reach: ContactDetails) -> bool:
    """True if this contact point is not among the current ones."""
    return all(contact.number != reach.number for contact in state.current)


def _is_gone(contact: ContactState, requested: RequestedPreferences) -> bool:
    """True if a body removes this contact point: another address replaces it, or none.

    Devices coexist; only a body without any removes them, all of them.
    """
    if CHANNEL_TERMS[contact.channel].per_device:
        return not any(channel == contact.channel for channel, _ in requested.reaches)
    return contact.channel in WRITABLE and (contact.channel, contact.address) not in requested.reaches


def joined(
    before: SubscriberState | None,
    contacts: list[ContactDetails],
    requested: RequestedPreferences,
    how: str,
    *,
    confirmed: bool,
) -> tuple[Event, ...]:
    """Events of a sign-up: confirmed at once with a consent, else a confirmation request."""
    if confirmed and requested.consent is not None:
        return signup.decide_register(
            before, how=how, contacts=contacts, preferences=requested.preferences, consent=requested.consent
        )
    return signup.decide_request(before, how=how, contacts=contacts, preferences=requested.preferences)


class SubscriberCommands(CommandBase):
    """Life cycle of subscribers. Commands are idempotent."""

    async def register_subscriber(
        self, actor: Actor, body: SubscriberBody, *, idem: Idempotency | None = None
    ) -> SubscriberSaved:
        """Sign up. `confirmed` with a consent confirms at once; else each contact point gets a confirmation.

        Raises Conflict, with `subscriber`, if an address has a living subscription; Invalid if the consent is older
        than the leaving of a person or address, or lies in the future. A person who left before gets the same id.
        """
        requested = await self.check_registration(body)

        def work(unit: UnitOfWork) -> SubscriberSaved:
            return self.join(unit, requested, actor.kind, confirmed=body.confirmed)

        return await self._run(actor, work, idem)

    def join(self, unit: UnitOfWork, requested: RequestedPreferences, how: str, *, confirmed: bool) -> SubscriberSaved:
        """Sign a person up, or back up, within a command. Raises Conflict like `register_subscriber`."""
        claims = AddressClaims(unit, self._addresses)
        claims.look_up(requested.reaches, consent=requested.consent if confirmed else None)
        subscriber = claims.returning() or new_id()
        before = unit.get(SUBSCRIBER, subscriber)
        if not confirmed:
            requested = with_asked_threads(requested, before)
        contacts = claims.number(subscriber, requested.reaches)
        unit.append(SUBSCRIBER, subscriber, *joined(before, contacts, requested, how, confirmed=confirmed))
        cancel_due(unit, LAPSE, subscriber)
        if not confirmed:
            ask_once(unit, self._hashed(contacts))
            plan_due(unit, LAPSE, subscriber, unit.now + LAPSES_AFTER)
        return saved(person(unit, subscriber), created=True)

    async def check_registration(self, body: SubscriberBody) -> RequestedPreferences:
        """Dry run of `register_subscriber`'s validation. Raises Invalid; stores nothing."""
        requested = await self._requested(body)
        if not requested.reaches:
            raise Invalid.field(
                "email", "Give an e-mail address, a phone number, a postal address or a push subscription."
            )
        if body.confirmed and requested.consent is None:
            raise Invalid.field("consent", "Say on what words, when and how the person agreed, or leave confirmed out.")
        return requested

    async def change_subscriber(
        self,
        actor: Actor,
        subscriber: UUID,
        patch: dict[str, Any],
        version: int | None = None,
        *,
        agreed: str = "",
        idem: Idempotency | None = None,
    ) -> SubscriberSaved:
        """Apply a merge patch of preferences, addresses, `paused_until`. Raises Stale unless `version` is current.

        `agreed`: how the person agreed, when the team acts on their behalf; it is recorded with the change.

        A new address is verified at once only if `confirmed` and a consent come with it; for one that the patch names
        again they lift the suppression that a consent lifts.
        """
        before = await asyncio.to_thread(self._log.state, SUBSCRIBER, subscriber)
        if before is None:
            raise NotFound("There is no such subscriber.")
        edit = strict_json.typed(merge_patch(subscriber_json(before), patch), SubscriberEdit)
        lifecycle.need_subscription(before)
        kept = [(c.channel, c.address) for c in before.current if c.address is not None]
        requested = following_as_before(await self._requested(edit, kept), before.preferences)
        if edit.confirmed and requested.consent is None:
            raise Invalid.field("consent", "Say on what words, when and how the person agreed, or leave confirmed out.")

        def work(unit: UnitOfWork) -> SubscriberSaved:
            state = person(unit, subscriber)
            if version not in (None, state.version) or before.version != state.version:
                raise Stale("It was changed in the meantime: read it again, then edit it.")
            _record_agreement(unit, subscriber, agreed)
            # The pause first: changes that come with its end are those of a person who is back.
            if edit.paused_until != state.paused_until:
                self._append(unit, subscriber, lambda s, u: lifecycle.decide_pause(s, edit.paused_until, now=u.now))
            self._append(unit, subscriber, lambda s, _: lifecycle.decide_change(s, requested.preferences))
            if requested.consent is not None:
                consent = requested.consent
                signup.check_consent(consent, None, unit.now)
                self._append(unit, subscriber, lambda s, _: lifecycle.decide_consent(s, consent))
            again = frozenset(channel for channel in WRITABLE if CHANNEL_TERMS[channel].field in patch)
            self._readdress(unit, subscriber, requested, verified=edit.confirmed, again=again)
            return saved(person(unit, subscriber))

        return await self._run(actor, work, idem)

    def _readdress(
        self,
        unit: UnitOfWork,
        subscriber: UUID,
        requested: RequestedPreferences,
        *,
        verified: bool,
        again: frozenset[Channel],
    ) -> None:
        """Add new contact points before removing old ones: removing the last would end the subscription.

        `again`: channels whose address was given, even if unchanged.
        """
        old = person(unit, subscriber)
        claims = AddressClaims(unit, self._addresses)
        there = {(c.channel, c.address) for c in old.current}
        added = tuple(reach for reach in requested.reaches if reach not in there or reach[0] in again)
        claims.look_up(added, but=subscriber, consent=requested.consent if verified else None)
        numbered = claims.number(subscriber, added)
        if not verified:
            ask_once(unit, self._hashed(reach for reach in numbered if _is_new(old, reach)))
        for reach in numbered:
            self._append(unit, subscriber, lambda s, _, r=reach: lifecycle.decide_add(s, r, verified=verified))  # type: ignore[misc]
        for contact in old.current:
            if _is_gone(contact, requested):
                self._append(unit, subscriber, lambda s, _, n=contact.number: lifecycle.decide_remove(s, n, "changed"))  # type: ignore[misc]

    async def forget_asked_addresses(self) -> None:
        """Delete the hashes of addresses that were asked for a confirmation more than 24 hours ago."""
        await self._writer.run(lambda unit: forget_asked(unit, unit.now), by="system")

    def _hashed(self, contacts: Iterable[ContactDetails]) -> list[tuple[bytes, int]]:
        """Pair the keyed hash of each address with its contact point."""
        return [(self._addresses.keyed_hash(c.channel, c.address), c.number) for c in contacts]

    async def add_device(
        self, actor: Actor, subscriber: UUID, body: PushBody, *, replaces: int | None = None
    ) -> SubscriberSaved:
        """Add a browser, verified: the caller holds a fresh link to a contact point of theirs, and the device.

        `replaces`: the contact point of a browser that renews itself, which the new one takes the place of. The same
        endpoint again changes nothing, or renews its keys. The push channel is added to those chosen, and the
        person's other contact points are told of a new one. Raises Conflict if the device belongs to another living
        subscription.
        """
        address = push.parse_address(body, "", AddressRules(endpoints=self._endpoints))

        def work(unit: UnitOfWork) -> SubscriberSaved:
            chosen = lifecycle.need_subscription(person(unit, subscriber))
            claims = AddressClaims(unit, self._addresses)
            claims.look_up((("push", address),), but=subscriber)
            [reach] = claims.number(subscriber, (("push", address),))
            if "push" not in chosen.channels:
                wider = replace(chosen, channels=tuple(c for c in CHANNELS if c == "push" or c in chosen.channels))
                self._append(unit, subscriber, lambda s, _: lifecycle.decide_change(s, wider))
            before = person(unit, subscriber)
            add = partial(lifecycle.decide_add, reach=reach, verified=True, replaces=replaces)
            self._append(unit, subscriber, lambda s, _: add(s))
            if replaces is None:
                self._append(unit, subscriber, lambda _, __: lifecycle.decide_announce(before, reach.number))
            if replaces is not None and replaces != reach.number:
                self._append(unit, subscriber, lambda s, _: lifecycle.decide_remove(s, replaces, "changed"))
            return saved(person(unit, subscriber))

        return await self._run(actor, work)

    async def remove_device(
        self, actor: Actor, subscriber: UUID, endpoint: str, *, only: int | None = None
    ) -> SubscriberSaved:
        """Remove a browser; an unknown one changes nothing, nor one that is not `only`."""

        def work(unit: UnitOfWork) -> SubscriberSaved:
            devices = [c for c in person(unit, subscriber).current if c.channel == "push" and c.address]
            number = next((c.number for c in devices if endpoint_of(c.address or "") == endpoint), None)
            if number is not None and only in (None, number):
                self._append(unit, subscriber, lambda s, _: lifecycle.decide_remove(s, number, "asked for"))
            return saved(person(unit, subscriber))

        return await self._run(actor, work)

    async def pause(
        self,
        actor: Actor,
        subscriber: UUID,
        until: datetime | None,
        *,
        idem: Idempotency | None = None,
        agreed: str = "",
    ) -> SubscriberSaved:
        """Pause all but danger to life until then; None resumes. `agreed` as in `change_subscriber`."""
        if until is not None:
            check_time(until, "paused_until")
        decide = partial(_paused, until)
        return await self._alter(actor, subscriber, decide, idem, agreed)

    async def end_subscriber(
        self, actor: Actor, subscriber: UUID, reason: str, *, idem: Idempotency | None = None, agreed: str = ""
    ) -> SubscriberSaved:
        """End a subscription; the person may return under the same id. `agreed` as in `change_subscriber`."""
        return await self._alter(actor, subscriber, lambda s, _: lifecycle.decide_end(s, reason), idem, agreed)

    async def erase_subscriber(
        self, actor: Actor, subscriber: UUID, *, idem: Idempotency | None = None
    ) -> SubscriberSaved:
        """Erase a person. On return the key is destroyed; after a crash before that, the due item does it."""

        def work(unit: UnitOfWork) -> SubscriberSaved:
            repeated = person(unit, subscriber).phase == "erased"
            self._append(unit, subscriber, lambda s, _: lifecycle.decide_erase(s))
            forget(unit, subscriber)
            drop_pages(unit, subscriber)
            plan_due(unit, ERASURE, subscriber, unit.now)
            return replace(saved(person(unit, subscriber)), repeated=repeated)

        answer = await self._run(actor, work, idem)
        await asyncio.to_thread(self._erase_key, subscriber)
        return answer

    # --- one contact point, by its number

    async def verify_contact(self, actor: Actor, contact: int, subscriber: UUID | None = None) -> SubscriberSaved:
        """Verify a contact point; the first one confirms the subscription.

        With the `subscriber` that the confirmation was sent for: if somebody has asked for the same address since, and
        was not sent a confirmation of their own (at most one a day), theirs is verified.
        """

        def work(unit: UnitOfWork) -> SubscriberSaved:
            owner, number = owner_of(unit.read, contact), contact
            if owner is None and subscriber is not None and (later := self._successor(unit, subscriber, contact)):
                owner, number = later
            if owner is None:
                raise NotFound("There is no such contact point any more.")
            self._append(unit, owner, lambda s, u: lifecycle.decide_verify(s, number, now=u.now))
            return saved(person(unit, owner))

        return await self._run(actor, work)

    def _successor(self, unit: UnitOfWork, subscriber: UUID, contact: int) -> Owner | None:
        """Return who has the address now that today's confirmation was sent to by another's contact point."""
        state = unit.get(SUBSCRIBER, subscriber)
        old = state.contact(contact) if state is not None else None
        if old is None or old.address is None:
            return None
        if not was_asked(unit, self._addresses.keyed_hash(old.channel, old.address), contact):
            return None
        return self._addresses.find(unit.read, old.channel, old.address)

    async def remove_contact(self, actor: Actor, contact: int, reason: str) -> SubscriberSaved:
        """Remove a contact point (one-click, STOP, …); removing the last ends the subscription."""
        return await self._at(actor, contact, lambda s, _: lifecycle.decide_remove(s, contact, reason))

    async def suppress(self, actor: Actor, contact: int, reason: str) -> SubscriberSaved:
        """Suppress a contact point: hard-bounce, complaint, opt-out, by-hand."""
        return await self._at(actor, contact, lambda s, _: lifecycle.decide_suppress(s, contact, reason))

    async def lift(self, actor: Actor, contact: int, reason: str) -> SubscriberSaved:
        """Lift a suppression."""
        return await self._at(actor, contact, lambda s, _: lifecycle.decide_lift(s, contact, reason))

    # --- shared

    async def _requested(
        self, body: SubscriberBody, kept: Collection[tuple[Channel, str]] = ()
    ) -> RequestedPreferences:
        heavy = any(place.area is not None or place.postcode is not None for place in body.places)
        return await self._checked(
            lambda known: check_subscriber(
                body,
                known,
                language=self._language,
                timezone=self._timezone,
                endpoints=self._endpoints,
                prefixes=self._sms_prefixes,
                kept=kept,
                postcodes=self._postcodes,
            ),
            heavy=heavy,
        )

    async def _alter(
        self, actor: Actor, subscriber: UUID, decide: Decide, idem: Idempotency | None, agreed: str = ""
    ) -> SubscriberSaved:
        def work(unit: UnitOfWork) -> SubscriberSaved:
            _record_agreement(unit, subscriber, agreed)
            self._append(unit, subscriber, decide)
            return saved(person(unit, subscriber))

        return await self._run(actor, work, idem)

    async def _at(self, actor: Actor, contact: int, decide: Decide) -> SubscriberSaved:
        def work(unit: UnitOfWork) -> SubscriberSaved:
            subscriber = owner_of(unit.read, contact)
            if subscriber is None:
                raise NotFound("There is no such contact point any more.")
            self._append(unit, subscriber, decide)
            return saved(person(unit, subscriber))

        return await self._run(actor, work)

    @staticmethod
    def _append(unit: UnitOfWork, subscriber: UUID, decide: Decide) -> None:
        unit.append(SUBSCRIBER, subscriber, *decide(person(unit, subscriber), unit))


def _paused(until: datetime | None, state: SubscriberState, unit: UnitOfWork) -> tuple[Event, ...]:
    return lifecycle.decide_pause(state, until, now=unit.now)


def _record_agreement(unit: UnitOfWork, subscriber: UUID, agreed: str) -> None:
    """Record how a person agreed to what the team does for them next; nothing for changes of their own."""
    if agreed:
        person(unit, subscriber)
        unit.append(SUBSCRIBER, subscriber, ActedOnBehalf(agreed=agreed))
