"""Safe XML parser for untrusted input, by defusedxml's rules: no document type, no entities, no network, 32 levels."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field

from alerts.kernel.errors import Malformed

DEPTH = 32


@dataclass(slots=True)
class Element:
    """An element: namespace, local name, its own text, and its child elements in order."""

    namespace: str
    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        """Children of this name in this element's namespace."""
        return [c for c in self.children if c.name == name and c.namespace == self.namespace]


class _Target:
    """Parser target of lxml. Raising here stops the parser before a DTD subset or a deep tree has cost anything."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []

    def start(self, tag: str, attributes: object) -> None:
        if len(self._open) >= DEPTH:
            raise Malformed(f"the XML is nested deeper than {DEPTH} levels")
        namespace, _, name = tag.removeprefix("{").rpartition("}")
        element = Element(namespace, name)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, tag: str) -> None:
        self._open.pop()

    def data(self, text: str) -> None:
        if self._open:
            self._open[-1].text += text

    def doctype(self, name: str, public: object, system: object) -> None:
        raise Malformed("the XML has a document type (<!DOCTYPE), which is refused; send it without")

    def comment(self, text: str) -> None:
        """Ignore comments."""

    def pi(self, target: str, data: object = None) -> None:
        """Ignore processing instructions."""

    def close(self) -> Element | None:
        return self.root  # lxml also calls this after a failure, and then raises the failure


_DECLARED = re.compile(rb"\s*<\?xml[^>]*\sencoding\s*=\s*[\"']([A-Za-z0-9._-]+)", re.ASCII)
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)


def encoding_of(body: bytes, charset: str | None) -> str | None:
    """Return `charset`, that of a Content-Type, if the XML has no byte order mark and declares no encoding itself.

    A declaration comes from the program that wrote the XML, a Content-Type often from a server's default.
    """
    if not charset or body.startswith(_MARKS) or b"\0" in body[:4] or _DECLARED.match(body):
        return None
    try:
        return codecs.lookup(charset).name
    except LookupError:
        return None


def text_of(body: bytes, charset: str | None = None) -> str:
    """Decode XML for a person to read; what cannot be decoded is replaced."""
    if body.startswith(_MARKS):
        encoding = "utf-8" if body.startswith(codecs.BOM_UTF8) else "utf-16"
    elif found := _DECLARED.match(body):
        encoding = found[1].decode("ascii", "replace")
    else:
        encoding = charset or "utf-8"
    try:
        return body.decode(encoding, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def parse(body: bytes, charset: str | None = None) -> Element:
    """Parse XML and return the root element. `charset`: that of its Content-Type.

    Raises Malformed with the position of the error or the refused construct.
    """
    from lxml import etree

    parser = etree.XMLParser(
        target=_Target(),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
        encoding=encoding_of(body, charset),
    )
    try:
        root: Element | None = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        what = (error.msg or "it is empty").partition(", line ")[0].strip()
        raise Malformed(f"the body is not well-formed XML: {what} (line {line}, column {column})") from error
    except ValueError as error:
        raise Malformed(f"the body is not XML: {error}") from error
    if root is None:
        raise Malformed("the body is not XML: it is empty")
    return root
