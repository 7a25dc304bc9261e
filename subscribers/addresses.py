"""Whose address is this? Keyed hashes beside the log, so that neither it nor a stolen database tells who is in it.

Addresses are checked by syntax alone: no DNS, special-use domains are fine, telephone numbers are possible E.164.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.errors import Invalid
from alerts.kernel.ids import mac, shard_of
from alerts.storage.in_clauses import CHUNK
from alerts.storage.named_queries import load
from alerts.storage.ports import Row, Value

_sql = load("subscribers", "addresses.sql")
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9_%+-]+(?:\.[a-z0-9_%+-]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}", re.IGNORECASE
)

_LABEL = ".example.com"


class Reader(Protocol):
    """Anything that can be asked: a unit within a command, or an open transaction."""

    def __call__(self, sql: str, params: Sequence[Value] = ()) -> list[Row]: ...


class Owner(NamedTuple):
    """Whose an address is."""

    subscriber: UUID
    contact: int


class Addresses:
    """The address index. `secret` keys the hashes: with another secret no address is found again."""

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.blake2b(secret, digest_size=32, person=b"addresses").digest()

    def keyed_hash(self, channel: str, address: str) -> bytes:
        """The 32 bytes under which an address is kept; upper and lower case are the same, but of push endpoints."""
        named = endpoint_of(address) if channel == "push" else address.casefold()
        return mac(self._key, f"{channel}\x1f{named}".encode())

    def find(self, read: Reader, channel: str, address: str) -> Owner | None:
        """Whose it is, or None. `read`: `unit.read` or `tx.execute`."""
        rows = read(_sql.find, (self.keyed_hash(channel, address),))
        return Owner(UUID(bytes=bytes(rows[0][0])), int(rows[0][1])) if rows else None

    def claim(self, unit: UnitOfWork, channel: str, address: str, owner: Owner) -> None:
        """From this command on the address is theirs."""
        unit.write(_sql.claim, claim_row(self.keyed_hash(channel, address), owner))


def claim_row(keyed_hash: bytes, owner: Owner) -> tuple[bytes, int, bytes, int]:
    """The row that says whose an address is."""
    return keyed_hash, shard_of(owner.subscriber), owner.subscriber.bytes, owner.contact


def claim_many(unit: UnitOfWork, claims: Sequence[tuple[bytes, Owner]]) -> None:
    """From this command on these addresses, by keyed hash, are theirs."""
    unit.write_many(_sql.claim, [claim_row(keyed_hash, owner) for keyed_hash, owner in claims])


def held(read: Reader, hashes: Sequence[bytes]) -> set[bytes]:
    """Which of these keyed hashes are somebody's."""
    found: set[bytes] = set()
    for start in range(0, len(hashes), CHUNK):
        chunk = hashes[start : start + CHUNK]
        found.update(bytes(row[0]) for row in read(_sql.held.replace("?*", ",".join("?" * len(chunk))), chunk))
    return found


def owner_of(read: Reader, contact: int) -> UUID | None:
    """The subscriber of a contact point, or None if it was taken over or erased."""
    rows = read(_sql.owner, (contact,))
    return UUID(bytes=bytes(rows[0][0])) if rows else None


def forget(unit: UnitOfWork, subscriber: UUID) -> None:
    """Delete every address of a person (erasure)."""
    unit.write(_sql.forget, (subscriber.bytes,))


def email(text: str, field: str = "email") -> str:
    """An e-mail address in its normal form, or Invalid. The fast path takes 1 µs, the library's 50."""
    text = text.strip()
    if len(text) <= 254 and text.find("@") <= 64 and _PLAIN_EMAIL.fullmatch(text):
        local, _, domain = text.rpartition("@")
        return f"{local}@{domain.lower()}"
    return _checked_email(text, field)


def _checked_email(text: str, field: str) -> str:
    from email_validator import EmailNotValidError, validate_email  # 60 ms: only odd addresses need it

    try:
        # Special-use domains (localhost, test) are fine with us, never with the library: it sees one label more.
        found = validate_email(f"{text}{_LABEL}", check_deliverability=False, globally_deliverable=False, strict=True)
        return found.normalized.removesuffix(_LABEL)
    except EmailNotValidError as error:
        raise Invalid.field(field, f"This is not an e-mail address: {error}") from None


def phone(text: str, field: str = "phone") -> str:
    """A telephone number as E.164, or Invalid. It must be international, so that nobody's country is guessed."""
    import phonenumbers  # 40 ms: only where telephones are

    hint = "give it with + and the country code, such as +442079460000"
    try:
        number = phonenumbers.parse(text.strip(), None)
    except phonenumbers.NumberParseException:
        raise Invalid.field(field, f"This is not a telephone number; {hint}.") from None
    if not phonenumbers.is_possible_number(number):
        raise Invalid.field(field, f"This cannot be a telephone number (too long or too short); {hint}.")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def push(endpoint: str, auth: str, p256dh: str, dot: str = "push.") -> str:
    """A browser's push subscription in its normal form, JSON with sorted keys; keys that no browser makes are Invalid.

    Whether the endpoint may be posted to is asked elsewhere. `dot` stands before the names of fields.
    """
    if len(_key(auth, f"{dot}keys.auth")) != 16:
        raise Invalid.field(f"{dot}keys.auth", "Give the 16 bytes of `auth` in base64url, as the browser does.")
    raw = _key(p256dh, f"{dot}keys.p256dh")
    if not _is_point(raw):
        raise Invalid.field(f"{dot}keys.p256dh", "This is no P-256 public key: 65 bytes in base64url, uncompressed.")
    keys = {"auth": auth.rstrip("="), "p256dh": p256dh.rstrip("=")}
    return json.dumps({"endpoint": endpoint, "keys": keys}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def endpoint_of(address: str) -> str:
    """The endpoint of a push address, which alone says whose it is: its keys may be renewed."""
    return str(json.loads(address)["endpoint"])


def _key(text: str, field: str) -> bytes:
    """Base64url, with or without padding."""
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Invalid.field(field, "This is not base64url: give it as the browser does.") from None


def _is_point(raw: bytes) -> bool:
    """Whether these bytes are an uncompressed point of the curve P-256."""
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError:
        return False
    return len(raw) == 65


CHECKS: dict[str, Callable[[str, str], Any]] = {"email": email, "sms": phone}
"""How an address of each channel is brought to its normal form."""
