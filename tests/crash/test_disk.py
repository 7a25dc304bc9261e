"""A disk that is full, and one that fails: words instead of promises, reading goes on, nothing is lost (P1)."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.mailbox import Mailbox, mailbox
from tests.crash.server import NOTICE, Server

PEOPLE = {f"p{i}@example.org" for i in range(200)}
FULL_S = 1.5
"""Time for which the disk stays full once that was noticed, in seconds."""


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as open_box:
        yield open_box


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes; its use is said to be skipped where this user may not mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk]).returncode:
        pytest.skip("a small disk cannot be mounted here (it takes root): SKIPPED")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@contextmanager
def no_space(disk: Path) -> Iterator[None]:
    """Not a byte is left on the disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def no_growth(pid: int) -> Iterator[None]:
    """No file may be written beyond its first page, as if a quota were used up: needs no root."""
    free = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, free[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, free)


@pytest.fixture
def server(tmp_path: Path, box: Mailbox) -> Iterator[Server]:
    """Server with its database in `disk`, some residents, and real mail."""
    (tmp_path / "disk").mkdir(exist_ok=True)
    server = Server(tmp_path, f"sqlite:///{tmp_path}/disk/alerts.db", {"ALERTS_SMTP_URL": box.url})
    server.take_in(PEOPLE)
    server.make_key()
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.mark.crash
def test_a_full_disk_is_said_and_got_over(small_disk: Path, server: Server, box: Mailbox) -> None:
    before = server.issue(NOTICE)
    server.complete(before)
    during = server.issue(NOTICE)
    with no_space(small_disk):
        acknowledged = _refused(server, before, "full")
    _resumed(server, box, [before, during], acknowledged)


@pytest.mark.soak  # a full disk shows the same
@pytest.mark.crash
def test_a_quota_that_is_used_up_is_said_and_got_over(server: Server, box: Mailbox) -> None:
    before = server.issue(NOTICE)
    server.complete(before)
    during = server.issue(NOTICE)
    with no_growth(server.pid):
        acknowledged = _refused(server, before, "I/O")
    _resumed(server, box, [before, during], acknowledged)


def _refused(server: Server, notice: str, word: str) -> list[str]:
    """While nothing can be written: every command is refused in words or kept, every reader served; what was kept."""
    acknowledged, refused = [], 0
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        status, body = server.fetch("POST", "/api/v1/notices", NOTICE)
        answer = json.loads(body)
        if status == 201:  # there was room in the write-ahead log still
            acknowledged.append(answer["id"])
            continue
        assert status == 503, answer
        assert answer["type"] == "urn:community-alerts:problem:unavailable"
        assert "cannot be written" in answer["detail"] and word in answer["detail"]
        if not refused:
            ends = time.monotonic() + FULL_S
        refused += 1
        time.sleep(0.05)
    assert refused, "the disk was never full"
    for path in ("/healthz", "/", f"/alerts/{notice}", "/feeds/alerts.atom", f"/api/v1/notices/{notice}"):
        assert server.fetch("GET", path)[0] == 200, path
    status, body = server.fetch("GET", "/readyz")
    assert status == 503 and "cannot be written" in json.loads(body)["log"]
    return acknowledged


def _resumed(server: Server, box: Mailbox, issued: list[str], acknowledged: list[str]) -> None:
    """By itself, in the same process: what was promised is there, and everybody gets everything once."""
    issued = [*issued, server.issue(NOTICE)]
    for notice in issued:
        assert server.complete(notice)["by_channel"] == {"email": {"sent": len(PEOPLE)}}
    for draft in acknowledged:
        assert server.ask("GET", f"/api/v1/notices/{draft}")["state"] == "draft"
    server.until("/readyz", lambda found: bool(found["ready"]), 10)
    copies = Counter((one.to, one.delivery) for one in box.taken)
    assert Counter(to for to, _ in copies) == dict.fromkeys(PEOPLE, len(issued)), "lost, ghost or another identity"
    assert set(copies.values()) == {1}, "nobody died and no reply was lost: there is nothing to send twice"


@pytest.mark.crash
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: a failing fsync is SKIPPED")
def test_a_failed_sync_ends_the_server_and_loses_nothing(server: Server, box: Mailbox) -> None:
    notice = server.issue(NOTICE)
    server.complete(notice)
    kept = server.ask("POST", "/api/v1/notices", NOTICE)["id"]
    with _failing_sync(server.pid):
        for path, body in (("/api/v1/notices", NOTICE), (f"/api/v1/notices/{kept}/issue", {})):
            with pytest.raises(OSError, match=r"cut off|refused|reset|closed"):  # nobody is promised anything
                server.fetch("POST", path, body)
        assert server.ended(10) == 1
    assert "Check the disk, then start it again" in server.log()

    server.start()
    assert server.ask("GET", f"/api/v1/notices/{kept}")["state"] == "draft"
    assert len(server.deliveries(notice)) == len(PEOPLE)
    server.complete(server.issue(NOTICE))
    assert Counter(one.to for one in box.taken) == dict.fromkeys(PEOPLE, 2)


@contextmanager
def _failing_sync(pid: int) -> Iterator[None]:
    """From here on every sync of this process fails with EIO."""
    calls = "fdatasync,fsync"
    command = ["strace", "-f", "-p", str(pid), "-o", "/dev/null", "-e", f"trace={calls}"]
    command += ["-e", f"inject={calls}:error=EIO"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        try:
            if "attached" not in said:
                pytest.skip(f"strace may not attach here ({said.strip()}): SKIPPED")
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
