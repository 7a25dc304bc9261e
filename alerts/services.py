"""Services container: everything that web and operations receive, built and wired in `alerts.app.bootstrap`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from alerts.delivery_queue.promptness import Promptness
from alerts.delivery_queue.statistics import Totals
from alerts.eventlog.ports import Log, PublicCodec, Writer
from alerts.net.rate_limits import RateLimits
from alerts.observability.request_counts import Requests
from alerts.settings import Settings

if TYPE_CHECKING:
    from alerts.channels.message import Message, SendResult
    from alerts.channels.renderer import Renderer
    from alerts.commands import Commands
    from alerts.commands.console_sessions import ConsoleSessions
    from alerts.commands.fresh_links import FreshLinks
    from alerts.commands.sign_in_ways import SignInWays
    from alerts.commands.team_devices import TeamDevices
    from alerts.delivery_queue.queries import DispatchQueries
    from alerts.dispatch.alarms import Alarm, PastAlarm
    from alerts.dispatch.canary import CanaryState
    from alerts.dispatch.team_ways import TeamWays
    from alerts.explain.why import Explainer
    from alerts.gazetteer import PlaceLookup
    from alerts.projections import ReadModelQueries
    from alerts.projections.progress import ReadModels
    from alerts.providers.inbox import Inbox
    from alerts.providers.webpush.vapid import Vapid
    from alerts.webhooks.progress import WebhookQueries
    from subscribers.audience.projector import AudienceProjector
    from subscribers.directory import Directory


MailNow = Callable[["Message"], Awaitable["SendResult"]]
"""`Provider.send` of the channel by which team members sign in."""


@dataclass(frozen=True, slots=True)
class Services:
    """The services behind the pages and the API. All but `inbox` are always present."""

    settings: Settings
    clock: Callable[[], datetime]
    """Current time, aware, UTC."""
    log: Log
    writer: Writer
    codec: PublicCodec
    commands: Commands
    sessions: ConsoleSessions
    sign_in_ways: SignInWays
    team_devices: TeamDevices
    team_ways: TeamWays
    """Hands messages to team members over at once, past the queue."""
    """Sign-ins of the console."""
    fresh_links: FreshLinks
    """Proofs that somebody reads a contact point of a subscriber."""
    views: ReadModelQueries
    directory: Directory
    runner: ReadModels
    projector: AudienceProjector
    dispatch: DispatchQueries
    explainer: Explainer
    renderer: Renderer
    inbox: Inbox | None
    """None unless the public URL is a loopback address."""
    place_lookup: PlaceLookup
    """From what people type (postcode, name, position) to places; blocks."""
    vapid: Vapid
    """VAPID key pair: browsers subscribe with it, push services identify us by it."""
    webhooks: WebhookQueries
    """Outgoing webhooks and their progress."""
    reads: ThreadPoolExecutor
    """Executor for blocking reads: a few long-lived threads, since each reader keeps a connection."""
    unseal: Callable[[UUID, bytes], bytes | None] = lambda subject, sealed: None
    """Decrypts what is stored outside the log under a subject's key; None after an erasure. Blocks."""
    limits: RateLimits = field(default_factory=RateLimits)
    """Rate limits of each key and each source, in this process."""
    unverified: Counter[str] = field(default_factory=Counter)
    """Count of webhooks without a valid signature, by source; they are not logged one by one."""
    unmatched: Counter[str] = field(default_factory=Counter)
    """Count of receipts and texts without effect or of unknown senders, by provider; there is no event for them."""
    topics: frozenset[str] = frozenset()
    """All event types, for `GET /events?type=`."""
    version: str = ""
    projections: Callable[[], dict[str, int]] = dict
    """Position by projection."""
    providers: Callable[[], dict[str, Any]] = dict
    """Channel → description and health of its provider, for the status."""
    canaries: Callable[[], dict[str, CanaryState]] = dict
    """Channel → state of its canary; empty without testers. Blocks."""
    mail_now: MailNow | None = None
    """Hands a message to a team member over at once, past the queue; None without an e-mail provider."""
    alarms: Callable[[], tuple[Alarm, ...]] = tuple
    """Alarms that hold, as of this process's last check."""
    past_alarms: Callable[[], list[PastAlarm]] = list
    """Alarms of the last 90 days that are over, the latest first. Blocks."""
    promptness: Callable[[], Promptness] = Promptness
    """Shares of emergencies' messages that left in time. Blocks."""
    parked: Callable[[], int] = int
    """Count of parked events and audiences; `waiting` adds the webhooks."""
    totals: Callable[[], Totals] = Totals
    """Count of deliveries by outcome, for the metrics. Blocks."""
    urgent: Callable[[], bool] = bool
    """True while an emergency is being sent from this process."""
    requests: Requests = field(default_factory=Requests)
    """Counts of the web's requests, for the metrics."""

    def waiting(self) -> int:
        """Count of all parked items: webhooks, events and audiences. Blocks."""
        return self.parked() + self.views.parked_triggers()
