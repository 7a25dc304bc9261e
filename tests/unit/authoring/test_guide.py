"""Guide in compose: each row of its table, and never an exception whatever is typed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.authoring.draft import DraftWords, LiveNotice, NoticeDraft
from alerts.authoring.guide import blocking, diagnostics, overruled
from alerts.authoring.outline import too_fine
from alerts.authoring.readability import readability
from alerts.authoring.word_lists import word_lists
from alerts.authoring.wording import blanks
from alerts.channels.i18n import LANGUAGES
from alerts.channels.sms_segments import count

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
ENDS = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
GOOD = DraftWords(
    "Gas leak, Walworth Road: stay indoors until 20:00",
    "Stay indoors until 20:00. Shut windows and doors.",
    "A gas main is leaking at Walworth Road. Engineers are at work.",
)


def draft(words: DraftWords = GOOD, **more: Any) -> NoticeDraft:
    more.setdefault("content", {"en": words})
    return NoticeDraft(
        **{
            "kind": "alert",
            "drill": False,
            "danger": True,
            "now": NOW,
            "ends": ENDS,
            "timezone": "Europe/London",
            **more,
        }
    )


def seen(given: NoticeDraft) -> set[tuple[str, str]]:
    """Checks and levels of a draft, but for what is good."""
    return {(one.check, one.level) for one in diagnostics(given, "Southwark Council") if one.level != "good"}


def test_area_that_is_too_fine_warns_and_may_stand() -> None:
    found = diagnostics(draft(too_fine="It has 812 corners."), "Southwark Council")
    fine = next(one for one in found if one.check == "fine")
    assert (fine.level, fine.words, fine.field) == ("warns", "It has 812 corners.", "fine")
    assert not blocking(found, frozenset()) and "fine" in overruled(found, frozenset())


def ring(*corners: tuple[float, float]) -> list[dict[str, Any]]:
    """An outline of corners as (longitude, latitude)."""
    return [{"type": "Polygon", "coordinates": [[list(one) for one in (*corners, corners[0])]]}]


def test_fine_is_what_could_be_coarser_and_what_has_too_many_corners() -> None:
    near = too_fine(ring((0, 51), (0.01, 51), (0.01, 51.01), (0.01002, 51.01003), (0, 51.01)))
    assert near is not None and near.words == "Corners lie 4 m apart; people's places are known to about 10 m."
    assert (near.before, near.after) == (5, 4)
    sharp = ring((0, 51), (0.01, 51), (0.01, 51.00003))
    assert too_fine(sharp) is None, "corners lie close together, but none of them can go"
    assert too_fine(ring((0, 51), (0.01, 51), (0.01, 51.01), (0, 51.01))) is None
    apart = [{"circle": {"lat": 51.0, "lon": index / 10, "radius_km": 0.1}} for index in range(251)]
    many = too_fine(apart)
    assert many is not None and "251 corners and circles" in many.words
    assert too_fine(apart[:250]) is None


def test_good_warning_has_all_five_parts() -> None:
    found = diagnostics(draft(), "Southwark Council")
    assert {one.check: one.words for one in found} == {
        "who": "Southwark Council",
        "what": "gas",
        "where": "road",
        "do": "stay",
        "when": "20:00",
    }
    assert not blocking(found, frozenset())


@dataclass(frozen=True)
class Row:
    words: DraftWords
    expected: tuple[str, str]
    more: dict[str, Any]


def row(check: str, level: str, words: DraftWords = GOOD, **more: Any) -> Any:
    return pytest.param(Row(words, (check, level), more), id=f"{check}-{level}")


def said(**fields: str) -> DraftWords:
    return DraftWords(**{"title": GOOD.title, "instruction": GOOD.instruction, "body": GOOD.body, **fields})


LIVE = LiveNotice("Leave Walworth Road", {"en": DraftWords("Fire", "Leave your home at once.")}, ENDS)
LATER = LiveNotice("Another", {"en": DraftWords("Fire", "Stay indoors.")}, ENDS + timedelta(hours=1))


@pytest.mark.parametrize(
    "row",
    [
        row("what", "asks", DraftWords("Something odd in Walworth Road", "Stay indoors until 20:00.", "")),
        row("where", "asks", DraftWords("Gas leak", "Stay indoors until 20:00.", "")),
        row("do", "asks", DraftWords("Gas leak, Walworth Road", "Engineers until 20:00.", "")),
        row("when", "asks", DraftWords("Gas leak, Walworth Road", "Stay indoors.", "")),
        row("when", "warns", DraftWords("Gas leak, Walworth Road", "Stay indoors.", ""), danger=False),
        row("what", "warns", DraftWords("Hello", "Read this.", ""), kind="announcement", danger=False),
        row("do", "stops", DraftWords("Gas leak, Walworth Road", "", "Until 20:00.")),
        row("title", "stops", said(title="")),
        row("title", "warns", said(title="Gas leak, Walworth Road: " + "x" * 50)),
        row("title", "stops", said(title="Gas leak, Walworth Road: " + "x" * 200)),
        row("title-start", "warns", said(title="Dear residents, please take note of what follows: gas leak")),
        row("texts", "warns", texts={"en": count("x" * 200)}),
        row("texts", "stops", texts={"en": count("x" * 700)}),
        row("letters", "warns", texts={"en": count("ж")}),
        row("advice", "warns", said(instruction="Stay indoors. " * 25)),
        row("sentence", "warns", said(instruction="Stay " + "in " * 25 + "until 20:00.")),
        row("reading-age", "warns", said(body="Unprecedented infrastructural deterioration necessitates precautionary "
            "evacuation procedures throughout neighbouring administrative jurisdictions.")),
        row("capitals", "warns", said(instruction="STAY INDOORS AND SHUT WINDOWS. Until 20:00.")),
        row("links", "warns", said(body="Gas leak. Click here.")),
        row("links", "stops", said(body="More: https://example.com/leak")),
        row("links", "stops", said(body="More: bit.ly/3abc")),
        row("time", "warns", said(body="Engineers come soon.")),
        row("end", "stops", said(instruction="Stay indoors until 21:00.")),
        row("place", "warns", said(body="Keep away from the area.")),
        row("place", "stops", DraftWords("Gas leak in Camden", "Stay indoors until 20:00."), outside=("Camden",),
            inside=("Southwark",)),
        row("blank", "stops", said(instruction="Stay off [road] until 20:00.")),
        row("practice", "warns", said(body="A test of the gas main.")),
        row("practice", "stops", said(body="This is not a drill.")),
        row("numbers", "warns", content={"en": GOOD, "pl": DraftWords("Wyciek gazu, ul. Walworth", "Zostań w domu.")}),
        row("opposite", "stops", live=(LIVE,)),
        row("live", "warns", live=(LATER,)),
    ],
)  # fmt: skip
def test_each_check_finds_its_fault(row: Row) -> None:
    assert row.expected in seen(draft(row.words, **row.more))
    if row.expected[1] != "asks":
        assert row.expected not in seen(draft())


def test_what_may_stay_as_it_is() -> None:
    assert not seen(draft(said(instruction="Stay INDOORS until 20:00. See [our page](https://ours.example/x)."),
                          hosts=frozenset({"ours.example"})))  # fmt: skip
    assert not seen(draft(live=(LiveNotice("Same", {"en": GOOD}, ENDS),)))
    drill = draft(said(body="This is a drill. Gas leak."), drill=True)
    assert ("practice", "warns") not in seen(drill)


def test_author_may_say_that_it_is_there_but_not_that_a_stop_is_none() -> None:
    found = diagnostics(draft(DraftWords("Kettle, Walworth Road", "Stay indoors until 20:00. Fill [x].")), "us")
    assert [one.key for one in blocking(found, frozenset())] == ["what-en", "blank-en"]
    assert [one.key for one in blocking(found, frozenset({"what-en", "blank-en"}))] == ["blank-en"]
    assert overruled(found, frozenset({"what-en"})) == ["what-en"]


@pytest.mark.parametrize(
    ("tag", "title", "advice"),
    [
        ("cy", "Nwy yn gollwng, Stryd Fawr", "Arhoswch dan do tan 20:00."),
        ("pl", "Wyciek gazu, ulica Długa", "Zostań w domu do 20:00."),
        ("ur", "گیس کا اخراج، والورتھ روڈ", "گھر کے اندر رہیں 20:00 تک۔"),
        ("ar", "تسرب غاز في شارع والورث", "ابقوا في منازلكم حتى 20:00."),
    ],
)
def test_parts_are_found_in_each_language(tag: str, title: str, advice: str) -> None:
    found = diagnostics(draft(content={tag: DraftWords(title, advice)}), "us")
    assert not blocking(found, frozenset())
    assert ("end", "stops") in seen(draft(content={tag: DraftWords(title, advice)}, ends=ENDS + timedelta(hours=1)))


def test_end_that_differs_is_mended_where_the_end_is_set() -> None:
    words = said(title="Gas leak, High Street, until 21:00", instruction="Stay indoors until 21:00.")
    found = [one for one in diagnostics(draft(words), "us") if one.check == "end"]
    assert [(one.level, one.field) for one in found] == [("stops", "ends-time")]
    assert "The words say 21:00" in found[0].words


def test_name_of_a_blank_says_nothing_yet() -> None:
    words = DraftWords("Gas leak, [road]", "Stay indoors until [time].")
    found = {one.check: one.level for one in diagnostics(draft(words), "us")}
    assert (found["where"], found["when"]) == ("asks", "asks")


def test_every_language_of_the_product_has_word_lists() -> None:
    for tag in LANGUAGES:
        lists = word_lists(tag)
        assert lists is not None
        assert all(part == part.casefold() for part in lists.hazards + lists.streets + lists.actions)
    assert word_lists("fr") is None


def test_reading_age_rises_with_longer_words_and_sentences() -> None:
    easy = readability("Stay in. Shut the door. Do not go to the road. We will tell you more.")
    hard = readability("Precautionary evacuation procedures necessitate immediate departure of all inhabitants herein.")
    assert easy.age is not None and hard.age is not None and easy.age < 9 < hard.age
    assert (easy.sentences, easy.longest) == (4, 6)
    assert readability("Stay in.").age is None and readability("Zostań w domu " * 9, "pl").age is None


def test_blanks_are_named_by_field() -> None:
    words = DraftWords("Fire in [road]", "See [our page](https://x.example). Leave [building] now.")
    assert blanks(words) == [("title", "road"), ("instruction", "building")]


@given(st.text(max_size=400), st.text(max_size=400), st.sampled_from([*LANGUAGES, "fr"]))
def test_anything_typed_gives_diagnostics(title: str, instruction: str, tag: str) -> None:
    given = draft(content={tag: DraftWords(title, instruction), "en": GOOD}, live=(LIVE,))
    found = diagnostics(given, "us")
    assert {one.check for one in found if one.language == tag} >= {"who"}
    assert set(blocking(found, frozenset(one.key for one in found))) == {one for one in found if one.level == "stops"}
