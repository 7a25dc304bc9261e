"""Keystroke-Level Model of Card, Moran and Newell (1980): seconds of a practised hand, reading left out."""

from __future__ import annotations

KEY_S = {"average": 0.28, "good": 0.2}
"""K: one key, or the mouse's button, of an average typist (40 words a minute) and of a good one (55)."""
POINT_S, HAND_S, MENTAL_S = 1.1, 0.4, 1.35
"""P: point with a mouse. H: move the hand between mouse and keys. M: prepare for a step."""


class Keystrokes:
    """Operators of a person's actions, in the order in which they are done."""

    def __init__(self) -> None:
        self.operators = ""
        self._on_keys = False

    def press(self) -> None:
        """Press a button or a link."""
        self._mouse()
        self.operators += "MPK"

    def select(self) -> None:
        """Mark a word, or all of a short field, by a double click."""
        self._mouse()
        self.operators += "MPKK"

    def type(self, letters: int) -> None:
        """Type into the field that was pressed or marked."""
        if not self._on_keys:
            self.operators += "H"
        self._on_keys = True
        self.operators += "K" * letters

    def draw(self, corners: int) -> None:
        """Press each corner of an area, and the first one again."""
        self._mouse()
        self.operators += "M" + "PK" * (corners + 1)

    def seconds(self, typist: str) -> float:
        """Sum of all operators, for a kind of typist in `KEY_S`."""
        each = {"K": KEY_S[typist], "P": POINT_S, "H": HAND_S, "M": MENTAL_S}
        return sum(each[one] for one in self.operators)

    def _mouse(self) -> None:
        if self._on_keys:
            self.operators += "H"
        self._on_keys = False
