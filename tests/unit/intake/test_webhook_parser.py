"""Webhook bodies as typed triggers."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from alerts.intake import webhook_parser
from alerts.kernel.errors import Invalid


def envelope(**more: str) -> bytes:
    return msgspec.json.encode({"type": "incident.resolved", "data": {"source_ref": "x"}, **more})


def test_timestamp_of_the_envelope_is_the_time_of_the_message() -> None:
    parsed = webhook_parser.standard_webhook("id", envelope(timestamp="2026-03-01T13:00:00+01:00"))
    assert parsed.sent == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert webhook_parser.standard_webhook("id", envelope()).sent is None


def test_timestamp_without_an_offset_is_invalid() -> None:
    with pytest.raises(Invalid) as caught:
        webhook_parser.standard_webhook("id", envelope(timestamp="2026-03-01T13:00:00"))
    assert [fault.field for fault in caught.value.errors] == ["timestamp"]
