"""Header fields of e-mails: folded (RFC 5322, 2.2.3), and encoded words where a text is not plain ASCII (RFC 2047).

The standard library's folding loses or adds blanks where two encoded words, or an encoded word and a plain one, meet;
how differs by Python's version. Here a text is either plain as a whole or encoded as a whole, so that no blank depends
on what a reader's program makes of the gap between two words.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from email.utils import parseaddr

_LINE = 78
_WORD_LINE = 76
"""Maximum characters of a line with an encoded word (RFC 2047, 2)."""
_WORD = 75
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
"""ASCII with single blanks: folded and unfolded it stays the same."""
_LONG = 900
"""A plain word beyond this may pass the limit of 998 characters a line: it is encoded, which can be folded."""
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_AS_IS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")
"""Bytes that the Q encoding leaves as they are even within a phrase (RFC 2047, 5.3)."""


def text_field(name: str, value: str) -> str:
    """Format an unstructured field such as Subject, with its line break. Control characters become blanks."""
    return f"{name}: {_text(_CONTROL.sub(' ', value), len(name) + 2)}\r\n"


def address_field(name: str, value: str) -> str:
    """Format a field with one mailbox, `Name <address>` or a bare address, with its line break."""
    shown, address = parseaddr(_CONTROL.sub(" ", value))
    if not shown:
        return f"{name}: {address}\r\n"
    used = len(name) + 2
    if not _is_plain(shown):
        phrase = _encoded(shown, used)
    elif _ATOMS.fullmatch(shown):
        phrase = _folded(shown, used)
    else:
        phrase = _folded('"' + re.sub(r'(["\\])', r"\\\1", shown) + '"', used)
    at = len(phrase) - phrase.rfind("\n") - 1 + (0 if "\n" in phrase else used)
    gap = " " if at + len(address) + 3 <= _WORD_LINE else "\r\n "
    return f"{name}: {phrase}{gap}<{address}>\r\n"


def _text(value: str, used: int) -> str:
    return _folded(value, used) if not value or _is_plain(value) else _encoded(value, used)


def _is_plain(value: str) -> bool:
    """True if the value survives folding as it is, and none of it could be taken for an encoded word."""
    return (
        _PLAIN.fullmatch(value) is not None
        and "=?" not in value
        and (len(value) <= _LONG or max(map(len, value.split(" "))) <= _LONG)
    )


def _folded(value: str, used: int) -> str:
    """Break a plain value before blanks; the first word stays beside the name."""
    lines, line = list[str](), ""
    for word in value.split(" "):
        if line and used + len(line) + 1 + len(word) > _LINE:
            lines.append(line)
            line, used = word, 1
        else:
            line = f"{line} {word}" if line else word
    return "\r\n ".join([*lines, line])


def _encoded(value: str, used: int) -> str:
    """Encode a value as encoded words of whole characters, in the shorter of the two encodings."""
    raw = value.encode()
    quoted = sum(1 if byte in _AS_IS or byte == 0x20 else 3 for byte in raw) < len(raw) * 4 / 3
    encode: Callable[[bytes], str] = _q if quoted else _b
    words, chunk, room = list[str](), b"", min(_WORD, _WORD_LINE - used)
    for character in value:
        longer = chunk + character.encode()
        if chunk and len(encode(longer)) > room:
            words.append(encode(chunk))
            chunk, room = character.encode(), min(_WORD, _WORD_LINE - 1)
        else:
            chunk = longer
    return "\r\n ".join([*words, encode(chunk)])


def _b(raw: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(raw).decode()}?="


def _q(raw: bytes) -> str:
    letters = (chr(b) if b in _AS_IS else "_" if b == 0x20 else f"={b:02X}" for b in raw)
    return f"=?utf-8?q?{''.join(letters)}?="
