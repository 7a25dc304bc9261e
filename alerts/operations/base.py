"""Parts that the operations share: the operator, reads that see every write, ids typed by a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from alerts.commands.actor import Actor
from alerts.kernel.errors import NotFound
from alerts.projections.runner import ProjectionRunner
from alerts.services import Services

T = TypeVar("T")
OPERATOR = Actor(kind="system", id="", name="operator")
VIEWS_WAIT_S = 10.0


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
