"""Atom feed writer (RFC 4287). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID
from xml.etree import ElementTree

from alerts.intake.cap_reader import NAMESPACE as _CAP
from alerts.web.public import xml_writer

_ATOM = "http://www.w3.org/2005/Atom"


@dataclass(frozen=True)
class Entry:
    """Feed entry. `html` is sanitised."""

    id: UUID
    title: str
    link: str
    updated: datetime
    language: str
    html: str
    category: str
    link_type: str = "text/html"
    author: str = ""
    """Organisation that it comes from; "" for the feed's own author."""
    cap: Mapping[str, str] = field(default_factory=dict)
    """Elements of the CAP message that the link leads to, by name."""


def feed(title: str, home: str, here: str, language: str, updated: datetime, entries: Sequence[Entry]) -> bytes:
    """Render the feed as XML; `home` is the URL of its page, `here` its own URL."""
    root = ElementTree.Element("feed", {"xmlns": _ATOM, "xml:lang": language})
    if any(entry.cap for entry in entries):
        root.set("xmlns:cap", _CAP)
    _text(root, "title", title)
    _text(root, "id", here)
    _text(root, "updated", updated.isoformat())
    ElementTree.SubElement(root, "link", {"rel": "self", "href": here, "type": "application/atom+xml"})
    ElementTree.SubElement(root, "link", {"rel": "alternate", "href": home, "type": "text/html"})
    _text(ElementTree.SubElement(root, "author"), "name", title)
    for entry in entries:
        node = ElementTree.SubElement(root, "entry", {"xml:lang": entry.language})
        _text(node, "title", entry.title)
        _text(node, "id", f"urn:uuid:{entry.id}")
        _text(node, "updated", entry.updated.isoformat())
        ElementTree.SubElement(node, "link", {"rel": "alternate", "href": entry.link, "type": entry.link_type})
        if entry.author:
            _text(ElementTree.SubElement(node, "author"), "name", entry.author)
        ElementTree.SubElement(node, "category", {"term": entry.category})
        _text(node, "content", entry.html).set("type", "html")
        for name, text in entry.cap.items():
            _text(node, f"cap:{name}", text)
    return xml_writer.encode(root)


def _text(parent: ElementTree.Element, name: str, text: str) -> ElementTree.Element:
    node = ElementTree.SubElement(parent, name)
    node.text = text
    return node
