"""Audience count, beside plain numpy columns and shapely in the same run.

The limit has no events, no pauses, no contact points and no ellipsoid: flat columns, a bounding box, and the best
planar test. Ours evaluates the whole query, exactly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from time import perf_counter
from uuid import UUID

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from alerts.bench.row import Row
from alerts.kernel.events import Recorded
from alerts.kernel.geometry import EMPTY, Area, Circle
from alerts.kernel.ids import contact_number
from alerts.kernel.terms import BUILT_IN_TOPICS, Channel, Severity
from subscribers.audience.index import AudienceColumns
from subscribers.audience.matching import count
from subscribers.audience.query import AudienceQuery
from subscribers.domain.events import ContactRef, Preferences, SubscriberPlace, SubscriberRegistered

RADII_KM = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0)
"""Radii offered at sign-up."""

_TOPICS = tuple(BUILT_IN_TOPICS)
_FLOORS: tuple[Severity | None, ...] = (None, "Moderate", "Severe", "Extreme")
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_LARGE = "Bromley"
_CENTRE = Circle(51.5074, -0.1278, 500.0)
_REPEATS = 15
_STATED = 1_000_000
"""Size for which the targets are stated; smaller sizes are measured to show the growth of cost."""


@dataclass(frozen=True)
class _Columns:
    """Subscribers in flat columns, in a plane in metres: the input of the limit."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    radius_m: NDArray[np.float64]
    topics: NDArray[np.uint16]
    floor: NDArray[np.uint8]
    channels: NDArray[np.uint8]


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows for each number of subscribers: bare points, then points with one of twelve radii; and the memory used."""
    areas = _areas()
    for size in sizes:
        for radii in ((0.0,), RADII_KM):
            crowd = _crowd(size, radii)
            columns, took = _built(crowd)
            for name, area in areas.items():
                yield _row(name, area, crowd, columns, radii)
        yield Row(name="audience columns, following the log", size=size, unit="events/s", ours=size / took)
        yield Row(
            name="audience columns, memory",
            size=size,
            unit="MB",
            ours=columns.nbytes / 1e6,
            target=400.0 if size >= _STATED else None,
            better="lower",
        )


def _row(name: str, area: Area, crowd: _Columns, columns: AudienceColumns, radii: Sequence[float]) -> Row:
    bare = len(radii) == 1
    asked = AudienceQuery(
        kind="alert",
        status="Actual",
        topic="weather",
        severity="Moderate",
        priority="notice",
        danger_to_life=False,
        area=area,
        change=None,
        rule=None,
        channels=frozenset(("email",)),
        at=_NOW,
    )
    limits = [_timed(one, bare) for one in _limits(area, crowd, bare)]
    return Row(
        name=f"audience, {'points' if bare else 'twelve radii'}, {name}, {'p95' if bare else 'median'}",
        size=len(crowd.lat),
        unit="ms",
        ours=_timed(lambda: count(columns, asked).people, bare),
        limit=min(limits),
        target=None if len(crowd.lat) < _STATED else 2.0 if bare else 1.5,
        better="lower",
    )


# --- the limit ---------------------------------------------------------------------------------------------------


def _limits(area: Area, crowd: _Columns, bare: bool) -> list[Callable[[], int]]:
    if area.circles:
        return [lambda: _wanted(crowd, _in_circle(area.circles[0], crowd))]
    if bare:
        return [lambda: _wanted(crowd, _contained(area.polygon, crowd))]
    plane = shapely.transform(area.polygon, _to_plane)
    return [lambda: _wanted(crowd, _by_buffers(plane, crowd)), lambda: _wanted(crowd, _by_distance(plane, crowd))]


def _wanted(crowd: _Columns, found: NDArray[np.int64]) -> int:
    topic = np.uint16(1 << _TOPICS.index("weather"))
    fit = (crowd.topics[found] & topic != 0) & (crowd.floor[found] <= 1) & (crowd.channels[found] & np.uint8(1) != 0)
    return int(np.count_nonzero(fit))


def _boxed(crowd: _Columns, bounds: tuple[float, float, float, float], reach: float) -> NDArray[np.int64]:
    west, south, east, north = bounds
    x, y = crowd.x, crowd.y
    return np.flatnonzero((x >= west - reach) & (x <= east + reach) & (y >= south - reach) & (y <= north + reach))


def _in_circle(circle: Circle, crowd: _Columns) -> NDArray[np.int64]:
    ((x, y),) = _to_plane(np.array([[circle.lon, circle.lat]]))
    box = (x - circle.radius_m, y - circle.radius_m, x + circle.radius_m, y + circle.radius_m)
    found = _boxed(crowd, box, float(crowd.radius_m.max()))
    reach = crowd.radius_m[found] + circle.radius_m
    return np.asarray(found[(crowd.x[found] - x) ** 2 + (crowd.y[found] - y) ** 2 <= reach * reach])


def _contained(polygon: BaseGeometry, crowd: _Columns) -> NDArray[np.int64]:
    plane = shapely.transform(polygon, _to_plane)
    shapely.prepare(plane)
    found = _boxed(crowd, plane.bounds, 0.0)
    return np.asarray(found[shapely.contains_xy(plane, crowd.x[found], crowd.y[found])])


def _by_buffers(plane: BaseGeometry, crowd: _Columns) -> NDArray[np.int64]:
    some = []
    for radius in np.unique(crowd.radius_m).tolist():
        grown = plane.buffer(radius)
        shapely.prepare(grown)
        west, south, east, north = grown.bounds
        x, y = crowd.x, crowd.y
        inside = (crowd.radius_m == radius) & (x >= west) & (x <= east) & (y >= south) & (y <= north)
        found = np.flatnonzero(inside)
        some.append(found[shapely.contains_xy(grown, crowd.x[found], crowd.y[found])])
    return np.concatenate(some)


def _by_distance(plane: BaseGeometry, crowd: _Columns) -> NDArray[np.int64]:
    fresh = shapely.from_wkb(shapely.to_wkb(plane))
    shapely.prepare(fresh)
    found = _boxed(crowd, plane.bounds, float(crowd.radius_m.max()))
    points = shapely.points(crowd.x[found], crowd.y[found])
    return np.asarray(found[shapely.dwithin(fresh, points, crowd.radius_m[found])])


# --- the same subscribers for both -------------------------------------------------------------------------------


def _crowd(size: int, radii: Sequence[float]) -> _Columns:
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(51.28, 51.70, size), rng.uniform(-0.52, 0.34, size)
    plane = _to_plane(np.column_stack([lon, lat]))
    return _Columns(
        x=np.ascontiguousarray(plane[:, 0]),
        y=np.ascontiguousarray(plane[:, 1]),
        lon=lon,
        lat=lat,
        radius_m=rng.choice(np.array(radii) * 1000.0, size),
        topics=rng.integers(1, 1 << len(_TOPICS), size).astype(np.uint16),
        floor=rng.integers(0, len(_FLOORS), size).astype(np.uint8),
        channels=rng.integers(1, 4, size).astype(np.uint8),
    )


def _built(crowd: _Columns) -> tuple[AudienceColumns, float]:
    """Build columns from everybody's registration; returns them and the seconds taken."""
    columns, took = AudienceColumns(), 0.0
    for start in range(0, len(crowd.lat), 10_000):
        batch = list(_registrations(crowd, start, min(start + 10_000, len(crowd.lat))))
        begun = perf_counter()
        columns.apply_many(batch)
        took += perf_counter() - begun
    return columns, took


def _registrations(crowd: _Columns, start: int, end: int) -> Iterator[Recorded]:
    topics = [tuple(t for bit, t in enumerate(_TOPICS) if code >> bit & 1) for code in range(1 << len(_TOPICS))]
    have: dict[int, tuple[Channel, ...]] = {1: ("email",), 2: ("sms",), 3: ("email", "sms")}
    rng = np.random.default_rng(start)
    for index in range(start, end):
        subscriber = UUID(int=(0x0190 << 112) | (7 << 76) | (2 << 62) | int(rng.integers(1 << 61)))
        channels = have[int(crowd.channels[index])]
        wishes = Preferences(
            places=(
                SubscriberPlace(lat=crowd.lat[index], lon=crowd.lon[index], radius_km=crowd.radius_m[index] / 1000),
            ),
            topics=topics[crowd.topics[index]],
            severity_at_least=_FLOORS[crowd.floor[index]],
            channels=channels,
        )
        event = SubscriberRegistered(
            how="bench",
            contacts=tuple(ContactRef(contact_number(2 * index + n, subscriber), c) for n, c in enumerate(channels)),
            addresses={},
            preferences=wishes,
            consent=None,
        )
        yield Recorded(
            originator_id=subscriber, originator_version=1, event=event, at=_NOW, by="system", position=index + 1
        )


def _areas() -> dict[str, Area]:
    text = (files("alerts.demo") / "london-boroughs.geojson").read_text(encoding="utf-8")
    shapes = {f["properties"]["name"]: shapely.geometry.shape(f["geometry"]) for f in json.loads(text)["features"]}
    return {
        "500 m circle": Area(EMPTY.polygon, (_CENTRE,)),
        "a large borough": Area(shapes[_LARGE]),
        "all London": Area(shapely.union_all(list(shapes.values()))),
    }


def _to_plane(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Project to metres in a plane around London, accurate enough for a limit."""
    scale = np.array([111_320.0 * np.cos(np.radians(51.5)), 111_250.0])
    return np.asarray((lonlat - np.array([-0.1, 51.5])) * scale)


def _timed(work: Callable[[], int], slowest: bool) -> float:
    """Median of several runs in milliseconds, or their 95th percentile."""
    work()
    spans = []
    for _ in range(_REPEATS):
        begun = perf_counter()
        work()
        spans.append((perf_counter() - begun) * 1000)
    return float(np.percentile(spans, 95 if slowest else 50))
