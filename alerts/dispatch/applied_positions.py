"""Position barrier of hand-overs: what this process has applied of the log before it serves a claim."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from alerts.projections.progress import ProjectionProgress
from subscribers.audience.projector import AudienceProjector

_PATIENCE_S = 2.0
"""Seconds of one wait; the caller says that it waits and begins again."""


class AppliedPositions:
    """Waits for the audience and the read models; each waiting sender has a thread."""

    def __init__(self, audience: AudienceProjector, read_models: ProjectionProgress, *, threads: int) -> None:
        self._audience, self._read_models = audience, read_models
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="dispatch waits")

    async def wait_for(self, position: int) -> bool:
        """Wait until both have come to `position`; False after two seconds."""
        loop = asyncio.get_running_loop()
        for position_of, wait in (
            (self._audience.applied_position, self._audience.wait_for_applied),
            (self._read_models.position, self._read_models.wait_for),
        ):
            if position_of() < position and not await loop.run_in_executor(self._threads, wait, position, _PATIENCE_S):
                return False
        return True

    @property
    def stalled_because(self) -> str:
        """Words for the log: why the position is not reached."""
        return self._audience.stalled_because or "catching up"

    def expires(self, notice: int) -> datetime | None:
        """Expiry of a notice, if it was issued as far as this process knows."""
        issued = self._audience.reference_data.issued(notice)
        return issued.expires if issued else None

    def close(self) -> None:
        """Shut the threads down without waiting for them."""
        self._threads.shutdown(wait=False)
