"""Letters and calls: addresses, and what a page says."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest

from alerts.channels import letter, print_pages
from alerts.channels.descriptor import AddressRules
from alerts.channels.layouts import Layouts
from alerts.channels.letter import LetterPage
from alerts.channels.print_pages import PrintedPage
from alerts.channels.renderer import Renderer
from alerts.contract.bodies import PostalBody
from alerts.kernel.errors import Invalid, Unavailable
from alerts.kernel.terms import Channel
from alerts.kernel.times import utc_now

HOME = PostalBody(name="Mary Ólafsdóttir", lines=("12 Manor Place", "London", "SE17 3BB"))
TO = letter.parse_address(HOME, "postal", AddressRules())


def page_of(message: Any) -> LetterPage:
    return msgspec.json.decode(message.data, type=LetterPage)


def test_an_address_has_one_form_for_all_its_spellings() -> None:
    body = PostalBody(name=" Mary   Ólafsdóttir ", lines=("12 Manor  Place", "London", "SE17 3BB "))
    assert letter.parse_address(body, "postal", AddressRules()) == TO
    assert msgspec.json.decode(TO) == {"lines": ["12 Manor Place", "London", "SE17 3BB"], "name": "Mary Ólafsdóttir"}


@pytest.mark.parametrize(
    ("name", "lines", "field"),
    [
        ("", ("a",), "postal.name"),
        ("x" * 61, ("a",), "postal.name"),
        ("A", (), "postal.lines"),
        ("A", ("a",) * 7, "postal.lines"),
        ("A", ("a", " "), "postal.lines.1"),
        ("A", ("a\u202eb",), "postal.lines.0"),
    ],
)
def test_an_address_that_no_window_shows_is_refused(name: str, lines: tuple[str, ...], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        letter.parse_address(PostalBody(name=name, lines=lines), "postal", AddressRules())
    assert refused.value.errors[0].field == field


@pytest.mark.parametrize("channel", ["letter", "phone"])
@pytest.mark.parametrize(
    ("change", "mark"),
    [({"status": "Exercise"}, "DRILL"), ({"msg_type": "Cancel"}, "CANCELLED"), ({"msg_type": "AllClear"}, "ALL CLEAR")],
)
def test_a_page_says_first_what_it_is(
    renderer: Renderer, words: Any, reader: Any, channel: Channel, change: dict[str, Any], mark: str
) -> None:
    [part] = page_of(renderer.prepare(words(**change), channel).message(reader(to=TO))).parts
    assert part.banners and part.banners[0].upper().startswith(mark)
    assert part.struck == (change.get("msg_type") == "Cancel")


def printed(renderer: Renderer, words: Any, reader: Any, channel: Channel, to: str, **more: Any) -> PrintedPage:
    message = renderer.prepare(words(**more), channel).message(reader(to=to))
    return PrintedPage(to=to, delivery=message.delivery, page=page_of(message))


def text_of(pdf: bytes) -> list[str]:
    pypdf = pytest.importorskip("pypdf")
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


@pytest.fixture
def layouts() -> Layouts:
    pytest.importorskip("weasyprint")
    return Layouts(sender="Town <a@town.example>", clock=utc_now)


def test_each_person_has_a_page_of_their_own(renderer: Renderer, words: Any, reader: Any, layouts: Layouts) -> None:
    pages = [printed(renderer, words, reader, "letter", TO, frame_language=tag) for tag in ("en", "ar", "cy")]
    texts = text_of(print_pages.letters(pages, layouts, utc_now(), "Europe/London", "en"))
    assert len(texts) == 3
    for text in texts:
        assert "12 Manor Place" in text and "SE17 3BB" in text and words().title in " ".join(text.split())


def test_a_call_list_has_number_and_words(renderer: Renderer, words: Any, reader: Any, layouts: Layouts) -> None:
    pages = [printed(renderer, words, reader, "phone", "+442079460000")]
    [text] = text_of(print_pages.calls(pages, layouts, utc_now(), "Europe/London", "en"))
    assert "+442079460000" in text and words().title in " ".join(text.split()) and "no answer" in text
    failed = [msgspec.structs.replace(pages[0], remark="30006: landline")]
    [text] = text_of(print_pages.calls(failed, layouts, utc_now(), "Europe/London", "en"))
    assert "A text to this number failed: 30006: landline" in " ".join(text.split())


def test_markup_in_words_and_addresses_is_printed_as_text(
    renderer: Renderer, words: Any, reader: Any, layouts: Layouts
) -> None:
    to = letter.parse_address(PostalBody(name="<img src=x>", lines=("<b>1</b>",)), "postal", AddressRules())
    page = printed(renderer, words, reader, "letter", to, title="<script>x</script>")
    [text] = text_of(print_pages.letters([page], layouts, utc_now(), "Europe/London", "en"))
    assert "<img src=x>" in text and "<script>x</script>" in text


def test_without_the_libraries_there_are_words(
    renderer: Renderer, words: Any, reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "weasyprint", None)
    page = printed(renderer, words, reader, "letter", TO)
    with pytest.raises(Unavailable, match="Pango"):
        print_pages.letters([page], Layouts(sender="a@b.example", clock=utc_now), utc_now(), "Europe/London", "en")
