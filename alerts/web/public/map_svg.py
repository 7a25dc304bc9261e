"""Server-side SVG maps from registered outlines: no JavaScript, no third-party requests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import cos, isnan, radians
from typing import Literal

import shapely
from markupsafe import Markup, escape
from shapely.geometry.base import BaseGeometry

from alerts.kernel.geometry import Area, Bounds
from alerts.kernel.texts import cut

WIDTH, HEIGHT = 460, 330
_LEAST_DEGREES = 0.035  # of latitude: about 4 km, so that a small area keeps its surroundings
_MARGIN = 0.28
_LEAST_RADIUS = 6
_MOST_LABELS = 8


@dataclass(frozen=True)
class Zone:
    """Highlighted area in a severity style."""

    style: str
    area: Area
    label: str = ""


@dataclass(frozen=True)
class Pin:
    """Point on the map: an open service point is a dot, a closing one a cross, the reader's place a ring."""

    kind: Literal["open", "closing", "here"]
    lat: float
    lon: float
    label: str = ""


@dataclass(frozen=True)
class _View:
    """Projection from degrees to pixels, with equal scale in both directions at the middle latitude."""

    west: float
    north: float
    across: float
    scale: float

    def x(self, lon: float) -> float:
        turned = lon + 360 if lon < self.west - 180 else lon - 360 if lon > self.west + 180 else lon
        return (turned - self.west) * self.across * self.scale

    def y(self, lat: float) -> float:
        return (self.north - lat) * self.scale


def draw(outlines: Iterable[Area], zones: Sequence[Zone], pins: Sequence[Pin], label: str) -> Markup | None:
    """Draw an SVG with the registered places as land; None if there is nothing to show.

    The view covers all zones and pins with a margin, or all outlines if there are none.
    """
    lands = [land for land in outlines if not land.empty]
    zones = [zone for zone in zones if not zone.area.empty]
    boxes = [zone.area.bounds for zone in zones] + [(p.lon, p.lat, p.lon, p.lat) for p in pins]
    focused = bool(boxes)
    boxes = boxes or [land.bounds for land in lands]
    if not boxes:
        return None
    view = _view(_union(boxes), _MARGIN if focused else 0.04)
    land = "".join(f'<path d="{d}"/>' for d in (_path(x.polygon, view, 1.0) for x in lands) if d)
    shapes = "".join(_zone(zone, view) for zone in zones)
    marks = "".join(_pin(pin, view, named=len(pins) <= _MOST_LABELS) for pin in pins)
    names = "".join(_label(zone, view) for zone in zones[:_MOST_LABELS] if zone.label)
    return Markup(  # nosec B704: our own numbers
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        f'<g class="land">{land}</g>{shapes}{marks}{names}</svg>'
    )


def _union(boxes: Sequence[Bounds]) -> Bounds:
    """Return the bounding box of all; boxes beyond the antimeridian are shifted next to the first."""
    first = boxes[0][0]
    turned = []
    for west, south, east, north in boxes:
        if isnan(west):
            continue
        east = east + 360 if east < west else east
        shift = 360 if west < first - 180 else -360 if west > first + 180 else 0
        turned.append((west + shift, south, east + shift, north))
    return (
        min(b[0] for b in turned),
        min(b[1] for b in turned),
        max(b[2] for b in turned),
        max(b[3] for b in turned),
    )


def _view(box: Bounds, margin: float) -> _View:
    west, south, east, north = box
    across = max(cos(radians((south + north) / 2)), 0.05)
    high = max((north - south) * (1 + 2 * margin), _LEAST_DEGREES)
    wide = max((east - west) * across * (1 + 2 * margin), _LEAST_DEGREES * WIDTH / HEIGHT)
    scale = min(WIDTH / wide, HEIGHT / high)
    return _View(
        west=(west + east) / 2 - WIDTH / scale / across / 2,
        north=(north + south) / 2 + HEIGHT / scale / 2,
        across=across,
        scale=scale,
    )


def _path(geometry: BaseGeometry, view: _View, tolerance: float) -> str:
    """Convert polygons to one path in whole pixels; rings outside the view are left out."""
    out: list[str] = []
    for ring in _rings(shapely.simplify(geometry, tolerance / view.scale)):
        points = [(round(view.x(lon)), round(view.y(lat))) for lon, lat in ring]
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        if max(xs) < 0 or min(xs) > WIDTH or max(ys) < 0 or min(ys) > HEIGHT:
            continue
        distinct = [p for i, p in enumerate(points) if i == 0 or p != points[i - 1]]
        if len(distinct) > 2:
            out.append("M" + "L".join(f"{x} {y}" for x, y in distinct) + "Z")
    return "".join(out)


def _rings(geometry: BaseGeometry) -> Iterator[list[tuple[float, float]]]:
    for part in shapely.get_parts(geometry):
        if part.geom_type == "Polygon" and not part.is_empty:
            yield list(part.exterior.coords)
            for hole in part.interiors:
                yield list(hole.coords)


def _zone(zone: Zone, view: _View) -> str:
    out = []
    path = _path(zone.area.polygon, view, 0.5)
    if path:
        out.append(f'<path class="zone {zone.style}" fill-rule="evenodd" d="{path}"/>')
    for circle in zone.area.circles:
        radius = max(circle.radius_m / 111_200 * view.scale, _LEAST_RADIUS)
        out.append(
            f'<circle class="zone {zone.style}" cx="{view.x(circle.lon):.0f}" cy="{view.y(circle.lat):.0f}" '
            f'r="{radius:.1f}"/>'
        )
    return "".join(out)


def _pin(pin: Pin, view: _View, *, named: bool) -> str:
    x, y = view.x(pin.lon), view.y(pin.lat)
    left = x > WIDTH * 0.6
    text = ""
    if named and pin.label:
        text = f'<text x="{-12 if left else 12}" y="5"{" text-anchor=" + chr(34) + "end" + chr(34) if left else ""}>'
        text += f"{escape(pin.label)}</text>"
    at = f'data-at="{pin.lat},{pin.lon}" data-label="{escape(pin.label)}" transform'
    if pin.kind == "open":
        return f'<g class="pin open" {at}="translate({x:.0f} {y:.0f})"><circle r="7"/>{text}</g>'
    if pin.kind == "here":
        return f'<g class="pin here" {at}="translate({x:.0f} {y:.0f})"><circle r="8"/><circle r="2"/>{text}</g>'
    cross = '<path d="M-7-7 7 7M7-7-7 7" fill="none" stroke-width="4"/>'
    return f'<g class="pin change" {at}="translate({x:.0f} {y:.0f})">{cross}{text}</g>'


def _label(zone: Zone, view: _View) -> str:
    west, south, east, _ = zone.area.bounds
    x = (view.x(west) + view.x(east)) / 2
    y = min(view.y(south) + 18, HEIGHT - 6)
    short = cut(zone.label, 34)
    half = len(short) * 3.8
    x = min(max(x, half + 4), WIDTH - half - 4)
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle">{escape(short)}</text>'
