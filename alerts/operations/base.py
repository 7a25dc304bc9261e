"""Parts that the operations share: the operator, reads that see every write, ids typed by a person."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from alerts.commands.actor import Actor
from alerts.domain.events import Policy
from alerts.domain.reference_data import MemberState
from alerts.domain.roles import SCOPES, scopes_of
from alerts.kernel.calls import Json, Operation
from alerts.kernel.errors import NotFound
from alerts.projections.runner import ProjectionRunner
from alerts.services import Services

T = TypeVar("T")
VIEWS_WAIT_S = 10.0
BY = "by"
"""Member of an operation's arguments that names who acts: {"user": name, "as": a member's address or null}."""
_acting: ContextVar[Actor] = ContextVar("acting operator")


def operator() -> Actor:
    """Return who acts in the running operation: `operator:{user of the system}`, or a member of the team."""
    return _acting.get(operator_actor("unknown"))


def operator_actor(user: str) -> Actor:
    """Build the actor of a user of the system on which the command runs."""
    return Actor(kind="operator", id=user, name=user, policy=Policy(default="issue"))


def acting(operation: Operation, member: Callable[[str], Awaitable[MemberState]]) -> Operation:
    """Wrap an operation so that `operator()` returns whom its arguments name. `member` finds one by address."""

    async def run(args: Json) -> Json:
        by = args.pop(BY, None) or {}
        actor = operator_actor(str(by.get("user") or "unknown"))
        if by.get("as"):
            state = await member(str(by["as"]))
            actor = replace(actor, policy=None, person=state.id, scopes=scopes_of(state.role, SCOPES))
        token = _acting.set(actor)
        try:
            return await operation(args)
        finally:
            _acting.reset(token)

    return run


class OperationGroup:
    """Operations over the built services, of one subject."""

    def __init__(self, parts: Services, runner: ProjectionRunner) -> None:
        self._parts, self._runner = parts, runner

    async def read(self, read: Callable[[], T]) -> T:
        """Run a read after the read models have caught up with everything written so far."""
        await asyncio.to_thread(self._runner.wait_for, self._parts.writer.position(), VIEWS_WAIT_S)
        return await asyncio.to_thread(read)


def identity(text: str, what: str) -> UUID:
    """Parse an id typed by a person."""
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound(f"{text!r} is not the id of a {what}") from error
