"""Outgoing webhook commands: add, replay, disable, remove.

The row in `webhooks` holds its cursor; it is written in the transaction of the events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from alerts.commands import validation
from alerts.commands.actor import SYSTEM, Actor
from alerts.commands.base import CommandBase
from alerts.commands.credentials import new_source_secret
from alerts.commands.ports import Idempotency
from alerts.commands.register_cache import KnownNames
from alerts.commands.results import Saved
from alerts.contract.bodies import WebhookBody
from alerts.domain import webhook as domain
from alerts.domain.events import CATALOGUE, AreaJson, WebhookAdded
from alerts.domain.streams import KEY, MEMBER, WEBHOOK
from alerts.domain.webhook import EVERYTHING, WebhookState
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from alerts.kernel.ids import new_id
from alerts.storage.named_queries import load
from alerts.storage.ports import Statement
from subscribers.domain.events import CATALOGUE as SUBSCRIBER_EVENTS

_sql = load("alerts.commands", "webhooks.sql")
_TYPES = frozenset(CATALOGUE.events) | frozenset(SUBSCRIBER_EVENTS.events)
MOST = 200
"""Limit per instance: each webhook reads the log by itself."""


class WebhookCommands(CommandBase):
    """Outgoing webhooks. Callers check first that the target URL is allowed by the settings."""

    async def add_webhook(self, actor: Actor, body: WebhookBody, *, idem: Idempotency | None = None) -> Saved:
        """Post events to a program from now on. Its secret is in its state (`WebhookState.secret`), sealed.

        The webhook belongs to the actor's key, and gets what that key may read. Raises Forbidden without `read`.
        """
        _need_read(actor)
        events = check_types(body.events)
        url = validation.text(body.url, "url", 2_000, line=True, needed=True)
        area = await self._checked(lambda known: _area(body, known), heavy=body.area is not None)
        webhook, secret = new_id(), new_source_secret()
        added = WebhookAdded(url=url, events=events, area=area, secret=secret, key=UUID(actor.id), person=actor.person)

        def work(unit: UnitOfWork) -> Saved:
            if int(unit.read(_sql.count)[0][0]) >= MOST:
                raise Conflict(f"There are {MOST} webhooks, the most that are kept: remove one first.")
            unit.append(WEBHOOK, webhook, added)

            def row(positions: Sequence[int]) -> Iterable[Statement]:
                yield _sql.add, (webhook.bytes, positions[0], positions[0])

            unit.on_positions(row)
            return Saved(id=webhook, version=unit.version(webhook), created=True)

        return await self._run(actor, work, idem)

    async def replay_webhook(
        self, actor: Actor, webhook: UUID, after: int | None, *, idem: Idempotency | None = None
    ) -> Saved:
        """Replay events after a log position (None: resume at the cursor); re-enables it too.

        Raises NotFound for another key's webhook, Conflict if its own key may not read any more.
        """
        _need_read(actor)

        def work(unit: UnitOfWork) -> Saved:
            state = _owned(unit, actor, webhook)
            owner = unit.get(KEY, state.key)
            member = unit.get(MEMBER, owner.person) if owner is not None and owner.person is not None else None
            if reason := domain.may_not_read(owner, member):
                raise Conflict(f"Nothing can be posted to it: {reason}. Add it anew with another key.")
            rows = unit.read(_sql.position, (webhook.bytes,))
            begin = after if after is not None else int(rows[0][0]) if rows else 0
            events = domain.decide_replay(state, begin, self._log.position())
            unit.append(WEBHOOK, webhook, *events)
            unit.write(_sql.replay, (begin, webhook.bytes))
            return Saved(id=webhook, version=unit.version(webhook))

        return await self._run(actor, work, idem)

    async def remove_webhook(self, actor: Actor, webhook: UUID) -> Saved:
        """Remove a webhook: nothing more is posted to it. Raises NotFound for another key's."""

        def work(unit: UnitOfWork) -> Saved:
            unit.append(WEBHOOK, webhook, *domain.decide_remove(_owned(unit, actor, webhook)))
            unit.write(_sql.remove, (webhook.bytes,))
            return Saved(id=webhook, version=unit.version(webhook))

        return await self._run(actor, work)

    async def disable_webhook(self, webhook: UUID, turn: int, reason: str, at_position: int) -> Saved:
        """Disable a webhook that failed for days or is gone, unless it was replayed since `turn`."""
        said = validation.text(reason[: validation.REASON], "reason", validation.REASON, line=True)

        def work(unit: UnitOfWork) -> Saved:
            state = _found(unit, webhook)
            rows = unit.read(_sql.turn, (webhook.bytes,))
            if rows and int(rows[0][0]) == turn:
                unit.append(WEBHOOK, webhook, *domain.decide_disable(state, said, at_position))
                unit.write(_sql.disable, (said, webhook.bytes))
            return Saved(id=webhook, version=unit.version(webhook))

        return await self._run(SYSTEM, work)


def check_types(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return event types without duplicates, `*` alone if present. Raises Invalid for none and unknown ones."""
    if not wanted:
        raise Invalid.field("events", f'Name event types, or ["{EVERYTHING}"] for all of them.')
    unknown = sorted(set(wanted) - _TYPES - {EVERYTHING})
    if unknown:
        raise Invalid.field("events", f"unknown type {unknown[0][:80]!r}; known are *, {', '.join(sorted(_TYPES))}")
    return (EVERYTHING,) if EVERYTHING in wanted else tuple(sorted(set(wanted)))


def _area(body: WebhookBody, known: KnownNames) -> AreaJson | None:
    from alerts.kernel.geometry import validate_area

    return None if body.area is None else validate_area(body.area, "area", known.places, known.bounds)


def _need_read(actor: Actor) -> None:
    if domain.READ not in actor.scopes:
        raise Forbidden(f"A webhook delivers what its key may read: this key lacks the scope {domain.READ}.")


def _owned(unit: UnitOfWork, actor: Actor, webhook: UUID) -> WebhookState:
    """Load a webhook of the actor's key, or any for a key of an admin. Raises NotFound."""
    state = _found(unit, webhook)
    member = unit.get(MEMBER, actor.person) if actor.person is not None else None
    if str(state.key) != actor.id and (member is None or member.role != "admin"):
        raise NotFound(f"There is no webhook {webhook}.")
    return state


def _found(unit: UnitOfWork, webhook: UUID) -> WebhookState:
    """Load a webhook that was not removed. Raises NotFound."""
    state = unit.get(WEBHOOK, webhook)
    if state is None or state.phase == "removed":
        raise NotFound(f"There is no webhook {webhook}.")
    return state
