"""Key vault: data sealed under a person's key is readable until that key is destroyed, and never after.

Each subject has its own AES-256 key, stored wrapped by the master key in a database apart from the log. A new key is in
memory only until `flush`, which the log's writer calls before it commits the data sealed with it.

Layout of all sealed bytes: 12 bytes nonce, ciphertext, 16 bytes tag.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from threading import Lock
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from alerts.eventlog.ports import ConcurrencyConflict
from alerts.kernel.errors import DomainError
from alerts.kernel.secret_keys import SecretKeys
from alerts.storage.base import BaseDatabase, BaseTransaction
from alerts.storage.ports import ReadableDatabase

_NONCE = 12
_TAG = 16
_KEY = 32
_CACHE = 50_000
_PAGE = 500
_COPY = "copy "
_DROP_COPIES = f"DELETE FROM purpose_keys WHERE purpose LIKE '{_COPY}%'"


class WrongMasterKey(DomainError):
    """The keys in the database were wrapped by another master key."""


class WrongSecretKey(DomainError):
    """The database is used with another secret key."""


class KeyDestroyed(DomainError):
    """Attempt to seal data for an erased person."""


class KeyMissing(ValueError):
    """Neither a key nor an erasure is recorded: the key database does not belong to this log."""


def _fingerprint(master_key: bytes) -> bytes:
    return hmac.digest(master_key, b"community alerts master key", hashlib.sha256)[:16]


def made_with(database: ReadableDatabase, master_key: bytes) -> bool:
    """True if this is the master key of that database, or it has none yet; writes nothing."""
    with database.read() as tx:
        stored = tx.execute("SELECT fingerprint FROM master WHERE name = 'master'")
    return not stored or hmac.compare_digest(bytes(stored[0][0]), _fingerprint(master_key))


def stored_secret(database: ReadableDatabase, master_key: bytes, purpose: str, length: int) -> bytes | None:
    """Read-only version of `Vault.shared_secret`; None if it was never made. Raises `WrongMasterKey`."""
    if not made_with(database, master_key):
        raise WrongMasterKey("This database was made with another master key: set ALERTS_MASTER_KEY to that one")
    name = f"secret {purpose}"
    with database.read() as tx:
        rows = tx.execute("SELECT wrapped FROM purpose_keys WHERE purpose = ?", (name,))
    if not rows:
        return None
    return _derived(_decrypt(AESGCM(master_key), bytes(rows[0][0]), name.encode()), purpose, length)


def stored_adopted_secret(database: ReadableDatabase, master_key: bytes, purpose: str) -> bytes | None:
    """Read-only version of `Vault.adopted_secret`; None if there is none. Raises `WrongMasterKey`."""
    if not made_with(database, master_key):
        raise WrongMasterKey("This database was made with another master key: set ALERTS_MASTER_KEY to that one")
    name = f"adopted {purpose}"
    with database.read() as tx:
        rows = tx.execute("SELECT wrapped FROM purpose_keys WHERE purpose = ?", (name,))
    return _decrypt(AESGCM(master_key), bytes(rows[0][0]), name.encode()) if rows else None


def _derived(key: bytes, purpose: str, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt=None, info=b"shared secret\x00" + purpose.encode()).derive(key)


class Vault:
    """Store of per-subject keys, wrapped by the master key. Safe to use from several threads."""

    def __init__(
        self,
        database: BaseDatabase,
        master_key: bytes,
        random: Callable[[int], bytes] = os.urandom,
        cache: int = _CACHE,
    ) -> None:
        """`master_key` is 32 bytes. Raises `WrongMasterKey` if this database belongs to another one."""
        if len(master_key) != _KEY:
            raise WrongMasterKey(
                f"The master key has {len(master_key)} bytes, not {_KEY}: make one by `alerts keys master`"
            )
        self._database, self._random, self._capacity = database, random, cache
        self._master = AESGCM(master_key)
        self._lock = Lock()
        self._keys: OrderedDict[bytes, bytes | None] = OrderedDict()
        """Unwrapped keys, the last used last; None for a subject whose key was destroyed (permanently)."""
        self._new: dict[bytes, bytes] = {}
        """Keys that are not on disk yet."""
        self._claimed = _fingerprint(master_key)
        self._claim(self._claimed)

    def _claim(self, fingerprint: bytes) -> None:
        with self._database.write() as tx:
            tx.execute(
                "INSERT INTO master (name, fingerprint) VALUES ('master', ?) ON CONFLICT (name) DO NOTHING",
                (fingerprint,),
            )
            stored = bytes(tx.execute("SELECT fingerprint FROM master WHERE name = 'master'")[0][0])
        if not hmac.compare_digest(stored, fingerprint):
            raise WrongMasterKey(
                "This database was made with another master key, and what people gave cannot be read with this one: "
                "set ALERTS_MASTER_KEY (or ALERTS_MASTER_KEY_FILE) to the key it was made with"
            )

    # --- sealing for a subject

    def seal(self, subject: UUID, plaintext: bytes, *, fresh: bool = False) -> bytes:
        """Encrypt under the subject's key, created if there is none. Raises `KeyDestroyed` after an erasure.

        `fresh`: the subject is new, which saves a look-up; `flush` detects if that was wrong.
        """
        raw = subject.bytes
        key = self._held(raw)
        if key is None and not fresh:
            key = self._look_up(raw)
        if key is None:
            with self._lock:
                if raw in self._keys:
                    raise KeyDestroyed("This person was erased: nothing about them can be kept any more.")
                key = self._new.setdefault(raw, self._random(_KEY))
        return self._encrypt(AESGCM(key), plaintext, raw)

    def unseal(self, subject: UUID, sealed: bytes) -> bytes | None:
        """Decrypt; None once the key is destroyed.

        Raises ValueError if the bytes were altered or belong to another subject, or if the key was lost.
        """
        raw = subject.bytes
        key = self._held(raw) or self._look_up(raw)
        if key is None:
            with self._lock:
                if raw in self._keys:
                    return None
            raise KeyMissing(f"no key for {subject}: is this the keys' database that belongs to the log?")
        return _decrypt(AESGCM(key), sealed, raw)

    def prefetch(self, subjects: Collection[UUID]) -> None:
        """Read the keys of many subjects with few statements, so that `unseal` finds them in memory."""
        with self._lock:
            missing = [s.bytes for s in subjects if s.bytes not in self._keys and s.bytes not in self._new]
        for start in range(0, len(missing), _PAGE):
            self._fetch(missing[start : start + _PAGE])

    def _held(self, raw: bytes) -> bytes | None:
        """Return the key if it is in memory."""
        with self._lock:
            if raw in self._keys:
                self._keys.move_to_end(raw)
                return self._keys[raw]
            return self._new.get(raw)

    def _look_up(self, raw: bytes) -> bytes | None:
        self._fetch([raw])
        return self._held(raw)

    def _fetch(self, raws: Sequence[bytes]) -> None:
        """Load the keys and erasures of these subjects into memory."""
        marks = ", ".join("?" * len(raws))
        with self._database.read() as tx:
            rows = tx.execute(f"SELECT subject, wrapped FROM subject_keys WHERE subject IN ({marks})", raws)
            gone = []
            if len(rows) < len(raws):
                gone = tx.execute(f"SELECT subject FROM destroyed WHERE subject IN ({marks})", raws)
        keys = [(bytes(raw), self._unwrap(bytes(wrapped), bytes(raw))) for raw, wrapped in rows]
        with self._lock:
            for raw, key in keys:
                self._remember(raw, key)
            for (raw,) in gone:
                self._remember(bytes(raw), None)

    def _remember(self, raw: bytes, key: bytes | None) -> None:
        self._keys[raw] = key
        self._keys.move_to_end(raw)
        while len(self._keys) > self._capacity:
            self._keys.popitem(last=False)

    def flush(self) -> None:
        """Write new keys to disk; durable on return.

        Raises `ConcurrencyConflict` if a subject had a key already or was erased: the data must be sealed again.
        """
        with self._lock:
            new = dict(self._new)
        if not new:
            return
        rows = {raw: self._encrypt(self._master, key, raw) for raw, key in new.items()}
        with self._database.write() as tx:
            self._check_master(tx)
            gone = {raw for page in _pages(list(rows)) for raw in _subjects(tx, "destroyed", page)}
            tx.executemany(
                "INSERT INTO subject_keys (subject, wrapped) VALUES (?, ?) ON CONFLICT (subject) DO NOTHING",
                [row for row in rows.items() if row[0] not in gone],
            )
            stored = {raw: wrapped for page in _pages(list(rows)) for raw, wrapped in _wrapped(tx, page)}
        # Another thread may have stored the same key, wrapped under another nonce: compare the keys.
        lost = [
            raw
            for raw, wrapped in rows.items()
            if stored.get(raw) != wrapped and (raw not in stored or self._unwrap(stored[raw], raw) != new[raw])
        ]
        with self._lock:
            for raw, key in new.items():
                self._new.pop(raw, None)
                if raw not in lost:
                    self._remember(raw, key)
        if lost:
            for page in _pages(lost):
                self._fetch(page)
            raise ConcurrencyConflict("another key was made for the same subject, or it was destroyed")

    def destroy(self, subject: UUID) -> None:
        """Destroy the subject's key, in memory and on disk; nothing sealed under it can be read again.

        The keys of copies are destroyed too: they may hold the subject in clear among the others. Safe to repeat.
        Raises `Unavailable` if a reader holds the old pages; then repeat it.
        """
        raw = subject.bytes
        with self._database.write() as tx:
            tx.execute("DELETE FROM subject_keys WHERE subject = ?", (raw,))
            tx.execute(_DROP_COPIES)
            tx.execute("INSERT INTO destroyed (subject) VALUES (?) ON CONFLICT (subject) DO NOTHING", (raw,))
        self.forget(subject)
        self._database.wipe_deleted()

    def forget(self, subject: UUID) -> None:
        """Drop the key from memory only, in other processes that see the erasure."""
        with self._lock:
            self._keys.pop(subject.bytes, None)
            self._new.pop(subject.bytes, None)

    # --- copies of many people's data outside the log: unreadable after the next erasure of anyone

    def new_copy_key(self) -> tuple[UUID, bytes]:
        """Create the name and the key (32 bytes) of another copy; durable on return.

        Make the copy after this, from a state that includes everything in the log by now: then an erasure that this
        state does not know yet destroys the key.
        """
        name, key = UUID(bytes=self._random(16)), self._random(_KEY)
        purpose = _COPY + name.hex
        with self._database.write() as tx:
            row = (purpose, self._encrypt(self._master, key, purpose.encode()))
            tx.execute("INSERT INTO purpose_keys (purpose, wrapped) VALUES (?, ?)", row)
        return name, key

    def copy_key(self, name: UUID) -> bytes | None:
        """Return the key of a copy; None once it is destroyed."""
        purpose = _COPY + name.hex
        with self._database.read() as tx:
            rows = tx.execute("SELECT wrapped FROM purpose_keys WHERE purpose = ?", (purpose,))
        return self._unwrap(bytes(rows[0][0]), purpose.encode()) if rows else None

    def drop_copies(self, but: UUID) -> None:
        """Destroy the keys of all copies but one."""
        with self._database.write() as tx:
            tx.execute(f"{_DROP_COPIES} AND purpose <> ?", (_COPY + but.hex,))

    # --- a secret for a purpose

    def shared_secret(self, purpose: str, length: int) -> bytes:
        """Return `length` random bytes for a purpose: the same in every process and at every start, stored wrapped."""
        return _derived(self._purpose_key(f"secret {purpose}"), purpose, length)

    def adopted_secret(self, purpose: str, value: bytes) -> bytes:
        """Return the secret stored for a purpose; `value` is stored, wrapped, if there is none."""
        name = f"adopted {purpose}"
        wrapped = self._encrypt(self._master, value, name.encode())
        with self._database.write() as tx:
            tx.execute(
                "INSERT INTO purpose_keys (purpose, wrapped) VALUES (?, ?) ON CONFLICT (purpose) DO NOTHING",
                (name, wrapped),
            )
            stored = bytes(tx.execute("SELECT wrapped FROM purpose_keys WHERE purpose = ?", (name,))[0][0])
        return self._unwrap(stored, name.encode())

    def check_secret(self, keys: SecretKeys) -> None:
        """Refuse a secret key with which this database was not used, unless it is the one after a renewal.

        Raises `WrongSecretKey`: links in all messages sent so far would be dead, and those of this process in others.
        """
        with self._database.write() as tx:
            tx.execute(
                "INSERT INTO master (name, fingerprint) VALUES ('secret', ?) ON CONFLICT (name) DO NOTHING",
                (keys.fingerprint,),
            )
            stored = bytes(tx.execute("SELECT fingerprint FROM master WHERE name = 'secret'")[0][0])
            if hmac.compare_digest(stored, keys.fingerprint):
                return
            previous = keys.previous_fingerprint
            if previous is None or not hmac.compare_digest(stored, previous):
                raise WrongSecretKey(
                    "This database is used with another secret key, and the links of all its messages would be dead: "
                    "set ALERTS_SECRET_KEY (or ALERTS_SECRET_KEY_FILE) to that one; after a renewal, the one before "
                    "stands in ALERTS_SECRET_KEY_PREVIOUS"
                )
            tx.execute("UPDATE master SET fingerprint = ? WHERE name = 'secret'", (keys.fingerprint,))

    def _purpose_key(self, purpose: str) -> bytes:
        """Return the key of a purpose, created if there is none; of two concurrent ones the first is kept."""
        wrapped = self._encrypt(self._master, self._random(_KEY), purpose.encode())
        with self._database.write() as tx:
            tx.execute(
                "INSERT INTO purpose_keys (purpose, wrapped) VALUES (?, ?) ON CONFLICT (purpose) DO NOTHING",
                (purpose, wrapped),
            )
            stored = bytes(tx.execute("SELECT wrapped FROM purpose_keys WHERE purpose = ?", (purpose,))[0][0])
        return self._unwrap(stored, purpose.encode())

    def renew_secret(self, purpose: str) -> None:
        """Replace a purpose's shared secret by a new one; the old one is gone."""
        name = f"secret {purpose}"
        wrapped = self._encrypt(self._master, self._random(_KEY), name.encode())
        with self._database.write() as tx:
            tx.execute(
                "INSERT INTO purpose_keys (purpose, wrapped) VALUES (?, ?) "
                "ON CONFLICT (purpose) DO UPDATE SET wrapped = excluded.wrapped",
                (name, wrapped),
            )

    def rewrap(self, new_master: bytes, progress: Callable[[int], None] = lambda done: None) -> int:
        """Wrap every key anew under another master key, in one transaction; return their number.

        A process that still has the old one is refused from here on. Raises `WrongMasterKey` if the new one is no key.
        """
        if len(new_master) != _KEY:
            raise WrongMasterKey("The new master key is not 32 bytes in base64: make one by `alerts keys master`")
        new, done = AESGCM(new_master), 0
        with self._database.write() as tx:
            self._check_master(tx)
            for table, column in (("subject_keys", "subject"), ("purpose_keys", "purpose")):
                rows = tx.execute(f"SELECT {column}, wrapped FROM {table} ORDER BY {column} LIMIT {_PAGE}")
                while rows:
                    renewed: list[tuple[bytes, bytes | str]] = []
                    for name, wrapped in rows:
                        key = str(name) if table == "purpose_keys" else bytes(name)
                        context = key.encode() if isinstance(key, str) else key
                        renewed.append((self._encrypt(new, self._unwrap(bytes(wrapped), context), context), key))
                    tx.executemany(f"UPDATE {table} SET wrapped = ? WHERE {column} = ?", renewed)
                    done += len(rows)
                    progress(done)
                    rows = tx.execute(
                        f"SELECT {column}, wrapped FROM {table} WHERE {column} > ? ORDER BY {column} LIMIT {_PAGE}",
                        (renewed[-1][1],),
                    )
            tx.execute("UPDATE master SET fingerprint = ? WHERE name = 'master'", (_fingerprint(new_master),))
        self._database.wipe_deleted()
        return done

    def _check_master(self, tx: BaseTransaction) -> None:
        """Refuse to wrap anything more once another process has renewed the master key."""
        stored = bytes(tx.execute("SELECT fingerprint FROM master WHERE name = 'master'")[0][0])
        if not hmac.compare_digest(stored, self._claimed):
            raise WrongMasterKey("The master key was renewed: stop this process and start it with the new one")

    # --- the cipher

    def _encrypt(self, cipher: AESGCM, plaintext: bytes, context: bytes) -> bytes:
        nonce = self._random(_NONCE)
        return nonce + cipher.encrypt(nonce, plaintext, context)

    def _unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return _decrypt(self._master, wrapped, context)


def _decrypt(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes:
    try:
        if len(sealed) >= _NONCE + _TAG:
            return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
    except InvalidTag:
        pass
    raise ValueError("sealed bytes were altered, or sealed for another")


def _pages(raws: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [raws[start : start + _PAGE] for start in range(0, len(raws), _PAGE)]


def _subjects(tx: BaseTransaction, table: str, raws: Sequence[bytes]) -> set[bytes]:
    rows = tx.execute(f"SELECT subject FROM {table} WHERE subject IN ({', '.join('?' * len(raws))})", raws)
    return {bytes(row[0]) for row in rows}


def _wrapped(tx: BaseTransaction, raws: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    marks = ", ".join("?" * len(raws))
    rows = tx.execute(f"SELECT subject, wrapped FROM subject_keys WHERE subject IN ({marks})", raws)
    return [(bytes(raw), bytes(wrapped)) for raw, wrapped in rows]
