"""What a backup is: a folder with one file a part and `manifest.json`, which says what they are and what they hash to.

The folder is there, with all of it on disk, or it is not there. What is in it is for its owner alone.
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
    """What is to be restored is not what was backed up."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One file."""

    file: str
    bytes: int
    sha256: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table of a PostgreSQL backup; `schema` alerts or keys."""

    schema: str
    name: str
    columns: list[str]
    file: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`manifest.json`."""

    format: int
    made_at: datetime
    version: str
    """Of the product that made it."""
    dialect: Dialect
    position: int
    """The end of the log in it."""
    events: int
    whole: bool
    """Whether the log verified when it was backed up."""
    checkpoint: Checkpoint | None
    migrations: dict[str, list[str]]
    """By schema, which files the schema has had."""
    parts: list[Part]
    tables: list[Table] = []
    sequences: dict[str, int] = {}
    keys: bool = False
    """Whether the key files are in it."""


@contextmanager
def new_folder(destination: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `destination` once the block has ended well."""
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
    """What the manifest says of a file."""
    return Part(file=file.name, bytes=file.stat().st_size, sha256=_digest(file))


def write(folder: Path, manifest: Manifest) -> None:
    """Put the manifest into the folder."""
    (folder / _NAME).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def read(folder: Path) -> Manifest:
    """The manifest, with every part compared with it. Raises `BadBackup`."""
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
    """Have a file or folder on disk."""
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
