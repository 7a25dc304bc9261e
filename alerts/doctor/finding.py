"""Result type of a check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from alerts.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check. `mend` is the remedy, "" if none is needed."""

    state: Literal["ok", "warning", "wrong"]
    what: str
    found: str
    mend: str = ""


Check = Callable[[Settings], Iterator[Finding]]
"""A check: yields its findings; may block."""
