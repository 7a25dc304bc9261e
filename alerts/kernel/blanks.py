"""Blanks of a prepared text: `[road]`, to be filled before it is sent. A link's `[words](address)` is none."""

from __future__ import annotations

import re

LONGEST = 60
"""Characters of a blank's name."""
BLANK = re.compile(rf"\[([^\]\n]{{1,{LONGEST}}})\](?!\()")


def blanks_in(text: str) -> list[str]:
    """Return the names of the blanks in a text, in its order."""
    return BLANK.findall(text)


def fill(text: str, values: dict[str, str]) -> str:
    """Put values in the place of their blanks; a blank without a value stays."""
    return BLANK.sub(lambda found: values.get(found[1], found[0]), text)
