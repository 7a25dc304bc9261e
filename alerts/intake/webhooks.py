"""A verified webhook's body → what the commands decide on. Raises Malformed or Invalid, every fault by its path."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Final

import msgspec

from alerts.commands.trigger import Asked, ParsedTrigger
from alerts.domain.words.bodies import IncidentBody, NoticeBody, ResolveBody, ServiceChangeBody
from alerts.domain.words.errors import Invalid
from alerts.intake import cap, strict_json

BODIES: Final[dict[str, type[IncidentBody | ResolveBody | ServiceChangeBody | NoticeBody]]] = {
    "incident.reported": IncidentBody,
    "incident.resolved": ResolveBody,
    "service-change.announced": ServiceChangeBody,
    "notice.requested": NoticeBody,
}
"""The types of a Standard Webhook, and what their `data` is: the API's own bodies."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Standard Webhook's body."""

    type: str
    data: dict[str, Any]
    timestamp: datetime | None = None


def standard_webhook(identifier: str, body: bytes) -> ParsedTrigger:
    """The trigger of a Standard Webhook whose `webhook-id` is `identifier`."""
    envelope = strict_json.read(body, Envelope)
    kind = BODIES.get(envelope.type)
    if kind is None:
        raise Invalid.field("type", f"unknown type {envelope.type[:80]!r}; known are {', '.join(BODIES)}")
    asked = strict_json.typed(envelope.data, kind, "data")
    if isinstance(asked, ResolveBody) and asked.source_ref is None:
        raise Invalid.field("data.source_ref", "is missing: it says which incident is over")
    return _trigger(identifier, envelope.type, body, asked)


def cap_message(body: bytes) -> ParsedTrigger:
    """The trigger of a CAP 1.2 message; its identity is sender, identifier and sent."""
    message = cap.parse(body)
    return _trigger(message.external_id, f"cap.{message.msg_type}", body, message)


def _trigger(identifier: str, kind: str, body: bytes, asked: Asked) -> ParsedTrigger:
    return ParsedTrigger(
        external_id=identifier,
        kind=kind,
        digest=hashlib.sha256(body).hexdigest(),
        body=body.decode("utf-8", "replace"),
        asked=asked,
    )
