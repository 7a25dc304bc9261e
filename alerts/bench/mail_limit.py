"""Limit of the mail benchmarks: throughput of two programs that only pass messages on, on this machine.

With Postfix installed these are its `smtp-source` and `smtp-sink`; otherwise a raw pump and a sink of our own, and the
rows say so.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter, sleep

SESSIONS = 20
_SBIN = "/usr/sbin"
_WAIT_S = 600.0
_STARTS_S = 5.0


def name() -> str:
    """Name of the limit in the rows."""
    return "smtp-source" if _program("smtp-source") and _program("smtp-sink") else "raw pump"


@contextmanager
def sink() -> Iterator[int]:
    """Run a mail server in a separate process that accepts and discards everything; yields its port on the loopback."""
    if name() == "raw pump":
        yield from _own_sink()
    else:
        yield from _postfix_sink()


def pumped(port: int, size: int, length: int) -> float:
    """Messages per second of about `length` bytes, `size` of them over SESSIONS persistent connections into a sink."""
    source = _program("smtp-source")
    if source and name() != "raw pump":
        command = [source, "-d", "-s", str(SESSIONS), "-m", str(size), "-l", str(length), f"127.0.0.1:{port}"]
        begun = perf_counter()
        subprocess.run(command, check=True, capture_output=True, timeout=_WAIT_S)
        return size / (perf_counter() - begun)
    head, line = b"From: a@localhost\r\nSubject: pump\r\n\r\n", b"x" * 74 + b"\r\n"
    message = head + line * max(1, (length - len(head)) // len(line))
    command = [sys.executable, "-m", "alerts.bench.mail_peers", "pump", str(port), str(size), str(SESSIONS)]
    took = subprocess.run(command, input=message, capture_output=True, check=True, timeout=_WAIT_S).stdout
    return size // SESSIONS * SESSIONS / float(took)


def free_port() -> int:
    """Find an unused port on the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _program(called: str) -> str | None:
    return shutil.which(called, path=os.pathsep.join((os.environ.get("PATH", ""), _SBIN)))


def _own_sink() -> Iterator[int]:
    made = subprocess.Popen(
        [sys.executable, "-m", "alerts.bench.mail_peers", "sink"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert made.stdout is not None
        yield int(made.stdout.readline())
    finally:
        assert made.stdin is not None
        made.stdin.close()
        made.wait(5)


def _postfix_sink() -> Iterator[int]:
    program = _program("smtp-sink")
    assert program is not None
    port = free_port()
    # smtp-sink refuses to serve as root
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    made = subprocess.Popen([program, *user, f"127.0.0.1:{port}", "256"], stdout=subprocess.DEVNULL)
    try:
        _wait_until_ready(port, made)
        yield port
    finally:
        made.terminate()
        made.wait(5)


def _wait_until_ready(port: int, made: subprocess.Popen[bytes]) -> None:
    """Wait until the sink accepts connections."""
    deadline = perf_counter() + _STARTS_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if made.poll() is not None or perf_counter() > deadline:
                raise RuntimeError("smtp-sink did not start: is it whole?") from None
            sleep(0.02)
