"""A webhook that a door has verified and read: what `Commands.take_trigger` decides on."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.domain.words.bodies import IncidentBody, NoticeBody, ResolveBody, ServiceChangeBody
from alerts.domain.words.cap import CapMessage

Asked = IncidentBody | ResolveBody | ServiceChangeBody | NoticeBody | CapMessage


@dataclass(frozen=True, slots=True)
class ParsedTrigger:
    """One webhook.

    `external_id`: `webhook-id`, or `CapMessage.external_id`. `kind`: the webhook's type (`incident.reported`, …) or
    `cap.Alert`, `cap.Update`, …. `digest`: SHA-256 of the body, in hex. `body` is kept only if a person has to decide.
    """

    external_id: str
    kind: str
    digest: str
    body: str
    asked: Asked
