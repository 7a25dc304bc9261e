"""Database checks: schema, keys, durability and the underlying disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter

from alerts.doctor.finding import Finding
from alerts.kernel.errors import DomainError
from alerts.settings import Settings

WAL_RESET_MENDED = (3, 51, 3)
"""First SQLite version without the WAL-reset bug, by which a second connection that checkpoints may lose writes."""
LOW, NEARLY_FULL = 2_000_000_000, 200_000_000
"""Thresholds in free bytes."""
SLOW_MS, UNBELIEVABLE_MS = 50.0, 0.02
"""Thresholds for one fsync: a real one takes 0.05 ms (disk with a capacitor) to some 10 ms (spinning)."""
_SHARED = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "vboxsf", "afs", "glusterfs"})
_GONE_AT_RESTART = {
    "tmpfs": "memory: it is gone when the machine restarts",
    "ramfs": "memory: it is gone when the machine restarts",
    "overlay": "a container's own layer: it is gone with the container",
}
SKEW_S = 5.0


def database(settings: Settings) -> Iterator[Finding]:
    """Check that the database is reachable, up to date, and made with this master key."""
    from alerts.app import schema

    if settings.database_file is not None:
        yield _sqlite(sqlite3.sqlite_version_info)
        if not settings.database_file.exists():
            yield Finding("ok", "database", f"{settings.database_file} is not there yet; `alerts serve` makes it")
            return
    try:
        pending = schema.pending_migrations(settings)
    except (DomainError, OSError) as error:
        yield Finding("wrong", "database", str(error), "check ALERTS_DATABASE_URL, and that the server is up")
        return
    if pending:
        yield Finding("warning", "schema", f"{len(pending)} migrations to apply", "run `alerts migrate`")
        return
    if not _opened_by(settings):
        yield Finding(
            "wrong",
            "master key",
            "this database was made with another one",
            "set ALERTS_MASTER_KEY (or ALERTS_MASTER_KEY_FILE) to the key it was made with",
        )
        return
    yield Finding("ok", "database", "reachable, up to date, and made with this master key")
    if not settings.on_sqlite:
        yield from _postgres(settings)


def _sqlite(version: tuple[int, ...]) -> Finding:
    dotted = ".".join(map(str, version))
    if version >= WAL_RESET_MENDED:
        return Finding("ok", "SQLite", dotted)
    return Finding(
        "ok",
        "SQLite",
        f"{dotted}, older than 3.51.3 (WAL-reset bug)",
        "one connection alone checkpoints here, so nothing is lost; do not open the file with other tools",
    )


def _opened_by(settings: Settings) -> bool:
    from alerts.storage.connect import connect
    from subscribers.vault import made_with

    keys = connect(settings.database_url, "keys", readonly=True)
    try:
        return made_with(keys, settings.master_key)
    finally:
        keys.close()


def _postgres(settings: Settings) -> Iterator[Finding]:
    """Check the server's remaining settings; those for durability are asserted at every connection."""
    from alerts.storage.connect import connect

    main = connect(settings.database_url, "main", readonly=True)
    try:
        with main.read() as tx:
            [(version, checksums, standby, most)] = tx.execute(
                "SELECT current_setting('server_version'), current_setting('data_checksums'), pg_is_in_recovery(), "
                "current_setting('max_connections')"
            )
            [(seconds,)] = tx.execute("SELECT EXTRACT(EPOCH FROM clock_timestamp())::float8")
    finally:
        main.close()
    yield Finding("ok", "durability", f"PostgreSQL {version} with fsync, full_page_writes and synchronous_commit")
    if checksums != "on":
        yield Finding(
            "warning",
            "durability",
            "data checksums are off: a disk that decays is not noticed",
            "stop the server and run `pg_checksums --enable`",
        )
    if standby:
        yield Finding("wrong", "database", "this is a standby: it takes no writes", "name the primary in the URL")
    if int(most) < 60:
        yield Finding(
            "warning",
            "database",
            f"max_connections is {most}",
            "each process takes up to 40: raise it with the number of processes",
        )
    off = datetime.now(UTC).timestamp() - float(seconds)
    if abs(off) > SKEW_S:
        yield Finding("wrong", "clock", f"this machine and the database are {abs(off):.0f} s apart", "run NTP on both")


def disk(settings: Settings) -> Iterator[Finding]:
    """Check the data folder on SQLite: file system, free space, fsync time, modes of the key files."""
    folder = settings.folder
    if not settings.on_sqlite:
        return
    if not folder.is_dir():
        yield from _to_be_made(folder)
        return
    kind = filesystem(folder.resolve(), Path("/proc/mounts"))
    if kind in _SHARED:
        yield Finding(
            "wrong",
            "durability",
            f"{folder} is on a network share ({kind})",
            "SQLite's log needs a local disk; for several machines use PostgreSQL",
        )
    elif kind in _GONE_AT_RESTART:
        yield Finding("warning", "durability", f"{folder} is in {_GONE_AT_RESTART[kind]}", "mount a volume there")
    yield from _room(shutil.disk_usage(folder).free)
    if os.access(folder, os.W_OK):
        try:
            yield _pace(fsync_ms(folder))
        except OSError as error:
            words = f"no file can be written in {folder}: {error.strerror}"
            yield Finding("wrong", "durability", words, "name a folder on a local disk in ALERTS_DATABASE_URL")
    else:
        yield Finding("wrong", "durability", f"this user may not write in {folder}", "run as the user who owns it")
    for file in sorted(folder.glob("*.key")):
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            yield Finding("wrong", "keys", f"{file} can be read by others (mode {mode:04o})", f"chmod 600 {file}")


def _to_be_made(folder: Path) -> Iterator[Finding]:
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        yield Finding(
            "wrong",
            "database",
            f"{folder} is not there, and this user may not make it in {above}",
            "make it, and let it belong to the user who runs the product",
        )


def _room(free: int) -> Iterator[Finding]:
    if free < LOW:
        yield Finding(
            "wrong" if free < NEARLY_FULL else "warning",
            "disk",
            f"{free / 1e9:.1f} GB free",
            "make room: a log that cannot grow refuses what it is told",
        )


def _pace(milliseconds: float) -> Finding:
    words = f"WAL with synchronous=FULL; an fsync takes {milliseconds:.2f} ms"
    if milliseconds > SLOW_MS:
        return Finding("warning", "durability", words, "each answer waits for one: use a faster disk")
    if milliseconds < UNBELIEVABLE_MS:
        return Finding(
            "warning",
            "durability",
            f"{words}, faster than a disk can",
            "look for a write cache that lies (cache=unsafe, eatmydata): a power cut may lose what was answered",
        )
    return Finding("ok", "durability", words)


def fsync_ms(folder: Path, times: int = 7) -> float:
    """Median time of an fsync of 4 kB in this folder, in milliseconds."""
    took: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(times):
            file.write(b"\0" * 4096)
            file.flush()
            begun = perf_counter()
            os.fsync(file.fileno())
            took.append((perf_counter() - begun) * 1000)
    return median(took)


def filesystem(folder: Path, mounts: Path) -> str:
    """Type of the file system that contains `folder`, "" if unknown."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best = ("", "")
    for line in lines:
        fields = line.split()
        point = fields[1].replace("\\040", " ") if len(fields) > 2 else ""
        holds = point and (folder == Path(point) or Path(point) in folder.parents)
        if holds and len(point) >= len(best[0]):
            best = (point, fields[2])
    return best[1]
