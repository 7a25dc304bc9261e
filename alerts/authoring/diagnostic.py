"""Diagnostic of the guide: what it saw in a draft, and how much that weighs."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["good", "warns", "asks", "stops"]
"""`asks`: stops until the author says that it is there, since a word list does not know every word."""


class Diagnostic(msgspec.Struct, frozen=True):
    """Result of one check. `language` and `field` say where; both may be empty."""

    check: str
    level: Level
    words: str
    language: str = ""
    field: str = ""

    @property
    def key(self) -> str:
        """Name under which an author overrules it: `where-pl`."""
        return f"{self.check}-{self.language}" if self.language else self.check
