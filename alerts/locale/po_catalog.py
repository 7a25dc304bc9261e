"""gettext catalogues (PO files), parsed and written by Babel, with header fields of our own."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import PoFileParser, unescape, write_po


class PoCatalog(Catalog):
    """Babel's catalogue, which keeps header fields that begin with `X-`, too."""

    extensions: dict[str, str]
    """Header fields by name, such as `X-Reviewed-By`."""

    def __init__(self, locale: str | None = None) -> None:
        """`locale` is None for a template, and for a file that names it itself."""
        super().__init__(locale=locale, fuzzy=False)
        self.extensions = {}

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        """Header fields, in the order in which they are written."""
        standard = [field for field in self._get_mime_headers() if field[0] != "Generated-By"]
        fields = [*standard, *self.extensions.items()]
        name, value = fields.pop()
        return [*fields, (name, f"{value}\n")]

    @mime_headers.setter
    def mime_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        given = list(headers)
        self._set_mime_headers(given)
        self.extensions.update({name: value.strip() for name, value in given if name.startswith("X-")})

    def messages(self) -> list[Message]:
        """Messages without the header, in the order of the file."""
        return [message for message in self if message.id]


def read_catalog(path: Path) -> PoCatalog:
    """Parse a PO file. Raises PoFileError if it is none."""
    catalog = PoCatalog()
    PoFileParser(catalog, ignore_obsolete=True, abort_invalid=True).parse(path.read_text("utf-8").split("\n"))
    for message in catalog.messages():
        # Babel writes the former msgid of a fuzzy message as a comment `#| msgid`, and reads it as one of a translator.
        former = " ".join(line[1:].strip() for line in message.user_comments if line.startswith("|"))
        message.previous_id = [unescape(former.partition("msgid ")[2])] if former else []
        message.user_comments = [line for line in message.user_comments if not line.startswith("|")]
    return catalog


def po_bytes(catalog: PoCatalog) -> bytes:
    """Write a PO file, each text on one line."""
    for message in catalog.messages():
        message.flags.discard("python-format")  # a % in these texts is a per cent sign
    file = BytesIO()
    write_po(file, catalog, width=0, ignore_obsolete=True, include_previous=True)
    return file.getvalue().rstrip(b"\n") + b"\n"
