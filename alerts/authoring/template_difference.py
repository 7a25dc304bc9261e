"""Difference of a notice from the template it was written from: what was filled in, and what was changed besides. Pure.

A text that differs in nothing but its blanks is matched by the words between them; any other is compared word by word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal

import msgspec

from alerts.domain.events import Content, NoticePlan, TemplateText
from alerts.kernel.blanks import BLANK, blanks_in

FIELDS = ("title", "instruction", "body", "sms")
_TOKEN = re.compile(rf"{BLANK.pattern.replace('(', '(?:', 1)}|\s+|\w+|[^\w\s]")
_MOST = 4_000
"""Tokens beyond which a text is shown as replaced: the comparison takes quadratic time."""


class Piece(msgspec.Struct, frozen=True):
    """Part of a compared text. `blank`: the blank in whose place the words stand."""

    kind: Literal["same", "filled", "added", "removed"]
    words: str
    blank: str = ""


class FieldDifference(msgspec.Struct, frozen=True):
    """Difference of one field; `language` is empty for a field that has none."""

    language: str
    field: str
    pieces: tuple[Piece, ...]

    @property
    def beyond_blanks(self) -> bool:
        """True if more was changed than blanks were filled."""
        return any(piece.kind in ("added", "removed") for piece in self.pieces)


def differences(template: TemplateText, plan: NoticePlan) -> list[FieldDifference]:
    """Compare a notice with its template; fields that are equal are left out."""
    return list(_differences(template, plan))


def filled_values(template: TemplateText, content: dict[str, Content]) -> dict[str, dict[str, str]]:
    """Return by language what stands in the place of each blank; blanks that cannot be made out are left out."""
    return {
        tag: {
            piece.blank: piece.words
            for field in reversed(FIELDS)
            for piece in compare(getattr(words, field), getattr(content[tag], field))
            if piece.kind == "filled"
        }
        for tag, words in template.content.items()
        if tag in content
    }


def compare(before: str, after: str) -> tuple[Piece, ...]:
    """Compare a text with blanks with what became of it."""
    return _only_filled(before, after) or tuple(_by_words(before, after))


def _differences(template: TemplateText, plan: NoticePlan) -> Iterator[FieldDifference]:
    for name in ("kind", "severity", "urgency", "certainty", "topic"):
        yield from _plain(name, getattr(template, name) or "none", getattr(plan, name) or "none")
    yield from _plain("channels", ", ".join(template.channels), ", ".join(plan.channels))
    nothing = Content(title="")
    for tag in dict.fromkeys((*template.content, *plan.content)):
        before, after = template.content.get(tag, nothing), plan.content.get(tag, nothing)
        for field in FIELDS:
            one, other = getattr(before, field), getattr(after, field)
            if one != other:
                yield FieldDifference(tag, field, compare(one, other))


def _plain(name: str, before: str, after: str) -> Iterator[FieldDifference]:
    if before != after:
        yield FieldDifference("", name, (Piece("removed", before), Piece("added", after)))


def _only_filled(before: str, after: str) -> tuple[Piece, ...]:
    """Return the pieces of a text in which nothing but blanks was filled; () for any other.

    The words between two blanks are looked for from the left, so the time is linear.
    """
    names, parts = blanks_in(before), BLANK.split(before)[::2]
    if not names or not after.startswith(parts[0]) or not after.endswith(parts[-1]):
        return ()
    pieces, at, end = [Piece("same", parts[0])], len(parts[0]), len(after) - len(parts[-1])
    for name, following in zip(names[:-1], parts[1:-1], strict=True):
        found = after.find(following, at + 1, end)
        if found < 0:
            return ()
        pieces += [_filled(after[at:found], name), Piece("same", following)]
        at = found + len(following)
    if at >= end:
        return ()
    pieces += [_filled(after[at:end], names[-1]), Piece("same", parts[-1])]
    return tuple(piece for piece in pieces if piece.words)


def _filled(words: str, blank: str) -> Piece:
    return Piece("same", words) if words == f"[{blank}]" else Piece("filled", words, blank)


def _by_words(before: str, after: str) -> Iterator[Piece]:
    one, other = _TOKEN.findall(before), _TOKEN.findall(after)
    if len(one) + len(other) > _MOST:
        yield from (Piece("removed", before), Piece("added", after))
        return
    for how, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        gone, come = "".join(one[a:b]), "".join(other[c:d])
        blank = BLANK.fullmatch(gone.strip())
        if how == "equal":
            yield Piece("same", come)
        elif blank is not None and come.strip():
            yield Piece("filled", come, blank[1])
        else:
            yield from (Piece(kind, words) for kind, words in (("removed", gone), ("added", come)) if words)  # type: ignore[arg-type]
