"""Composition root: the only place where components are built and wired."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Literal, cast
from uuid import UUID

import msgspec

from alerts.app.alarm_assembly import assemble_alarms, assemble_attention, signs_of_life
from alerts.app.catalogue import CATALOGUE
from alerts.app.dispatch_assembly import assemble_worker
from alerts.app.event_keys import event_authenticator
from alerts.app.periodic_jobs import ALARMS, CANARIES, DUE, periodic_jobs
from alerts.app.renew_keys import VAPID
from alerts.app.schema import migrate_all, migrations_folder, pending_migrations
from alerts.channels.registry import WRITABLE
from alerts.channels.renderer import Renderer
from alerts.channels.sms import home_prefixes
from alerts.commands import Commands
from alerts.commands.console_sessions import ConsoleSessions
from alerts.commands.fresh_links import FreshLinks
from alerts.commands.sign_in_ways import SignInWays
from alerts.commands.team_devices import TeamDevices
from alerts.delivery_queue import provider_health
from alerts.delivery_queue.daily_quota import DailyQuota
from alerts.delivery_queue.promptness import promptness
from alerts.delivery_queue.queries import DispatchQueries
from alerts.delivery_queue.statistics import totals
from alerts.dispatch.alarms import past_alarms
from alerts.dispatch.attention import AttentionWatch
from alerts.dispatch.canary import Canaries
from alerts.dispatch.canary import states as canary_states
from alerts.dispatch.fanout import LOCK as FAN_OUT_LOCK
from alerts.dispatch.fanout import FanOut
from alerts.dispatch.personal_content import SenderProfile
from alerts.dispatch.retry_policy import RetryPolicy
from alerts.dispatch.team_ways import TeamWays
from alerts.dispatch.wakeup import Wakeup
from alerts.dispatch.worker import Worker
from alerts.domain.streams import REPORT
from alerts.eventlog.application import EventStoreApplication
from alerts.eventlog.codec import Codec
from alerts.eventlog.integrity.merkle import SECRET_BYTES as PROOF_BYTES
from alerts.eventlog.integrity.merkle import CheckpointSigner as ProofSigner
from alerts.eventlog.integrity.prover import Prover
from alerts.eventlog.log import EventLog
from alerts.eventlog.writer import GroupCommitWriter
from alerts.explain.why import Explainer
from alerts.gazetteer import PlaceLookup, RegisteredPlaces
from alerts.kernel.errors import NotFound, Unavailable
from alerts.kernel.ids import parse_delivery_id
from alerts.kernel.terms import SIGN_IN_CHANNEL, Channel
from alerts.kernel.times import utc_now
from alerts.net.push_endpoints import Endpoints
from alerts.net.safe_client import SafeHttpClient
from alerts.observability import log_setup
from alerts.projections import ReadModelQueries, projections
from alerts.projections.rebuild import rebuild
from alerts.projections.runner import ProjectionRunner
from alerts.providers.factory import providers
from alerts.providers.failover import ReportsHealth
from alerts.providers.inbox import Inbox
from alerts.providers.resources import ProviderResources
from alerts.providers.webpush.vapid import SECRET_BYTES, Vapid
from alerts.scheduler.due_items import DuePoll
from alerts.services import Services
from alerts.settings import Settings
from alerts.storage.base import BaseDatabase, Part
from alerts.storage.connect import connect
from alerts.storage.generations import LiveViews
from alerts.storage.leader_election import AdvisoryLockLeader
from alerts.webhooks.progress import WebhookQueries
from alerts.webhooks.sender import WebhookSender
from subscribers.addresses import Addresses, original_key
from subscribers.audience.checkpoint import CheckpointStore
from subscribers.audience.index import AudienceColumns
from subscribers.audience.projector import AudienceProjector
from subscribers.audience.reference_data import ReferenceData
from subscribers.domain.subscriber import SUBSCRIBER
from subscribers.vault import Vault

Role = Literal["web", "worker", "scheduler"]
PROOF_SECRET = "proofs"  # nosec B105: no password
"""Purpose, in the vault, of the secret that signs the log's proofs."""
_ASK_FOR_FAN_OUT = 0.3
"""Seconds between tries for the fan-out's lock, while another process holds it."""
_READERS = 4
"""Threads for the web's blocking reads: each keeps a connection."""


def build(settings: Settings, roles: Collection[str] = (), *, clock: Callable[[], datetime] = utc_now) -> App:
    """Build one process, not yet started. Without roles it reads and takes commands, and sends nothing.

    On SQLite the schema is migrated here; on PostgreSQL `alerts migrate` does it, and without it this raises
    Unavailable. The caller holds the lock.
    """
    log_setup.configure(settings)
    if settings.on_sqlite:
        migrate_all(settings)
    elif waiting := pending_migrations(settings):
        raise Unavailable(f"the database is not up to date ({', '.join(waiting)} wait): run `alerts migrate` first")
    return App(settings, roles, clock)


class App:
    """Process of the product. `start` and `stop` it in one event loop."""

    def __init__(
        self,
        settings: Settings,
        roles: Collection[str],
        clock: Callable[[], datetime],
        checkpoints: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """`checkpoints`: options of the audience's checkpoint store."""
        self.settings, self._roles, self._clock = settings, frozenset(roles), clock
        self._closing = ExitStack()
        self._winding: asyncio.Task[None] | None = None
        main, keys = self._open("main"), self._open("keys")
        self._fan_out_leader = AdvisoryLockLeader(main, FAN_OUT_LOCK, every=_ASK_FOR_FAN_OUT)
        self._closing.callback(self._fan_out_leader.release)
        self.main, self._folder = main, migrations_folder(main, "views")
        self.vault = Vault(keys, settings.master_key)
        self.vault.check_secret(settings.secret_key)
        address_key = self.vault.adopted_secret("addresses", original_key(settings.secret_key.original()))
        authenticator = event_authenticator(main, self.vault)
        codec = Codec(CATALOGUE, self.vault, authenticator)
        application = EventStoreApplication(main, codec)
        self.log = EventLog(application)
        self._closing.callback(self.log.close)
        self.writer = GroupCommitWriter(application, clock, flush_keys=self.vault.flush, grown=self.log.notify_appended)
        self._closing.callback(self.writer.close)
        proof_secret = partial(self.vault.shared_secret, PROOF_SECRET, PROOF_BYTES)
        self._prover = Prover(
            self.log, main, keys, lambda: ProofSigner(proof_secret()), clock, authenticator.is_genuine
        )
        views = LiveViews(settings.database_url, main, self._folder)
        self._closing.callback(views.close)
        self.runner = ProjectionRunner(self.log, views, projections(), clock)
        self.views = ReadModelQueries(views, self.runner, self.vault)
        self.wakeup = Wakeup()
        self._checkpoints = CheckpointStore(self.log, views, self.vault, **checkpoints)
        self.projector = self._build_projector(views)
        self.dispatch = DispatchQueries(main)
        self.place_lookup = PlaceLookup(RegisteredPlaces(self.views, settings.default_language))
        endpoints = Endpoints(settings.push_hosts, allow_private=settings.allow_private_targets, own=settings.inbox_url)
        self.commands = Commands(
            writer=self.writer,
            log=self.log,
            database=main,
            addresses=Addresses(address_key),
            audience=self.projector,
            erase_key=self._erase,
            clock=clock,
            default_language=settings.default_language,
            timezone=settings.timezone,
            endpoints=endpoints,
            sms_prefixes=settings.sms_prefixes or home_prefixes(settings.timezone),
            postcodes=self.place_lookup.postcodes,
            seal=self.vault.seal,
        )
        self.inbox = self._open_inbox()
        self.vapid = Vapid(partial(self.vault.shared_secret, VAPID, SECRET_BYTES), settings.vapid_subject, clock=clock)
        self.providers, self._concurrency = providers(
            ProviderResources(
                settings=settings,
                clock=clock,
                quota=DailyQuota(main, self.writer, settings.sms_budget, clock=clock),
                vapid=self.vapid,
                inbox=self.inbox,
                writer=self.writer,
                seal=self.vault.seal,
            )
        )
        self._renderer = Renderer(sender=settings.sender, clock=clock, default_language=settings.default_language)
        self._worker = self.build_worker() if "worker" in self._roles else None
        self._canaries = (
            Canaries(main, self.writer, self.providers, settings.canary, sender=settings.sender, clock=clock)
            if self._worker is not None
            else None
        )
        self._webhooks = self._build_webhooks(codec) if "worker" in self._roles else None
        due = DuePoll(main, self.commands.fire, clock=clock) if "scheduler" in self._roles else None
        team_devices = TeamDevices(self.writer, main, settings.secret_key, endpoints)
        team_ways = TeamWays(self.providers, team_devices)
        self._watch, watch = assemble_alarms(
            main,
            self.writer,
            self.views,
            self.projector.reference_data,
            team_ways,
            self._provider_states,
            settings=settings,
            clock=clock,
        )
        attention = assemble_attention(
            AttentionWatch(self.views, self.dispatch, self.runner, self._provider_states, clock=clock),
            main,
            self.writer,
            self.projector.reference_data,
            team_ways,
            self._watch.alarms,
            settings=settings,
            clock=clock,
        )
        self._jobs = periodic_jobs(
            due=due,
            worker=self._worker,
            canaries=self._canaries if settings.canary else None,
            webhooks=self._webhooks,
            checkpoints=self._checkpoints,
            prover=self._prover if self._roles else None,
            alarms=watch if self._roles else None,
            attention=attention if self._roles else None,
            beats=signs_of_life(main, self._roles, self._worker, due, clock=clock),
            forget_asked=self.commands.forget_asked_addresses if "scheduler" in self._roles else None,
            yearly_mails=self.commands.send_yearly_mails if "scheduler" in self._roles else None,
        )
        self.services = Services(
            settings=settings,
            clock=clock,
            log=self.log,
            writer=self.writer,
            codec=codec,
            commands=self.commands,
            sessions=ConsoleSessions(self.writer, self.log, main, settings.secret_key, clock),
            sign_in_ways=SignInWays(self.writer, self.log, main, settings.secret_key, clock),
            team_devices=team_devices,
            team_ways=team_ways,
            fresh_links=FreshLinks(self.log, settings.secret_key, clock),
            views=self.views,
            directory=self.views.directory,
            runner=self.runner,
            projector=self.projector,
            dispatch=self.dispatch,
            explainer=Explainer(self.log, self.views, self.dispatch),
            renderer=self._renderer,
            inbox=self.inbox,
            place_lookup=self.place_lookup,
            webhooks=WebhookQueries(main, self.log),
            vapid=self.vapid,
            unseal=self.vault.unseal,
            reads=ThreadPoolExecutor(_READERS, thread_name_prefix="reads"),
            topics=frozenset(CATALOGUE.events),
            version=version("community-alerts"),
            projections=self.runner.positions,
            providers=self._provider_states,
            canaries=lambda: canary_states(main, settings.canary, clock()),
            mail_now=None if (mail := self.providers.get(SIGN_IN_CHANNEL)) is None else mail.send,
            alarms=self._watch.alarms,
            past_alarms=lambda: past_alarms(main, clock() - timedelta(days=90), 20),
            promptness=lambda: promptness(main, clock()),
            parked=self._parked,
            totals=partial(totals, main),
            urgent=self._worker.is_urgent if self._worker is not None else bool,
        )

    # --- life ---

    async def start(self, *, counting: bool = True) -> None:
        """Start following the log and, by role, sending and firing due items.

        Without `counting`, a process such as an import does not load the audience into memory.
        """
        self.runner.start()
        if counting or self._roles:
            self.projector.start()
        await self.commands.define_built_in_topics()
        if self._worker is not None:
            await self._worker.start()
        if self._roles:
            self._prover.start()
        if counting or self._roles:
            self._jobs.start()

    def wind_down(self) -> asyncio.Task[None]:
        """Start finishing or releasing work in progress; commands are still taken, for open requests."""
        if self._winding is None:
            self._winding = asyncio.get_running_loop().create_task(self._wind_down(), name="winding down")
        return self._winding

    async def stop(self) -> None:
        """Finish or release work in progress, then close everything."""
        try:
            await self.wind_down()
        finally:
            await asyncio.to_thread(self.close)

    async def _wind_down(self) -> None:
        senders = [sender for sender in (self._webhooks, self._worker) if sender is not None]
        try:
            self._jobs.remove(DUE)
            for using_providers in (CANARIES, ALARMS):  # one in flight would fail when the senders close its provider
                await self._jobs.end(using_providers)
            stopped = await asyncio.gather(*(sender.stop() for sender in senders), return_exceptions=True)
        finally:
            await self._jobs.stop()  # last: a worker that finishes its messages needs its lease meanwhile
        if errors := [error for error in stopped if error is not None]:
            raise BaseExceptionGroup("senders failed to stop", errors)

    def close(self) -> None:
        """Close everything at once; in an event loop that has started it, use `stop`."""
        self.projector.begin_stop()
        self.runner.begin_stop()
        self.log.end_waits()
        self.projector.stop()
        self.runner.stop()
        self.services.reads.shutdown()
        if self._roles or self.settings.on_sqlite:
            self.writer.close()
            self._prover.stop()  # after the last event, so that those of a one-off command are proven too
        self._closing.close()

    def rebuild(self, progress: Callable[[int, int], None] = lambda position, end: None) -> int:
        """Rebuild the read models beside the live ones and switch to them; return the new generation."""
        return rebuild(
            self.settings.database_url, self.main, self.log, projections(), self._folder, self._clock, progress
        )

    # --- components ---

    def _open(self, part: Part) -> BaseDatabase:
        database = connect(self.settings.database_url, part)
        self._closing.callback(database.close)
        return database

    def _build_projector(self, views: LiveViews) -> AudienceProjector:
        """Build the audience projector; only a sending process runs effects, the others count and explain."""
        columns, reference_data = AudienceColumns(), ReferenceData()
        fan_out = (
            FanOut(
                self.writer,
                self.main,
                columns,
                reference_data,
                clock=self._clock,
                wakeup=self.wakeup,
                leader=self._fan_out_leader,
            )
            if "worker" in self._roles
            else None
        )
        return AudienceProjector(
            self.log,
            columns,
            reference_data,
            fan_out,
            clock=self._clock,
            forget=self.vault.forget,
            snapshots=self._checkpoints,
        )

    def _build_webhooks(self, codec: Codec) -> WebhookSender:
        """Build the webhook sender; private targets are allowed only by settings, not for the inbox."""
        client = SafeHttpClient(allow_private=self.settings.allow_private_targets)
        return WebhookSender(
            self.main, self.writer, self.log, codec, client, self.commands.disable_webhook, clock=self._clock
        )

    def _open_inbox(self) -> Inbox | None:
        if not self.settings.inbox:
            return None
        if self.settings.on_sqlite:
            inbox = Inbox.file(self.settings.folder / "inbox.db", clock=self._clock)
        else:
            inbox = Inbox(self.main, clock=self._clock)
        self._closing.callback(inbox.close)
        return inbox

    def _erase(self, subject: UUID) -> None:
        """Delete a person's messages in the local inbox, then their key."""
        if self.inbox is not None:
            contacts, secret = self._contacts_of(subject), self.settings.secret_key
            self.inbox.forget(lambda id: (parse_delivery_id(secret, id) or (0, -1))[1] in contacts)
        self.vault.destroy(subject)

    def _contacts_of(self, subject: UUID) -> set[int]:
        """Contact points of a subscriber, or of a resident's report; none of anything else."""
        with suppress(NotFound):  # another kind of thing
            state = self.log.state(SUBSCRIBER, subject)
            return {contact.number for contact in state.contacts} if state else set()
        with suppress(NotFound):
            report = self.log.state(REPORT, subject)
            return {report.contact} if report is not None and report.contact is not None else set()
        return set()

    def build_worker(self, **options: Any) -> Worker:
        """Build a worker on this process's components. `options` replace parameters from the settings."""
        settings = self.settings
        sender = SenderProfile(
            public_url=settings.public_url,
            secret=settings.secret_key,
            sender=settings.sender,
            timezone=settings.timezone,
            default_language=settings.default_language,
        )
        given: dict[str, Any] = {
            "renderer": self._renderer,
            "providers": self.providers,
            "retries": RetryPolicy(settings.retry_schedule),
            "concurrency": self._concurrency,
            "reserve": settings.emergency_reserve,
            **options,
        }
        return assemble_worker(
            self.main,
            self.writer,
            self.projector,
            self.runner,
            self.views,
            sender=sender,
            wakeup=self.wakeup,
            clock=self._clock,
            **given,
        )

    # --- states ---

    def _provider_states(self) -> dict[str, Any]:
        """Health of the provider of each channel, for `/status` and the console."""
        latest = (
            {}
            if "worker" in self._roles or self.settings.on_sqlite
            else provider_health.latest(self.main, self._clock())
        )
        return {channel: latest.get(channel) or self._provider_state(channel) for channel in WRITABLE}

    def _provider_state(self, channel: Channel) -> dict[str, Any]:
        provider = self.providers.get(channel)
        if provider is None:
            return {"provider": None, "state": "no provider"}
        if isinstance(provider, ReportsHealth):
            return cast(dict[str, Any], msgspec.to_builtins(provider.health()))
        return {"provider": provider.name, "state": "well"}

    def _parked(self) -> int:
        now, queue = self._clock(), self.dispatch
        return len(self.runner.parked()) + len(queue.parked()) + len(queue.paused(now)) + len(queue.failed(now))
