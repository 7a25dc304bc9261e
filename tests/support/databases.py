"""The three databases of one test, opened when first asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from alerts.settings.package_data import find
from alerts.storage.base import BaseDatabase, Part
from alerts.storage.connect import connect
from alerts.storage.migrate import migrate

MASTER_KEY = bytes(range(32))


@dataclass
class Databases:
    """The three databases of one test, each opened and brought up to date when first asked for."""

    url: str
    dialect: str
    _open: dict[tuple[Part, int], BaseDatabase] = field(default_factory=dict)
    _more: list[BaseDatabase] = field(default_factory=list)

    @property
    def main(self) -> BaseDatabase:
        """The log, the side tables, the queue."""
        return self._get("main", "")

    @property
    def keys(self) -> BaseDatabase:
        """The wrapped keys."""
        return self._get("keys", "keys")

    @property
    def views(self) -> BaseDatabase:
        """The first generation of the read models."""
        return self._get("views", "views")

    def migrations(self, folder: str = "") -> Path:
        """The folder of SQL files: "" of the main database, "keys", "views"."""
        return find("migrations", self.dialect, *([folder] if folder else []))

    def another(self, part: Part = "main", generation: int = 1) -> BaseDatabase:
        """The same database opened once more, as a second process would."""
        self._more.append(connect(self.url, part, generation))
        return self._more[-1]

    def _get(self, part: Part, folder: str) -> BaseDatabase:
        if (part, 1) not in self._open:
            self._open[part, 1] = connect(self.url, part)
            migrate(self._open[part, 1], self.migrations(folder))
        return self._open[part, 1]

    def close(self) -> None:
        """Close all of them."""
        for database in [*self._more, *self._open.values()]:
            database.close()
