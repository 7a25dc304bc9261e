"""Pages per second of an alert's page, alone and while the same process sends a bulletin.

The limit is aiohttp's simplest handler that answers with the same bytes, in a separate process, measured just before; a
hundred clients use persistent connections. During the bulletin, the clients, the mail server and the product share the
machine, so that each has a third of what the limit had: the target allows for that. The last row is the cost that
readers must not cause: the first attempts of an emergency with as many readers as can be served, beside those without
any.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import NamedTemporaryFile
from typing import IO

from alerts.bench.row import Row

_CLIENTS = 100
_REQUESTS = 20_000
_SOME = 6_000
"""Requests during a bulletin: few enough to end before it does."""
_PEOPLE, MOST = 10_000, 50_000
_ALONE, _BESIDE = 0.5, 0.25
_EMERGENCY_S = 2.0


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    """Three rows for each number of recipients of the bulletin (10,000 to 50,000)."""
    for size in sorted({min(max(size, _PEOPLE), MOST) for size in sizes}):
        with _sink() as port, _product(port, size) as product:
            with urllib.request.urlopen(product.url) as answer:
                page = answer.read()
            with _constant(page) as constant:
                limit = _REQUESTS / _load(constant, _REQUESTS)
                alone = _REQUESTS / _load(product.url, _REQUESTS)
            yield Row(name="readers of an alert", size=size, unit="pages/s", ours=alone, limit=limit, target=_ALONE)
            quiet = float(product.ask("emergency"))
            product.ask("bulletin")
            beside = _SOME / _load(product.url, _SOME)
            left = int(product.ask("left"))
            yield Row(
                name=f"readers beside a bulletin ({left:,} still to send)",
                size=size,
                unit="pages/s",
                ours=beside,
                limit=limit,
                target=_BESIDE,
            )
            with _readers(product.url):
                flood = float(product.ask("emergency"))
            yield Row(
                name="emergency beside bulletin and readers, more than alone, p95",
                size=size,
                unit="s",
                ours=max(0.0, flood - quiet),
                target=_EMERGENCY_S,
                better="lower",
            )


class _Product:
    """Client of the process of `alerts.bench.reading`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.url = self._line()

    def ask(self, what: str) -> str:
        """Send one command line and return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError("the process that serves the page has ended")
        return line


@contextmanager
def _product(port: int, people: int) -> Iterator[_Product]:
    with _piped("alerts.bench.reading", str(port), str(people)) as process:
        yield _Product(process)


@contextmanager
def _sink() -> Iterator[int]:
    with _piped("alerts.bench.mail_peers", "sink") as process:
        yield int(_output(process).readline())


@contextmanager
def _constant(page: bytes) -> Iterator[str]:
    with NamedTemporaryFile() as file:
        file.write(page)
        file.flush()
        with _piped("alerts.bench.echo", file.name) as process:
            yield f"http://127.0.0.1:{int(_output(process).readline())}/page"


@contextmanager
def _piped(module: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module as a process until the context ends, which closes its standard input."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()


def _output(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def _command(url: str, requests: int) -> list[str]:
    return [sys.executable, "-m", "alerts.bench.load", url, str(requests), str(_CLIENTS)]


def _load(url: str, requests: int) -> float:
    return float(subprocess.run(_command(url, requests), input=b"", stdout=subprocess.PIPE, check=True).stdout)


@contextmanager
def _readers(url: str) -> Iterator[None]:
    """As many readers as can be served, until the context ends."""
    with subprocess.Popen(
        _command(url, 10_000_000), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as readers:
        try:
            yield
        finally:
            readers.kill()
