"""Parser process: reads and validates a file's rows, so that the writing process does nothing else.

`python -m alerts.import_export.parser_process` reads an `Order` (JSON) from its standard input and writes frames: four
bytes of length, four with the number of rows, then the rows (MessagePack). The frame without rows is the last; it
contains the digest of what was read, or the error. `pages` is the other end.
"""

from __future__ import annotations

import asyncio
import gc
import re
import struct
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from alerts.commands.preferences import check_subscriber
from alerts.commands.register_cache import KnownNames
from alerts.commands.subscriber_imports import NOT_VALID, ImportRow
from alerts.contract.bodies import SubscriberBody
from alerts.import_export.csv_format import REACHES, Cells, body_of
from alerts.import_export.csv_reader import opened
from alerts.kernel.errors import DomainError, FieldError, Invalid

PAGE = 2_000
"""Rows per transaction: a tenth of a second, for which other writers wait."""
_HEADER = struct.Struct(">II")
_LONGEST = 256 * 1024 * 1024
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”|`[^`]*`|[-+]?\d[\d.]*")
_WORD = re.compile(r"\w+")
_PART = 4
"""Minimum length of a word part that is redacted as a quotation: a reason may quote only the beginning of a word."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Reference data and defaults against which rows are validated."""

    language: str
    timezone: str
    places: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    """Allowed prefixes of telephone numbers; empty: any."""
    bounds: tuple[float, float, float, float] | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """File to read, and the first row.

    With `rehearsal`, repeated addresses are detected by the parser itself, as nothing is stored.
    """

    file: str
    terms: Terms
    skip: int = 0
    rehearsal: bool = False


class Last(msgspec.Struct, frozen=True):
    """End of a file: the digest of its bytes, or the error."""

    digest: str = ""
    error: str = ""


def rows(order: Order) -> Iterator[list[ImportRow] | Last]:
    """Read a file as pages of validated rows, followed by its end."""
    check = RowValidator(order.terms, rehearsal=order.rehearsal)
    try:
        with opened(Path(order.file)) as table:
            page: list[ImportRow] = []
            for count, line in enumerate(table):
                if count < order.skip:
                    continue
                if line.fault:
                    page.append(ImportRow(line=line.number, reason=line.fault, recorded=line.fault))
                else:
                    page.append(check(line.number, line.cells))
                if len(page) == PAGE:
                    yield page
                    page = []
            if page:
                yield page
            yield Last(digest=table.digest())
    except (DomainError, OSError) as error:
        yield Last(error=str(error))


class RowValidator:
    """Validates cells and builds an accepted or refused row."""

    def __init__(self, terms: Terms, *, rehearsal: bool = False) -> None:
        self._terms = terms
        self._known = KnownNames(places=terms.places, topics=terms.topics, bounds=terms.bounds)
        self._seen: set[int] | None = set() if rehearsal else None

    def __call__(self, line: int, cells: Cells) -> ImportRow:
        """Build the row of these cells."""
        try:
            row = self._row(line, cells)
        except Invalid as error:
            first = error.errors[0] if error.errors else FieldError("", error.message)
            recorded = without_values(first.message, cells)
            return ImportRow(line=line, field=first.field, reason=first.message, recorded=recorded)
        return row if self._seen is None else self._mark_repeated(row, self._seen, cells)

    def _row(self, line: int, cells: Cells) -> ImportRow:
        document = body_of(cells)
        until = document.pop("paused_until", None)
        try:
            body = msgspec.convert(document, SubscriberBody)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `$")
            raise Invalid.field(path.strip("`.") or "", message) from error
        if body.push is not None:
            # The allowed push services depend on the instance, which validates these rows itself.
            return ImportRow(line=line, body=body, paused_until=until)
        if body.email is None and body.phone is None:
            raise Invalid.field("email", "Give an e-mail address, a phone number or a push subscription.")
        terms = self._terms
        requested = check_subscriber(
            body,
            self._known,
            language=terms.language,
            timezone=terms.timezone,
            endpoints=None,
            prefixes=terms.prefixes,
        )
        return ImportRow(
            line=line,
            reaches=requested.reaches,
            preferences=requested.preferences,
            consent=requested.consent if body.confirmed else None,
            paused_until=until,
        )

    def _mark_repeated(self, row: ImportRow, seen: set[int], cells: Cells) -> ImportRow:
        """Mark a row whose address was seen before, in a rehearsal; eight bytes are stored per address."""
        own = {hash((channel, address.casefold())) for channel, address in row.reaches}
        own |= {hash((name, cells[name].casefold())) for name in REACHES if row.body is not None and name in cells}
        repeated = not seen.isdisjoint(own)
        if row.consent is not None or (row.body is not None and row.body.confirmed):
            seen |= own
        return msgspec.structs.replace(row, repeated=repeated) if repeated else row


def without_values(reason: str, cells: Cells) -> str:
    """Remove the row's values from an error message, since the log stores it permanently."""
    said = " ".join(cells.values()).casefold()
    words = set(_WORD.findall(said))

    def kept(found: re.Match[str]) -> str:
        word = found[0].casefold()
        return "…" if word in words or (len(word) >= _PART and word in said) else found[0]

    return _WORD.sub(kept, _QUOTED.sub("…", reason))[:200] or NOT_VALID


async def pages(order: Order) -> AsyncGenerator[tuple[int, bytes] | Last, None]:
    """Yield (number of rows, their MessagePack) page by page, then the file's end, from a separate process.

    The process ends when the generator is closed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __spec__.name,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(order))
        process.stdin.close()
        while True:
            length, count = _HEADER.unpack(await process.stdout.readexactly(_HEADER.size))
            page = await process.stdout.readexactly(length)
            if not count:
                yield msgspec.msgpack.decode(page, type=Last)
                return
            yield count, page
    except asyncio.IncompleteReadError:
        yield Last(error="the process that reads the file has died: is there enough memory?")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def write(order: Order, out: BinaryIO) -> None:
    """Write a file's pages as frames."""
    encoder = msgspec.msgpack.Encoder()
    for page in rows(order):
        count = 0 if isinstance(page, Last) else len(page)
        body = encoder.encode(page)
        out.write(_HEADER.pack(len(body), count))
        out.write(body)
        out.flush()


if __name__ == "__main__":
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # rows create no reference cycles: collecting them took a third of the time
    try:
        write(msgspec.json.decode(sys.stdin.buffer.read(), type=Order), sys.stdout.buffer)
    except BrokenPipeError:
        sys.exit(1)  # the reader is gone
