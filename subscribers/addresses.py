"""Address index: keyed hash → owner, outside the log, so that neither the log nor a stolen database reveals addresses.

Addresses are checked by syntax alone: no DNS, special-use domains are allowed, telephone numbers are possible E.164.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.domain_names import mailbox_key, to_unicode
from alerts.kernel.errors import Invalid
from alerts.kernel.ids import mac, shard_of
from alerts.kernel.terms import CHANNEL_TERMS
from alerts.storage.in_clauses import CHUNK
from alerts.storage.named_queries import load
from alerts.storage.ports import Row, Value

_sql = load("subscribers", "addresses.sql")
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9_%+-]+(?:\.[a-z0-9_%+-]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}", re.IGNORECASE
)
_LABEL = ".example.com"
_TEL = re.compile(r"^tel:\s*", re.IGNORECASE)
_DIALLED = re.compile(r"[+\uff0b][\d\s()./\-\u2010-\u2015\u2212]+")
_LONGEST_NUMBER = 100
_PHONE_HINT = "give it with + and the country code, such as +442079460000"
_BY_ENDPOINT = frozenset(channel for channel, terms in CHANNEL_TERMS.items() if terms.address == "subscription")


class Reader(Protocol):
    """Read function of a unit of work or of an open transaction."""

    def __call__(self, sql: str, params: Sequence[Value] = ()) -> list[Row]: ...


class Owner(NamedTuple):
    """Owner of an address."""

    subscriber: UUID
    contact: int


def original_key(secret: bytes) -> bytes:
    """Key of the index of an instance whose key was still derived from its secret."""
    return hashlib.blake2b(secret, digest_size=32, person=b"addresses").digest()


class Addresses:
    """Address index. `key` (32 bytes) keys the hashes: with another one no address is found again."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def keyed_hash(self, channel: str, address: str) -> bytes:
        """Return the 32-byte key of an address, the same for all spellings of a mailbox (case, U- and A-labels)."""
        named = endpoint_of(address) if channel in _BY_ENDPOINT else mailbox_key(address)
        return mac(self._key, f"{channel}\x1f{named}".encode())

    def find(self, read: Reader, channel: str, address: str) -> Owner | None:
        """Return the owner, or None. `read`: `unit.read` or `tx.execute`."""
        rows = read(_sql.find, (self.keyed_hash(channel, address),))
        return Owner(UUID(bytes=bytes(rows[0][0])), int(rows[0][1])) if rows else None

    def claim(self, unit: UnitOfWork, channel: str, address: str, owner: Owner) -> None:
        """Assign an address to an owner, within a command."""
        unit.write(_sql.claim, claim_row(self.keyed_hash(channel, address), owner))


def claim_row(keyed_hash: bytes, owner: Owner) -> tuple[bytes, int, bytes, int]:
    """Build the row that assigns an address."""
    return keyed_hash, shard_of(owner.subscriber), owner.subscriber.bytes, owner.contact


def claim_many(unit: UnitOfWork, claims: Sequence[tuple[bytes, Owner]]) -> None:
    """Assign addresses, by keyed hash, within a command."""
    unit.write_many(_sql.claim, [claim_row(keyed_hash, owner) for keyed_hash, owner in claims])


def held(read: Reader, hashes: Sequence[bytes]) -> set[bytes]:
    """Filter the keyed hashes that have an owner."""
    found: set[bytes] = set()
    for start in range(0, len(hashes), CHUNK):
        chunk = hashes[start : start + CHUNK]
        found.update(bytes(row[0]) for row in read(_sql.held.replace("?*", ",".join("?" * len(chunk))), chunk))
    return found


def owner_of(read: Reader, contact: int) -> UUID | None:
    """Return the subscriber of a contact point, or None if it was taken over or erased."""
    rows = read(_sql.owner, (contact,))
    return UUID(bytes=bytes(rows[0][0])) if rows else None


def forget(unit: UnitOfWork, subscriber: UUID) -> None:
    """Delete every address of a person (erasure)."""
    unit.write(_sql.forget, (subscriber.bytes,))


def email(text: str, field: str = "email") -> str:
    """Normalize an e-mail address, with its domain in U-labels. Raises Invalid.

    The fast path takes 1 µs, the library's 50.
    """
    text = text.strip()
    if len(text) <= 254 and text.find("@") <= 64 and _PLAIN_EMAIL.fullmatch(text):
        local, _, domain = text.rpartition("@")
        return f"{local}@{to_unicode(domain)}"
    return _checked_email(text, field)


def _checked_email(text: str, field: str) -> str:
    from email_validator import EmailNotValidError, validate_email  # 60 ms: only odd addresses need it

    try:
        # The library refuses special-use domains (localhost, test), which are allowed here: it gets one more label.
        found = validate_email(f"{text}{_LABEL}", check_deliverability=False, globally_deliverable=False, strict=True)
        return found.normalized.removesuffix(_LABEL)
    except EmailNotValidError as error:
        raise Invalid.field(field, f"This is not an e-mail address: {error}") from None


def phone(text: str, field: str = "phone") -> str:
    """Normalize a telephone number to E.164. Raises Invalid. It must be international: no country is guessed.

    Every character counts: the library would read letters as digits, end the number at an `x`, and skip words.
    """
    import phonenumbers  # 40 ms: only where telephones are

    given = _TEL.sub("", _bare(text))
    if any(c.isalpha() for c in given):
        words = "This number has letters or an extension; give its digits alone, of a line that takes texts"
        raise Invalid.field(field, f"{words}: {_PHONE_HINT}.")
    if not _DIALLED.fullmatch(given):
        raise Invalid.field(field, f"This is not a telephone number; {_PHONE_HINT}.")
    try:
        number = phonenumbers.parse(given, None)
    except phonenumbers.NumberParseException:
        raise Invalid.field(field, f"This is not a telephone number; {_PHONE_HINT}.") from None
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:  # a number without its area code is local at best
        raise Invalid.field(field, f"This cannot be a telephone number (too long or too short); {_PHONE_HINT}.")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def sender_phone(text: str) -> str:
    """Normalize the number that a provider says a text came from. One that cannot be read matches no contact point.

    Unlike people, providers leave out the `+` of an international number, or write 00.
    """
    given = _TEL.sub("", _bare(text[:_LONGEST_NUMBER]))
    if not given.startswith(("+", "\uff0b")):
        given = f"+{given.removeprefix('00')}"
    try:
        return phone(given)
    except Invalid:
        return text


def _bare(text: str) -> str:
    """Remove blanks around a text, and the invisible marks that come with a copied number."""
    return "".join(c for c in text if unicodedata.category(c) != "Cf").strip()


def push(endpoint: str, auth: str, p256dh: str, dot: str = "push.") -> str:
    """Normalize a browser's push subscription to JSON with sorted keys. Raises Invalid for malformed keys.

    The endpoint's allow rule is checked elsewhere. `dot` is the prefix of field names.
    """
    if len(_key(auth, f"{dot}keys.auth")) != 16:
        raise Invalid.field(f"{dot}keys.auth", "Give the 16 bytes of `auth` in base64url, as the browser does.")
    raw = _key(p256dh, f"{dot}keys.p256dh")
    if not _is_point(raw):
        raise Invalid.field(f"{dot}keys.p256dh", "This is no P-256 public key: 65 bytes in base64url, uncompressed.")
    keys = {"auth": auth.rstrip("="), "p256dh": p256dh.rstrip("=")}
    return json.dumps({"endpoint": endpoint, "keys": keys}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def endpoint_of(address: str) -> str:
    """Return the endpoint of a push address, which alone identifies it: its keys may be renewed."""
    return str(json.loads(address)["endpoint"])


def _key(text: str, field: str) -> bytes:
    """Decode base64url, with or without padding."""
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Invalid.field(field, "This is not base64url: give it as the browser does.") from None


def _is_point(raw: bytes) -> bool:
    """True if these bytes are an uncompressed point of the curve P-256."""
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError:
        return False
    return len(raw) == 65
