"""Check codes: six characters in each message, by which its reader can ask whether it is ours. Pure.

A code is the notice's number, encrypted with a key of the instance: a keyed permutation of 30 bits (Feistel network
over HMAC-SHA-256), written in Crockford's base 32. Nothing is stored, and every notice has a code. A guessed one is
right with the probability (issued notices / 2^30).
"""

from __future__ import annotations

import re
import struct
import unicodedata

from alerts.kernel.ids import mac
from alerts.kernel.secret_keys import SecretKeys

LENGTH = 6
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LIKE = str.maketrans("OIL", "011")
"""Letters that are read as digits."""
_NOISE = re.compile(r"[\s.\-–_·]+")
_PURPOSE = "check code"
_ROUNDS = 8
_HALF = 15
_MASK = (1 << _HALF) - 1


def check_code(keys: SecretKeys, number: int) -> str:
    """Code of the notice with this number (0 to 2^30 - 1), such as `4F7K2P`."""
    left, right = number >> _HALF & _MASK, number & _MASK
    key = keys.key(_PURPOSE)
    for turn in range(_ROUNDS):
        left, right = right, left ^ _mixed(key, turn, right)
    value = left << _HALF | right
    return "".join(_ALPHABET[value >> 5 * place & 31] for place in reversed(range(LENGTH)))


def numbers_of(keys: SecretKeys, code: str) -> list[int]:
    """Notice numbers that a code may stand for, one for each accepted key; [] for what is no code. See `normal`."""
    if (plain := normal(code)) is None:
        return []
    value = 0
    for letter in plain:
        value = value << 5 | _ALPHABET.index(letter)
    return [_decrypted(key, value) for key in keys.accepted(_PURPOSE)]


def normal(code: str) -> str | None:
    """Return a typed code in its normal form, with O as 0, I and L as 1; None if it cannot be one."""
    plain = _NOISE.sub("", unicodedata.normalize("NFKC", code[:100])).upper().translate(_LIKE)
    return plain if len(plain) == LENGTH and all(letter in _ALPHABET for letter in plain) else None


def _decrypted(key: bytes, value: int) -> int:
    left, right = value >> _HALF, value & _MASK
    for turn in reversed(range(_ROUNDS)):
        left, right = right ^ _mixed(key, turn, left), left
    return left << _HALF | right


def _mixed(key: bytes, turn: int, half: int) -> int:
    return int.from_bytes(mac(key, b"check code" + struct.pack(">BH", turn, half))[:2], "big") & _MASK
