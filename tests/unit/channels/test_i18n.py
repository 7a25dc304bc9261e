"""Catalogues, prose, hours: what stands in another language is complete, and nothing is said that was not meant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts.channels import markdown as prose
from alerts.channels.i18n import direction, translator
from alerts.channels.opening_hours import hours_in_words


@pytest.mark.parametrize("language", ["cy", "pl", "ur", "ar"])
def test_a_catalogue_nobody_has_read_says_so(language: str) -> None:
    assert translator(language).reviewed_by == ""


def test_a_language_without_catalogue_gets_the_default() -> None:
    assert translator("cy-GB").tag == "cy"
    assert translator("fr", "pl").tag == "pl"
    assert translator("fr", "xx").tag == "en"
    assert direction("ar-EG") == "rtl" and direction("fr") == "ltr"


def test_times_and_distances_are_written_as_the_language_does() -> None:
    at = datetime(2026, 7, 1, 13, 5, tzinfo=UTC)
    assert translator("en").time(at, "Europe/London") == "Wednesday 1 July, 14:05"
    assert translator("pl").distance(2570) == "2,6 km"
    assert [translator("en").distance(m) for m in (3, 412, 2849, 9960, 17400)] == [
        "0.1 km",
        "0.4 km",
        "2.8 km",
        "10 km",
        "17 km",
    ]


@pytest.mark.parametrize(
    ("osm", "words"),
    [
        ("24/7", "day and night"),
        ("Mo-Sa 08:00-20:00", "Mon to Sat, 08:00 to 20:00"),
        ("Mo-Fr 09:00-17:00; Sa 10:00-16:00", "Mon to Fri, 09:00 to 17:00; Sat, 10:00 to 16:00"),
        ("Mo,We 09:00-12:00,13:00-17:00", "Mon, Wed, 09:00 to 12:00, 13:00 to 17:00"),
        ("Mo-Su 10:00-16:00", "every day, 10:00 to 16:00"),
        ("10:00-16:00", "every day, 10:00 to 16:00"),
        ("Mo-Fr 09:00-17:00; PH off", "Mon to Fri, 09:00 to 17:00; public holidays, closed"),
        ("Jan-Mar Mo[1] 10:00+", "Jan-Mar Mo[1] 10:00+"),
        ("Mo-Fr 09:00-17:00; week 1-10 Sa 10:00-12:00", "Mo-Fr 09:00-17:00; week 1-10 Sa 10:00-12:00"),
        (None, ""),
    ],
)
def test_hours_are_said_or_left_as_they_are(osm: str | None, words: str) -> None:
    assert hours_in_words(osm, translator("en")) == words


def test_prose_keeps_structure_in_both_forms() -> None:
    markdown = "# Head\n\nOne **two**.\nThree\n\n1. a\n2. b\n\n- x\n- y [z](https://a.example/p)\n"
    assert prose.html(markdown) == (
        "<h3>Head</h3>\n<p>One <strong>two</strong>.<br>\nThree</p>\n<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n"
        '<ul>\n<li>x</li>\n<li>y <a href="https://a.example/p" rel="noopener nofollow">z</a></li>\n</ul>'
    )
    assert prose.text(markdown) == ("Head\n\nOne two.\nThree\n\n1. a\n2. b\n\n- x\n- y z (https://a.example/p)")


def test_a_long_link_is_never_broken() -> None:
    link = "https://a.example/" + "x" * 200
    assert link in prose.text(f"See {link} now")


def test_first_line_is_short_and_whole() -> None:
    assert prose.first_line("One two three four", 12) == "One two…"
    assert prose.first_line("") == ""
