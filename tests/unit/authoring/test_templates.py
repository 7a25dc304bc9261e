"""Templates beside what became of them, and before they are published."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.authoring.template_difference import Piece, compare, differences, filled_values
from alerts.authoring.templates import filled_with_samples, plan_of_template, template_stops
from alerts.domain.events import Blank, Content, TemplateText
from alerts.kernel.blanks import BLANK

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEAK = "Gas leak in [road]: stay indoors until [time]."
TEMPLATE = TemplateText(
    name="Gas leak",
    severity="Severe",
    blanks=(Blank(name="road", kind="place"), Blank(name="time", kind="time")),
    content={"en": Content(title="Gas leak in [road]", instruction="Stay indoors until [time].")},
)


def shown(pieces: tuple[Piece, ...]) -> str:
    """Pieces in one line: {filled}, +added+, -removed-."""
    marks = {"same": "{}", "filled": "{{{}}}", "added": "+{}+", "removed": "-{}-"}
    return "".join(marks[piece.kind].format(piece.words) for piece in pieces)


@pytest.mark.parametrize(
    ("after", "seen"),
    [
        ("Gas leak in Mill Lane: stay indoors until 20:00.", "Gas leak in {Mill Lane}: stay indoors until {20:00}."),
        ("Gas leak in [road]: stay indoors until 20:00.", "Gas leak in [road]: stay indoors until {20:00}."),
        (
            "Gas leak in Mill Lane: stay outdoors until 20:00.",
            "Gas leak in {Mill Lane}: stay -indoors-+outdoors+ until {20:00}.",
        ),
        ("Gas leak in Mill Lane: stay indoors.", "Gas leak in {Mill Lane}: stay indoors- until [time]-."),
        (LEAK, LEAK),
    ],
)
def test_what_was_filled_and_what_was_changed(after: str, seen: str) -> None:
    assert shown(compare(LEAK, after)) == seen


TEXT = st.text(alphabet="ab [r]\n.", max_size=30)


@given(before=TEXT, after=TEXT)
def test_pieces_add_up_to_both_texts(before: str, after: str) -> None:
    pieces = compare(before, after)
    assert "".join(piece.words for piece in pieces if piece.kind != "removed") == after
    if all(piece.kind != "filled" for piece in pieces):
        assert "".join(piece.words for piece in pieces if piece.kind != "added") == before


@given(parts=st.lists(st.text(alphabet="xy ", max_size=5), min_size=2, max_size=5), values=st.data())
def test_filled_blanks_alone_are_no_change(parts: list[str], values: Any) -> None:
    before = "[b]".join(parts)
    after = BLANK.sub(lambda _: values.draw(st.text(alphabet="pq", min_size=1, max_size=4)), before)
    assert {piece.kind for piece in compare(before, after)} <= {"same", "filled"}


def test_differences_name_fields_and_languages() -> None:
    content = {"en": Content(title="Gas leak in Mill Lane", instruction="Stay indoors until [time].")}
    plan = plan_of_template(TEMPLATE)
    found_in = differences(TEMPLATE, replace(plan, content=content))
    assert [(one.language, one.field, one.beyond_blanks) for one in found_in] == [("en", "title", False)]
    milder = replace(plan, severity="Minor", channels=("sms",), content={"cy": Content(title="Nwy")})
    found = {(one.language, one.field): shown(one.pieces) for one in differences(TEMPLATE, milder)}
    assert found["", "severity"] == "-Severe-+Minor+"
    assert found["cy", "title"] == "+Nwy+" and found["en", "title"] == "-Gas leak in [road]-"


def test_values_of_the_blanks_are_read_back() -> None:
    content = {"en": Content(title="Gas leak in Mill Lane", instruction="Stay indoors until [time].")}
    assert filled_values(TEMPLATE, content) == {"en": {"road": "Mill Lane"}}


def test_long_texts_are_shown_as_replaced() -> None:
    before, after = "a " * 3_000, "b " * 3_000
    assert compare(before, after) == (Piece("removed", before), Piece("added", after))


def test_guide_reads_a_template_filled_with_samples() -> None:
    assert filled_with_samples(TEMPLATE).content["en"].title == "Gas leak in Example Street"
    assert template_stops(TEMPLATE, NOW, "Europe/London", frozenset()) == []
    foreign = Content(title="Gas leak in [road]", instruction="See https://elsewhere.example until [time].")
    bad = TemplateText(name="x", blanks=TEMPLATE.blanks, content={"en": foreign})
    (stop,) = template_stops(bad, NOW, "Europe/London", frozenset())
    assert stop.field == "content.en.instruction" and "elsewhere.example" in stop.message
    assert template_stops(bad, NOW, "Europe/London", frozenset({"elsewhere.example"})) == []
    right = Content(title="No gas leak", instruction="See https://elsewhere.example.")
    (stop,) = template_stops(replace(TEMPLATE, corrections={"en": right}), NOW, "Europe/London", frozenset())
    assert stop.field == "corrections.en.instruction"
