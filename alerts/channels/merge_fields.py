"""Text rendered once for many readers: marks stand where each reader's own values go, and are filled in as bytes.

A mark is `\\ue000name\\ue001`; both characters are private use and are taken out of everything that people write.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping

OPEN, CLOSE = "\ue000", "\ue001"
_SOFT_BREAK = b"=\r\n"
_LINE = 76
"""Characters of a line at most (RFC 2045, 6.7)."""
_PLAIN = re.compile(r"([!-<>-~][ -<>-~]*)?[!-<>-~]|")
"""One line that stands for itself: printable ASCII without `=`, and no blank at its ends."""


def mark(name: str) -> str:
    """Where the value `name` goes."""
    return f"{OPEN}{name}{CLOSE}"


def without_marks(text: str) -> str:
    """`text` without any character that could be taken for a mark."""
    return text.replace(OPEN, "").replace(CLOSE, "")


def split(text: str) -> list[tuple[str, str | None]]:
    """Pieces of text, each followed by the name of the mark behind it (None behind the last)."""
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
    """Quoted-printable with CRLF, starting at the head of a line."""
    if len(text) <= _LINE and _PLAIN.fullmatch(text):
        return text.encode()  # as nearly all that is personal: nothing needs encoding
    lines = binascii.b2a_qp(text.encode(), istext=True).replace(b"\r\n", b"\n").split(b"\n")
    # b2a_qp lets a line that ends in white space, which it encodes, run over by two characters.
    return b"\r\n".join(_folded(line) if len(line) > _LINE else line for line in lines)


class Template:
    """Quoted-printable text whose fixed parts are encoded once.

    Every part begins at the head of a line, a soft line break before it, so that parts can be encoded apart and no
    line grows past 76 characters.
    """

    def __init__(self, text: str) -> None:
        self.parts: list[tuple[bytes, str | None]] = [
            (_closed(quoted_printable(piece), last=name is None), name) for piece, name in split(text)
        ]
        """What is fixed, each with the name of the value behind it (None behind the last)."""

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """The whole, with each mark's value (`spliced`); a mark without one is a programming error (KeyError)."""
        return b"".join(fixed if name is None else fixed + values[name] for fixed, name in self.parts)


def template(value: str) -> bytes:
    """A value as it stands between parts of a `Template`."""
    return _closed(quoted_printable(value), last=False)


def _closed(encoded: bytes, *, last: bool) -> bytes:
    if last or not encoded or encoded.endswith(b"\r\n"):
        return encoded
    head = encoded.rfind(b"\n") + 1
    if len(encoded) - head == _LINE:  # full to the brim: the break's own `=` needs room
        encoded = encoded[:head] + _folded(encoded[head:])
    return encoded + _SOFT_BREAK


def _folded(line: bytes) -> bytes:
    """An encoded line with a soft break before its end, never inside an `=XX`."""
    cut = _LINE - 1
    escape = line.rfind(b"=", cut - 2, cut)
    cut = cut if escape < 0 else escape
    return line[:cut] + _SOFT_BREAK + line[cut:]
