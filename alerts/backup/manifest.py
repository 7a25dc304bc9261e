"""Backup folder: one file per part and `manifest.json` with their meaning and hashes.

The folder is created atomically, with everything on disk. It is readable by its owner only.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from alerts.eventlog.integrity.merkle import Checkpoint
from alerts.kernel.errors import DomainError, Invalid
from alerts.storage.ports import Dialect

FORMAT = 1
_NAME = "manifest.json"
_CHUNK = 1 << 20


class BadBackup(DomainError):
    """The backup to restore is damaged, altered or incompatible."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the backup."""

    file: str
    bytes: int
    sha256: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table of a PostgreSQL backup; `schema` is alerts or keys."""

    schema: str
    name: str
    columns: list[str]
    file: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Content of `manifest.json`."""

    format: int
    made_at: datetime
    version: str
    """Version of the product that made it."""
    dialect: Dialect
    position: int
    """Log position of the last event in it."""
    events: int
    whole: bool
    """True if the log verified at the time of the backup."""
    checkpoint: Checkpoint | None
    migrations: dict[str, list[str]]
    """Applied migrations by schema."""
    parts: list[Part]
    tables: list[Table] = []
    sequences: dict[str, int] = {}
    keys: bool = False
    """True if the key files are included."""


@contextmanager
def new_folder(destination: Path) -> Iterator[Path]:
    """Yield a new folder, which is renamed to `destination` when the block succeeds.

    Raises Invalid if `destination` exists.
    """
    if destination.exists():
        raise Invalid.field("dest", f"{destination} is there already: name a new folder, or move that one away")
    draft = destination.with_name(f".{destination.name}.part")
    shutil.rmtree(draft, ignore_errors=True)  # left by a backup that was killed
    draft.mkdir(mode=0o700, parents=True)
    try:
        yield draft
        for file in draft.iterdir():
            file.chmod(0o600)
            flush(file)
        flush(draft)
        draft.rename(destination)
        flush(destination.absolute().parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def part_of(file: Path) -> Part:
    """Manifest entry of a file."""
    return Part(file=file.name, bytes=file.stat().st_size, sha256=_digest(file))


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into the folder."""
    (folder / _NAME).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def read(folder: Path) -> Manifest:
    """Read the manifest and verify every part against it. Raises `BadBackup`."""
    try:
        manifest = msgspec.json.decode((folder / _NAME).read_bytes(), type=Manifest)
    except OSError as error:
        raise BadBackup(f"{folder} is no backup: {_NAME} cannot be read ({error.strerror})") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise BadBackup(f"{folder / _NAME} is damaged: {error}") from error
    if manifest.format != FORMAT:
        raise BadBackup(f"{folder} was made by another version ({manifest.version}): restore it with that one")
    for part in manifest.parts:
        file = folder / part.file
        if Path(part.file).name != part.file or not file.is_file():
            raise BadBackup(f"the backup is incomplete: {part.file} is missing")
        if file.stat().st_size != part.bytes or _digest(file) != part.sha256:
            raise BadBackup(f"the backup is damaged: {part.file} is not what was backed up; use another one")
    return manifest


def flush(path: Path) -> None:
    """Fsync a file or folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(file: Path) -> str:
    digest = sha256()
    with file.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
