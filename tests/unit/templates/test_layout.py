"""Layout rules of `templates/`: short lines, and at most one block-level element opened on each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parents[3] / "templates"
FILES = sorted(path for path in TEMPLATES.rglob("*") if path.is_file())
WIDTH = 160
COMMENT = re.compile(r"\{#.*?#\}")
OPENING = re.compile(r"<([a-z][a-z0-9]*|\{\{)")
DYNAMIC = "{{"
"""An element whose name is a variable, such as `<{{ heading }}>`."""
BLOCKS = frozenset(
    """
    address article aside blockquote body caption dd details dialog div dl dt fieldset figcaption figure footer form
    h1 h2 h3 h4 h5 h6 head header hr html iframe legend li link main meta nav ol option p pre script section select
    style summary table tbody td tfoot th thead title tr ul
    """.split()
) | {DYNAMIC}


def offences(text: str) -> list[str]:
    """Lines of a template that break a rule, each as `number: reason`."""
    found: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > WIDTH:
            found.append(f"{number}: {len(line)} characters")
        opened = [name for name in OPENING.findall(COMMENT.sub("", line)) if name in BLOCKS]
        if len(opened) > 1:
            found.append(f"{number}: opens {', '.join(opened)}")
    return found


def test_templates_folder_has_html_text_and_mail_styles() -> None:
    assert {path.suffix for path in FILES} == {".html", ".txt", ".css"}
    assert [path.name for path in FILES if path.suffix == ".css"] == ["dark.css", "mail.css"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TEMPLATES).as_posix())
def test_template_is_laid_out_for_reading(path: Path) -> None:
    assert offences(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<ul>\n  <li><a href='/'><b>one</b></a></li>\n</ul>\n", []),
        ("x" * WIDTH, []),
        ("x\n" + "x" * (WIDTH + 1), ["2: 161 characters"]),
        ("<ul><li>one</li>\n</ul>", ["1: opens ul, li"]),
        ("<p>one</p>{% if two %}<p>{{ two }}</p>{% endif %}", ["1: opens p, p"]),
        ("<div><{{ heading }} class='flush'>", ["1: opens div, {{"]),
        ("{# A <table> in a <td>. #}", []),
    ],
)
def test_layout_rules_find_what_breaks_them(text: str, expected: list[str]) -> None:
    assert offences(text) == expected
