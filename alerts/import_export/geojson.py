"""Streaming reader and writer of GeoJSON FeatureCollections (RFC 7946): at most one feature in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, Self, TextIO

from alerts.kernel.errors import Invalid

Json = dict[str, Any]
_CHUNK = 1 << 16
_LARGEST = 64 << 20
"""Maximum characters of a feature: no outline has more, and a file that is not GeoJSON must not exhaust memory."""
_NUMBER_CHARACTERS = ("", *".eE+-0123456789")
_BLANK = " \t\r\n"
_WGS_84 = ("CRS84", ":4326", "/4326")


def features(path: Path) -> Iterator[Json]:
    """Iterate over the features of a file. Raises Invalid with a reason if it is not a FeatureCollection in UTF-8."""
    with path.open("rb") as raw:
        if not raw.seekable():
            raise Invalid("this is a stream, and a file is read twice: save it as a file first")
        mark = raw.read(2)
    if mark in (b"\xff\xfe", b"\xfe\xff"):
        raise Invalid("the file is UTF-16: save it as UTF-8")
    with path.open(encoding="utf-8-sig") as text:
        try:
            yield from _collection(_Reader(text))
        except UnicodeDecodeError:
            raise Invalid("the file is not UTF-8: save it as UTF-8") from None
        except RecursionError:
            raise Invalid("the file is nested too deeply to be GeoJSON") from None


class Collection:
    """Writer of a FeatureCollection, feature by feature, as a context manager."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.count = 0

    def __enter__(self) -> Self:
        self._out.write('{"type": "FeatureCollection", "features": [')
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._out.write("\n]}\n")

    def add(self, feature: Json) -> None:
        """Write one feature."""
        self._out.write((",\n" if self.count else "\n") + json.dumps(feature, ensure_ascii=False))
        self.count += 1


def _collection(reader: _Reader) -> Iterator[Json]:
    reader.expect("{", "the file is no GeoJSON object")
    found, kind = False, "FeatureCollection"
    if reader.peek() != "}":
        while True:
            name = reader.value()
            reader.expect(":", "a name without a value")
            if name == "features":
                found = True
                yield from _features(reader)
            else:
                value = reader.value()
                kind = value if name == "type" else kind
                if name == "crs":
                    _refuse_other_grids(value)
            if reader.peek() != ",":
                break
            reader.expect(",", "")
    reader.expect("}", "the object is not closed")
    if reader.peek():
        reader.fail("something follows the object")
    if not found or kind != "FeatureCollection":
        raise Invalid(f"the file is no FeatureCollection (its type is {kind!r}): put the areas into one")


def _refuse_other_grids(crs: Any) -> None:
    """Refuse a `crs` other than WGS 84.

    GeoJSON before RFC 7946 may use any grid; read as degrees it would lie elsewhere.
    """
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if isinstance(name, str) and not name.upper().endswith(_WGS_84):
        raise Invalid(f"its positions are in {name[:80]}: export it with longitude and latitude in WGS 84 (EPSG:4326)")


def _features(reader: _Reader) -> Iterator[Json]:
    reader.expect("[", "“features” is no list")
    if reader.peek() == "]":
        reader.expect("]", "")
        return
    while True:
        feature = reader.value()
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            reader.fail("an entry of “features” is no Feature")
        yield feature
        if reader.peek() != ",":
            break
        reader.expect(",", "")
    reader.expect("]", "the list of features is not closed")


class _Reader:
    """Incremental JSON reader. An incomplete value is parsed again with twice the text in the buffer."""

    def __init__(self, text: TextIO) -> None:
        self._text, self._buffer, self._at, self._before, self._ended = text, "", 0, 0, False
        self._decoder = json.JSONDecoder(parse_constant=_no_number)

    def peek(self) -> str:
        """Next character that is not blank; "" at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in _BLANK:
                    return self._buffer[self._at]
                self._at += 1
            if not self._read_more(_CHUNK):
                return ""

    def expect(self, character: str, otherwise: str) -> None:
        """Consume this character, or fail with this message."""
        if self.peek() != character:
            self.fail(otherwise)
        self._at += 1

    def value(self) -> Any:
        """Parse the next complete value."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
                # A number may continue beyond the buffer: `1` may become `1e5`.
                if self._buffer[end : end + 1] not in _NUMBER_CHARACTERS or not self._read_more(_CHUNK):
                    self._at = end
                    return value
            except json.JSONDecodeError as error:
                missing = len(self._buffer) - self._at
                if missing > _LARGEST:
                    self.fail(f"a feature is larger than {_LARGEST:,} characters, or not closed")
                if not self._read_more(max(_CHUNK, missing)):
                    self.fail(error.msg)
            except ValueError as error:
                self.fail(str(error))

    def fail(self, why: str) -> NoReturn:
        """Refuse the file with the position."""
        raise Invalid(f"the file cannot be read after character {self._before + self._at:,}: {why}")

    def _read_more(self, size: int) -> bool:
        """Read more text into the buffer; returns False at the end."""
        if self._ended:
            return False
        fresh = self._text.read(size)
        self._ended = not fresh
        self._before += self._at
        self._buffer, self._at = self._buffer[self._at :] + fresh, 0
        return bool(fresh)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")
