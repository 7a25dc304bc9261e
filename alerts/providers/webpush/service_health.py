"""Circuit breakers per push service: one that fails repeatedly rests while the others continue."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from alerts.channels.message import SendResult
from alerts.providers.circuit_breaker import CircuitBreaker, State
from alerts.providers.failover import Health

STRIKES = 3
"""Failures in a row after which a service rests; fewer may be accidental, or the limit of one device."""
_KNOWN = 256
"""Maximum number of services remembered; healthy ones are dropped first."""
_SHOWN = 20
_PROBED = 1.0
"""Seconds until the next attempt while another message probes a service."""


class PushServices:
    """Circuit breakers by origin. `now` is a monotonic time in seconds; `health` may be called from any thread."""

    def __init__(self) -> None:
        self._members: dict[str, CircuitBreaker[None]] = {}
        self._lock = Lock()

    def try_start(self, origin: str, now: float) -> SendResult | None:
        """Begin a send. None if allowed, and then `ended` or `abandon` must follow; else the result to return."""
        member = self._member(origin, now)
        if member.try_start(now):
            return None
        wait = member.wakes_in(now)
        if wait > 0:
            return SendResult(
                result="not-begun", reason=f"{origin} rests after failures ({member.why})", retry_after=wait
            )
        return SendResult(result="not-begun", reason=f"{origin} is being tried again", retry_after=_PROBED)

    def ended(self, origin: str, handed: SendResult, now: float, *, status: int | None) -> None:
        """Record the outcome. `status` is that of the service's response, None without one."""
        member = self._member(origin, now)
        if status is None or status == 429 or status >= 500:
            member.failed(now, handed.reason, strikes=STRIKES, rest=handed.retry_after if status is not None else None)
        else:
            member.succeeded(now)

    def abandon(self, origin: str, now: float) -> None:
        """End a send without outcome."""
        self._member(origin, now).abandon()

    def apply_peer_health(self, resting: Mapping[str, str], now: float) -> None:
        """See `AcceptsPeerHealth.apply_peer_health`."""
        for origin, why in resting.items():
            self._member(origin, now).peer_unhealthy(now, why)

    def health(self, provider: str, now: float) -> Health:
        """Overall health, with the members that are not well."""
        with self._lock:
            members: Mapping[str, CircuitBreaker[None]] = dict(self._members)
        ailing = [member for member in members.values() if member.state(now) != "well"]
        state: State = "well"
        if ailing:
            resting = len(ailing) == len(members) and all(one.state(now) == "resting" for one in ailing)
            state = "resting" if resting else "limping"
        return Health(provider=provider, state=state, members=tuple(one.health(now) for one in ailing[:_SHOWN]))

    def _member(self, origin: str, now: float) -> CircuitBreaker[None]:
        member = self._members.get(origin)
        if member is None:
            with self._lock:
                if len(self._members) >= _KNOWN:
                    self._members = {k: m for k, m in self._members.items() if m.state(now) != "well"}
                member = self._members[origin] = CircuitBreaker(None, origin)
        return member
