"""Serialization of the audience columns, so that a start need not read the whole log again."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from subscribers.audience.index.areas import AreaPlaces, AreasImage, PointPlaces
from subscribers.audience.index.people import AudienceColumns
from subscribers.audience.index.schema import Contacts, People
from subscribers.domain.events import CATALOGUE

MEANING = 1
"""Version of the encoding; raise it whenever the same events lead to other values in the same columns."""


class ColumnsImage(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of `AudienceColumns` besides its tables' rows, as plain values."""

    layout: str
    position: int
    tables: list[tuple[int, list[int]]]
    """For each table: its number of rows, and the free ones."""
    languages: list[str]
    timezones: list[str]
    quiets: list[tuple[str, str, str] | None]
    topic_sets: list[list[str]]
    suppressed: dict[int, str]
    """Suppression reason by the contact point's row."""
    areas: AreasImage


def layout() -> str:
    """Fingerprint of the columns, their types and the events they follow; another layout cannot be loaded."""
    columns = [
        f"{table.__name__}.{name}:{np.dtype(kind).str}"
        for table in (People, Contacts, PointPlaces, AreaPlaces)
        for name, (kind, _) in table.columns.items()
    ]
    followed = [f"{event.topic()}:{event.version}" for event in CATALOGUE.events.values()]
    return f"{MEANING} {' '.join(columns)} {' '.join(sorted(followed))}"


def image_of(columns: AudienceColumns) -> ColumnsImage:
    """Export all but the tables' rows, which `chunks_of` gives."""
    return ColumnsImage(
        layout=layout(),
        position=columns.position,
        tables=[(table.size, table.free) for table in columns.tables()],
        languages=columns.languages.values,
        timezones=columns.timezones.values,
        quiets=columns.quiets.values,
        topic_sets=[sorted(topics) for topics in columns.topic_sets.values],
        suppressed=columns.suppressed,
        areas=columns.places.areas.image(),
    )


def chunks_of(columns: AudienceColumns) -> Iterator[memoryview]:
    """Yield the rows of every table as bytes, not copied: apply nothing until the last is consumed."""
    for table in columns.tables():
        yield from table.chunks()


def refill(columns: AudienceColumns, image: ColumnsImage, chunks: Iterator[bytes]) -> None:
    """Load what `image_of` and `chunks_of` gave.

    Raises ValueError if it is another version's or does not fit; the columns are empty then.
    """
    columns.clear()
    if image.layout != layout():
        raise ValueError("the columns were kept by another version")
    try:
        for table, (size, free) in zip(columns.tables(), image.tables, strict=True):
            table.refill(size, free, chunks)
    except BaseException:
        columns.clear()
        raise
    columns.languages.refill(image.languages)
    columns.timezones.refill(image.timezones)
    columns.quiets.refill(image.quiets)
    columns.topic_sets.refill(frozenset(topics) for topics in image.topic_sets)
    columns.suppressed = dict(image.suppressed)
    columns.places.areas.refill(image.areas)
    columns.reindex()
    columns.position = image.position
