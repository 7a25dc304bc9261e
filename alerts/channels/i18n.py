"""Translations of the layout's texts, and localized times and distances.

`alerts/locale/` holds one gettext catalogue (PO file) per language, whose header names the native speaker who has
reviewed it. English is complete; a missing or fuzzy word falls back to it, which a test forbids to happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

# Imported eagerly: messages are rendered by several threads, and babel's modules import each other in a circle.
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent
from babel.units import format_unit

from alerts.kernel.languages import primary_subtag
from alerts.locale.po_catalog import read_catalog

_FOLDER = Path(__file__).resolve().parent.parent / "locale"
LANGUAGES = ("en", "cy", "pl", "ur", "ar")
_RTL = frozenset(("ar", "arc", "ckb", "dv", "fa", "he", "iw", "ps", "sd", "ug", "ur", "yi"))


@dataclass(frozen=True)
class Translator:
    """Texts of one language, by section and key."""

    tag: str
    locale: str
    name: str
    reviewed_by: str
    """Native speaker who has reviewed it; "" while none has."""
    sections: Mapping[str, Mapping[str, str]]

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return direction(self.tag)

    def text(self, section: str, key: str, **values: object) -> str:
        """Return the text of a key, with its `{names}` filled in."""
        words = self.sections[section][key]
        return words.format(**values) if values else words

    @property
    def comma(self) -> str:
        """Separator of two items in a row."""
        return "، " if self.direction == "rtl" else ", "

    def language(self, tag: str) -> str:
        """Name of another language in this one: `Welsh`, `Saesneg`; the tag itself if unknown."""
        return Locale.parse(self.locale).languages.get(primary_subtag(tag)) or tag

    def topic(self, slug: str) -> str:
        """Name of a topic; one that the catalogue lacks shows its slug, spaced."""
        return self.sections["topics"].get(slug) or slug.rpartition("/")[2].replace("-", " ")

    def time(self, at: datetime, timezone: str) -> str:
        """Format day and time, such as `Monday 1 December, 14:05`."""
        return f"{self.day(at, timezone)}{self.comma}{self.clock(at, timezone)}"

    def day(self, at: datetime, timezone: str) -> str:
        """Format weekday, day and month."""
        return format_date(at.astimezone(ZoneInfo(timezone)), _day_pattern(self.locale), locale=self.locale)

    def short_day(self, at: datetime, timezone: str) -> str:
        """Format a short day: `Wed 2 Dec`."""
        return format_date(at.astimezone(ZoneInfo(timezone)), "EEE d MMM", locale=self.locale)

    def long_day(self, at: datetime, timezone: str) -> str:
        """Format day, month and year: `3 November 2026`."""
        return format_date(at.astimezone(ZoneInfo(timezone)), "d MMMM yyyy", locale=self.locale)

    def clock(self, at: datetime, timezone: str) -> str:
        """Format hours and minutes, 24 hours."""
        return at.astimezone(ZoneInfo(timezone)).strftime("%H:%M")

    def distance(self, metres: float) -> str:
        """Format kilometres with one decimal (`0.4 km`), whole ones from 10 km on."""
        km = metres / 1000
        number = max(round(km, 1), 0.1) if km < 9.95 else float(round(km))
        return _kilometres(self.locale, number)

    def number(self, value: int) -> str:
        """Format a count with thousands separators."""
        return format_decimal(value, locale=self.locale)

    def percent(self, share: float) -> str:
        """Format a share (0 to 1) in percent, with one decimal: `99.6%`."""
        return format_percent(share, "#,##0.0%", locale=self.locale)


def direction(tag: str) -> str:
    """Return `rtl` for languages written from right to left, else `ltr`."""
    return "rtl" if primary_subtag(tag) in _RTL else "ltr"


def translator(tag: str, default: str = "en") -> Translator:
    """Choose the catalogue of a language tag: by its primary subtag, else the default's, else English."""
    for candidate in (primary_subtag(tag), primary_subtag(default)):
        if candidate in LANGUAGES:
            return _load(candidate)
    return _load("en")


def language_name(tag: str) -> str:
    """A language's own name, such as `Cymraeg`; the tag itself without a catalogue."""
    return _load(primary_subtag(tag)).name if primary_subtag(tag) in LANGUAGES else tag


@cache
def _load(tag: str) -> Translator:
    catalog = read_catalog(_FOLDER / f"{tag}.po")
    # Threads share translators: one is published when all its words are in it.
    sections = {} if tag == "en" else {section: dict(words) for section, words in _load("en").sections.items()}
    for message in catalog.messages():
        if message.string and not message.fuzzy:
            section, _, key = str(message.context).partition(".")
            sections.setdefault(section, {})[key] = str(message.string)
    about = catalog.extensions
    return Translator(tag, str(catalog.locale), about["X-Language-Name"], about["X-Reviewed-By"], sections)


def _day_pattern(locale: str) -> str:
    return "EEEE، d MMMM" if primary_subtag(locale) in _RTL else "EEEE d MMMM"


@cache
def _kilometres(locale: str, number: float) -> str:
    if primary_subtag(locale) == "en":
        return f"{number:g} km"
    return format_unit(number, "length-kilometer", length="short", locale=locale)
