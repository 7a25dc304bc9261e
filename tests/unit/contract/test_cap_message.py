"""Identity of a CAP message."""

from __future__ import annotations

import pytest

from alerts.contract.cap_message import cap_message_id


@pytest.mark.parametrize("sent", ["2026-03-01T12:00:00-00:00", "2026-03-01T12:00:00.0Z", "2026-03-01T13:00:00+01:00"])
def test_one_instant_is_one_message_however_it_is_written(sent: str) -> None:
    assert cap_message_id((" met ", "A", sent)) == cap_message_id(("met", "A", "2026-03-01T12:00:00-00:00"))
    assert cap_message_id(("met", "A", sent)) != cap_message_id(("met", "A", "2026-03-01T12:00:01-00:00"))
