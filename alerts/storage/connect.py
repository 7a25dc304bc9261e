"""Opening of one part of the database that a URL names."""

from __future__ import annotations

from alerts.storage.base import BadUrl, BaseDatabase, Part


def connect(url: str, part: Part, generation: int = 1, *, readonly: bool = False) -> BaseDatabase:
    """Open one part of the database at `url`: `sqlite:///relative/or//absolute.db` or `postgresql://…`.

    SQLite has a separate file for each part (`alerts.db`, `alerts.views-1.db`, `alerts.keys.db`), PostgreSQL a separate
    schema (`alerts`, `views_1`, `keys`). `generation` counts the views. Raises `BadUrl`, `NotDurable`, `Unavailable`.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from alerts.storage.sqlite import SQLiteDatabase, file_of

        return SQLiteDatabase(file_of(url, part, generation), part, generation, readonly=readonly)
    if scheme in ("postgresql", "postgres"):
        from alerts.storage.postgres import PostgresDatabase

        return PostgresDatabase(url, part, generation, readonly=readonly)
    raise BadUrl(f"ALERTS_DATABASE_URL must begin with sqlite:/// or postgresql://, not {scheme or 'nothing'!r}")
