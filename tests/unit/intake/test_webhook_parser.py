"""Webhook bodies as typed triggers."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from alerts.contract.cap_message import CapMessage
from alerts.domain.events import TriggerReceived
from alerts.intake import webhook_parser
from alerts.kernel.errors import Invalid
from tests.support.cap import alert, info


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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "iso-8859-1", "windows-1252"])
@pytest.mark.parametrize("declared", [True, False])
def test_parked_message_is_decided_again_from_the_bytes_that_came(encoding: str, declared: bool) -> None:
    name = {"utf-8-sig": "utf-8", "utf-16-le": "utf-16"}.get(encoding, encoding)
    text = alert(info(headline="Alerte levée: été")).decode()
    if declared:
        text = text.replace("?>", f' encoding="{name}"?>', 1)
    header = f"text/xml; charset={encoding}"
    first = webhook_parser.cap_message(text.encode(encoding), header)
    assert "levée" in first.body or encoding == "utf-16-le"
    parked = TriggerReceived(
        source="met",
        kind=first.kind,
        external_id="kept",
        state="parked",
        body=first.body,
        raw=first.raw,
        content_type=first.content_type,
    )
    again = webhook_parser.again("cap", None, parked)
    assert again.request == first.request and again.external_id == "kept"
    assert (again.digest, again.body, again.raw) == (first.digest, first.body, first.raw)
    assert isinstance(again.request, CapMessage)
    assert again.request.groups[0].content["en-GB"].title == "Alerte levée: été"


def test_parked_body_in_utf_8_is_stored_once() -> None:
    assert webhook_parser.cap_message(alert(info(headline="été"))).raw == ""
