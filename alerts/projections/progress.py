"""Ports of the projection runner: the position that the read models have reached, and waiting for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from alerts.projections.parked import Parked


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


class ReadModels(AwaitableProgress, Protocol):
    """Progress of the read models, and the events that one of them could not apply."""

    def parked(self) -> list[Parked]:
        """List parked events, oldest first."""

    def retry(self, parked_id: str) -> None:
        """Apply a parked event again; raises the projection's error, or `NotFound`."""

    def drop(self, parked_id: str) -> None:
        """Drop a parked event: the read model lacks it until it is rebuilt. Raises `NotFound`."""
