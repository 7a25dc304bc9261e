"""JSON as events hold it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
AreaJson = list[Json]
"""A list of AREA parts (their union): GeoJSON Polygon/MultiPolygon, {"circle": …}, {"place": slug}."""
