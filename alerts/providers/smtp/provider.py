"""E-mail provider over the servers of ALERTS_SMTP_URL, with failover and optional DKIM signing.

A server that cannot be reached or is unavailable is skipped at once. If one lost the connection after the body began,
the message is in doubt: another attempt may cause a second copy, so that it waits for its retry time.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import parseaddr
from functools import lru_cache
from time import monotonic
from typing import Protocol

import msgspec

from alerts.channels.message import Message, SendResult
from alerts.kernel.domain_names import mailbox_to_ascii
from alerts.kernel.terms import Channel
from alerts.providers.circuit_breaker import CircuitBreaker
from alerts.providers.failover import FailoverPool, Health
from alerts.providers.smtp.client import SOON, STRIKES, DeadlineExceeded, SmtpClient, SmtpError, Target

__all__ = ["Signs", "SmtpProvider", "Target"]

_FORBIDDEN = re.compile(r"[\s<>\x00-\x1f\x7f]")
_MOMENT = 0.05
"""Polling interval in seconds while another message probes the only usable server."""
_NOT_BEGUN = SendResult(result="not-begun")
_NO_SERVER_S = 1.0
"""Seconds that a message waits at least when no server is to be had."""


class Signs(Protocol):
    """Port of the DKIM signer (`alerts.net.dkim.DkimSigner`)."""

    def signed(self, message: bytes) -> bytes:
        """Return the message with its signature prepended."""


class SmtpProvider:
    """Sends e-mail through the servers, see the module."""

    name = "smtp"
    channel: Channel = "email"

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        connections: int,
        signer: Signs | None = None,
        rng: Callable[[], float] = random.random,
    ) -> None:
        """At most `connections` to the servers with the greatest weight, to the others their part of it.

        A server that may take as many at once as a heavier one would get as much under load, whatever its weight. `rng`
        returns numbers in [0, 1).
        """
        if not targets:
            raise ValueError("SMTP needs at least one server")
        most = max(one.weight for one in targets)
        self._pool = FailoverPool(
            [
                CircuitBreaker(
                    SmtpClient(one, max(1, round(connections * one.weight / most))),
                    f"{one.host}:{one.port}",
                    one.weight,
                )
                for one in targets
            ],
            rng=rng,
        )
        self._signer = signer
        self._signing = ThreadPoolExecutor(2, thread_name_prefix="dkim") if signer is not None else None

    async def send(self, message: Message) -> SendResult:
        """See `Provider.send`."""
        if not _is_address(message.to):
            return SendResult(result="permanent", reason="this address cannot be written to a mail server")
        begun = monotonic()
        message = _enveloped(message)
        if self._signer is not None:
            message = await self._signed(message, self._signer)
        while True:
            outcome = await self._offer(message, begun)
            if outcome is not None:
                return outcome
            if monotonic() - begun > SOON:
                return _NOT_BEGUN
            await asyncio.sleep(_MOMENT)

    async def close(self) -> None:
        """See `Provider.close`."""
        for member in self._pool.members:
            await member.it.close()
        if self._signing is not None:
            self._signing.shutdown(wait=False)

    def apply_peer_health(self, resting: Mapping[str, str]) -> None:
        """See `AcceptsPeerHealth.apply_peer_health`."""
        self._pool.apply_peer_health(resting, monotonic())

    def health(self) -> Health:
        """See `ReportsHealth.health`."""
        return self._pool.health(self.name, monotonic())

    async def _signed(self, message: Message, signer: Signs) -> Message:
        """Sign as the last step, over the bytes that are sent.

        Runs in a thread: an RSA signature takes 0.3 ms during which other messages can be written.
        """
        signed = await asyncio.get_running_loop().run_in_executor(self._signing, signer.signed, message.data)
        return msgspec.structs.replace(message, data=signed)

    async def _offer(self, message: Message, begun: float) -> SendResult | None:
        """Try the servers in turn; None if the remaining ones are being probed by another message."""
        troubles, probed, reached = list[str](), False, False
        for member in self._in_order(message.urgent):
            if monotonic() - begun > SOON:
                return _NOT_BEGUN
            if not member.try_start(monotonic()):
                probed = True
                continue
            try:
                return await self._send_via(member, message)
            except DeadlineExceeded:
                return _NOT_BEGUN
            except SmtpError as trouble:
                troubles.append(trouble.why)
                reached = reached or trouble.reached
        now = monotonic()
        if not troubles and (probed or any(member.state(now) != "resting" for member in self._pool.members)):
            return None
        why = "; ".join(troubles) or "every mail server rests after failures"
        reason = f"no mail server could be reached ({why})"[:500]
        # Without an answer to the message it was no try (RULES 23): it waits for a server.
        wait = max(self._pool.wakes_in(now), _NO_SERVER_S)
        return SendResult(result="temporary" if reached else "not-begun", reason=reason, retry_after=wait, outage=True)

    async def _send_via(self, member: CircuitBreaker[SmtpClient], message: Message) -> SendResult:
        """Send through one server and record the outcome in its circuit breaker."""
        begun = monotonic()
        try:
            handed = await member.it.send(message)
        except SmtpError as trouble:
            member.failed(monotonic(), trouble.why, strikes=trouble.strikes)
            raise
        except BaseException:
            member.abandon()
            raise
        if handed.result == "in-doubt":
            member.failed(monotonic(), handed.reason, strikes=STRIKES)
        else:
            now = monotonic()
            member.succeeded(now, now - begun)
        return handed

    def _in_order(self, urgent: bool) -> list[CircuitBreaker[SmtpClient]]:
        """Selection order: servers with a free connection first, those that seem stalled last."""
        now = monotonic()
        drawn = self._pool.order(now, urgent=urgent)
        if len(drawn) < 2:
            return drawn
        return sorted(drawn, key=lambda member: (member.it.suspect(now), member.it.full))


def _is_address(address: str) -> bool:
    """Return True if the address cannot inject an SMTP command."""
    return "@" in address and _FORBIDDEN.search(address) is None


def _enveloped(message: Message) -> Message:
    """Reduce the envelope to bare addresses, with domains in A-labels."""
    return msgspec.structs.replace(message, to=mailbox_to_ascii(message.to), sender=_bare(message.sender))


@lru_cache(maxsize=16)
def _bare(sender: str) -> str:
    return mailbox_to_ascii(parseaddr(sender)[1])
