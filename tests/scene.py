"""A small London in a real log on SQLite, with the read models beside it: what pages are looked at and tested on.

Events are appended as they are, without the commands, so that every state a page can meet is one line away.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from alerts import settings as settings_of
from alerts.channels.providers.inbox import Inbox
from alerts.data import find
from alerts.demo import london, story
from alerts.domain import events as e
from alerts.domain import streams
from alerts.domain.words.events import Event, Stream
from alerts.domain.words.ids import derived_id, new_id
from alerts.domain.words.terms import MsgType, Severity
from alerts.eventlog.codec import Codec
from alerts.eventlog.database import connect
from alerts.eventlog.log import EventLog
from alerts.eventlog.migrate import migrate
from alerts.eventlog.ports import Unit
from alerts.eventlog.runner import Runner
from alerts.eventlog.writer import GroupCommitWriter
from alerts.projections import Views, projections
from alerts.rendering import Renderer
from alerts.web.parts import Parts
from subscribers.domain import events as subscriber_events
from subscribers.vault import Vault

NOW = datetime(2026, 11, 23, 14, 32, tzinfo=UTC)
SECRET = b"s" * 32


class Scene:
    """The log, its read models, and what is told in it. `close` it at the end."""

    def __init__(self, folder: Path, **overrides: Any) -> None:
        self.now = NOW
        env = {"ALERTS_DATABASE_URL": f"sqlite:///{folder}/alerts.db", "ALERTS_SECRET_KEY": "c2VjcmV0" * 8}
        self.settings = settings_of.load(env)
        url = self.settings.database_url
        self._main, self._keys, self._views_db = connect(url, "main"), connect(url, "keys"), connect(url, "views")
        migrate(self._main, find("migrations", "sqlite"))
        migrate(self._keys, find("migrations", "sqlite", "keys"))
        migrate(self._views_db, find("migrations", "sqlite", "views"))
        vault = Vault(self._keys, self.settings.master_key)
        codec = Codec(e.CATALOGUE.joined(subscriber_events.CATALOGUE), vault)
        self.log = EventLog(self._main, codec)
        self.writer = GroupCommitWriter(
            self._main, codec, lambda: self.now, flush_keys=vault.flush, grown=self.log.grown
        )
        self.runner = Runner(self.log, self._views_db, projections(), lambda: self.now)
        self.runner.start()
        self.views = Views(self._views_db, self.runner, vault)
        self.inbox = Inbox.file(folder / "inbox.db", clock=lambda: self.now)
        self.renderer = Renderer(sender=self.settings.sender, clock=lambda: self.now)
        self._numbers = 0
        self._reads = ThreadPoolExecutor(4)
        self.parts = Parts(
            settings=self.settings,
            clock=lambda: self.now,
            log=self.log,
            writer=self.writer,
            codec=codec,
            commands=overrides.get("commands", cast(Any, None)),
            views=self.views,
            directory=self.views.directory,
            runner=self.runner,
            follower=overrides.get("follower", cast(Any, None)),
            dispatch=overrides.get("dispatch", cast(Any, None)),
            explainer=overrides.get("explainer", cast(Any, None)),
            renderer=self.renderer,
            inbox=self.inbox,
            reads=self._reads,
            **overrides.get("more", {}),
        )

    def tell(self, stream: Stream[Any], subject: UUID, *events: Event, by: str = "source:estates") -> int:
        """Append these events and wait until the read models show them; the last one's position."""

        def work(unit: Unit) -> None:
            unit.get(stream, subject)
            unit.append(stream, subject, *events)

        position = self.writer.submit(work, by=by).result().position
        assert self.runner.wait(position, 10), "the read models did not follow"
        return position

    def notice(
        self,
        plan: e.NoticePlan,
        *,
        msg_type: MsgType = "Alert",
        thread: UUID | None = None,
        references: tuple[UUID, ...] = (),
        people: int = 3126,
        source: str | None = "source:duty-desk",
        danger: bool = False,
    ) -> UUID:
        """Draft, approve by policy and issue a notice; its dispatch is planned."""
        notice = new_id()
        self._numbers += 1
        number, thread = self._numbers, thread or notice
        by = source or f"person:{new_id()}"
        self.tell(
            streams.NOTICE,
            notice,
            e.NoticeDrafted(
                number=number, msg_type=msg_type, thread=thread, references=references, plan=plan, source=source
            ),
            e.NoticeSubmitted(),
            e.NoticeApproved(approver="policy:duty-desk@1" if source else by, people=people, hash="h"),
            by=by,
        )
        position = self.tell(
            streams.NOTICE,
            notice,
            e.NoticeIssued(
                number=number,
                msg_type=msg_type,
                thread=thread,
                references=references,
                plan=plan,
                priority=plan.priority,
                danger_to_life=danger,
                expires=plan.expires or self.now + timedelta(hours=24),
                source=source,
            ),
            by=by,
        )
        self.tell(
            streams.DISPATCH,
            derived_id("dispatch", notice.hex),
            e.DispatchPlanned(
                notice=notice,
                number=number,
                lane="notice",
                position=position,
                people=people,
                unreachable=12,
                contacts=people * 2,
                by_channel={"email": people, "sms": people},
            ),
            by="system",
        )
        return notice

    def london(self) -> None:
        """The boroughs and the front desks."""
        for place in london.boroughs():
            stream = derived_id("place", place.slug)
            name = {"en": place.name}
            self.tell(streams.PLACE, stream, e.PlaceDefined(slug=place.slug, name=name, geometry=place.geometry))
        for desk in london.DESKS:
            if desk.kind != "front-desk":
                continue
            facts = e.PointFacts(
                kind=desk.kind,
                name=desk.name,
                address=f"{desk.name} Road",
                lat=desk.lat,
                lon=desk.lon,
                opening_hours=desk.opening_hours,
                source_ref=desk.name,
            )
            point = streams.point_id("source:estates", desk.name)
            self.tell(streams.POINT, point, e.ServicePointOpened(facts=facts, source="source:estates"))

    def closure(self) -> UUID:
        """Half of the desks close in a week; everyone concerned is told."""
        closing = [desk for desk in london.DESKS if desk.closes]
        facts = e.ChangeFacts(
            headline={"en": "Half of London's front desks close", "cy": "Hanner desgiau blaen Llundain yn cau"},
            description={"en": "Everything you did there you can do at any other desk. 999 and 101 work as before."},
            kind="closure",
            service_points=tuple(streams.point_id("source:estates", desk.name) for desk in closing),
            effective=self.now + timedelta(days=8),
        )
        change = streams.change_id("source:estates", "closure")
        self.tell(streams.CHANGE, change, e.ServiceChangeAnnounced(facts=facts, source="source:estates"))
        plan = e.NoticePlan(
            kind="service-change",
            service_change=change,
            topic="service-changes",
            content={
                tag: e.Content(title=title, body=facts.description["en"]) for tag, title in facts.headline.items()
            },
        )
        return self.notice(plan, source="source:estates", people=12408)

    def fire(self) -> UUID:
        """A fire with smoke: danger to life, in two languages."""
        return self.notice(plan_of("smoke"), danger=True)

    def follow(self, first: UUID, key: str, msg_type: MsgType, ending: Event | None = None) -> UUID:
        """An update, cancel or all-clear of a thread; what was live ends by it."""
        thread = self.views.thread(first)
        follower = self.notice(
            plan_of(key), msg_type=msg_type, thread=thread[0].id, references=tuple(n.id for n in thread)
        )
        ended: Event = {
            "Update": e.NoticeSuperseded(replaced_by=follower),
            "Cancel": e.NoticeCancelled(replaced_by=follower, reason="a faulty sensor"),
            "AllClear": e.NoticeCleared(replaced_by=follower),
        }[msg_type]
        self.tell(streams.NOTICE, thread[-1].id, ended)
        return follower

    def close(self) -> None:
        """Stop the threads and let the files go."""
        self.runner.stop()
        self.writer.close()
        self.log.close()
        self.inbox.close()
        self._reads.shutdown()
        for database in (self._main, self._keys, self._views_db):
            database.close()


def plan_of(key: str, severity: Severity | None = None) -> e.NoticePlan:
    """The plan of one of the demonstration's notices."""
    told = next(telling for telling in story.tellings() if telling.key == key)
    return e.NoticePlan(
        kind=told.kind,
        content={
            tag: e.Content(title=words.title, body=words.body, instruction=words.instruction)
            for tag, words in told.words.items()
        },
        topic=told.topic,
        area=None if told.area is None else [told.area],
        urgency=cast(Any, told.urgency),
        severity=severity or cast(Any, told.severity),
        certainty=cast(Any, told.certainty),
        category=cast(Any, told.category),
        priority="emergency" if told.kind == "alert" else "notice",
    )
