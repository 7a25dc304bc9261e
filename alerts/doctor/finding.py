"""What a check says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from alerts.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `mend` says what to do, "" if there is nothing to do."""

    state: Literal["ok", "warning", "wrong"]
    what: str
    found: str
    mend: str = ""


Check = Callable[[Settings], Iterator[Finding]]
"""Looks, and says what it found; may block."""
