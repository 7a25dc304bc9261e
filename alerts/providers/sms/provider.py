"""Text message provider over the gateways of ALERTS_SMS_URL, with failover, rate limits and a daily quota.

A gateway that cannot be reached, is busy (429) or broken (5xx) is skipped at once. If one received the message but the
response was lost, the message is in doubt: another attempt may cause a second copy, so that it waits for its retry
time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Literal, Protocol

from alerts.channels.message import Message, SendResult
from alerts.kernel.errors import DomainError
from alerts.kernel.terms import Channel
from alerts.net.safe_client import SOON, ConnectFailed, RequestTimeout, SafeHttpClient, TargetError, TargetRefused
from alerts.net.token_bucket import TokenBucket
from alerts.providers.circuit_breaker import CircuitBreaker
from alerts.providers.failover import FailoverPool, Health
from alerts.providers.sms.gateway_api import FLAKY, GatewayApi, GatewayError

_CONNECT, _TOTAL = 3.0, 10.0
"""Time limits in seconds for a connection and for the response."""
_SUSPECT = 2.0
"""Seconds without a response after which a gateway is tried last, before a time limit declares it stalled."""
_NOT_BEGUN = SendResult(result="not-begun")
_NO_GATEWAY_S = 1.0
"""Seconds that a text waits at least when no gateway is to be had."""
_USED_UP = SendResult(
    result="not-begun",
    reason="today's SMS budget (ALERTS_SMS_BUDGET) is used up; it begins anew at 00:00 UTC",
    retry_after=300.0,
)


_ALARM_PART = 0.1
"""Share of the daily quota below which an alarm is raised, while some is left."""


class Quota(Protocol):
    """Daily message quota by provider name."""

    @property
    def daily(self) -> int:
        """Messages per day, to each provider."""

    async def reserve(self, name: str) -> int | None:
        """Reserve one message; returns the day it counts for, None if the quota is used up.

        Raises DomainError if it cannot be counted.
        """

    def refund(self, name: str, day: int) -> None:
        """Return a reservation of that day that was not used."""

    def remaining(self, name: str) -> int:
        """Messages left today; may be called from any thread."""

    async def close(self) -> None:
        """Return all unused reservations."""


class Gateway:
    """Gateway client: API, connections, rate limit and requests in flight."""

    def __init__(self, form: GatewayApi, client: SafeHttpClient, rate: float) -> None:
        """`rate` is in messages per second."""
        self.form, self.client = form, client
        self.bucket = TokenBucket(rate, monotonic())
        self._out: dict[int, float] = {}
        self._last = 0

    def suspect(self, now: float) -> bool:
        """True if the oldest request in flight has waited too long for a response."""
        return bool(self._out) and now - next(iter(self._out.values())) > _SUSPECT

    async def post(self, message: Message, now: datetime) -> SendResult | GatewayError:
        """Submit a message to the gateway."""
        request = self.form.request(message, now)
        self._last += 1
        ticket = self._last
        self._out[ticket] = monotonic()
        try:
            answer = await self.client.post(request.url, request.body, request.headers)
        except RequestTimeout:
            return _NOT_BEGUN
        except ConnectFailed as error:
            return GatewayError(str(error), reached=False)
        except TargetRefused as error:
            return GatewayError(str(error), final=True)
        except TargetError as error:
            return SendResult(result="in-doubt", reason=str(error), outage=True)
        finally:
            del self._out[ticket]
        return self.form.answered(message, answer, now)


class SmsProvider:
    """Sends text messages through the gateways, see the module."""

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
        rng: Callable[[], float] = random.random,
    ) -> None:
        """Configure the provider.

        `name`: the kinds of provider. `rate`: messages per second to each of them, by all processes together.
        `prefixes`: allowed number prefixes, empty for any. `rng` returns numbers in [0, 1).
        """
        self.name, self._rate, self._processes = name, rate, 1
        self._pool = FailoverPool(members, rng=rng)
        self._budget, self._prefixes, self._clock = budget, tuple(prefixes), clock

    async def send(self, message: Message) -> SendResult:
        """See `Provider.send`."""
        try:
            return await self._send(message)
        except DomainError as error:
            return SendResult(
                result="not-begun", reason=f"today's texts could not be counted: {error}", retry_after=1.0
            )

    async def _send(self, message: Message) -> SendResult:
        if self._prefixes and not message.to.startswith(self._prefixes):
            allowed = ", ".join(self._prefixes)
            return SendResult(result="permanent", reason=f"texts go to numbers that begin with {allowed} only")
        begun, troubles, spent, busy = monotonic(), [], 0, 0
        for member in self._in_order(message.urgent):
            bucket = member.it.bucket
            # A gateway that seems stalled is no alternative while another is only waiting for its rate limit.
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
            outcome = await self._send_via(member, message, day)
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
        """See `AcceptsPeerHealth.apply_peer_health`."""
        self._pool.apply_peer_health(resting, monotonic())

    def health(self) -> Health:
        """See `ReportsHealth.health`."""
        left = sum(self._budget.remaining(member.name) for member in self._pool.members)
        whole = self._budget.daily * len(self._pool.members)
        return self._pool.health(self.name, monotonic(), budget_left=left, alarm=_alarm(left, whole))

    def rate(self) -> float:
        """Messages per second that this process may send at present."""
        now = monotonic()
        awake = sum(member.state(now) != "resting" and not member.it.suspect(now) for member in self._pool.members)
        return max(1, awake) * self._rate / self._processes

    def share_among(self, processes: int) -> None:
        """Share the rate among this number of sending processes."""
        self._processes = max(1, processes)
        for member in self._pool.members:
            member.it.bucket.rate = self._rate / self._processes

    def _in_order(self, urgent: bool) -> list[CircuitBreaker[Gateway]]:
        """Selection order, with gateways that seem stalled last: they may still answer, and need no probe."""
        now = monotonic()
        drawn = self._pool.order(now, urgent=urgent)
        return sorted(drawn, key=lambda member: member.it.suspect(now)) if len(drawn) > 1 else drawn

    async def _send_via(self, member: CircuitBreaker[Gateway], message: Message, day: int) -> SendResult | GatewayError:
        """Send through one gateway and record the outcome in its circuit breaker."""
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
            return GatewayError(
                f"{member.name}: {outcome.why}", rest=outcome.rest, final=outcome.final, reached=outcome.reached
            )
        if outcome.result == "in-doubt":
            member.failed(now, outcome.reason, strikes=FLAKY)
            return SendResult(result="in-doubt", reason=f"{member.name}: {outcome.reason}", outage=outcome.outage)
        if outcome.result == "not-begun":
            member.abandon()
            member.it.bucket.refund()
        else:
            member.succeeded(now, now - begun)
        if outcome.result != "sent":
            self._budget.refund(member.name, day)
        return outcome

    def _refused(self, troubles: Sequence[GatewayError]) -> SendResult:
        """Result if no gateway accepted: final only if all were tried and none can succeed on a retry."""
        why = "; ".join(trouble.why for trouble in troubles) or "every SMS provider rests after failures"
        if len(troubles) == len(self._pool.members) and all(trouble.final for trouble in troubles):
            return SendResult(result="technical", reason=why)
        # Without an answer to the message it was no try (RULES 23): it waits for a provider.
        result: Literal["temporary", "not-begun"] = "temporary" if any(t.reached for t in troubles) else "not-begun"
        wait = max(self._pool.wakes_in(monotonic()), _NO_GATEWAY_S)
        return SendResult(result=result, reason=f"no SMS provider took it ({why})"[:500], retry_after=wait, outage=True)


def _alarm(left: int, whole: int) -> str:
    """Alarm text for a quota that is used up or nearly so."""
    if whole and left <= 0:
        return f"today's SMS budget of {whole:,} is used up: no text leaves until 00:00 UTC, or raise ALERTS_SMS_BUDGET"
    if left <= _ALARM_PART * whole:
        return f"only {left:,} of today's {whole:,} texts are left (ALERTS_SMS_BUDGET)"
    return ""


def client(connections: int) -> SafeHttpClient:
    """HTTP client for one gateway.

    Its address is configured by the operator and may be private. Each gateway has its own client, so that a stalled one
    takes no connection from another.
    """
    return SafeHttpClient(allow_private=True, connections=connections, connect_s=_CONNECT, total_s=_TOTAL, begin_s=SOON)
