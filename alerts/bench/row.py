"""Row of the benchmark: our figure beside the limit of the same machine in the same run."""

from __future__ import annotations

from typing import Literal

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement. `ours` and `limit` have the same `unit`; the ratio is compared, never the single figures."""

    name: str
    size: int
    unit: str
    """Unit, such as `events/s`, `ms`, `MB`."""
    ours: float
    limit: float | None = None
    """None if the target is absolute."""
    target: float | None = None
    """The ratio to reach (with a limit), or the figure itself (without); None if there is no target."""
    better: Literal["higher", "lower"] = "higher"

    @property
    def ratio(self) -> float | None:
        """Ratio ours / limit, None without limit."""
        return None if not self.limit else self.ours / self.limit

    @property
    def holds(self) -> bool | None:
        """True if the target is reached; None without target."""
        if self.target is None:
            return None
        figure = self.ours if self.limit is None else self.ratio
        if figure is None:
            return None
        return figure >= self.target if self.better == "higher" else figure <= self.target
