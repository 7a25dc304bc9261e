"""CSV files that are not quite CSV: each is refused as a whole in words, or row by row with its line."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from alerts.import_export import csv_reader
from alerts.import_export.csv_reader import Line, opened, survey
from alerts.kernel.errors import Invalid


def lines(file: Path, content: bytes) -> list[Line]:
    file.write_bytes(content)
    with opened(file) as table:
        return list(table)


def test_rows_are_numbered_by_the_line_on_which_they_begin(tmp_path: Path) -> None:
    content = '\ufeffEmail , language\r\na@x.example,cy\r\n\r\n"b@x.example","e\nn"\r\nc@x.example,\r\n'.encode()
    assert lines(tmp_path / "p.csv", content) == [
        Line(2, {"email": "a@x.example", "language": "cy"}),
        Line(4, {"email": "b@x.example", "language": "e\nn"}),
        Line(6, {"email": "c@x.example"}),
    ]
    found = survey(tmp_path / "p.csv")
    assert (found.rows, found.separator) == (3, ",")
    assert found.digest == hashlib.sha256(content).hexdigest()


def test_rows_of_separators_alone_are_blank(tmp_path: Path) -> None:
    content = b"email;language\r\n;\r\na@x.example;cy\r\n ;\t\r\n;\r\n"
    assert [line.number for line in lines(tmp_path / "p.csv", content)] == [3]
    assert survey(tmp_path / "p.csv").rows == 1


def test_a_stream_cannot_be_read_twice() -> None:
    reading, writing = os.pipe()
    try:
        with pytest.raises(Invalid, match="save it as a file"):
            survey(Path(f"/dev/fd/{reading}"))
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_cells_stand_between_commas_semicolons_or_tabs(tmp_path: Path, separator: str) -> None:
    content = f"email{separator}topics\na@x.example{separator}weather\n".encode()
    [line] = lines(tmp_path / "p.csv", content)
    assert line.cells == {"email": "a@x.example", "topics": "weather"}


def test_a_row_of_another_width_is_refused_alone(tmp_path: Path) -> None:
    few, many, right = lines(tmp_path / "p.csv", b"email,language\na@x.example\na@x.example,cy,3\nb@x.example,cy\n")
    assert (few.number, few.cells, few.fault) == (2, {}, "this row has 1 cells, the header 2")
    assert (many.number, many.fault) == (3, "this row has 3 cells, the header 2")
    assert not right.fault


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        ("email\na@x.example\n".encode("utf-16"), "UTF-16"),
        (b"e\0m\0a\0i\0l\0\n\0", "NUL"),
        (b"email\na@x.example\nb\0@x.example\n", "line 3 holds a NUL"),
        ("email,language\na@x.example,cy\nj\xf6rg@x.example,de\n".encode("latin-1"), "line 3 is not UTF-8"),
        ("j\xf6rg\n".encode("latin-1"), "line 1 is not UTF-8"),
        (b"sep=;\nemail;language\n", "a note for Excel"),
        (b"PK\x03\x04rest of a workbook", "spreadsheet's own"),
        (b"email,shoe_size\n", "unknown columns: shoe_size"),
        (b"email,\n", "one without a name"),
        (b"email,language,email\n", "names email twice"),
        (b"language,topics\n", "no column that says where to reach people"),
        (b'email,language\na@x.example,cy\n"b@x.example,en\nc@x.example,en\n', "line 3: a quotation mark is opened"),
        (b'email,language\n"a@x.example"x,cy\n', "line 2: this is no CSV"),
        (b"email\n" + b"a" * csv_reader._LINE + b"\n", "line 2 is longer than"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "p.csv"
    file.write_bytes(content)
    with pytest.raises(Invalid, match=words):
        survey(file)
