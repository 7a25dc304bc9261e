"""A webhook that a door has verified and read: what `Commands.take_trigger` decides on."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.contract.bodies import IncidentBody, NoticeBody, ResolveBody, ServiceChangeBody
from alerts.contract.cap_message import CapMessage


@dataclass(frozen=True, slots=True)
class Unparsed:
    """What nobody could make sense of: it waits for a person, with the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoRequest:
    """What the source's mapping says to let pass."""


Request = IncidentBody | ResolveBody | ServiceChangeBody | NoticeBody | CapMessage | Unparsed | NoRequest


@dataclass(frozen=True, slots=True)
class ParsedTrigger:
    """One webhook.

    `external_id`: `webhook-id`, `CapMessage.external_id`, or what the `id` of a mapping names. `kind`: the webhook's
    type (`incident.reported`, …), `cap.Alert`, `cap.Update`, …, or `json` for what no mapping could read. `digest`:
    SHA-256 of the body, in hex. `body` is kept only if a person has to decide.
    """

    external_id: str
    kind: str
    digest: str
    body: str
    request: Request
