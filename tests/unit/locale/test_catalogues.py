"""gettext catalogues in alerts/locale/: complete, confirmed, and equal in names and placeholders."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import PoFileError

from alerts.channels.i18n import LANGUAGES, direction, translator
from alerts.locale.po_catalog import PoCatalog, po_bytes, read_catalog

FOLDER = Path(__file__).resolve().parents[3] / "alerts" / "locale"
ADVICE = "run: make translations"


@pytest.fixture(scope="module")
def catalogs() -> dict[str, PoCatalog]:
    return {path.stem: read_catalog(path) for path in sorted(FOLDER.glob("*.po*"))}


def words(catalog: PoCatalog) -> list[tuple[str | None, str]]:
    return [(message.context, str(message.id)) for message in catalog.messages()]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_there_is_a_catalogue_for_each_language_and_a_template(catalogs: dict[str, PoCatalog]) -> None:
    assert set(catalogs) == {*LANGUAGES, "messages"}


@pytest.mark.parametrize("name", [*LANGUAGES, "messages"])
def test_all_catalogues_have_the_english_words_in_their_order(catalogs: dict[str, PoCatalog], name: str) -> None:
    english = words(catalogs["en"])
    assert len(english) == len({context for context, _ in english}) > 500
    assert words(catalogs[name]) == english, ADVICE
    assert all(message.string == message.id for message in catalogs["en"].messages()), ADVICE


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_translated_and_confirmed(catalogs: dict[str, PoCatalog], language: str) -> None:
    for message in catalogs[language].messages():
        assert str(message.string).strip(), f"{message.context} has no translation"
        assert not message.fuzzy, f"{message.context}: confirm the translation and remove the mark fuzzy"
        assert placeholders(str(message.string)) == placeholders(str(message.id)), message.context


def test_the_template_has_no_translation(catalogs: dict[str, PoCatalog]) -> None:
    assert not any(message.string for message in catalogs["messages"].messages())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_header_tells_translators_tools_what_they_need(catalogs: dict[str, PoCatalog], language: str) -> None:
    catalog = catalogs[language]
    header = dict(catalog.mime_headers)
    assert Locale.parse(header["Language"]).language == language
    assert header["Content-Type"] == "text/plain; charset=utf-8"
    assert header["Plural-Forms"] == Catalog(locale=language).plural_forms
    assert header["X-Text-Direction"] == direction(language)
    assert header["X-Language-Name"] == translator(language).name
    assert not catalog.fuzzy


@pytest.mark.parametrize("name", ["en", "ar"])
def test_writing_a_catalogue_loses_nothing(catalogs: dict[str, PoCatalog], name: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.po"
    copy.write_bytes(po_bytes(catalogs[name]))
    again = read_catalog(copy)
    assert again.mime_headers == catalogs[name].mime_headers
    assert [(m.context, m.id, m.string) for m in again.messages()] == [
        (m.context, m.id, m.string) for m in catalogs[name].messages()
    ]


def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.po").write_text('[page]\ntitle = "One"\n')
    with pytest.raises(PoFileError):
        read_catalog(tmp_path / "bad.po")
