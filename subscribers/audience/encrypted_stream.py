"""Authenticated encrypted stream: it decrypts completely, unaltered and in order, or not at all.

Layout: a head (magic, name of the key, log position), then parts: 4 bytes of length, AES-256-GCM ciphertext with its
tag. The head is every part's associated data; a part's nonce is its number, and the last one's is marked, so that
truncation is detected. The key is used for this one stream, so no nonce repeats.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MAGIC = b"ALERTSC1"
_HEAD = struct.Struct(">8s16sQ")
_LENGTH = struct.Struct(">I")
_MOST = 1 << 30
"""Maximum bytes of a part: a larger length means damage, and must not allocate that much memory."""


class ByteSource(Protocol):
    """Source of bytes."""

    def read(self, size: int, /) -> bytes:
        """Read the next `size` bytes, fewer only at the end."""


class Writable(Protocol):
    """Sink of bytes."""

    def write(self, data: bytes, /) -> object:
        """Write all of it."""


class DecryptionFailed(ValueError):
    """The stream cannot be decrypted; `str(error)` says why."""


@dataclass(frozen=True, slots=True)
class Head:
    """Head of the stream, in clear."""

    key: UUID
    """Name of its key."""
    position: int


def write(sink: Writable, head: Head, key: bytes, parts: Iterable[bytes | memoryview]) -> None:
    """Encrypt and write all parts. `parts` has at least one."""
    front = _HEAD.pack(_MAGIC, head.key.bytes, head.position)
    sink.write(front)
    cipher, number, held = AESGCM(key), 0, None
    for part in parts:
        if held is not None:
            _put(sink, cipher.encrypt(_nonce(number, last=False), held, front))
            number += 1
        held = part
    if held is None:
        raise ValueError("nothing to seal")
    _put(sink, cipher.encrypt(_nonce(number, last=True), held, front))


def head_of(source: ByteSource) -> Head:
    """Read the head. Raises `DecryptionFailed` if it is no such stream."""
    raw = source.read(_HEAD.size)
    if len(raw) != _HEAD.size or not raw.startswith(_MAGIC):
        raise DecryptionFailed("it is not what was kept here, or it is cut short")
    _, name, position = _HEAD.unpack(raw)
    return Head(UUID(bytes=name), position)


def parts_of(source: ByteSource, head: Head, key: bytes) -> Iterator[bytes]:
    """Decrypt the parts that follow the head. Raises `DecryptionFailed` if any was altered, moved or cut off."""
    front = _HEAD.pack(_MAGIC, head.key.bytes, head.position)
    cipher, number = AESGCM(key), 0
    sealed = _next(source)
    while sealed is not None:
        following = _next(source)
        try:
            part = cipher.decrypt(_nonce(number, last=following is None), sealed, front)
        except InvalidTag:
            raise DecryptionFailed(f"part {number} was altered or cut short, or is another's") from None
        yield part
        sealed, number = following, number + 1
    if number == 0:
        raise DecryptionFailed("it is cut short")


def _nonce(number: int, *, last: bool) -> bytes:
    return bytes((last,)) + number.to_bytes(11)


def _put(sink: Writable, sealed: bytes) -> None:
    sink.write(_LENGTH.pack(len(sealed)))
    sink.write(sealed)


def _next(source: ByteSource) -> bytes | None:
    raw = source.read(_LENGTH.size)
    if not raw:
        return None
    length = _LENGTH.unpack(raw)[0] if len(raw) == _LENGTH.size else _MOST
    sealed = source.read(length) if length < _MOST else b""
    if len(sealed) != length:
        raise DecryptionFailed("it is cut short")
    return sealed
