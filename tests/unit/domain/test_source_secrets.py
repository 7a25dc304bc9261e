"""Secrets of a source: the old one is taken until its time, and only the last one is old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from alerts.domain.events import Policy, SourceConnected, SourceSecretRotated
from alerts.domain.reference_data import SourceState, evolve_source
from alerts.kernel.events import Event, Recorded

NOW = datetime(2026, 11, 23, 14, 32, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def folded(*rotations: Event) -> SourceState:
    """State after a connection with the secret `a`, and these rotations."""
    state: SourceState | None = None
    connected = SourceConnected(name="estates", kind="json", policy=Policy(), secret="a")
    for version, event in enumerate((connected, *rotations), start=1):
        recorded = Recorded(
            position=version, originator_id=UUID(int=1), originator_version=version, at=NOW, by="system", event=event
        )
        state = evolve_source(state, recorded)
    assert state is not None
    return state


def test_old_secret_is_taken_until_its_time() -> None:
    state = folded(SourceSecretRotated(secret="b", old_until=LATER))
    assert state.secrets(NOW) == ("b", "a") and state.secrets(LATER) == ("b",)


def test_rotation_without_a_time_ends_the_old_secret() -> None:
    assert folded(SourceSecretRotated(secret="b")).secrets(NOW) == ("b",)
    both = SourceSecretRotated(secret="b", old_until=LATER)
    assert folded(both, SourceSecretRotated(secret="b")).secrets(NOW) == ("b",)


def test_two_secrets_are_live_at_most() -> None:
    first, second = (SourceSecretRotated(secret=secret, old_until=LATER) for secret in "bc")
    assert folded(first, second).secrets(NOW) == ("c", "b")
