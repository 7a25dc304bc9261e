"""Due items: scheduled issue, expiry, unconfirmed sign-up, service change taking effect, unfinished erasure,
end of what is followed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from alerts.commands import notice_threads
from alerts.commands.actor import SYSTEM
from alerts.commands.approval import changed_since_approval
from alerts.commands.base import CommandBase
from alerts.commands.following import FOLLOW_END, end_following
from alerts.commands.results import Saved
from alerts.commands.service_points import EFFECT
from alerts.commands.subscribers import ERASURE, LAPSE
from alerts.domain import notice_lifecycle as life
from alerts.domain.service_change import decide_effect
from alerts.domain.streams import CHANGE, NOTICE
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import DomainError, Invalid
from alerts.scheduler.due_items import take_due
from subscribers.domain.lifecycle import decide_lapse
from subscribers.domain.subscriber import SUBSCRIBER

Effect = Callable[[UnitOfWork, UUID, datetime], None]


class DueCommands(CommandBase):
    """Handlers of due items. An item is taken in the transaction of its events, so it runs once."""

    async def fire(self, kind: str, subject: UUID, due_at: datetime) -> bool:
        """Fire a due item; False if another process did. Raises ValueError for an unknown kind."""
        if kind == notice_threads.SEND:
            return await self._fire(kind, subject, due_at, await self._sending(subject))
        if kind == ERASURE:
            await asyncio.to_thread(self._erase_key, subject)
        effect = _EFFECTS.get(kind)
        if effect is None:
            raise ValueError(f"nothing is known of due items of kind {kind!r}")
        return await self._fire(kind, subject, due_at, effect)

    async def _fire(self, kind: str, subject: UUID, due_at: datetime, effect: Effect) -> bool:
        taken = False

        def work(unit: UnitOfWork) -> Saved:
            nonlocal taken
            taken = take_due(unit, kind, subject, due_at)
            if taken:
                effect(unit, subject, due_at)
            return Saved(id=subject, version=0)

        await self._run(SYSTEM, work)
        return taken

    async def _sending(self, notice: UUID) -> Effect:
        """Issue a scheduled notice, unless it is no longer what was approved (RULES 16)."""
        trouble, people = "", None
        try:
            people = await self._count_approved(notice)
        except Invalid as error:  # a segment or place of its rule has changed: people decide
            trouble = error.message

        def effect(unit: UnitOfWork, subject: UUID, due_at: datetime) -> None:
            current = notice_threads.notice(unit, subject)
            if current.phase != "scheduled" or current.send_at != due_at:
                return
            reason = trouble or changed_since_approval(unit, current, people)
            if not reason:
                try:
                    notice_threads.issue(unit, current)
                    return
                except DomainError as error:  # its thread has ended, or it has expired
                    reason = error.message
            unit.append(NOTICE, subject, *life.decide_void(current, reason))

        return effect


def _expire(unit: UnitOfWork, notice: UUID, due_at: datetime) -> None:
    unit.append(NOTICE, notice, *life.decide_expire(notice_threads.notice(unit, notice), due_at))


def _lapse(unit: UnitOfWork, subscriber: UUID, due_at: datetime) -> None:
    state = unit.get(SUBSCRIBER, subscriber)
    if state is not None:
        unit.append(SUBSCRIBER, subscriber, *decide_lapse(state))


def _take_effect(unit: UnitOfWork, change: UUID, due_at: datetime) -> None:
    state = unit.get(CHANGE, change)
    if state is not None:
        unit.append(CHANGE, change, *decide_effect(state, due_at))


def _erased(unit: UnitOfWork, subscriber: UUID, due_at: datetime) -> None:
    """Do nothing: the key was destroyed before this runs."""


_EFFECTS: dict[str, Effect] = {
    notice_threads.EXPIRY: _expire,
    LAPSE: _lapse,
    EFFECT: _take_effect,
    ERASURE: _erased,
    FOLLOW_END: end_following,
}
