"""Sign-ins of the console: single-use links, and sessions as rows that end.

A link is signed and names the member and the version of their record, so that a change of role or a removal voids it;
its use is recorded in the writer's transaction, so that exactly one of many concurrent uses wins, across processes and
restarts. A session is a row under the hash of the cookie's secret: signing out, a removal, the idle limit and the
absolute limit end it for good.
"""

from __future__ import annotations

import base64
import secrets
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple
from uuid import UUID

from alerts.domain.reference_data import MemberState
from alerts.domain.streams import MEMBER
from alerts.eventlog.ports import Log, UnitOfWork, Writer
from alerts.kernel.errors import DomainError, NotFound
from alerts.kernel.ids import mac
from alerts.kernel.secret_keys import SecretKeys
from alerts.kernel.signed_tokens import SignInLink, read_sign_in_token, sign_in_token
from alerts.kernel.times import from_micros, micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_sql = load("alerts.commands", "console_sessions.sql")

_COOKIE = struct.Struct(">16sQ24s")
"""48 bytes: base64 needs no padding."""
LINK_LIFE = timedelta(minutes=15)
INVITATION_LIFE = timedelta(days=1)
"""Life of the link of a member who has never signed in."""
IDLE = timedelta(hours=1)
"""A session without a request for so long has ended."""
SESSION_LIFE = timedelta(hours=12)
"""A session ends then, however busy it is."""
FRESH = timedelta(minutes=15)
"""A sign-in counts as fresh proof of its member for so long: ways to sign in are changed only then."""
_SEEN_EVERY = timedelta(minutes=1)
"""Requests within this time after the last recorded one are not recorded."""

LinkFault = Literal["unknown", "expired", "used", "void"]


class LinkRefused(DomainError):
    """A sign-in link that does not work. `fault`: void is one from before a change of the member's role."""

    def __init__(self, fault: LinkFault) -> None:
        super().__init__(f"This sign-in link does not work: {fault}.")
        self.fault: LinkFault = fault


@dataclass(frozen=True, slots=True)
class NewLink:
    """A fresh sign-in link's token, and when it runs out."""

    token: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Activity:
    """Sign-ins of one member: open sessions, the last request of one, the last sign-in."""

    sessions: int = 0
    seen_at: datetime | None = None
    signed_in_at: datetime | None = None


class _SessionCookie(NamedTuple):
    """Content of a session's cookie: whose it is, when it ends at the latest, and 24 random bytes."""

    member: UUID
    ends: datetime
    nonce: bytes

    @classmethod
    def new(cls, member: UUID, ends: datetime) -> _SessionCookie:
        """Make the cookie of another session."""
        return cls(member, ends, secrets.token_bytes(24))

    @classmethod
    def parse(cls, text: str) -> _SessionCookie | None:
        """Parse a cookie; None if it has another form. It is genuine only if its row exists."""
        try:
            raw = base64.b64decode(text, altchars=b"-_", validate=True)
            member, ends, nonce = _COOKIE.unpack(raw)
            return cls(UUID(bytes=member), from_micros(ends), nonce)
        except (ValueError, OverflowError, struct.error):
            return None

    @property
    def payload(self) -> bytes:
        """Bytes of the cookie."""
        return _COOKIE.pack(self.member.bytes, micros(self.ends), self.nonce)

    @property
    def text(self) -> str:
        """The cookie's value: URL-safe, without padding."""
        return base64.urlsafe_b64encode(self.payload).decode()


class ConsoleSessions:
    """Links and sessions of the console, over the log's writer and side tables."""

    def __init__(
        self, writer: Writer, log: Log, database: Database, keys: SecretKeys, clock: Callable[[], datetime]
    ) -> None:
        """`keys` sign links and sessions; `clock` returns aware UTC."""
        self._writer, self._log, self._database = writer, log, database
        self._keys, self._clock = keys, clock

    # --- links

    def new_link(self, member: UUID) -> NewLink:
        """Create a sign-in link: 15 minutes, or a day for a member who has never signed in. Blocks.

        Raises NotFound if the member has no role.
        """
        state = self._log.state(MEMBER, member)
        if state is None or state.role is None:
            raise NotFound("There is no such team member.")
        with self._database.read() as tx:
            known = bool(tx.execute(_sql.last_sign_in, (member.bytes,)))
        expires = self._clock() + (LINK_LIFE if known else INVITATION_LIFE)
        link = SignInLink(member, state.version, expires, secrets.token_bytes(8))
        return NewLink(sign_in_token(self._keys, link), expires)

    def check_link(self, token: str) -> MemberState:
        """Return whom a link would sign in, without using it. Blocks. Raises LinkRefused."""
        link = self._link(token)
        with self._database.read() as tx:
            if tx.execute(_sql.link_used, (_digest(token),)):
                raise LinkRefused("used")
        return _bound(link, self._log.state(MEMBER, link.member))

    async def sign_in(self, token: str) -> str:
        """Use a link: record its use and open a session, in one transaction. Returns the cookie's secret.

        Raises LinkRefused.
        """
        link = self._link(token)
        cookie = _SessionCookie.new(link.member, self._clock() + SESSION_LIFE)

        def work(unit: UnitOfWork) -> None:
            if unit.read(_sql.link_used, (_digest(token),)):
                raise LinkRefused("used")
            _bound(link, unit.get(MEMBER, link.member))
            unit.write(_sql.drop_links, (micros(unit.now),))
            unit.write(_sql.use_link, (_digest(token), micros(link.expires)))
            self._open(unit, "link", cookie)

        await self._writer.run(work, by=f"person:{link.member}")
        return cookie.text

    def _link(self, token: str) -> SignInLink:
        link = read_sign_in_token(self._keys, token)
        if link is None:
            raise LinkRefused("unknown")
        if link.expires <= self._clock():
            raise LinkRefused("expired")
        return link

    # --- sessions

    async def open(self, member: UUID, how: str) -> str:
        """Open a session for a member whose identity was proved, by the way named in `how`.

        Returns the cookie's secret. Raises NotFound if the member has no role.
        """
        cookie = _SessionCookie.new(member, self._clock() + SESSION_LIFE)

        def work(unit: UnitOfWork) -> None:
            state = unit.get(MEMBER, member)
            if state is None or state.role is None:
                raise NotFound("There is no such team member.")
            self._open(unit, how, cookie)

        await self._writer.run(work, by=f"person:{member}")
        return cookie.text

    async def spend(self, token: str, member: UUID, life: timedelta) -> None:
        """Record the use of a token that lives for `life` at most, so that it works once. Raises LinkRefused."""

        def work(unit: UnitOfWork) -> None:
            if unit.read(_sql.link_used, (_digest(token),)):
                raise LinkRefused("used")
            unit.write(_sql.use_link, (_digest(token), micros(unit.now + life)))

        await self._writer.run(work, by=f"person:{member}")

    def find(self, cookie: str) -> tuple[MemberState, bool] | None:
        """Return the member of an open session, and whether its use is to be recorded by `see`. Blocks."""
        given, now = _SessionCookie.parse(cookie), self._clock()
        if given is None or now >= given.ends:
            return None
        with self._database.read() as tx:
            rows = tx.execute(_sql.session, (self._row(given),))
        if not rows:
            return None
        seen = from_micros(int(rows[0][3]))
        if now >= seen + IDLE:
            return None
        state = self._log.state(MEMBER, given.member)
        return None if state is None or state.role is None else (state, now >= seen + _SEEN_EVERY)

    def signed_in_at(self, cookie: str) -> datetime | None:
        """Return when the session of a cookie that `find` has accepted was opened; None for no cookie."""
        given = _SessionCookie.parse(cookie)
        return given.ends - SESSION_LIFE if given is not None else None

    async def see(self, cookie: str, member: UUID) -> None:
        """Record that a session was used. Without a database the page is shown nevertheless."""
        given = _SessionCookie.parse(cookie)
        if given is None:
            return
        at, digest = micros(self._clock()), self._row(given)
        with suppress(DomainError):
            await self._writer.run(lambda unit: unit.write(_sql.see, (at, digest, at)), by=f"person:{member}")

    async def close(self, cookie: str) -> None:
        """End a session: its cookie is refused from now on. Idempotent."""
        given = _SessionCookie.parse(cookie)
        if given is None:
            return
        digest = self._row(given)
        with self._database.read() as tx:
            rows = tx.execute(_sql.session, (digest,))
        if rows:
            await self._writer.run(lambda unit: unit.write(_sql.close, (digest,)), by=f"person:{given.member}")

    def _row(self, cookie: _SessionCookie) -> bytes:
        """Id of a session's row: a MAC over the cookie, so that nobody without the secret plants or changes one."""
        return mac(self._keys.key("console session"), cookie.payload)

    def _open(self, unit: UnitOfWork, how: str, cookie: _SessionCookie) -> None:
        now = micros(unit.now)
        unit.write(_sql.drop_ended, (now, micros(unit.now - IDLE)))
        unit.write(_sql.open, (self._row(cookie), cookie.member.bytes, how, now, now, micros(cookie.ends)))
        unit.write(_sql.signed_in, (cookie.member.bytes, now))

    def activity(self) -> dict[UUID, Activity]:
        """Sign-ins by member. Blocks."""
        now = self._clock()
        with self._database.read() as tx:
            last = tx.execute(_sql.last_sign_ins)
            rows = tx.execute(_sql.open_sessions, (micros(now), micros(now - IDLE)))
        open_ = {bytes(member): (int(count), from_micros(int(seen))) for member, count, seen in rows}
        found = {}
        for member, at in last:
            sessions, seen = open_.get(bytes(member), (0, None))
            found[UUID(bytes=bytes(member))] = Activity(sessions, seen, from_micros(int(at)))
        return found


def end_sessions(unit: UnitOfWork, member: UUID) -> None:
    """End every session of a member, in a command's transaction."""
    unit.write(_sql.close_all_of, (member.bytes,))


def _bound(link: SignInLink, state: MemberState | None) -> MemberState:
    """Return the member if their record is still the one for which the link was made. Raises LinkRefused."""
    if state is None or state.role is None or state.version != link.version:
        raise LinkRefused("void")
    return state


def _digest(secret: str) -> bytes:
    """Hash of a link's token, under which its use is stored: the table opens nothing."""
    return sha256(secret.encode("utf-8", "replace")).digest()
