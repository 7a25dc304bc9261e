"""`make translations`: new, changed and dropped English words in the other catalogues."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.locale.po_catalog import read_catalog
from tools.translations import refresh

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
LATER = datetime(2026, 12, 2, 9, tzinfo=UTC)
LONG = "This sentence is so long that Babel wraps the comment in which it remembers it, “quoted” and all."
HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"X-Language-Name: {language}\\n"
"X-Reviewed-By: {reviewed}\\n"

"""


def entry(name: str, english: str, translated: str) -> str:
    return f'msgctxt "{name}"\nmsgid "{english}"\nmsgstr "{translated}"\n\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """English and Welsh, both with two words."""
    one, two = ("page.one", "One"), ("page.long", LONG)
    (tmp_path / "en.po").write_text(
        HEADER.format(language="en_GB", reviewed="the authors") + entry(*one, "One") + entry(*two, LONG)
    )
    (tmp_path / "cy.po").write_text(
        HEADER.format(language="cy", reviewed="") + "# A note to myself.\n" + entry(*one, "Un") + entry(*two, "Hir")
    )
    refresh(tmp_path, NOW)
    return tmp_path


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_second_run_changes_nothing(folder: Path) -> None:
    before = contents(folder)
    english, welsh = refresh(folder, LATER)
    assert contents(folder) == before and set(before) == {"en.po", "cy.po", "messages.pot"}
    assert str(english).endswith("100 % translated, 0 missing, 0 fuzzy, reviewed by the authors")
    assert str(welsh).endswith("100 % translated, 0 missing, 0 fuzzy, not reviewed by a native speaker")


def test_a_new_word_reaches_the_others_without_translation(folder: Path) -> None:
    change(
        folder / "en.po", 'msgctxt "page.long"', entry("page.new", "New {name}, 5 % done", "") + 'msgctxt "page.long"'
    )
    english, welsh = refresh(folder, LATER)
    assert (english.missing, welsh.missing, welsh.fuzzy) == (0, 1, 0) and "66 %" in str(welsh)
    assert [m.context for m in read_catalog(folder / "cy.po").messages()] == ["page.one", "page.new", "page.long"]
    template = (folder / "messages.pot").read_text()
    assert '#, python-brace-format\nmsgctxt "page.new"' in template and "2026-12-02" not in template


def test_a_changed_word_is_fuzzy_until_it_is_confirmed(folder: Path) -> None:
    change(folder / "en.po", f'msgid "{LONG}"', 'msgid "Short"')
    for _ in range(2):  # the second run reads what the first has written
        english, welsh = refresh(folder, LATER)
        assert (english.fuzzy, welsh.fuzzy, welsh.missing) == (0, 1, 0)
        _, changed = read_catalog(folder / "cy.po").messages()
        assert (changed.id, changed.string, changed.previous_id) == ("Short", "Hir", [LONG])
    change(folder / "cy.po", "#, fuzzy\n", "")
    assert refresh(folder, LATER)[1].fuzzy == 0
    assert "#|" not in (folder / "cy.po").read_text()


def test_a_dropped_word_leaves_every_catalogue(folder: Path) -> None:
    change(folder / "en.po", entry("page.one", "One", "One"), "")
    refresh(folder, LATER)
    assert all(b"page.one" not in content for content in contents(folder).values())


def test_notes_and_headers_of_translators_stay(folder: Path) -> None:
    change(folder / "cy.po", "X-Reviewed-By: ", "X-Reviewed-By: Siân Ffôn")
    refresh(folder, LATER)
    assert read_catalog(folder / "cy.po").extensions["X-Reviewed-By"] == "Siân Ffôn"
    assert "# A note to myself." in (folder / "cy.po").read_text()
