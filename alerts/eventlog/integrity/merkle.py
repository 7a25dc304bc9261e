"""Merkle log: hashes of the log's rows, a Merkle tree over them, and signed heads of that tree.

The tree is that of RFC 6962, section 2.1, with SHA-256: a leaf is hashed behind 0x00, two nodes behind 0x01, the empty
tree is the hash of nothing. Its leaves are the rows of the log by position, as stored: personal data is hashed as
ciphertext, so that an erasure leaves every proof valid.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from alerts.kernel.times import micros

HASH = 32
SECRET_BYTES = 64
"""32 bytes that sign checkpoints, 32 that seal batches of leaves."""
_HEADER = struct.Struct(">BqqHI")
"""0x00 of a leaf, position, version, bytes of the stream's id, bytes of the topic."""


def leaf(position: int, stream: bytes, version: int, topic: str, state: bytes) -> bytes:
    """Hash one row of the log."""
    name = topic.encode()
    return sha256(_HEADER.pack(0, position, version, len(stream), len(name)) + stream + name + state).digest()


def leaf_of(row: Sequence[Any]) -> bytes:
    """Hash a row as read from a database.

    A row that the writer cannot have written (a text instead of bytes, a number beyond 64 bits) gets a hash that no
    other row has.
    """
    try:
        return leaf(*row)
    except (TypeError, AttributeError, ValueError, struct.error):
        return sha256(b"\xff" + repr(tuple(row)).encode("utf-8", "backslashreplace")).digest()


class Tree:
    """Growing Merkle tree, stored as the roots of its perfect subtrees ("peaks"), the largest first."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Create a tree of `size` leaves from its peaks. Raises ValueError if their number does not fit."""
        if len(peaks) != size.bit_count() or any(len(peak) != HASH for peak in peaks):
            raise ValueError(f"{len(peaks)} peaks are not those of {size} leaves")
        self.size, self.peaks = size, list(peaks)

    def add(self, leaves: Iterable[bytes]) -> None:
        """Append leaves in order."""
        peaks, size = self.peaks, self.size
        for node in leaves:
            rest = size
            while rest & 1:
                node = sha256(b"\x01" + peaks.pop() + node).digest()
                rest >>= 1
            peaks.append(node)
            size += 1
        self.size = size

    @property
    def root(self) -> bytes:
        """Merkle tree hash of all leaves so far."""
        if not self.peaks:
            return sha256(b"").digest()
        node = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            node = sha256(b"\x01" + peak + node).digest()
        return node


class Leaves(msgspec.Struct, frozen=True):
    """Batch of leaves, with names of the events behind them even if those are gone from the log."""

    positions: Sequence[int]
    streams: Sequence[bytes]
    topics: Sequence[str]
    hashes: Sequence[bytes]

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]]) -> Leaves:
        """Build from rows of the log: position, stream, version, topic, state."""
        return cls(
            [row[0] for row in rows],
            [row[1] if type(row[1]) is bytes else b"" for row in rows],
            [str(row[3]) for row in rows],
            [leaf_of(row) for row in rows],
        )

    def packed(self) -> bytes:
        """Encode for storage: 58 bytes a leaf."""
        names = sorted(set(self.topics))
        number = {name: i for i, name in enumerate(names)}
        count = len(self.positions)
        return msgspec.msgpack.encode(
            (
                names,
                struct.pack(f"<{count}q", *self.positions),
                struct.pack(f"<{count}H", *(number[topic] for topic in self.topics)),
                b"".join(stream[:16].ljust(16, b"\0") for stream in self.streams),
                b"".join(self.hashes),
            )
        )


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    names: list[str]
    positions: bytes
    topics: bytes
    streams: bytes
    hashes: bytes


_packed = msgspec.msgpack.Decoder(_Packed)


def unpacked(raw: bytes) -> Leaves:
    """Decode `Leaves.packed`. Raises ValueError for anything else."""
    try:
        kept = _packed.decode(raw)
        count = len(kept.hashes) // HASH
        if (len(kept.streams), len(kept.hashes)) != (16 * count, HASH * count):
            raise ValueError("columns of different lengths")
        return Leaves(
            struct.unpack(f"<{count}q", kept.positions),
            [kept.streams[i : i + 16] for i in range(0, 16 * count, 16)],
            [kept.names[i] for i in struct.unpack(f"<{count}H", kept.topics)],
            [kept.hashes[i : i + HASH] for i in range(0, HASH * count, HASH)],
        )
    except (msgspec.MsgspecError, struct.error, IndexError) as error:
        raise ValueError(f"no batch of leaves: {error}") from error


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Signed head of the tree; `alerts verify --json` prints it under "checkpoint"."""

    size: int
    """Number of events."""
    root: str
    """Root of the tree over them, in hexadecimal."""
    at: datetime
    key: str
    """Ed25519 public key that signed it, in hexadecimal."""
    signature: str


class CheckpointSigner:
    """Signs checkpoints and seals batches with a secret of this instance (`SECRET_BYTES`)."""

    def __init__(self, secret: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(secret[:32])
        self._sealing = secret[32:]
        self.key = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, size: int, root: bytes, at: datetime) -> bytes:
        """Sign a head: 64 bytes (RFC 8032)."""
        return self._private.sign(_signed(size, root, at))

    def signed(self, size: int, root: bytes, at: datetime, signature: bytes) -> bool:
        """True if `signature` is ours for this head."""
        return is_signed(self.key, size, root, at, signature)

    def checkpoint(self, size: int, root: bytes, at: datetime) -> Checkpoint:
        """Create a signed head for external storage."""
        signature = self.sign(size, root, at)
        return Checkpoint(size=size, root=root.hex(), at=at, key=self.key.hex(), signature=signature.hex())

    def seal(self, first: int, count: int, leaves: bytes) -> bytes:
        """HMAC-SHA-256 that authenticates a batch of leaves and its place."""
        return hmac.digest(self._sealing, struct.pack(">qq", first, count) + leaves, "sha256")


def is_signed(key: bytes, size: int, root: bytes, at: datetime, signature: bytes) -> bool:
    """True if this head was signed by the holder of `key`."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, _signed(size, root, at))
    except (InvalidSignature, ValueError):
        return False
    return True


def holds(checkpoint: Checkpoint) -> bool:
    """True if a checkpoint bears a valid signature of the key that it names."""
    try:
        key, root, signature = (bytes.fromhex(v) for v in (checkpoint.key, checkpoint.root, checkpoint.signature))
    except ValueError:
        return False
    return checkpoint.at.tzinfo is not None and is_signed(key, checkpoint.size, root, checkpoint.at, signature)


def stream_name(raw: Any) -> str:
    """Format a stream's id as a UUID; a malformed one as its bytes."""
    try:
        return str(UUID(bytes=raw))
    except (TypeError, ValueError):
        return raw.hex() if isinstance(raw, bytes) else repr(raw)


def _signed(size: int, root: bytes, at: datetime) -> bytes:
    return f"community alerts checkpoint v1\n{size}\n{root.hex()}\n{micros(at)}\n".encode()
