"""Following one thread until it is over, without an account (RULES 14).

The request is a sign-up of its own kind: the same double opt-in, the same answer for known and unknown addresses. The
wish ends, and the data of those who wanted nothing else are erased, some days after the thread's end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from alerts.commands import notice_threads
from alerts.commands.actor import RESIDENT
from alerts.commands.ports import Idempotency
from alerts.commands.preferences import RequestedPreferences
from alerts.commands.results import SubscriberSaved
from alerts.commands.self_service import SelfServiceCommands
from alerts.commands.subscribers import ERASURE, person, saved
from alerts.contract.bodies import SubscriberBody
from alerts.domain.notice import NoticeState
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict, Invalid
from alerts.providers.print_batch.provider import drop_pages
from alerts.scheduler.due_items import plan_due
from subscribers.addresses import forget
from subscribers.domain import following, lifecycle
from subscribers.domain.subscriber import SUBSCRIBER, SubscriberState

FOLLOW_END = "follow-end"
KEPT_AFTER = timedelta(days=7)
"""Time after a thread's end in which it may be extended, a delivery may be explained, and a leaving undone."""


class FollowCommands(SelfServiceCommands):
    """Commands of those who follow a thread."""

    async def follow(self, thread: UUID, body: SubscriberBody, *, idem: Idempotency | None = None) -> SubscriberSaved:
        """Ask to follow a thread by the form on its page; confirmed by link or code.

        An address with a living subscription gets a link to agree, and the answer does not tell. A request that waits
        for its confirmation gets the thread too. Raises Invalid, Conflict if the thread is over.
        """
        requested = await self.check_registration(body)

        def work(unit: UnitOfWork) -> SubscriberSaved:
            until = _until(unit, thread)
            known = [owner for reach in requested.reaches if (owner := self._living(unit, *reach)) is not None]
            if known:
                for owner in known:
                    state = person(unit, owner.subscriber)
                    asked = following.decide_ask_to_follow(state, owner.contact, thread)
                    unit.append(SUBSCRIBER, owner.subscriber, *asked)
                return saved(person(unit, known[0].subscriber))
            waiting = self._waiting(unit, requested)
            if waiting is not None:
                answer = self._followed_too(unit, waiting, requested, thread)
            else:
                alone = following.only_following(requested.preferences, thread)
                answer = self._requested_anew(unit, replace(requested, preferences=alone))
            plan_due(unit, FOLLOW_END, answer.id, until)
            return answer

        return await self._run(RESIDENT, work, idem)

    async def agree_to_follow(self, subscriber: UUID) -> SubscriberSaved:
        """Follow the thread that this person was last asked about. Raises Conflict if it is over, or none was asked."""

        def work(unit: UnitOfWork) -> SubscriberSaved:
            thread = person(unit, subscriber).asked_to_follow
            if not isinstance(thread, UUID):
                raise Conflict("Nothing was asked that could be followed.")
            until = _until(unit, thread)
            self._append(unit, subscriber, lambda s, _: following.decide_follow(s, thread))
            plan_due(unit, FOLLOW_END, subscriber, until)
            return saved(person(unit, subscriber))

        return await self._run(RESIDENT, work)

    async def unfollow(self, subscriber: UUID, thread: UUID) -> SubscriberSaved:
        """Stop following a thread; a person who wanted nothing else leaves with the last one, and may undo that."""
        return await self._alter(RESIDENT, subscriber, lambda s, _: following.decide_unfollow(s, thread), None)

    def _waiting(self, unit: UnitOfWork, requested: RequestedPreferences) -> SubscriberState | None:
        """Return the person whose request for one of these addresses waits for its confirmation."""
        for channel, address in requested.reaches:
            owner = self._addresses.find(unit.read, channel, address)
            state = unit.get(SUBSCRIBER, owner.subscriber) if owner is not None else None
            contact = state.contact(owner.contact) if state is not None and owner is not None else None
            if state is not None and contact is not None and contact.state == "unverified":
                return state if state.phase == "requested" and state.preferences is not None else None
        return None

    def _followed_too(
        self, unit: UnitOfWork, waiting: SubscriberState, requested: RequestedPreferences, thread: UUID
    ) -> SubscriberSaved:
        assert waiting.preferences is not None, "a request that waits has preferences"
        consent = requested.consent
        if consent is not None:
            self._append(unit, waiting.id, lambda s, _: lifecycle.decide_consent(s, consent))
        try:
            wanted = following.following_too(waiting.preferences, thread)
        except Invalid:  # answered as any other: the address may be another's
            wanted = waiting.preferences
        self._ask_again(unit, msgspec.structs.replace(waiting, preferences=wanted))
        return saved(person(unit, waiting.id), created=True)


def _forget(unit: UnitOfWork, subscriber: UUID, threads: set[UUID]) -> None:
    """Take threads from those followed; with an erasure the addresses go at once, the key with its due item."""
    events = following.decide_forget(person(unit, subscriber), threads)
    unit.append(SUBSCRIBER, subscriber, *events)
    if following.is_erasure(events):
        forget(unit, subscriber)
        drop_pages(unit, subscriber)
        plan_due(unit, ERASURE, subscriber, unit.now)


def end_following(unit: UnitOfWork, subscriber: UUID, due_at: datetime) -> None:
    """Due item: forget the threads that are over; the item is planned again for those that have gone on."""
    state = unit.get(SUBSCRIBER, subscriber)
    if state is None or state.preferences is None:
        return
    ends = {thread: _forgotten_at(unit, thread) for thread in state.preferences.followed}
    _forget(unit, subscriber, {thread for thread, at in ends.items() if at <= unit.now})
    later = [at for at in ends.values() if at > unit.now]
    if later:
        plan_due(unit, FOLLOW_END, subscriber, min(later))


def may_be_followed(head: NoticeState, now: datetime) -> bool:
    """True if the thread with this head is real and goes on."""
    is_live = head.expires is not None and head.expires > now
    return head.plan.status == "Actual" and is_live and not notice_threads.is_over(head)


def _until(unit: UnitOfWork, thread: UUID) -> datetime:
    """Return when a thread is forgotten, as far as is known now. Raises NotFound, Conflict if it is over."""
    issued = notice_threads.thread_notices(unit, thread)
    if not issued or not may_be_followed(issued[-1], unit.now):
        raise Conflict("This is over: there is nothing to follow.")
    return _forgotten_at(unit, thread)


def _forgotten_at(unit: UnitOfWork, thread: UUID) -> datetime:
    issued = notice_threads.thread_notices(unit, thread)
    if not issued:
        return unit.now
    head = issued[-1]
    ended = head.issued_at if notice_threads.is_over(head) else head.expires
    return (ended or unit.now) + KEPT_AFTER
