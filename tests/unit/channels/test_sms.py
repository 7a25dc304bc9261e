"""Text messages: segments as the network counts them, and what is kept when there is not room for all."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels import markdown, sms
from alerts.channels.i18n import LANGUAGES
from alerts.channels.message import Alternative
from alerts.channels.renderer import Renderer
from alerts.channels.sms_segments import Segments, count, plain_punctuation, with_look_alikes
from alerts.kernel.texts import cut


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segments("GSM-7", 0, 160, 1)),
        ("a" * 160, Segments("GSM-7", 160, 160, 1)),
        ("a" * 161, Segments("GSM-7", 161, 306, 2)),
        ("€" * 80, Segments("GSM-7", 160, 160, 1)),
        # an escape pair does not fit into the 153rd septet and moves on
        ("a" * 152 + "€" + "a" * 152, Segments("GSM-7", 306, 459, 3)),
        ("ŵ" * 70, Segments("UCS-2", 70, 70, 1)),
        ("ŵ" * 71, Segments("UCS-2", 71, 134, 2)),
        ("😀" * 35, Segments("UCS-2", 70, 70, 1)),
        ("😀" * 36, Segments("UCS-2", 72, 134, 2)),
        ("a" * 66 + "😀" + "a" * 66, Segments("UCS-2", 134, 201, 3)),
    ],
)
def test_segments_are_counted_as_networks_do(text: str, expected: Segments) -> None:
    assert count(text) == expected


@settings(max_examples=80)
@given(st.text(st.sampled_from("aé€^{ ŵ😀"), max_size=500))
def test_a_count_never_understates(text: str) -> None:
    found = count(text)
    assert found.room >= found.used
    assert found.segments == 1 or found.used > (160 if found.encoding == "GSM-7" else 70)


def test_ornaments_are_made_plain_and_letters_are_not() -> None:
    assert plain_punctuation("“Don’t” – go…") == '"Don\'t" - go...'
    assert plain_punctuation("Tŷ Ŵy łąka") == "Tŷ Ŵy łąka"


def text_of(renderer: Renderer, words: Any, personal: Any) -> str:
    message = renderer.prepare(words, "sms").message(personal)
    assert message.channel == "sms" and message.delivery == personal.delivery
    return message.data.decode()


def test_sender_severity_and_place_come_first(renderer: Renderer, words: Any, reader: Any) -> None:
    assert text_of(renderer, words(), reader()) == (
        "Community Alerts: SEVERE, Walworth: Gas leak: keep windows shut. Stay indoors. "
        "https://town.example/a/7 STOP to end"
    )


def test_a_service_change_says_from_when(renderer: Renderer, words: Any, reader: Any) -> None:
    change = {"kind": "service-change", "area_words": "", "instruction": "", "title": "Three desks close"}
    said = text_of(renderer, words(**change, effective=datetime(2026, 12, 7, 9, tzinfo=UTC)), reader())
    assert said.startswith("Community Alerts: From Mon 7 Dec: Three desks close.")


def test_a_drill_says_so_before_all_else(renderer: Renderer, words: Any, reader: Any) -> None:
    assert text_of(renderer, words(status="Exercise"), reader()).startswith("DRILL. Community Alerts: SEVERE")
    assert text_of(renderer, words(status="Test", frame_language="cy"), reader()).startswith(
        "PRAWF. Community Alerts: DIFRIFOL"
    )


def test_the_teams_own_words_are_used_and_keep_their_link(renderer: Renderer, words: Any, reader: Any) -> None:
    said = text_of(renderer, words(sms="Gas leak. Go in. https://town.example/a/7 Thank you"), reader())
    assert said.count("https://town.example/a/7") == 1
    assert said.endswith("Thank you STOP to end")


def test_the_nearest_desks_follow_with_distance_and_hours(
    renderer: Renderer, words: Any, reader: Any, desks: Any
) -> None:
    said = text_of(renderer, words(kind="service-change"), reader(alternatives=desks))
    assert (
        "Nearest: East Street Library, 0.4 km (Mon 23 Nov, 14:06 to 17:06); Brixton, 2.6 km (day and night); "
        "Peckham, 2.8 km (Mon to Sat, 08:00 to 20:00)." in said
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("length", [1, 200, 612])
def test_what_must_be_there_is_there_however_long_the_words(
    renderer: Renderer, words: Any, reader: Any, desks: tuple[Alternative, ...], language: str, length: int
) -> None:
    long = ("word " * 130)[:length]
    said = text_of(renderer, words(sms=long, frame_language=language), reader(alternatives=desks * 4))
    assert len(said) <= sms.LIMIT
    assert "https://town.example/a/7" in said
    assert said.startswith("Community Alerts: ")
    assert "STOP" in said


CLOSURE_TITLES = {
    "en": "Three front desks close on 7 December",
    "ur": "7 دسمبر سے تین فرنٹ ڈیسک بند ہو رہے ہیں",
    "ar": "إغلاق ثلاثة مكاتب استقبال في 7 ديسمبر",
    "pl": "Trzy dyżurki zostaną zamknięte 7 grudnia",
}


@pytest.mark.parametrize("language", CLOSURE_TITLES)
def test_nearby_desks_take_no_more_than_three_segments(
    renderer: Renderer, words: Any, reader: Any, desks: tuple[Alternative, ...], language: str
) -> None:
    closure = words(
        kind="service-change",
        title=CLOSURE_TITLES[language],
        instruction="",
        area_words="",
        frame_language=language,
        body_language=language,
        effective=datetime(2026, 12, 7, 9, tzinfo=UTC),
    )
    said = text_of(renderer, closure, reader(alternatives=desks))
    assert count(said).segments <= 3
    assert "East Street Library" in said, "the nearest one has room"


@given(st.text(max_size=400), st.lists(st.text(min_size=1, max_size=80), max_size=4))
def test_nearby_places_never_add_a_segment_beyond_the_third(own: str, near: list[str]) -> None:
    prepared = sms.prepare(head="Town: SEVERE.", words=own, tail="https://town.example/a/7", stop="STOP to end")
    alone = count(prepared.text()).segments
    assert count(prepared.text(tuple(near), "Nearest")).segments <= max(3, alone)


def test_text_without_blanks_keeps_its_words() -> None:
    words = "ただちに高い場所へ避難してください。" * 40
    text = sms.prepare(head="Alerts: Flood.", words=words, tail="https://x.example/a", stop="STOP").text()
    assert len(text) > sms.LIMIT - 10 and text.count("避難") > 25


def test_words_are_cut_at_a_word() -> None:
    assert cut("one two three", 13, sms.MARK) == "one two three"
    assert cut("one two three", 12, sms.MARK) == "one two..."
    assert cut("one two three", 3, sms.MARK) == ""


def test_a_confirmation_by_text_has_its_link(renderer: Renderer) -> None:
    message = renderer.confirmation("sms", "pl", "+447700900001", "d1", "https://town.example/confirm/x")
    assert "https://town.example/confirm/x" in message.data.decode()
    assert message.to == "+447700900001"


@given(
    st.lists(st.text("aé.-", min_size=1, max_size=90), max_size=30),
    st.integers(4, 80),
    st.sampled_from(["", "  "]),
)
def test_a_paragraph_is_wrapped_as_textwrap_does(words: list[str], width: int, indent: str) -> None:
    wanted = textwrap.wrap(
        " ".join(words), width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    assert markdown.wrap(" ".join(words), width, indent) == "\n".join(wanted)
    assert markdown.wrap(" \t".join(["", *words, ""]), width, indent) == "\n".join(wanted), "blanks count as one"


def test_polish_text_leaves_in_the_letters_of_its_services() -> None:
    text = "Zamknij okna i drzwi. Pożar na ulicy Świętokrzyskiej, dym może być trujący. " * 2
    assert count(text).segments == 3 and count(with_look_alikes(text)).segments == 1
    assert with_look_alikes(text).startswith(
        "Zamknij okna i drzwi. Pozar na ulicy Swietokrzyskiej, dym moze byc trujacy."
    )


@pytest.mark.parametrize("text", ["Pożar", "Pożar 火 " * 30, "کھڑکیاں بند رکھیں۔ " * 10, "Close windows. " * 20, ""])
def test_text_stays_as_written_if_nothing_is_saved(text: str) -> None:
    assert with_look_alikes(text) == text


@given(st.text(max_size=400))
def test_look_alikes_never_cost_a_segment(text: str) -> None:
    assert count(with_look_alikes(text)).segments <= count(text).segments


def test_code_is_added_only_if_no_segment_is() -> None:
    def text(words: str, code: str) -> str:
        return sms.prepare(head="Town:", words=words, tail="http://x.example/a/7", stop="STOP to end", code=code).text()

    assert text("Fire.", "Code 4F7K2P") == "Town: Fire. Code 4F7K2P http://x.example/a/7 STOP to end"
    full = "w" * (160 - len(text("", "")) - 1)
    assert text(full, "Code 4F7K2P") == text(full, "") and len(text(full, "")) == 160
    assert text("w " * 400, "Code 4F7K2P") == text("w " * 400, ""), "no word is cut for it"
