"""Word lists of the guide: by language, from `words.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec

from alerts.kernel.languages import primary_subtag

_FILE = Path(__file__).with_name("words.toml")


class WordLists(msgspec.Struct, frozen=True, kw_only=True):
    """Words of one language, in lower case; `opposites` are pairs of advice that contradict each other."""

    hazards: tuple[str, ...]
    streets: tuple[str, ...]
    actions: tuple[str, ...]
    opposites: tuple[tuple[str, str], ...]
    vague: tuple[str, ...]
    vague_places: tuple[str, ...]
    until: tuple[str, ...]
    times: tuple[str, ...]
    practice: tuple[str, ...]
    not_practice: tuple[str, ...]
    bare_links: tuple[str, ...]


def word_lists(tag: str) -> WordLists | None:
    """Return the lists of a language; None for one that has none."""
    return _all().get(primary_subtag(tag))


@cache
def _all() -> dict[str, WordLists]:
    return msgspec.convert(tomllib.loads(_FILE.read_text("utf-8")), dict[str, WordLists])


def contains(text: str, parts: Iterable[str]) -> str:
    """Return the first of the parts that begins a word of the text; "" for none."""
    lowered = text.casefold()
    return next((part for part in parts if re.search(rf"(?<!\w){re.escape(part)}", lowered)), "")


def contains_word(text: str, words: Iterable[str]) -> str:
    """Return the first of the words that stands whole in the text; "" for none."""
    lowered = text.casefold()
    return next((word for word in words if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", lowered)), "")
