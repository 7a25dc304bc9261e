"""How each push service does: one that fails again and again is left alone for a while, and the others go on."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from alerts.channels.message import SendResult
from alerts.providers.failover import CircuitBreaker, Health, State

STRIKES = 3
"""Failures in a row that one bad moment, or one device's own limit, does not explain."""
_KNOWN = 256
"""Services that are remembered; those that do well are forgotten first."""
_SHOWN = 20
_PROBED = 1.0
"""Seconds after which to ask again while another message finds out whether a service works."""


class PushServices:
    """By origin. `now` is a monotonic time in seconds; `health` may be called from any thread."""

    def __init__(self) -> None:
        self._members: dict[str, CircuitBreaker[None]] = {}
        self._lock = Lock()

    def try_start(self, origin: str, now: float) -> SendResult | None:
        """None if a message may go there, and then `ended` or `passed` must follow; else what becomes of it instead."""
        member = self._member(origin, now)
        if member.try_start(now):
            return None
        wait = member.wakes_in(now)
        if wait > 0:
            return SendResult(
                result="temporary", reason=f"{origin} rests after failures ({member.why})", retry_after=wait
            )
        return SendResult(result="not-begun", reason=f"{origin} is being tried again", retry_after=_PROBED)

    def ended(self, origin: str, handed: SendResult, now: float, *, status: int | None) -> None:
        """What came of it. `status`: of the service's answer, None without one."""
        member = self._member(origin, now)
        if status is None or status == 429 or status >= 500:
            member.failed(now, handed.reason, strikes=STRIKES, rest=handed.retry_after)
        else:
            member.succeeded(now)

    def abandon(self, origin: str, now: float) -> None:
        """Nothing was learnt."""
        self._member(origin, now).abandon()

    def apply_peer_health(self, resting: Mapping[str, str], now: float) -> None:
        """See `Heeding.heed`."""
        for origin, why in resting.items():
            self._member(origin, now).peer_unhealthy(now, why)

    def health(self, provider: str, now: float) -> Health:
        """As a whole, with those that do not do well."""
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
