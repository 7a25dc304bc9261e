"""Webhook parser: body of a verified webhook → `ParsedTrigger`.

Raises Malformed or Invalid with every error by path.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import datetime
from email.message import Message as EmailMessage
from typing import TYPE_CHECKING, Any

import msgspec

from alerts.contract.bodies import TRIGGER_BODIES, Json, ResolveBody
from alerts.contract.trigger_request import Members, NoRequest, ParsedTrigger, Request, Unparsed
from alerts.domain.events import TriggerReceived
from alerts.intake import cap_reader, safe_xml, strict_json
from alerts.kernel.errors import Invalid
from alerts.kernel.texts import BODY, TITLE, cut, fit
from alerts.kernel.time_limits import fault_of

if TYPE_CHECKING:
    from alerts.intake import json_mapping
    from alerts.intake.json_path import EvaluationBudget

IDENTIFIER = 200
"""Longest identifier that is stored unhashed."""


class WebhookPayload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of a Standard Webhook."""

    type: str
    data: dict[str, Any]
    timestamp: datetime | None = None


def standard_webhook(identifier: str, body: bytes) -> ParsedTrigger:
    """Parse a Standard Webhook; `identifier` is its `webhook-id`."""
    envelope = strict_json.read(body, WebhookPayload)
    if envelope.type not in TRIGGER_BODIES:
        raise Invalid.field("type", f"unknown type {envelope.type[:80]!r}; known are {', '.join(TRIGGER_BODIES)}")
    if fault := fault_of(envelope.timestamp) if envelope.timestamp else None:
        raise Invalid.field("timestamp", fault)
    parsed = _trigger(identifier, envelope.type, body, _typed(envelope.type, envelope.data))
    return replace(parsed, sent=envelope.timestamp)


def cap_message(body: bytes, content_type: str = "") -> ParsedTrigger:
    """Parse a CAP 1.2 message; its identity is sender, identifier and sent."""
    charset = _charset(content_type)
    message = cap_reader.parse(body, charset)
    kind = f"cap.{message.msg_type}"
    text = safe_xml.text_of(body, charset)
    return _trigger(message.external_id, kind, body, message, text=text, content_type=content_type)


def mapped(mapping: Json, identifier: str, body: bytes) -> ParsedTrigger:
    """Parse any JSON by a source's mapping; `identifier` is its `webhook-id`, "" for a bearer's.

    A body that the mapping cannot read becomes `Unparsed`: the sender cannot correct it, the owner of the mapping can.
    """
    from alerts.intake import json_mapping  # JMESPath: only where such sources are
    from alerts.intake.json_path import EvaluationBudget, Unmapped

    value = strict_json.parse(body)
    read = json_mapping.mapping_of(mapping)
    work = EvaluationBudget()
    if read.each is None:
        return _mapped_one(read, identifier, value, body, work)
    try:
        members = []
        for index, member in enumerate(read.members(value, work)):
            where = f"{read.each.text}[{index}]"
            one = _mapped_one(read, "", member, msgspec.json.encode(member), work)
            if isinstance(one.request, Unparsed):
                raise Unmapped(f"{where}: {one.request.reason}")
            members.append(one)
        request: Request = Members(tuple(members))
    except Unmapped as error:
        request = Unparsed(str(error))
    return _trigger(_identity(identifier, body), "json", body, request)


def _mapped_one(
    read: json_mapping.Mapping, identifier: str, value: Any, body: bytes, work: EvaluationBudget
) -> ParsedTrigger:
    from alerts.intake import json_mapping
    from alerts.intake.json_path import Unmapped

    kind = "json"
    asked: Request
    try:
        identifier = identifier or read.identity(value, work)
        found = read.apply(value, work)
        kind = found.kind
        asked = NoRequest() if kind == json_mapping.IGNORE else _typed(kind, _fitted(found.data))
    except Unmapped as error:
        asked = Unparsed(str(error))
    except Invalid as error:
        asked = Unparsed(f"{kind}: {error.message}")
    return _trigger(_identity(identifier, body), kind, body, asked)


def _fitted(data: Json) -> Json:
    """Cut the texts of mapped data to their limits: the program does not know them, and a warning is not refused for
    its length."""
    for title, body in (("headline", "description"), ("title", "body")):
        line, words = data.get(title), data.get(body)
        if (
            isinstance(line, str)
            and isinstance(words, str | None)
            and max(len(line) - TITLE, len(words or "") - BODY) > 0
        ):
            data[title], data[body] = fit(line, words or "")
    if isinstance(instruction := data.get("instruction"), str):
        data["instruction"] = cut(instruction, BODY)
    for by_language in (data.get("content"), data.get("all_clear")):
        for content in by_language.values() if isinstance(by_language, dict) else ():
            if isinstance(content, dict):
                _fitted(content)
    return data


def _identity(identifier: str, body: bytes) -> str:
    """Return an identifier, hashed if it is long; the body's hash if there is none."""
    if len(identifier) > IDENTIFIER:
        return f"sha256:{hashlib.sha256(identifier.encode()).hexdigest()}"
    return identifier or f"sha256:{hashlib.sha256(body).hexdigest()}"


def again(kind: str, mapping: Json | None, parked: TriggerReceived) -> ParsedTrigger:
    """Parse a parked trigger again, from the bytes that came, under its existing identity.

    Raises Malformed or Invalid.
    """
    external_id = parked.external_id
    raw = base64.b64decode(parked.raw) if parked.raw else parked.body.encode()
    if kind == "json":
        return replace(mapped(mapping or {}, external_id, raw), content_type=parked.content_type)
    parsed = cap_message(raw, parked.content_type) if kind == "cap" else standard_webhook(external_id, raw)
    return replace(parsed, external_id=external_id)


def _typed(kind: str, data: dict[str, Any]) -> Request:
    asked = strict_json.typed(data, TRIGGER_BODIES[kind], "data")
    if isinstance(asked, ResolveBody) and asked.source_ref is None:
        raise Invalid.field("data.source_ref", "is missing: it says which incident is over")
    return asked


def _charset(content_type: str) -> str | None:
    header = EmailMessage()
    header["Content-Type"] = content_type or "application/xml"
    return header.get_content_charset()


def _trigger(
    identifier: str, kind: str, body: bytes, asked: Request, *, text: str | None = None, content_type: str = ""
) -> ParsedTrigger:
    words = body.decode("utf-8", "replace") if text is None else text
    return ParsedTrigger(
        external_id=identifier,
        kind=kind,
        digest=hashlib.sha256(body).hexdigest(),
        body=words,
        request=asked,
        raw="" if words.encode() == body else base64.b64encode(body).decode(),
        content_type=content_type,
    )
