"""How the API shows outgoing webhooks."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from alerts.domain.events import Json
from alerts.web.http.responses import Accepted, JsonResponse
from alerts.webhooks.progress import WebhookStatus


class WebhookTaken(Accepted, frozen=True, kw_only=True):
    """A webhook was added; its secret is told here and nowhere else."""

    secret: str


class Webhook(JsonResponse, frozen=True, kw_only=True):
    """An outgoing webhook and how it does. `position`: all wanted events up to there are taken by the target."""

    id: UUID
    version: int
    url: str
    events: tuple[str, ...]
    area: list[Json] | None
    state: str
    """on, failing (tried again at `next_try`), disabled."""
    reason: str
    position: int
    failing_since: datetime | None
    next_try: datetime | None
    last_taken_at: datetime | None
    added_at: datetime

    @classmethod
    def of(cls, standing: WebhookStatus) -> Webhook:
        """From its state and its row."""
        webhook = standing.webhook
        failing = webhook.phase == "on" and standing.tries > 0
        return cls(
            id=webhook.id,
            version=webhook.version,
            url=webhook.url,
            events=webhook.events,
            area=webhook.area,
            state="failing" if failing else webhook.phase,
            reason=webhook.reason or standing.reason,
            position=standing.position,
            failing_since=standing.failing_since,
            next_try=standing.due_at,
            last_taken_at=standing.taken_at,
            added_at=webhook.added_at,
        )
