"""Language tags (BCP 47): comparison by primary subtag, and the choice among translations (RULES 20)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def primary_subtag(tag: str) -> str:
    """Primary subtag in lower case: `en` of `en-GB`. Languages are compared by it (RULES 20, 22)."""
    return tag.replace("_", "-").split("-", 1)[0].lower()


def choose(translations: Mapping[str, T], wanted: str, default: str) -> tuple[str, T]:
    """Tag and value for a reader of `wanted`: exact tag, same primary subtag, the default language, the first given.

    Raises StopIteration if there are none.
    """
    for language in (wanted, default):
        if language in translations:
            return language, translations[language]
        for tag, value in translations.items():
            if primary_subtag(tag) == primary_subtag(language):
                return tag, value
    return next(iter(translations.items()))
