"""Result of a look-up, and the folding of names by which it compares."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

import msgspec

CandidateKind = Literal["place", "postcode", "district", "town", "position"]
_SEPARATORS = re.compile(r"[\W_]+")


class PlaceCandidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Place that may be meant: a registered one by its slug, any other by its position (WGS 84, degrees)."""

    kind: CandidateKind
    label: str
    """Name in the reader's language, or the postcode in its usual spelling."""
    within: str = ""
    """Name of the registered place or country in which it lies; "" if unknown."""
    lat: float | None = None
    lon: float | None = None
    place: str | None = None
    """Slug of a registered place; then `lat` and `lon` are None."""

    @property
    def words(self) -> str:
        """Label with what it lies in: `SE17 1RW, Southwark`."""
        return f"{self.label}, {self.within}" if self.within else self.label


def folded(text: str) -> str:
    """Fold a name for comparison: case, accents and punctuation do not count."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return _SEPARATORS.sub(" ", plain.replace("ł", "l").replace("'", "").replace("’", "")).strip()
