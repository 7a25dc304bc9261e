"""Ways to tell a team member something at once, past the delivery queue: their sign-in address, and their browsers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from alerts.channels.message import Message, Provider, SendResult
from alerts.domain.reference_data import MemberState
from alerts.kernel.ids import new_id
from alerts.kernel.terms import SIGN_IN_CHANNEL, Channel

_log = logging.getLogger(__name__)
Render = Callable[[Channel, str, str], Message]
"""Function (channel, address, delivery) → the message for that way."""
DEVICE_CHANNEL: Channel = "push"


class TeamDevice(NamedTuple):
    """Browser of a member that shows the team's notifications. `address`: the push subscription as JSON."""

    id: UUID
    member: UUID
    label: str
    address: str


class MemberDevices(Protocol):
    """Port to the team's browsers."""

    def of(self, member: UUID) -> Sequence[TeamDevice]:
        """List a member's browsers. Blocks."""
        ...

    async def forget(self, device: TeamDevice) -> None:
        """Remove a browser that gave its subscription up."""
        ...

    async def may_ask(self, device: TeamDevice) -> float:
        """Return 0 if a browser may be asked now, by this process; else the seconds that it waits after a failure."""
        ...

    async def asked(self, device: TeamDevice, *, took: bool, wait: float = 0.0) -> None:
        """Record whether a browser took a message; `wait`: seconds that its push service asked for."""
        ...


class TeamWay(NamedTuple):
    """Way to one member. `device` is None for the sign-in address."""

    member: UUID
    channel: Channel
    address: str
    device: TeamDevice | None = None


class TeamWays:
    """Hands messages to members over. Used within one event loop; `of` may be called from any thread."""

    def __init__(self, providers: Mapping[Channel, Provider], devices: MemberDevices) -> None:
        """`providers`: those of this process; a channel without one is no way."""
        self._providers, self._devices = providers, devices

    def of(self, members: Sequence[MemberState]) -> list[TeamWay]:
        """List the ways to these members that a provider serves. Blocks."""
        ways = [TeamWay(one.id, SIGN_IN_CHANNEL, one.email) for one in members if one.email]
        devices = [device for one in members for device in self._devices.of(one.id)]
        ways += [TeamWay(device.member, DEVICE_CHANNEL, device.address, device) for device in devices]
        return [way for way in ways if way.channel in self._providers]

    async def send(self, way: TeamWay, render: Render, name: str) -> SendResult:
        """Hand one message over; `name` begins its delivery id.

        A browser that gave itself up is forgotten. One that failed is asked after growing waits: until then the result
        is `temporary`, with the rest of the wait.
        """
        provider = self._providers.get(way.channel)
        if provider is None:
            return SendResult(result="technical", reason=f"no provider for {way.channel}")
        if way.device is not None and (wait := await self._devices.may_ask(way.device)):
            return SendResult(result="temporary", reason="this device failed: it waits", retry_after=wait)
        result = await provider.send(render(way.channel, way.address, f"{name}-{new_id().hex}"))
        if way.device is not None and not result.retire:
            await self._record(way.device, result)
        if result.retire and way.device is not None:
            await self._devices.forget(way.device)
        elif result.result != "sent":
            _log.warning("a member could not be told by %s: %s", way.channel, result.reason or result.result)
        return result

    async def _record(self, device: TeamDevice, result: SendResult) -> None:
        """Record an answer. What has left has left: an error here must not have it sent again."""
        try:
            await self._devices.asked(device, took=result.result == "sent", wait=result.retry_after or 0.0)
        except Exception:
            _log.exception("whether a member's device took a message could not be recorded")
