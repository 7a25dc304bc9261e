"""Distances on the WGS 84 ellipsoid in metres, and the Mercator plane for comparing many of them at once."""

from __future__ import annotations

from functools import cache
from math import asin, cos, radians, sin, sqrt

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

EQUATOR_M = 6378137.0
FLATTENING = 1 / 298.257223563
ECCENTRICITY_2 = FLATTENING * (2 - FLATTENING)
ECCENTRICITY = ECCENTRICITY_2**0.5
_SPHERE_M, _UNSURE = 6371008.8, 0.01
"""Mean earth radius in metres, and a safe bound on the relative error of a distance on that sphere."""
POLAR_M = EQUATOR_M * (1 - FLATTENING)

EDGE_M = 1e-3
"""Tolerance in metres within which an edge counts as inside: a millimetre absorbs floating-point error."""


@cache
def geod() -> Geod:
    """The WGS 84 ellipsoid."""
    return Geod(ellps="WGS84")


def distance(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Length of the geodesic between two positions, in metres."""
    return float(geod().inv(lon1, lat1, lon2, lat2)[2])


def is_within(lat1: float, lon1: float, lat2: float, lon2: float, metres: float) -> bool:
    """Return True if two positions are at most `metres` apart by `distance`.

    The geodesic is computed only where the distance on the sphere does not decide: a geodesic of WGS 84 differs from
    the sphere's by less than 0.6 %.
    """
    phi1, phi2 = radians(lat1), radians(lat2)
    half = sin((phi2 - phi1) / 2) ** 2 + cos(phi1) * cos(phi2) * sin(radians(lon2 - lon1) / 2) ** 2
    about = 2 * _SPHERE_M * asin(min(1.0, sqrt(half)))
    if about < metres * (1 - _UNSURE):
        return True
    if about > metres * (1 + _UNSURE) + EDGE_M:
        return False
    return distance(lat1, lon1, lat2, lon2) <= metres


def distances(lat: float, lon: float, lats: Floats, lons: Floats) -> Floats:
    """Lengths of the geodesics from one position to many, in metres."""
    shape = np.shape(lats)
    return np.asarray(geod().inv(np.full(shape, lon), np.full(shape, lat), lons, lats)[2], dtype=np.float64)


def normal_radius(lat: Floats | float) -> Floats:
    """Radius of curvature across the meridian (metres), at latitudes in degrees."""
    return np.asarray(EQUATOR_M / np.sqrt(1 - ECCENTRICITY_2 * np.sin(np.radians(lat)) ** 2))


def meridian_radius(lat: Floats | float) -> Floats:
    """Radius of curvature along the meridian (metres), at latitudes in degrees."""
    sine = np.sin(np.radians(lat))
    return np.asarray(EQUATOR_M * (1 - ECCENTRICITY_2) / (1 - ECCENTRICITY_2 * sine * sine) ** 1.5)


def mercator_y(lat: Floats | float) -> Floats:
    """Mercator ordinate in degrees: one degree of it is as long, on the ground, as one degree of longitude there."""
    phi = np.radians(lat)
    return np.asarray(np.degrees(np.arcsinh(np.tan(phi)) - ECCENTRICITY * np.arctanh(ECCENTRICITY * np.sin(phi))))


def mercator_scale(lat: Floats | float) -> Floats:
    """Degrees in the Mercator plane that one metre on the ground takes at these latitudes."""
    return np.asarray(np.degrees(1 / (normal_radius(lat) * np.cos(np.radians(lat)))))


def mercator_discs(lat: Floats, radius_m: Floats) -> tuple[Floats, Floats]:
    """Geodesic discs as circles of the Mercator plane: ordinates of their centres and radii, in degrees.

    The scale grows towards the pole, so a disc lies a little further out than its centre. With that shift the error is
    of third order: less than `disc_error`.
    """
    normal = normal_radius(lat)
    phi = np.radians(lat)
    scale = np.degrees(1 / (normal * np.cos(phi)))
    return mercator_y(lat) + scale * np.tan(phi) * radius_m * radius_m / (2 * normal), scale * radius_m


def disc_error(lat: Floats, radius_m: Floats) -> Floats:
    """Upper bound (twice the measured one) of a disc's deviation from its Mercator circle, as a share of its radius."""
    tangent = np.tan(np.radians(lat))
    return np.asarray((radius_m / POLAR_M) ** 2 * (1 + 2 * tangent * tangent) / 3)


def wrapped(lon: Floats) -> Floats:
    """Wrap longitudes into [-180, 180)."""
    return np.asarray((lon + 180.0) % 360.0 - 180.0)
