"""Fields for the blanks of a notice's words: each distinct blank is typed once, and filled wherever it stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from alerts.domain.events import Blank
from alerts.domain.events.message_template import BlankKind
from alerts.kernel.blanks import blanks_in, fill
from alerts.web.public.forms import FormErrors, FormFields

LONGEST = 200
"""Characters of a value."""
PREFIX = "fill-"
"""Start of the fields' names; the page's script leaves these fields out."""
_HINTS: dict[BlankKind, str] = {"text": "Words", "place": "A place", "time": "A time", "number": "A number"}

Words = Mapping[str, Mapping[str, str]]
"""Typed words of a notice: text by field, by language."""


@dataclass(frozen=True, slots=True)
class BlankField:
    """Field of one blank, as the page shows it. `hint`: the kind that the template declares, "" for none."""

    field: str
    label: str
    hint: str
    value: str


def field_of(name: str) -> str:
    """Return the field's name for a blank: it stays the same while others are filled, and fits an element's id."""
    return PREFIX + sha256(name.encode("utf-8", "replace")).hexdigest()[:10]


def blank_names(words: Words) -> list[str]:
    """Return the distinct blanks of all fields and languages, in their order."""
    return list(dict.fromkeys(name for said in words.values() for text in said.values() for name in blanks_in(text)))


def parse(fields: FormFields, words: Words, errors: FormErrors) -> dict[str, str]:
    """Return what was typed for the blanks of `words`, by blank; without those that were left empty."""
    values = {}
    for name in blank_names(words):
        field = field_of(name)
        value = fields.line(field)
        if len(value) > LONGEST:
            errors.add(field, f"Write at most {LONGEST} characters; these are {len(value):,}.")
        elif "[" in value or "]" in value:
            errors.add(field, "Write it without [ and ]: they mark a blank.")
        if value:
            values[name] = value
    return values


def filled(words: Words, values: dict[str, str]) -> dict[str, dict[str, str]]:
    """Fill the blanks in every field and language; a blank without a value stays."""
    return {tag: {name: fill(text, values) for name, text in said.items()} for tag, said in words.items()}


def blank_fields(words: Words, values: Mapping[str, str], declared: Sequence[Blank]) -> list[BlankField]:
    """Return the fields for the blanks of `words`: those that the template declares in its order, then the others."""
    found, hints = blank_names(words), {blank.name: _HINTS[blank.kind] for blank in declared}
    names = [*(name for name in hints if name in found), *(name for name in found if name not in hints)]
    return [BlankField(field_of(name), name, hints.get(name, ""), values.get(name, "")) for name in names]
