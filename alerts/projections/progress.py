"""Ports of the projection runner: the position that the read models have reached, and waiting for one."""

from __future__ import annotations

from typing import Protocol


class ProjectionProgress(Protocol):
    """Position of the read models, and a blocking wait for one."""

    def position(self) -> int:
        """Log position that every read model has reached."""

    def wait_for(self, position: int, timeout: float) -> bool:
        """Block until `position` is reached or `timeout` seconds have passed; returns True if it is reached."""


class AwaitableProgress(ProjectionProgress, Protocol):
    """`ProjectionProgress` that coroutines can wait for, too."""

    async def wait_for_async(self, position: int, timeout: float) -> bool:
        """Awaitable version of `wait_for`."""
