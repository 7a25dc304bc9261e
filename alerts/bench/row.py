"""One line of the benchmark: what we do beside the limit of the same machine in the same run."""

from __future__ import annotations

from typing import Literal

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """`ours` and `limit` are in the same `unit`; the ratio is what is compared, never the single figures."""

    name: str
    size: int
    unit: str
    """Such as `events/s`, `ms`, `MB`."""
    ours: float
    limit: float | None = None
    """None where the target is absolute."""
    target: float | None = None
    """The ratio to reach (with a limit), or the figure itself (without); None if there is nothing to reach."""
    better: Literal["higher", "lower"] = "higher"

    @property
    def ratio(self) -> float | None:
        """ours / limit."""
        return None if not self.limit else self.ours / self.limit

    @property
    def holds(self) -> bool | None:
        """Whether the target is reached; None if there is none."""
        if self.target is None:
            return None
        figure = self.ours if self.limit is None else self.ratio
        if figure is None:
            return None
        return figure >= self.target if self.better == "higher" else figure <= self.target
