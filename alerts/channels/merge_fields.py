"""Merge fields: text rendered once for many readers, with marks that are filled with each reader's values as bytes.

A mark is `\\ue000name\\ue001`; both characters are private use and are removed from everything that people write.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping

OPEN, CLOSE = "\ue000", "\ue001"
_SOFT_BREAK = b"=\r\n"
_LINE = 76
"""Maximum characters of a line (RFC 2045, 6.7)."""
_PLAIN = re.compile(r"([!-<>-~][ -<>-~]*)?[!-<>-~]|")
"""Line that needs no encoding: printable ASCII without `=`, and no blank at its ends."""


def mark(name: str) -> str:
    """Mark for the value `name`."""
    return f"{OPEN}{name}{CLOSE}"


def without_marks(text: str) -> str:
    """Remove the characters that could form a mark."""
    return text.replace(OPEN, "").replace(CLOSE, "")


def split(text: str) -> list[tuple[str, str | None]]:
    """Split text at its marks: pieces, each followed by the name of the mark after it (None after the last)."""
    pieces: list[tuple[str, str | None]] = []
    for part in text.split(OPEN):
        if pieces:
            name, _, rest = part.partition(CLOSE)
            pieces[-1] = (pieces[-1][0], name)
            pieces.append((rest, None))
        else:
            pieces.append((part, None))
    return pieces


def quoted_printable(text: str) -> bytes:
    """Encode as quoted-printable with CRLF, starting at the head of a line."""
    if len(text) <= _LINE and _PLAIN.fullmatch(text):
        return text.encode()  # nearly all personal values need no encoding
    lines = binascii.b2a_qp(text.encode(), istext=True).replace(b"\r\n", b"\n").split(b"\n")
    # b2a_qp lets a line that ends in white space, which it encodes, run over by two characters.
    return b"\r\n".join(_folded(line) if len(line) > _LINE else line for line in lines)


class Template:
    """Quoted-printable text whose fixed parts are encoded once.

    Every part begins at the head of a line, a soft line break before it, so that parts can be encoded separately and no
    line exceeds 76 characters.
    """

    def __init__(self, text: str) -> None:
        self.parts: list[tuple[bytes, str | None]] = [
            (_closed(quoted_printable(piece), last=name is None), name) for piece, name in split(text)
        ]
        """Fixed bytes, each with the name of the value after it (None after the last)."""

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """Fill in each mark's value (encoded by `template`); a missing one is a programming error (KeyError)."""
        return b"".join(fixed if name is None else fixed + values[name] for fixed, name in self.parts)


def template(value: str) -> bytes:
    """Encode a value for insertion between parts of a `Template`."""
    return _closed(quoted_printable(value), last=False)


def _closed(encoded: bytes, *, last: bool) -> bytes:
    if last or not encoded or encoded.endswith(b"\r\n"):
        return encoded
    head = encoded.rfind(b"\n") + 1
    if len(encoded) - head == _LINE:  # full: the break's own `=` needs room
        encoded = encoded[:head] + _folded(encoded[head:])
    return encoded + _SOFT_BREAK


def _folded(line: bytes) -> bytes:
    """Fold an encoded line with a soft break before its end, never inside an `=XX`."""
    cut = _LINE - 1
    escape = line.rfind(b"=", cut - 2, cut)
    cut = cut if escape < 0 else escape
    return line[:cut] + _SOFT_BREAK + line[cut:]
