"""Browsers of team members that show the team's notifications (Web Push).

A browser is a row whose push subscription is sealed for it. That one was added or removed is on record, without its
address. A browser belongs to one member: whoever adds it last on a shared computer.
"""

from __future__ import annotations

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
from alerts.kernel.times import micros
from alerts.storage.named_queries import load
from alerts.storage.ports import Database

_sql = load("alerts.commands", "team_devices.sql")
MOST = 10
"""Browsers of one member."""


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
            unit.write(_sql.add, (device.id.bytes, member.bytes, label, sealed, micros(unit.now)))
            unit.append(MEMBER, member, TeamDeviceAdded(label=label))

        await self._writer.run(work, by=f"person:{member}")
        return device

    async def remove(self, member: UUID, id: UUID) -> None:
        """Remove one browser of a member. Raises NotFound."""

        def work(unit: UnitOfWork) -> None:
            rows = [row for row in unit.read(_sql.one, (id.bytes,)) if bytes(row[1]) == member.bytes]
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


def _id(endpoint: str) -> UUID:
    return UUID(bytes=sha256(endpoint.encode()).digest()[:16])


def _purpose(id: UUID, member: UUID) -> str:
    return f"team device {id} {member}"
