"""Texts by the providers of ALERTS_SMS_URL: drawn by weight and health, within their rates and today's budget.

A provider that cannot be reached, is busy (429) or broken (5xx) is passed over at once. One that took the message and
lost the answer leaves it in doubt: another try may bring a second copy, so that one waits for its time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Protocol

from alerts.channels.message import Message, SendResult
from alerts.kernel.errors import DomainError
from alerts.kernel.terms import Channel
from alerts.net.safe_client import SOON, ConnectFailed, RequestTimeout, SafeHttpClient, TargetError, TargetRefused
from alerts.net.token_bucket import TokenBucket
from alerts.providers.failover import CircuitBreaker, FailoverPool, Health
from alerts.providers.sms.gateway_api import FLAKY, GatewayApi, GatewayError

_CONNECT, _TOTAL = 3.0, 10.0
"""Seconds for a connection, and until the answer."""
_SUSPECT = 2.0
"""Seconds without an answer after which a provider is asked last, before a time limit says that it stalls."""
_NOT_BEGUN = SendResult(result="not-begun")
_USED_UP = SendResult(
    result="technical", reason="today's SMS budget (ALERTS_SMS_BUDGET) is used up; it begins anew at 00:00 UTC"
)


_ALARM_PART = 0.1
"""The part of the day's budget at which people are told, while there is still something left."""


class Quota(Protocol):
    """How many messages may leave today, by the name of the provider."""

    @property
    def daily(self) -> int:
        """How many a day, to each provider."""

    async def reserve(self, name: str) -> int | None:
        """Count one; the day it counts for, None if there is none left. Raises DomainError if it cannot be counted."""

    def refund(self, name: str, day: int) -> None:
        """One that was counted for that day did not leave."""

    def remaining(self, name: str) -> int:
        """How many are left today; from any thread."""

    async def close(self) -> None:
        """Give back what was reserved and not used."""


class Gateway:
    """One provider: its form, its connections, its rate, and what has not been answered yet."""

    def __init__(self, form: GatewayApi, client: SafeHttpClient, rate: float) -> None:
        """`rate`: messages a second."""
        self.form, self.client = form, client
        self.bucket = TokenBucket(rate, monotonic())
        self._out: dict[int, float] = {}
        self._last = 0

    def suspect(self, now: float) -> bool:
        """Whether an answer has been out for too long."""
        return bool(self._out) and now - next(iter(self._out.values())) > _SUSPECT

    async def post(self, message: Message, now: datetime) -> SendResult | GatewayError:
        """Ask it to take a message."""
        request = self.form.request(message, now)
        self._last += 1
        ticket = self._last
        self._out[ticket] = monotonic()
        try:
            answer = await self.client.post(request.url, request.body, request.headers)
        except RequestTimeout:
            return _NOT_BEGUN
        except ConnectFailed as error:
            return GatewayError(str(error))
        except TargetRefused as error:
            return GatewayError(str(error), final=True)
        except TargetError as error:
            return SendResult(result="in-doubt", reason=str(error))
        finally:
            del self._out[ticket]
        return self.form.answered(message, answer, now)


class SmsProvider:
    """Hands texts to the gateways; see the module."""

    channel: Channel = "sms"

    def __init__(
        self,
        members: Sequence[CircuitBreaker[Gateway]],
        *,
        name: str,
        rate: float,
        budget: Quota,
        prefixes: Sequence[str] = (),
        clock: Callable[[], datetime],
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`name`: the kinds of provider. `rate`: messages a second to each of them, by all processes together.
        `prefixes`: beginnings of the numbers that may be texted, none for any. `chance` gives numbers in [0, 1)."""
        self.name, self._rate, self._processes = name, rate, 1
        self._pool = FailoverPool(members, chance=chance)
        self._budget, self._prefixes, self._clock = budget, tuple(prefixes), clock

    async def send(self, message: Message) -> SendResult:
        """See `Provider.send`."""
        try:
            return await self._send(message)
        except DomainError as error:
            return SendResult(result="temporary", reason=f"today's texts could not be counted: {error}")

    async def _send(self, message: Message) -> SendResult:
        if self._prefixes and not message.to.startswith(self._prefixes):
            allowed = ", ".join(self._prefixes)
            return SendResult(result="permanent", reason=f"texts go to numbers that begin with {allowed} only")
        begun, troubles, spent, busy = monotonic(), [], 0, 0
        for member in self._in_order(message.urgent):
            bucket = member.it.bucket
            # One that seems to stall is no way out while another has only to wait for its rate.
            if (busy and member.it.suspect(monotonic())) or not bucket.take(monotonic()):
                busy += 1
                continue
            day = await self._budget.reserve(member.name)
            if day is None:
                bucket.refund()
                spent += 1
                continue
            if monotonic() - begun > SOON or not member.try_start(monotonic()):
                bucket.refund()
                self._budget.refund(member.name, day)
                busy += 1
                continue
            outcome = await self._hand(member, message, day)
            if isinstance(outcome, SendResult):
                return outcome
            troubles.append(outcome)
        if spent == len(self._pool.members):
            return _USED_UP
        if busy and (not troubles or monotonic() - begun > SOON):
            return _NOT_BEGUN
        return self._refused(troubles)

    async def close(self) -> None:
        """See `Provider.close`."""
        for member in self._pool.members:
            await member.it.client.close()
        await self._budget.close()

    def apply_peer_health(self, resting: Mapping[str, str]) -> None:
        """See `Heeding.heed`."""
        self._pool.apply_peer_health(resting, monotonic())

    def health(self) -> Health:
        """See `Watched.health`."""
        left = sum(self._budget.remaining(member.name) for member in self._pool.members)
        whole = self._budget.daily * len(self._pool.members)
        return self._pool.health(self.name, monotonic(), budget_left=left, alarm=_alarm(left, whole))

    def rate(self) -> float:
        """Messages a second that this process may hand over now."""
        now = monotonic()
        awake = sum(member.state(now) != "resting" and not member.it.suspect(now) for member in self._pool.members)
        return max(1, awake) * self._rate / self._processes

    def share_among(self, processes: int) -> None:
        """So many processes hand over, and share the rate."""
        self._processes = max(1, processes)
        for member in self._pool.members:
            member.it.bucket.rate = self._rate / self._processes

    def _in_order(self, urgent: bool) -> list[CircuitBreaker[Gateway]]:
        """One that seems to stall comes last: it may yet answer, and nothing has to find out."""
        now = monotonic()
        drawn = self._pool.order(now, urgent=urgent)
        return sorted(drawn, key=lambda member: member.it.suspect(now)) if len(drawn) > 1 else drawn

    async def _hand(self, member: CircuitBreaker[Gateway], message: Message, day: int) -> SendResult | GatewayError:
        """One gateway's outcome, with what it says of the gateway."""
        begun = monotonic()
        try:
            outcome = await member.it.post(message, self._clock())
        except BaseException:
            member.abandon()
            raise
        now = monotonic()
        if isinstance(outcome, GatewayError):
            self._budget.refund(member.name, day)
            member.failed(now, outcome.why, strikes=outcome.strikes, rest=outcome.rest)
            return GatewayError(f"{member.name}: {outcome.why}", rest=outcome.rest, final=outcome.final)
        if outcome.result == "in-doubt":
            member.failed(now, outcome.reason, strikes=FLAKY)
            return SendResult(result="in-doubt", reason=f"{member.name}: {outcome.reason}")
        if outcome.result == "not-begun":
            member.abandon()
            member.it.bucket.refund()
        else:
            member.succeeded(now, now - begun)
        if outcome.result != "sent":
            self._budget.refund(member.name, day)
        return outcome

    def _refused(self, troubles: Sequence[GatewayError]) -> SendResult:
        """Nobody took it. It is given up at once only if everybody was asked and trying again helps nowhere."""
        why = "; ".join(trouble.why for trouble in troubles) or "every SMS provider rests after failures"
        if len(troubles) == len(self._pool.members) and all(trouble.final for trouble in troubles):
            return SendResult(result="technical", reason=why)
        wait = self._pool.wakes_in(monotonic()) or None
        return SendResult(result="temporary", reason=f"no SMS provider took it ({why})"[:500], retry_after=wait)


def _alarm(left: int, whole: int) -> str:
    """The hard stop, and a word before it comes."""
    if whole and left <= 0:
        return f"today's SMS budget of {whole:,} is used up: no text leaves until 00:00 UTC, or raise ALERTS_SMS_BUDGET"
    if left <= _ALARM_PART * whole:
        return f"only {left:,} of today's {whole:,} texts are left (ALERTS_SMS_BUDGET)"
    return ""


def client(connections: int) -> SafeHttpClient:
    """For one gateway. It is the operator's own choice and may be private; each has its own, so that one that stalls
    takes no connection from another."""
    return SafeHttpClient(allow_private=True, connections=connections, connect_s=_CONNECT, total_s=_TOTAL, begin_s=SOON)
