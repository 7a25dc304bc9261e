"""JSON-LD: opening hours are converted or left out, and no word can leave the data block."""

from __future__ import annotations

import json

import pytest

from alerts.web.public.structured_data import block, opening_hours


@pytest.mark.parametrize(
    ("osm", "found"),
    [
        ("Mo-Fr 08:00-20:00", [(5, "08:00", "20:00")]),
        ("Mo-Fr 9:00-12:00,13:00-17:00", [(5, "09:00", "12:00"), (5, "13:00", "17:00")]),
        ("Mo 9:00-12:00; Sa 10:00-24:00", [(1, "09:00", "12:00"), (1, "10:00", "23:59")]),
        ("Sa-Mo 10:00-11:00; PH off", [(3, "10:00", "11:00")]),
        ("24/7", [(7, "00:00", "23:59")]),
        ("Mo-Fr sunrise-sunset", []),
        ("Mo[1] 10:00-11:00", []),
        ("", []),
    ],
)
def test_hours_are_converted_or_left_out(osm: str, found: list[tuple[int, str, str]]) -> None:
    assert [(len(one["dayOfWeek"]), one["opens"], one["closes"]) for one in opening_hours(osm)] == found


def test_no_word_ends_the_block() -> None:
    made = block({"name": "</script><script>alert(1)</script> & <!--"})
    assert "<" not in made and ">" not in made and json.loads(made)["name"].startswith("</script>")
