"""Proxy between a server and its PostgreSQL: forwards bytes until the n-th COMMIT, at which the server is killed.

Before it reaches the database (the transaction is lost), or after, with the answer held back (it is kept, and nobody
who lives knows). It reads nothing else: a COMMIT stands in one message of the driver, which fits into one segment here.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from time import sleep
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

_COMMIT = b"COMMIT"
_COMMITTED_S = 0.1
"""Until a COMMIT that has come to the database is done."""


class Proxy:
    """See the module."""

    def __init__(self, database: str, *, reached: bool) -> None:
        """`database`: its URL. `reached`: whether the COMMIT still comes there."""
        asked = conninfo_to_dict(database)
        folder, port = str(asked["host"]), str(asked.get("port") or 5432)
        self._socket, self._reached = f"{folder}/.s.PGSQL.{port}", reached
        self._listening = socket.create_server(("127.0.0.1", 0))
        own = self._listening.getsockname()[1]
        user, name = quote(str(asked.get("user") or "postgres")), quote(str(asked["dbname"]))
        self.url = f"postgresql://{user}@127.0.0.1:{own}/{name}"
        self._lock, self._left = Lock(), 0
        self._kill: Callable[[], None] = lambda: None
        Thread(target=self._accept, daemon=True).start()

    def arm(self, nth: int, kill: Callable[[], None]) -> None:
        """Call `kill` at the n-th COMMIT from now on; 0: never."""
        with self._lock:
            self._left, self._kill = nth, kill

    def close(self) -> None:
        """Take nobody any more."""
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                database = socket.socket(socket.AF_UNIX)
                database.connect(self._socket)
                Thread(target=self._up, args=(client, database), daemon=True).start()
                Thread(target=_copy, args=(database, client), daemon=True).start()

    def _up(self, client: socket.socket, database: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if _COMMIT in data and self._is_the_one():
                    if self._reached:
                        client.shutdown(socket.SHUT_WR)  # the answer does not come back
                        database.sendall(data)
                        sleep(_COMMITTED_S)
                    self._kill()
                    break
                database.sendall(data)
        _end(client, database)

    def _is_the_one(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left == 0


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    _end(source, sink)


def _end(*ends: socket.socket) -> None:
    """Both directions: what is merely closed stays open while another thread reads from it."""
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(database: str, *, reached: bool) -> Iterator[Proxy]:
    """Run a proxy in front of that database."""
    made = Proxy(database, reached=reached)
    try:
        yield made
    finally:
        made.close()
