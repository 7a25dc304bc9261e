"""Texts from outside: characters that no XML document may hold, and cuts that fall between characters as people see
them."""

from __future__ import annotations

import re

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

TITLE, BODY = 200, 20_000
"""Longest title, and longest body or instruction, of a notice, in characters."""
HOURS = 500
"""Longest opening hours, in characters."""
_NEAR, _AHEAD = 40, 64
"""Characters before the limit in which a blank is looked for, and beyond it that a cluster may reach."""
_BLANKS, _LOOSE = " \n\t\u3000", " \n\t\u3000,;:.、，；：。،؛"
"""Characters at which a text may be cut, and those that are not left before the mark."""


def without_forbidden(text: str) -> str:
    """Remove what XML 1.0 forbids (section 2.2, Char): control characters, surrogates, U+FFFE and U+FFFF; and U+007F.

    One of them in a title would make a feed unreadable for all its readers.
    """
    return text if text.isprintable() else _FORBIDDEN.sub("", text)


_INVISIBLE = re.compile("[\x80-\x9f\u200b\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]")
"""C1 controls, zero-width characters, and marks that turn the direction of what follows. Joiners (U+200C, U+200D) and
single direction marks (U+200E, U+200F, U+061C) belong to the writing of several languages."""


def hidden_characters(text: str) -> list[str]:
    """Names of the characters that a reader does not see and that may show a text as another one."""
    return sorted({f"U+{ord(char):04X}" for char in _INVISIBLE.findall(text)})


def without_hidden(text: str) -> str:
    """Remove what `hidden_characters` finds."""
    return _INVISIBLE.sub("", text)


def cut(text: str, limit: int, mark: str = "…") -> str:
    """Shorten `text` to at most `limit` characters, with `mark` at its end; "" if nothing but the mark would fit.

    Cut at the last blank, if one is near, else between two grapheme clusters (UAX 29): Japanese, Thai or a long link
    have no blanks, and half of a cluster is another letter or another flag.
    """
    if len(text) <= limit:
        return text
    room = limit - len(mark)
    if room <= 0:
        return ""
    near = room - min(_NEAR, limit // 2)
    blank = max((text.rfind(one, max(near, 0), room + 1) for one in _BLANKS), default=-1)
    end = blank if blank > 0 else _cluster_end(text, room)
    shortened = text[:end].rstrip(_LOOSE)
    return shortened + mark if shortened else ""


def fit(title: str, body: str) -> tuple[str, str]:
    """Cut a title and its body to their limits. A title that is cut opens the body as a whole."""
    line = " ".join(title.split())
    short = cut(line, TITLE)
    whole = body.strip() if short == line else f"{line}\n\n{body.strip()}".strip()
    return short, cut(whole, BODY)


def _cluster_end(text: str, room: int) -> int:
    """Last boundary of grapheme clusters at or before `room`; `room` itself within a first cluster that is longer."""
    import regex  # 30 ms: only where a text is too long

    end = 0
    for cluster in regex.finditer(r"\X", text[: room + _AHEAD]):
        if cluster.end() > room:
            break
        end = cluster.end()
    return end or room
