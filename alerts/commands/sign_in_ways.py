"""Ways to sign in beside the mailed link: a password with one-time codes (argon2id, RFC 6238), and passkeys (WebAuthn).

A way is a row whose data are sealed for it. That one was added or removed is on record, without its secret.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec

from alerts.domain.events import SignInWayAdded, SignInWayRemoved
from alerts.domain.streams import MEMBER
from alerts.eventlog.ports import Log, UnitOfWork, Writer
from alerts.kernel.errors import Invalid, NotFound
from alerts.kernel.ids import new_id
from alerts.kernel.sealed_values import open_value, seal_value
from alerts.kernel.secret_keys import SecretKeys
from alerts.kernel.times import from_micros, micros, optional_from_micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_sql = load("alerts.commands", "sign_in_ways.sql")

WayKind = Literal["password", "passkey"]
LEAST, MOST = 12, 200
"""Characters of a password."""
_STEP_S = 30
_MOST_WAYS = 20


class PasswordData(msgspec.Struct, frozen=True):
    """Password with its one-time codes. `last_step`: of the last code that was used, so that none works twice."""

    hash: str
    secret: str
    last_step: int = 0


class PasskeyData(msgspec.Struct, frozen=True):
    """Passkey: the credential's id, its public key (COSE) and its counter."""

    credential: bytes
    public_key: bytes
    count: int = 0


class SignInWay(NamedTuple):
    """Way of a member to sign in."""

    id: UUID
    member: UUID
    kind: WayKind
    label: str
    data: PasswordData | PasskeyData
    made_at: datetime
    used_at: datetime | None
    sealed: str
    """Data as stored."""


class SignInWays:
    """Ways to sign in, over the log's writer and a side table."""

    def __init__(
        self, writer: Writer, log: Log, database: Database, keys: SecretKeys, clock: Callable[[], datetime]
    ) -> None:
        """`keys` seal what is stored; `clock` returns aware UTC."""
        self._writer, self._log, self._database = writer, log, database
        self._keys, self._clock = keys, clock
        self._nobody = ""

    def of(self, member: UUID) -> list[SignInWay]:
        """List a member's ways, oldest first. Blocks."""
        with self._database.read() as tx:
            rows = tx.execute(_sql.of_member, (member.bytes,))
        return [way for row in rows if (way := self._way(row)) is not None]

    def passkey(self, credential: bytes) -> SignInWay | None:
        """Find a passkey by its credential's id. Blocks."""
        with self._database.read() as tx:
            rows = tx.execute(_sql.one, (_passkey_id(credential).bytes,))
        way = self._way(rows[0]) if rows else None
        return way if way is not None and way.kind == "passkey" else None

    async def set_password(self, member: UUID, password: str, secret: str, code: str) -> None:
        """Set a password with its one-time codes, instead of an earlier one.

        `secret`: base32, as shown to the person. Raises Invalid for a weak password or a code that does not fit.
        """
        state = await asyncio.to_thread(self._log.state, MEMBER, member)
        check_password(password, (state.email or "", state.name or "") if state else ())
        step = _step_of(secret, code, self._clock())
        if step is None:
            raise Invalid.field("code", "That is not the code. Wait for the next one, and check the phone's clock.")
        hashed = await asyncio.to_thread(_hash, password)
        data = PasswordData(hashed, secret, step)

        def work(unit: UnitOfWork) -> None:
            unit.write(_sql.drop_kind, (member.bytes, "password"))
            self._add(unit, new_id(), member, "password", "Password and one-time code", data)

        await self._writer.run(work, by=f"person:{member}")

    async def by_password(self, member: UUID | None, password: str, code: str) -> bool:
        """True if this is the member's password with the code of now; a code works once.

        Takes as long for nobody as for somebody.
        """
        ways = await asyncio.to_thread(self.of, member) if member is not None else []
        way = next((one for one in ways if one.kind == "password"), None)
        data = way.data if way is not None and isinstance(way.data, PasswordData) else None
        right = await asyncio.to_thread(_verified, data.hash if data else await self._dummy(), password[:MOST])
        step = _step_of(data.secret, code, self._clock()) if data else None
        if way is None or data is None or not right or step is None or step <= data.last_step:
            return False
        return await self._used(way, msgspec.structs.replace(data, last_step=step))

    async def add_passkey(self, member: UUID, label: str, data: PasskeyData) -> None:
        """Add a passkey. Raises Invalid if there are too many, or if it is somebody's already."""

        def work(unit: UnitOfWork) -> None:
            if len(unit.read(_sql.of_member, (member.bytes,))) >= _MOST_WAYS:
                raise Invalid.field("label", f"You have {_MOST_WAYS} ways to sign in: remove one first.")
            id = _passkey_id(data.credential)
            if unit.read(_sql.one, (id.bytes,)):
                raise Invalid.field("label", "This passkey is there already.")
            self._add(unit, id, member, "passkey", label, data)

        await self._writer.run(work, by=f"person:{member}")

    async def used_passkey(self, way: SignInWay, count: int) -> bool:
        """Record the use of a passkey; False if it was used or removed in the meantime."""
        assert isinstance(way.data, PasskeyData)
        return await self._used(way, msgspec.structs.replace(way.data, count=count))

    async def remove(self, member: UUID, id: UUID) -> None:
        """Remove one way of a member. Raises NotFound."""

        def work(unit: UnitOfWork) -> None:
            rows = [row for row in unit.read(_sql.of_member, (member.bytes,)) if bytes(row[0]) == id.bytes]
            if not rows or unit.get(MEMBER, member) is None:
                raise NotFound("There is no such way to sign in: it was removed already.")
            unit.write(_sql.drop, (id.bytes, member.bytes))
            unit.append(MEMBER, member, SignInWayRemoved(kind=str(rows[0][2]), label=str(rows[0][3])))

        await self._writer.run(work, by=f"person:{member}")

    def _add(
        self, unit: UnitOfWork, id: UUID, member: UUID, kind: WayKind, label: str, data: PasswordData | PasskeyData
    ) -> None:
        state = unit.get(MEMBER, member)
        if state is None or state.role is None:
            raise NotFound("There is no such team member.")
        sealed = seal_value(self._keys, _purpose(id, member, kind), data)
        unit.write(_sql.add, (id.bytes, member.bytes, kind, label, sealed, micros(unit.now)))
        unit.append(MEMBER, member, SignInWayAdded(kind=kind, label=label))

    async def _used(self, way: SignInWay, data: PasswordData | PasskeyData) -> bool:
        """Store changed data, unless another use was first: of two at once one wins."""
        sealed = seal_value(self._keys, _purpose(way.id, way.member, way.kind), data)
        won = False

        def work(unit: UnitOfWork) -> None:
            nonlocal won
            rows = unit.read(_sql.one, (way.id.bytes,))
            won = bool(rows) and str(rows[0][4]) == way.sealed
            if won:
                unit.write(_sql.use, (sealed, micros(unit.now), way.id.bytes, way.sealed))

        await self._writer.run(work, by=f"person:{way.member}")
        return won

    def _way(self, row: Any) -> SignInWay | None:
        """Open a row; None for one that was not sealed here for its place."""
        id, member, kind = UUID(bytes=bytes(row[0])), UUID(bytes=bytes(row[1])), str(row[2])
        shape: type[PasswordData | PasskeyData] = PasswordData if kind == "password" else PasskeyData
        data = open_value(self._keys, _purpose(id, member, kind), shape, str(row[4]))
        if data is None or kind not in ("password", "passkey"):
            return None
        known: WayKind = "password" if kind == "password" else "passkey"
        return SignInWay(
            id, member, known, str(row[3]), data, from_micros(int(row[5])), optional_from_micros(row[6]), str(row[4])
        )

    async def _dummy(self) -> str:
        if not self._nobody:
            self._nobody = await asyncio.to_thread(_hash, "nobody has this password")
        return self._nobody


def new_secret() -> str:
    """Make the secret of one-time codes: 160 bits, base32."""
    import pyotp  # only where people sign in

    return pyotp.random_base32()


def check_password(password: str, own: tuple[str, ...]) -> None:
    """Refuse a password that is too short, too long, or made of the member's own name. Raises Invalid."""
    if len(password) < LEAST:
        raise Invalid.field("password", f"Use at least {LEAST} characters: three or four words are easy to remember.")
    if len(password) > MOST:
        raise Invalid.field("password", f"Use at most {MOST} characters.")
    parts = {part for text in own for part in text.casefold().replace("@", " ").split() if len(part) > 3}
    rest = password.casefold()
    for part in parts:
        rest = rest.replace(part, "")
    if len(set(rest)) < 5:
        raise Invalid.field("password", "This is too easy to guess: use words that have nothing to do with you.")


def end_ways(unit: UnitOfWork, member: UUID) -> None:
    """Remove every way of a member, in a command's transaction."""
    unit.write(_sql.drop_all, (member.bytes,))


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step of a one-time code, of now or of the step before or after; None for a wrong one."""
    import pyotp

    digits = "".join(char for char in code if char.isdigit())
    if len(digits) != 6:
        return None
    totp = pyotp.TOTP(secret)
    current = int(now.timestamp()) // _STEP_S
    steps = (current, current - 1, current + 1)
    return next((step for step in steps if hmac.compare_digest(totp.at(step * _STEP_S), digits)), None)


def _hash(password: str) -> str:
    """Hash a password by argon2id, with the library's own parameters (RFC 9106, low memory)."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)


def _verified(hashed: str, password: str) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import VerificationError

    try:
        return PasswordHasher().verify(hashed, password)
    except VerificationError:
        return False


def _passkey_id(credential: bytes) -> UUID:
    return UUID(bytes=sha256(credential).digest()[:16])


def _purpose(id: UUID, member: UUID, kind: str) -> str:
    return f"sign-in way {id} {member} {kind}"
