"""A verified and parsed webhook: the input of `Commands.take_trigger`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.contract.bodies import IncidentBody, NoticeBody, ResolveBody, ServiceChangeBody
from alerts.contract.cap_message import CapMessage


@dataclass(frozen=True, slots=True)
class Unparsed:
    """A message that could not be interpreted; it is parked for a person, with the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoRequest:
    """A message that the source's mapping ignores."""


@dataclass(frozen=True, slots=True)
class Members:
    """A message with a list, of which each member is a trigger of its own. All are decided, or the whole is parked."""

    triggers: tuple[ParsedTrigger, ...]


Request = IncidentBody | ResolveBody | ServiceChangeBody | NoticeBody | CapMessage | Members | Unparsed | NoRequest


@dataclass(frozen=True, slots=True)
class ParsedTrigger:
    """A webhook that was verified and parsed.

    `external_id`: `webhook-id`, `CapMessage.external_id`, or the value of the mapping's `id`. `kind`: the webhook's
    type (`incident.reported`, …), `cap.Alert`, `cap.Update`, …, or `json` if no mapping could read it. `digest`:
    SHA-256 of the body, in hex. `body` is the body as text, `raw` its bytes in base64 if they are not that text in
    UTF-8; these and `content_type` are stored only if a person has to decide. `sent`: the time by which the messages
    about one subject are ordered (RULES 13); None for the order of acceptance. A CAP message has its own.
    """

    external_id: str
    kind: str
    digest: str
    body: str
    request: Request
    sent: datetime | None = None
    raw: str = ""
    content_type: str = ""
