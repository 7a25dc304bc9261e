"""XML serializer of the feeds and CAP messages: texts and attributes hold no character that XML 1.0 forbids.

Doors remove those characters; the log may hold texts from before that, and names from the settings.
"""

from __future__ import annotations

from xml.etree import ElementTree

from alerts.kernel.texts import without_forbidden


def encode(root: ElementTree.Element) -> bytes:
    """Serialize the document in UTF-8, with an XML declaration."""
    for node in root.iter():
        node.text = without_forbidden(node.text) if node.text else node.text
        for name, value in node.items():
            node.set(name, without_forbidden(value))
    xml: bytes = ElementTree.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + xml + b"\n"
