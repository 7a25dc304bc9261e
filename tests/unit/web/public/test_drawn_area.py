"""Drawn areas: read, written, and as many as a draft may hold in the address of a page."""

from __future__ import annotations

import json
import random
from math import cos, pi, sin

import pytest

from alerts.kernel.secret_keys import SecretKeys
from alerts.web.public.drawn_area import MOST_CORNERS, Ring, as_field, drawn_area, drawn_ring
from alerts.web.public.sign_up.draft import MOST_PLACES, Draft, DraftPlace, Drafts


def ring(seed: int) -> Ring:
    """An uneven area with as many corners as may be drawn."""
    rng, corners = random.Random(seed), []
    for turn in (2 * pi * n / MOST_CORNERS for n in range(MOST_CORNERS)):
        size = rng.uniform(0.01, 0.05)
        corners.append([round(-0.1 + size * cos(turn), 5), round(51.5 + size * sin(turn), 5)])
    found = drawn_ring(json.dumps(corners))
    assert found is not None and json.loads(as_field(found)) == corners
    return found


def test_corners_become_a_closed_polygon() -> None:
    found = drawn_ring("[[-0.12,51.48],[-0.08,51.48],[-0.1,51.5000004]]")
    assert found is not None
    corners = [[-0.12, 51.48], [-0.08, 51.48], [-0.1, 51.5], [-0.12, 51.48]]
    assert drawn_area(found) == {"type": "Polygon", "coordinates": [corners]}


@pytest.mark.parametrize("text", ["[[1e308,0],[0,1],[1,1]]", "[[0,0],[1,1]]", "[[200,0],[201,1],[200,1]]", "{}", "["])
def test_what_is_no_area_is_refused(text: str) -> None:
    assert drawn_ring(text) is None


def test_the_longest_draft_fits_an_address() -> None:
    names = ["".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=60)) for n in range(MOST_PLACES)]
    places = tuple(DraftPlace(label="Drawn", name=name, ring=ring(n)) for n, name in enumerate(names))
    draft = Draft(started=1, nonce="n" * 22, places=places, email="e" * 254)
    assert len(Drafts(SecretKeys(b"k" * 32)).seal(draft)) < 6_000
