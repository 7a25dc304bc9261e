"""E-mail: what the headers promise, and that splicing gives the same message as writing it whole."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerts.channels.descriptor import DigestItem
from alerts.channels.i18n import LANGUAGES
from alerts.channels.merge_fields import Template, mark, quoted_printable, template, without_marks
from alerts.channels.message import Message
from alerts.channels.renderer import Renderer

CLOSURE = {
    "kind": "service-change",
    "area_words": "",
    "instruction": "",
    "effective": datetime(2026, 12, 7, 9, tzinfo=UTC),
    "concerned": ("Harrow", "Holborn", "Walworth"),
}


def parsed(message: Message) -> EmailMessage:
    found = email.message_from_bytes(message.data, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def body(message: Message, kind: str) -> str:
    part = parsed(message).get_body((kind,))
    assert part is not None and not part.defects
    return str(part.get_content())


def test_a_notice_carries_what_mail_programs_need(renderer: Renderer, words: Any, reader: Any) -> None:
    message = renderer.prepare(words(), "email").message(reader())
    mail = parsed(message)
    assert mail["Message-ID"] == "<aaaa7777@town.example>"
    assert mail["To"] == message.to == "amina@resident.example"
    assert mail["List-Unsubscribe"] == "<https://town.example/unsubscribe/s>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"] == "<alerts.town.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime.isoformat() == "2026-11-23T14:06:02+00:00"
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert message.sender == "alerts@town.example"


def test_headers_are_ascii_for_a_domain_beyond_it(renderer: Renderer, words: Any, reader: Any) -> None:
    message = renderer.prepare(words(), "email").message(reader(to="amina@faß-x.de"))
    head = message.data.partition(b"\r\n\r\n")[0]
    assert b"\r\n".join([b"", b"To: amina@xn--fa-x-wna.de", b""]) in b"\r\n" + head
    assert head.isascii()


def test_transactional_mail_offers_no_way_out_of_what_was_not_asked_for(renderer: Renderer) -> None:
    message = renderer.confirmation("email", "en", "a@b.example", "d1", "https://town.example/confirm/x?y=1&z=2")
    mail = parsed(message)
    assert mail["List-Unsubscribe"] is None and mail["List-Unsubscribe-Post"] is None and mail["List-Id"] is None
    assert mail["Message-ID"] == "<d1@town.example>"
    assert "https://town.example/confirm/x?y=1&z=2" in body(message, "plain")
    assert 'href="https://town.example/confirm/x?y=1&amp;z=2"' in body(message, "html")


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({}, "Severe, Walworth: Gas leak: keep windows shut"),
        ({"title": "Gas leak in Walworth"}, "Severe: Gas leak in Walworth"),
        ({"status": "Exercise"}, "DRILL, Severe, Walworth: Gas leak: keep windows shut"),
        ({"status": "Test", "msg_type": "Update"}, "TEST, UPDATE, Severe, Walworth: Gas leak: keep windows shut"),
        ({"msg_type": "Cancel"}, "CANCELLED, Walworth: Gas leak: keep windows shut"),
        ({"msg_type": "AllClear"}, "ALL CLEAR, Walworth: Gas leak: keep windows shut"),
        ({"kind": "announcement", "area_words": ""}, "Gas leak: keep windows shut"),
        (
            {"area_words": "Newham, Tower Hamlets, Waltham Forest + 1"},
            "Severe, Newham, Tower Hamlets: Gas leak: keep windows shut",
        ),
        ({**CLOSURE, "title": "Three desks close"}, "From Monday 7 December: Three desks close"),
        (
            {**CLOSURE, "status": "Test", "frame_language": "cy"},
            "PRAWF, o Dydd Llun 7 Rhagfyr: Gas leak: keep windows shut",
        ),
        (
            {"status": "Exercise", "frame_language": "pl"},
            "ĆWICZENIA, Poważne zagrożenie, Walworth: Gas leak: keep windows shut",
        ),
        (
            {"status": "Exercise", "frame_language": "ar", "area_words": ""},
            "تمرين، خطر شديد: Gas leak: keep windows shut",
        ),
    ],
)
def test_the_subject_says_drill_kind_severity_and_place(
    renderer: Renderer, words: Any, reader: Any, changes: dict[str, Any], subject: str
) -> None:
    assert parsed(renderer.prepare(words(**changes), "email").message(reader()))["Subject"] == subject


def test_a_long_subject_begins_beside_its_name(renderer: Renderer, words: Any, reader: Any) -> None:
    title = "Warehouse fire: poisonous smoke over the whole of it"
    for changes in ({"title": title}, {"title": title + " and beyond" * 9}):
        data = renderer.prepare(words(**changes), "email").message(reader()).data
        head = data.split(b"\r\n\r\n")[0].decode()
        assert "\r\nSubject: Severe, Walworth:" in head
        assert " ".join(head.split("Subject: ")[1].split("\r\nDate:")[0].split()) == (
            f"Severe, Walworth: {changes['title']}".strip()
        )


def test_a_service_change_says_from_when_and_what(renderer: Renderer, words: Any, reader: Any) -> None:
    message = renderer.prepare(words(**CLOSURE), "email").message(reader())
    for kind in ("plain", "html"):
        said = body(message, kind)
        assert "Service change, from Monday 7 December" in said
        assert "What changes: Harrow, Holborn, Walworth" in said
    soon = words(**{**CLOSURE, "effective": datetime(2026, 11, 24, 9, tzinfo=UTC)})
    assert "from Tuesday 24 November, 09:00" in body(renderer.prepare(soon, "email").message(reader()), "plain")
    done = words(**{**CLOSURE, "effective": datetime(2026, 11, 22, 9, tzinfo=UTC)})
    assert "Service change\n" in body(renderer.prepare(done, "email").message(reader()), "plain").replace("\r", "")


def test_a_drill_says_so_first_in_both_parts(renderer: Renderer, words: Any, reader: Any) -> None:
    message = renderer.prepare(words(status="Exercise"), "email").message(reader())
    assert body(message, "plain").startswith("DRILL. This is a drill.")
    html = body(message, "html")
    assert html.index("This is a drill") < html.index("Gas leak: keep windows shut</h1>")


def test_the_personal_part_stands_in_one_box_in_order(renderer: Renderer, words: Any, reader: Any, desks: Any) -> None:
    message = renderer.prepare(words(kind="service-change"), "email").message(reader(alternatives=desks))
    text = body(message, "plain")
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    assert lines == [
        "- East Street Library, 0.4 km: Mon 23 Nov, 14:06 to 17:06",
        "- Brixton, 2.6 km: day and night",
        "- Peckham, 2.8 km: Mon to Sat, 08:00 to 20:00",
    ]
    assert "Your nearest from then on" in body(message, "html")
    assert "Your nearest" not in body(renderer.prepare(words(), "email").message(reader()), "html")


@pytest.mark.parametrize(
    ("changes", "personal", "sentence"),
    [
        ({}, {}, "you asked for “safety” within 2 km of SE17 1RW."),
        ({}, {"place_radius_m": 0.0, "topic": None}, "you asked for alerts in SE17 1RW."),
        ({}, {"place_name": "", "topic": None}, "you asked for alerts."),
        ({"danger_to_life": True}, {}, "lives are in danger within 2 km of SE17 1RW."),
        ({}, {"topic": "newsletter/southwark-week", "place_name": ""}, "you asked for “southwark week”."),
        ({"status": "Exercise"}, {"stop_url": ""}, "you are a tester or a member of the team."),
    ],
)
def test_it_says_why_in_the_readers_own_words(
    renderer: Renderer, words: Any, reader: Any, changes: Any, personal: Any, sentence: str
) -> None:
    text = " ".join(body(renderer.prepare(words(**changes), "email").message(reader(**personal)), "plain").split())
    assert f"You get this because {sentence}" in text


def test_a_team_member_has_nothing_to_stop(renderer: Renderer, words: Any, reader: Any) -> None:
    message = renderer.prepare(words(status="Exercise"), "email").message(reader(stop_url=""))
    assert parsed(message)["List-Unsubscribe"] is None
    assert "unsubscribe" not in body(message, "plain") + body(message, "html")


def test_people_cannot_write_markup_or_load_anything(renderer: Renderer, words: Any, reader: Any) -> None:
    bad = "<script>x</script> ![i](https://evil.example/p.png) [l](javascript:alert(1)) {{ 7*7 }}"
    message = renderer.prepare(words(body=bad, title="<b>T</b>", instruction=bad), "email").message(
        reader(place_name="<i>home</i>{{ 7*7 }}")
    )
    html = body(message, "html")
    assert "<script" not in html and "<img" not in html and "javascript:" not in html.replace("](javascript:", "")
    assert "&lt;b&gt;T&lt;/b&gt;" in html and "&lt;i&gt;home&lt;/i&gt;{{ 7*7 }}" in html
    assert "49" not in html


@pytest.mark.parametrize("field", ["to", "delivery", "stop_url"])
def test_a_value_that_could_break_a_header_is_refused(renderer: Renderer, words: Any, reader: Any, field: str) -> None:
    with pytest.raises(ValueError, match="header"):
        renderer.prepare(words(), "email").message(reader(**{field: "x\r\nBcc: all@town.example"}))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_reads_in_its_direction(
    renderer: Renderer, words: Any, reader: Any, desks: Any, language: str
) -> None:
    message = renderer.prepare(words(frame_language=language), "email").message(reader(alternatives=desks))
    direction = "rtl" if language in ("ar", "ur") else "ltr"
    html = body(message, "html")
    assert f'<html lang="{language}" dir="{direction}"' in html
    assert '<div class="words" dir="ltr" lang="en"' in html
    assert parsed(message)["Content-Language"] == language


def test_a_relay_gets_words_to_pass_on(renderer: Renderer, words: Any, reader: Any) -> None:
    prepared = renderer.prepare(words(), "email")
    message = prepared.message(reader(relay=True))
    for part in ("plain", "html"):
        text = body(message, part)
        assert "Please pass this on" in text and text.count(words().title) == 2 + (part == "html")
        assert "Please pass this on" not in body(prepared.message(reader()), part)


def test_a_digest_lists_items_and_marks_what_is_past(renderer: Renderer, words: Any, reader: Any, desks: Any) -> None:
    items = [
        DigestItem(words=words(kind="announcement", title="Market"), personal=reader(alternatives=desks)),
        DigestItem(words=words(title="Old flood"), personal=reader(alternatives=desks), past=True),
    ]
    message = renderer.digest("en", items, reader())
    text = body(message, "plain")
    assert parsed(message)["Subject"] == "Your summary: 2 messages"
    assert parsed(message)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert text.count("Brixton") == 1
    assert text.index("Market") < text.index("over by now") < text.index("Old flood")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=120), min_size=1, max_size=5),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=120), min_size=5, max_size=5),
)
@example(["000000\x1f" + "\x80" * 5 + "\U00010000" * 3 + "0"], [""] * 5)
@example(["a" * 76], ["b" * 76] * 5)
def test_splicing_is_the_same_as_writing_it_whole(pieces: list[str], values: list[str]) -> None:
    pieces = [without_marks(piece) for piece in pieces]
    names = {f"v{i}": without_marks(value) for i, value in enumerate(values)}
    pattern = "".join(piece + mark(f"v{i}") for i, piece in enumerate(pieces))
    whole = "".join(piece + names[f"v{i}"] for i, piece in enumerate(pieces))
    encoded = Template(pattern).fill({name: template(value) for name, value in names.items()})
    import quopri

    assert quopri.decodestring(encoded).decode().replace("\r\n", "\n") == whole
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
    assert b"\n" not in encoded.replace(b"\r\n", b"")


@given(st.text(max_size=300))
@settings(max_examples=60)
def test_quoted_printable_is_seven_bit(text: str) -> None:
    text.encode("utf-8", "replace")
    try:
        encoded = quoted_printable(text)
    except UnicodeEncodeError:
        return  # a lone surrogate is no text
    assert all(b < 127 for b in encoded)
