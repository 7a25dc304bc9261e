"""Rings of positions: crossing the antimeridian, mending self-crossings, and circles as rings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from alerts.kernel.geometry.geodesy import Floats, geod

CIRCLE_CORNERS = 64
FINE_CIRCLE = 720
"""Corners of a circle that must be stored as a polygon: within a metre of it up to 100 km."""
MENDABLE_SHARE = 0.01
"""A self-crossing ring is mended only if what is folded or cut off is less than this share of the mended area."""

_FEW_POSITIONS = 1_000
"""Positions up to which any overlay is fast."""
_MOST_CROSSINGS, _MOST_NEAR = 20_000, 2_000_000
"""Crossings of edges, and pairs of edges whose boxes meet, that an overlay may have: about a second."""
_BATCH, _MOST_BATCH = 32, 128


class NotMendable(ValueError):
    """The ring cannot be read as an area; the message gives the reason."""


def polygon_of(geometry: dict[str, Any]) -> BaseGeometry:
    """Build the valid shapely Polygon or MultiPolygon of a validated GeoJSON geometry."""
    made: BaseGeometry = shapely.geometry.shape(geometry)
    return made if made.is_valid else polygons(shapely.make_valid(made))


def polygons(geometry: BaseGeometry) -> BaseGeometry:
    """Extract the polygons from the result of an overlay; lines and points are dropped."""
    parts = [p for p in shapely.get_parts(shapely.get_parts(geometry)) if p.geom_type == "Polygon" and not p.is_empty]
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def unwrapped(ring: Floats) -> Floats:
    """Unwrap a ring across the antimeridian: jumps of more than 180 degrees become longitudes beyond ±180.

    Raises `NotMendable` for a ring around a pole.
    """
    jumps = np.diff(ring[:, 0])
    turns = np.where((np.abs(jumps) > 180.0) & (np.abs(jumps) < 360.0), -np.sign(jumps) * 360.0, 0.0)
    if not turns.any():
        return ring
    out = ring.copy()
    out[1:, 0] += np.cumsum(turns)
    if abs(out[-1, 0] - out[0, 0]) > 1e-9:
        raise NotMendable("the ring goes around a pole; cut it at the antimeridian into parts that do not")
    return out


def rewrapped(geometry: BaseGeometry) -> BaseGeometry:
    """Cut polygons with longitudes beyond 180 at the antimeridian and bring the parts back into [-180, 180]."""
    west, _, east, _ = geometry.bounds
    if geometry.is_empty or (west >= -180.0 and east <= 180.0):
        return geometry
    parts = []
    for turn in range(int(np.floor((west + 180.0) / 360.0)), int(np.ceil((east - 180.0) / 360.0)) + 1):
        strip = shapely.intersection(geometry, box(-180.0 + 360.0 * turn, -91.0, 180.0 + 360.0 * turn, 91.0))
        parts.append(shapely.transform(strip, lambda xy, t=turn: xy - np.array([360.0 * t, 0.0])))
    return polygons(shapely.union_all(parts))


def filled(ring: Floats) -> tuple[BaseGeometry, float]:
    """Area enclosed by a closed ring, mended if self-crossing, and the area (square degrees) folded or cut off by that.

    Raises `NotMendable` if the ring encloses nothing or has too many crossings.
    """
    plain = Polygon(ring)
    if plain.is_valid:
        if plain.area <= 0.0:
            raise NotMendable("the ring encloses no area")
        return plain, 0.0
    _refuse_tangles(ring)
    try:
        faces = shapely.get_parts(shapely.polygonize([shapely.node(LineString(ring))]))
        mended = polygons(shapely.make_valid(plain))
    except shapely.errors.GEOSException as error:  # noding fails on coordinates that differ by next to nothing
        raise NotMendable("the ring crosses itself in places too close together; draw it again") from error
    if not len(faces) or mended.area <= 0.0:
        raise NotMendable("the ring encloses no area")
    inner = shapely.get_coordinates(shapely.point_on_surface(faces))
    turns = np.array([_winding(ring, x, y) for x, y in inner])
    sizes = shapely.area(faces)
    direction = 1 if float((turns * sizes).sum()) >= 0 else -1
    lost = float(sizes[(turns != 0) & (turns != direction)].sum())
    return mended, lost


def mended(rings: Sequence[Floats]) -> BaseGeometry:
    """Polygon of an exterior ring and holes (closed, unwrapped), mended if that changes less than 1 % of its area.

    Raises `NotMendable` with the reason.
    """
    whole = Polygon(rings[0], list(rings[1:]))
    if are_tangled((whole,)):
        raise NotMendable("its edges cross or lie beside each other too often; draw it again with fewer positions")
    if whole.is_valid and whole.area > 0.0:
        return whole
    shell, lost = filled(rings[0])
    for ring in rings[1:]:
        hole, folded = filled(ring)
        lost += folded + float(shapely.difference(hole, shell).area)
        shell = polygons(shapely.difference(shell, hole))
    if shell.area <= 0.0:
        raise NotMendable("its holes leave nothing of it")
    if lost >= MENDABLE_SHARE * shell.area:
        raise NotMendable(
            f"the ring crosses itself, or a hole leaves it: {_percent(lost / shell.area)} of the area would be folded "
            "or cut off; draw it again without crossings"
        )
    return shell


def circle_polygon(lat: float, lon: float, radius_m: float, corners: int = CIRCLE_CORNERS) -> BaseGeometry:
    """A geodesic circle as a polygon with `corners` corners, cut at the antimeridian; around a pole, a cap."""
    azimuths = np.linspace(0.0, 360.0, corners, endpoint=False)
    fill = np.full(corners, 1.0)
    lons, lats, _ = geod().fwd(fill * lon, fill * lat, azimuths, fill * max(radius_m, 0.01))
    ring = np.column_stack([lons, lats])[::-1]
    ring = np.vstack([ring, ring[:1]])
    try:
        return rewrapped(shapely.make_valid(Polygon(unwrapped(ring))))
    except NotMendable:
        edge = float(ring[:, 1].min() if lat > 0 else ring[:, 1].max())
        return box(-180.0, edge, 180.0, 90.0) if lat > 0 else box(-180.0, -90.0, 180.0, edge)


def _winding(ring: Floats, x: float, y: float) -> int:
    """Winding number of a ring around a position, counter-clockwise."""
    x1, y1, x2, y2 = ring[:-1, 0], ring[:-1, 1], ring[1:, 0], ring[1:, 1]
    side = (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1)
    return int(((y1 <= y) & (y2 > y) & (side > 0)).sum()) - int(((y1 > y) & (y2 <= y) & (side < 0)).sum())


def _refuse_tangles(ring: Floats) -> None:
    """Refuse a ring with so many crossings that mending it would be too expensive."""
    edges = shapely.linestrings(np.stack([ring[:-1], ring[1:]], axis=1))
    tree = shapely.STRtree(edges)
    budget = 8 * len(edges) + 1000
    for start in range(0, len(edges), 200):
        budget -= tree.query(edges[start : start + 200], predicate="intersects").shape[1]
        if budget < 0:
            raise NotMendable("the ring crosses itself too often; draw it again without crossings")


def are_tangled(outlines: Sequence[BaseGeometry]) -> bool:
    """True if the edges of different outlines cross each other too often for an overlay.

    Two combs across each other, a legal 40 kB, make half a million crossings, and their union takes ten seconds.
    Shared borders do not count: their edges touch or coincide.
    """
    if sum(int(shapely.get_num_coordinates(outline)) for outline in outlines) <= _FEW_POSITIONS:
        return False
    edges, owners = _edges_of(outlines)
    tree = shapely.STRtree(edges)
    near = crossing = start = 0
    batch = _BATCH
    while start < len(edges):
        some, others = tree.query(edges[start : start + batch])
        apart = owners[start + some] < owners[others]
        near += len(some)
        if near > _MOST_NEAR:
            return True
        crossing += int(shapely.crosses(edges[start + some[apart]], edges[others[apart]]).sum())
        if crossing > _MOST_CROSSINGS:
            return True
        start += batch
        if len(some) < _MOST_NEAR // 20 and batch < _MOST_BATCH:  # a batch holds all its pairs at once
            batch *= 2
    return False


def _edges_of(outlines: Sequence[BaseGeometry]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Edges of all outlines as lines, and the index of the outline each belongs to."""
    pairs, owners = [np.empty((0, 2, 2))], [np.empty(0, dtype=np.int64)]
    for index, outline in enumerate(outlines):
        for ring in shapely.get_rings(shapely.get_parts(outline)):  # of a MultiPolygon itself it returns none
            positions = shapely.get_coordinates(ring)
            pairs.append(np.stack([positions[:-1], positions[1:]], axis=1))
            owners.append(np.full(len(positions) - 1, index, dtype=np.int64))
    return shapely.linestrings(np.concatenate(pairs)), np.concatenate(owners)


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %" if share >= 0.1 else f"{share * 100:.1f} %"
