"""What the web is given: every part it calls, built and joined elsewhere (`alerts.app.bootstrap`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from alerts.delivery_queue.statistics import Totals
from alerts.eventlog.ports import Log, Writer
from alerts.kernel.events import Recorded
from alerts.net.rate_limits import Limits
from alerts.observability.request_counts import Requests
from alerts.settings import Settings

if TYPE_CHECKING:
    from alerts.channels.renderer import Renderer
    from alerts.commands import Commands
    from alerts.delivery_queue.queries import DispatchQueries
    from alerts.dispatch.canary import CanaryState
    from alerts.explain.why import Explainer
    from alerts.projections import ReadModels
    from alerts.providers.inbox import Inbox
    from alerts.providers.webpush.vapid import Vapid
    from alerts.webhooks.progress import WebhookQueries
    from subscribers.audience.projector import AudienceProjector
    from subscribers.directory import Directory


class PublicCodec(Protocol):
    """What the event feed needs of the codec."""

    def public(self, recorded: Recorded) -> dict[str, Any]:
        """An event's data as JSON-able values, personal fields left out."""


class Runner(Protocol):
    """What reads need of the projections' runner."""

    def position(self) -> int:
        """The log position that every read model has reached."""

    def wait(self, position: int, timeout: float) -> bool:
        """Block until `position` is reached or the time (seconds) is up; whether it is reached."""

    async def reached(self, position: int, timeout: float) -> bool:
        """The same, awaited."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything behind the pages and the API. All but `inbox` is always there."""

    settings: Settings
    clock: Callable[[], datetime]
    """The time now, aware, UTC."""
    log: Log
    writer: Writer
    codec: PublicCodec
    commands: Commands
    views: ReadModels
    directory: Directory
    runner: Runner
    follower: AudienceProjector
    dispatch: DispatchQueries
    explainer: Explainer
    renderer: Renderer
    inbox: Inbox | None
    """None wherever the public URL is not a loopback address."""
    vapid: Vapid
    """What browsers subscribe with, and push services know us by."""
    webhooks: WebhookQueries
    """Outgoing webhooks, and how far each has come."""
    reads: ThreadPoolExecutor
    """Where blocking reads run: few threads that live as long as the process, since readers keep a connection each."""
    limits: Limits = field(default_factory=Limits)
    """How often each key and each source may come, in this process."""
    unverified: Counter[str] = field(default_factory=Counter)
    """Webhooks that nobody signed, by source: counted, never logged one by one."""
    unmatched: Counter[str] = field(default_factory=Counter)
    """Receipts and texts that said nothing new, or of nobody we know, by provider: counted, no event."""
    topics: frozenset[str] = frozenset()
    """Every event type there is, for `GET /events?type=`."""
    version: str = ""
    projections: Callable[[], dict[str, int]] = dict
    """Position by projection."""
    providers: Callable[[], dict[str, Any]] = dict
    """Channel → what its provider is and how it does, for the status."""
    canaries: Callable[[], dict[str, CanaryState]] = dict
    """Channel → how its tester fares; empty without testers. Blocks."""
    parked: Callable[[], int] = int
    """How many events and audiences could not be carried out; `waiting` counts the webhooks too."""
    totals: Callable[[], Totals] = Totals
    """What became of all deliveries, for the metrics. Blocks."""
    urgent: Callable[[], bool] = bool
    """Whether an emergency is going out of this process."""
    requests: Requests = field(default_factory=Requests)
    """What the web has answered, for the metrics."""

    def waiting(self) -> int:
        """How many things wait for a person: parked webhooks, and what could not be carried out. Blocks."""
        return self.parked() + self.views.parked_triggers()
