"""Browsers of team members that show the team's notifications (Web Push).

A browser is a row whose push subscription is sealed for it. That one was added or removed is on record, without its
address. A browser belongs to one member: whoever adds it last on a shared computer. One that takes nothing is asked
after growing waits; they are in its row, so that all processes keep to them.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any
from uuid import UUID

from alerts.channels import push
from alerts.channels.descriptor import AddressRules, EndpointRule
from alerts.contract.bodies import PushBody
from alerts.dispatch.team_ways import TeamDevice
from alerts.domain.events import TeamDeviceAdded, TeamDeviceRemoved
from alerts.domain.streams import MEMBER
from alerts.eventlog.ports import UnitOfWork, Writer
from alerts.kernel.errors import Invalid, NotFound
from alerts.kernel.sealed_values import open_value, seal_value
from alerts.kernel.secret_keys import SecretKeys
from alerts.kernel.signed_tokens import read_team_device_token, team_device_token
from alerts.kernel.times import micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_sql = load("alerts.commands", "team_devices.sql")
MOST = 10
"""Browsers of one member."""
FIRST_S, LONGEST_S = 10.0, 3_600.0
"""First wait after a failure, which doubles each time, and the longest."""


class TeamDevices:
    """Browsers of the team, over the log's writer and a side table."""

    def __init__(self, writer: Writer, database: Database, keys: SecretKeys, endpoints: EndpointRule) -> None:
        """`keys` seal what is stored; `endpoints` accepts or refuses push services."""
        self._writer, self._database, self._keys, self._rules = writer, database, keys, AddressRules((), endpoints)

    def of(self, member: UUID) -> list[TeamDevice]:
        """List a member's browsers, oldest first. Blocks."""
        with self._database.read() as tx:
            rows = tx.execute(_sql.of_member, (member.bytes,))
        return [device for row in rows if (device := self._device(row)) is not None]

    def token(self, device: TeamDevice) -> str:
        """Return the token by which a browser renews itself, and nothing else; "" if it is gone. Blocks."""
        with self._database.read() as tx:
            rows = tx.execute(_sql.origin, (device.id.bytes, device.member.bytes))
        return team_device_token(self._keys, device.member, UUID(bytes=bytes(rows[0][0]))) if rows else ""

    async def renew(self, token: str, body: PushBody) -> str | None:
        """Take over the subscription that a browser made anew; the token for the next time.

        None if the token is none of the team's, or its browser was removed. Raises Invalid.
        """
        named = read_team_device_token(self._keys, token)
        if named is None:
            return None
        (member, origin), fresh = named, _id(body.endpoint)
        address = push.parse_address(body, "", self._rules)

        def work(unit: UnitOfWork) -> bool:
            rows = unit.read(_sql.of_origin, (origin.bytes, member.bytes))
            taken = unit.read(_sql.one, (fresh.bytes,))
            if not rows or any(bytes(row[1]) != member.bytes for row in taken):
                return False
            for row in (rows[0], *taken):
                unit.write(_sql.drop, (bytes(row[0]),))
            sealed = seal_value(self._keys, _purpose(fresh, member), address)
            unit.write(_sql.add, (fresh.bytes, member.bytes, str(rows[0][2]), sealed, int(rows[0][4]), origin.bytes))
            return True

        renewed = (await self._writer.run(work, by=f"person:{member}")).result
        return team_device_token(self._keys, member, origin) if renewed else None

    async def may_ask(self, device: TeamDevice) -> float:
        """See `MemberDevices.may_ask`."""
        if not await asyncio.to_thread(self._waits, device):
            return 0.0

        def work(unit: UnitOfWork) -> float:
            now = micros(unit.now)
            for failures, retry_at in unit.read(_sql.waits, (device.id.bytes,)):
                if int(retry_at) > now:
                    return (int(retry_at) - now) / 1e6
                until = now + _wait(int(failures))
                if not unit.read(_sql.claim, (until, device.id.bytes, now)):
                    return FIRST_S  # another process asks it at this moment
            return 0.0

        return (await self._writer.run(work, by="system")).result

    async def asked(self, device: TeamDevice, *, took: bool, wait: float = 0.0) -> None:
        """See `MemberDevices.asked`."""

        def work(unit: UnitOfWork) -> None:
            rows = [(int(one), int(at)) for one, at in unit.read(_sql.waits, (device.id.bytes,))]
            failures = rows[0][0] if rows else 0
            if took and failures:
                unit.write(_sql.worked, (device.id.bytes,))
            elif not took:
                until = micros(unit.now) + max(_wait(failures + 1), int(min(wait, LONGEST_S) * 1e6))
                unit.write(_sql.failed, (until, device.id.bytes, failures))

        if not took or await asyncio.to_thread(self._waits, device):
            await self._writer.run(work, by="system")

    def _waits(self, device: TeamDevice) -> bool:
        """True if a browser has failed and has not taken anything since. Blocks."""
        with self._database.read() as tx:
            return bool(tx.execute(_sql.waits, (device.id.bytes,)))

    async def add(self, member: UUID, label: str, body: PushBody) -> TeamDevice:
        """Add a browser, or renew its keys. Raises Invalid."""
        address = push.parse_address(body, "", self._rules)
        device = TeamDevice(_id(body.endpoint), member, label, address)

        def work(unit: UnitOfWork) -> None:
            state = unit.get(MEMBER, member)
            if state is None or state.role is None:
                raise NotFound("There is no such team member.")
            own = [row for row in unit.read(_sql.of_member, (member.bytes,)) if bytes(row[0]) != device.id.bytes]
            if len(own) >= MOST:
                raise Invalid.field("devices", f"You have {MOST} devices here: remove one first.")
            sealed = seal_value(self._keys, _purpose(device.id, member), address)
            for row in unit.read(_sql.one, (device.id.bytes,)):
                _drop(unit, row)
            unit.write(_sql.add, (device.id.bytes, member.bytes, label, sealed, micros(unit.now), device.id.bytes))
            unit.append(MEMBER, member, TeamDeviceAdded(label=label))

        await self._writer.run(work, by=f"person:{member}")
        return device

    async def remove(self, member: UUID, id: UUID) -> None:
        """Remove one browser of a member, also if it has renewed itself since its id was shown. Raises NotFound."""

        def work(unit: UnitOfWork) -> None:
            rows = [row for row in unit.read(_sql.one, (id.bytes,)) if bytes(row[1]) == member.bytes]
            rows = rows or list(unit.read(_sql.of_origin, (id.bytes, member.bytes)))
            if not rows:
                raise NotFound("There is no such device: it was removed already.")
            _drop(unit, rows[0])

        await self._writer.run(work, by=f"person:{member}")

    async def forget(self, device: TeamDevice) -> None:
        """See `MemberDevices.forget`."""

        def work(unit: UnitOfWork) -> None:
            for row in unit.read(_sql.one, (device.id.bytes,)):
                known = self._device(row)
                if known is not None and known.address == device.address:  # it may have come back with fresh keys
                    _drop(unit, row)

        await self._writer.run(work, by="system")

    def _device(self, row: Any) -> TeamDevice | None:
        """Open a row; None for one that was not sealed here for its place."""
        id, member = UUID(bytes=bytes(row[0])), UUID(bytes=bytes(row[1]))
        address = open_value(self._keys, _purpose(id, member), str, str(row[3]))
        return None if address is None else TeamDevice(id, member, str(row[2]), address)


def end_devices(unit: UnitOfWork, member: UUID) -> None:
    """Remove every browser of a member, in a command's transaction."""
    unit.write(_sql.drop_all, (member.bytes,))


def _drop(unit: UnitOfWork, row: Any) -> None:
    member = UUID(bytes=bytes(row[1]))
    unit.write(_sql.drop, (bytes(row[0]),))
    if unit.get(MEMBER, member) is not None:
        unit.append(MEMBER, member, TeamDeviceRemoved(label=str(row[2])))


def _wait(failures: int) -> int:
    """Microseconds after which a browser that failed so often in a row is asked again."""
    return int(min(FIRST_S * 2 ** min(failures - 1, 20), LONGEST_S) * 1e6)


def _id(endpoint: str) -> UUID:
    return UUID(bytes=sha256(endpoint.encode()).digest()[:16])


def _purpose(id: UUID, member: UUID) -> str:
    return f"team device {id} {member}"
