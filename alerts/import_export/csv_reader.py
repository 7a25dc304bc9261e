"""Streaming CSV reader: encoding, dialect and header are checked before any row is imported.

An error of the whole file (not UTF-8, a quotation mark never closed, an unknown column) refuses it as a whole, with
line and reason, so that nothing of a broken file is imported. An error in one row refuses that row only.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from alerts.import_export.csv_format import COLUMNS, REACHES, Cells, unescape_formula
from alerts.kernel.errors import Invalid

_LINE = 1_000_000
"""Maximum characters of a line: a longer one is not a row, and must not exhaust memory."""
_SEPARATORS = (",", ";", "\t")
_MARKS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
_MEND = "save it as “CSV UTF-8”"


class Survey(NamedTuple):
    """Result of a first pass over a file: it is readable to its end."""

    digest: str
    """SHA-256 of its bytes, in hex."""
    rows: int
    separator: str
    """Cell separator: a comma, a semicolon or a tab."""


class Line(NamedTuple):
    """A row: its first line number and its cells by column, or the reason why it is invalid."""

    number: int
    cells: Cells
    fault: str = ""


class CsvFile:
    """An open file, read once from its beginning. `digest` covers what has been read so far."""

    def __init__(self, raw: _Hashing, text: io.TextIOWrapper) -> None:
        self._raw = raw
        self._lines = _Lines(text)
        header = next(self._lines, "")
        self.separator = _separator(header)
        self._columns = _columns(next(csv.reader([header], delimiter=self.separator), []))

    def __iter__(self) -> Iterator[Line]:
        """Iterate over the rows; blank ones are skipped (Excel writes some, of separators only).

        Raises Invalid with the line if the file cannot be read further.
        """
        reader = csv.reader(self._lines, delimiter=self.separator, strict=True)
        begins = 1
        try:
            for cells in reader:
                begun, begins = begins + 1, self._lines.number
                if any(cell and not cell.isspace() for cell in cells):
                    yield self._line(begun, cells)
        except csv.Error as error:
            raise Invalid(f"line {begins + 1}: {_in_words(error)}; nothing of this file was read") from None

    def _line(self, number: int, cells: Sequence[str]) -> Line:
        if len(cells) != len(self._columns):
            return Line(number, {}, f"this row has {len(cells)} cells, the header {len(self._columns)}")
        named = zip(self._columns, cells, strict=True)
        return Line(number, {name: unescape_formula(cell) for name, text in named if (cell := text.strip())})

    def digest(self) -> str:
        """SHA-256 of what has been read, in hex: of the whole file once all rows are read."""
        return self._raw.hash.hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[CsvFile]:
    """Open the table in a file. Raises Invalid if it is not UTF-8, or its header is invalid."""
    with path.open("rb") as file:
        if not file.seekable():
            raise Invalid("this is a stream, and a file is read twice: save it as a file first")
        _refuse_by_mark(file.read(4096))
        file.seek(0)
        raw = _Hashing(file)
        with io.TextIOWrapper(io.BufferedReader(raw, 1 << 18), encoding="utf-8-sig", newline="") as text:
            try:
                yield CsvFile(raw, text)
            except UnicodeDecodeError:
                raise Invalid(f"{_where_not_utf8(path)} is not UTF-8: {_MEND}") from None


def survey(path: Path) -> Survey:
    """Read a file once to its end without storing anything. Raises Invalid if it cannot be read."""
    with opened(path) as table:
        count = sum(1 for _ in table)
        return Survey(table.digest(), count, table.separator)


class _Hashing(io.RawIOBase):
    """Raw file that hashes its bytes as they are read."""

    def __init__(self, file: Any) -> None:
        self._file, self.hash = file, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = int(self._file.readinto(buffer))
        self.hash.update(memoryview(buffer)[:count])
        return count


class _Lines:
    """Lines of a text, with checks for excessive length and NUL."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self.number = text, 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == _LINE and not line.endswith("\n"):
            raise Invalid(f"line {self.number} is longer than {_LINE:,} characters: is this a CSV file?")
        if "\0" in line:
            raise Invalid(f"line {self.number} holds a NUL byte: this is no CSV file, or not UTF-8; {_MEND}")
        return line


def _where_not_utf8(path: Path) -> str:
    """Find the line that is not UTF-8. Text is decoded in blocks of many lines, so the bytes are searched again."""
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_LINE), b""), 1):
            if not _is_utf8(line):
                return f"line {number}"
    return "the file"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refuse_by_mark(first: bytes) -> None:
    for mark, name in _MARKS:
        if first.startswith(mark):
            raise Invalid(f"the file is {name}: {_MEND}")
    if first.startswith(b"PK\x03\x04"):
        raise Invalid(f"the file is a spreadsheet's own (or a ZIP): {_MEND}")
    if not first.strip():
        raise Invalid(f"the file is empty; its first line names the columns, of {', '.join(COLUMNS)}")


def _separator(header: str) -> str:
    """Separator of the header: the one that gives the most known column names."""

    def known(separator: str) -> int:
        return sum(_name(cell) in COLUMNS for cell in next(csv.reader([header], delimiter=separator), []))

    return max(_SEPARATORS, key=known)


def _columns(header: Sequence[str]) -> tuple[str, ...]:
    names = tuple(_name(cell) for cell in header)
    if names and names[0].startswith("sep="):
        raise Invalid("the first line is a note for Excel (sep=): take it out; the separator is found without it")
    unknown = [name or "one without a name" for name in names if name not in COLUMNS]
    if unknown:
        raise Invalid(f"unknown columns: {', '.join(unknown)}; there are {', '.join(COLUMNS)}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Invalid(f"the header names {', '.join(twice)} twice: which one is meant?")
    if not set(names) & set(REACHES):
        raise Invalid(f"the header has no column that says where to reach people: one of {', '.join(REACHES)}")
    return names


def _name(cell: str) -> str:
    return cell.strip().casefold()


def _in_words(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text or "field limit" in text:
        return "a quotation mark is opened and never closed"
    return f"this is no CSV ({text})"
