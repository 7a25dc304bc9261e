"""MAC of events: an event counts only if a process with this instance's key has written it.

Whoever can write to the database, but has no key, could otherwise append an event that readers believe and the prover
seals. The MAC stands at the end of the stored state; it covers stream, version, topic and state. Events from before the
key was made have none, and count up to the position at which the log stood then.
"""

from __future__ import annotations

import hmac
import struct
from hashlib import blake2b
from uuid import UUID

KEY = 32
MAC = 16
SECRET = KEY + 8
"""Bytes of the stored secret: the key, and the last position without a MAC."""
_PLAIN, _SIGNED = 0x97, 0x98
"""MessagePack headers of the envelope: an array of seven, and of eight with the MAC."""
_TAIL = b"\xc4\x10"
"""MessagePack header of 16 bytes."""
_LENGTH = MAC + len(_TAIL)
_POSITION = struct.Struct(">Q")


def new_secret(key: bytes, position: int) -> bytes:
    """Build the secret to be stored: `key` (32 bytes), and the log's end when it is made."""
    return key + _POSITION.pack(position)


class EventAuthenticator:
    """Signs and checks stored states. Thread-safe."""

    def __init__(self, secret: bytes) -> None:
        """`secret`: see `new_secret`. Raises ValueError if it has another length."""
        if len(secret) != SECRET:
            raise ValueError(f"the secret of events has {SECRET} bytes")
        self._keyed = blake2b(key=secret[:KEY], digest_size=MAC)
        self._since = int(_POSITION.unpack(secret[KEY:])[0])

    def signed(self, stream: UUID, version: int, topic: str, state: bytes) -> bytes:
        """Return a state with its MAC. Raises ValueError for a state of another form."""
        if state[0] != _PLAIN:
            raise ValueError("an envelope is an array of seven")
        return bytes((_SIGNED,)) + state[1:] + _TAIL + self._mac(stream, version, topic, state)

    def is_genuine(self, position: int, stream: UUID, version: int, topic: str, state: bytes) -> bool:
        """True if the MAC holds, or the event is from before there were any; `position` 0 is an unknown one."""
        if len(state) > _LENGTH and state[0] == _SIGNED and state[-_LENGTH:-MAC] == _TAIL:
            bare = bytes((_PLAIN,)) + state[1:-_LENGTH]
            return hmac.compare_digest(self._mac(stream, version, topic, bare), state[-MAC:])
        return 0 < position <= self._since

    def _mac(self, stream: UUID, version: int, topic: str, state: bytes) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(stream.bytes + version.to_bytes(8) + topic.encode() + b"\x00" + state)
        return keyed.digest()
