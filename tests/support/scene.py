"""A small London in a real process of the product on SQLite: what pages are looked at and tested on.

Events are appended as they are, without the commands, so that every state a page can meet is one line away.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import msgspec

from alerts import settings as settings_of
from alerts.app.bootstrap import build
from alerts.commands.actor import SYSTEM
from alerts.contract.bodies import SubscriberBody
from alerts.demo import london, story
from alerts.domain import events as e
from alerts.domain import streams
from alerts.eventlog.ports import UnitOfWork
from alerts.kernel.events import Event, Stream
from alerts.kernel.ids import derived_id, new_id
from alerts.kernel.terms import MsgType, Severity
from alerts.kernel.times import utc_now
from alerts.providers.inbox import InboxItem

NOW = datetime(2026, 11, 23, 14, 32, tzinfo=UTC)


class Scene:
    """Process of the product in a folder of its own, and its story. `start` and `stop` it.

    Without `sends` its clock is `now`, which a test may move, and nothing leaves; with it, time runs and messages
    reach the inbox.
    """

    def __init__(self, folder: Path, *, sends: bool = False, public_url: str = "http://127.0.0.1:8080") -> None:
        env = {"ALERTS_DATABASE_URL": f"sqlite:///{folder}/alerts.db", "ALERTS_PUBLIC_URL": public_url}
        self.sends = sends
        self.now = utc_now() if sends else NOW
        clock = utc_now if sends else lambda: self.now
        self.app = build(
            settings_of.load({**env, "ALERTS_LOG_LEVEL": "warning"}), ["worker"] if sends else [], clock=clock
        )
        self.parts, self.views, self.commands = self.app.services, self.app.views, self.app.commands
        self.secret = self.app.settings.secret_key
        self._numbers = 100

    async def start(self) -> None:
        """Begin to follow the log, and to send."""
        await self.app.start()

    async def stop(self) -> None:
        """Finish what is in hand and let the files go."""
        await self.app.stop()

    def tell(self, stream: Stream[Any], subject: UUID, *events: Event, by: str = "source:estates") -> int:
        """Append these events and wait until the read models show them; the last one's position."""

        def work(unit: UnitOfWork) -> None:
            unit.get(stream, subject)
            unit.append(stream, subject, *events)

        return self._shown(work, by)

    def _shown(self, work: Callable[[UnitOfWork], None], by: str) -> int:
        """Write, and wait until the read models show it; the last position."""
        position = self.app.writer.submit(work, by=by).result().position
        assert self.app.runner.wait_for(position, 10), "the read models did not follow"
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
        """Draft, approve by policy and issue a notice. Where nothing is sent its dispatch is planned for show."""
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
        if self.sends:
            return notice
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

    def propose(self, plan: e.NoticePlan) -> UUID:
        """A notice that waits for approval."""
        notice = new_id()
        self._numbers += 1
        drafted = e.NoticeDrafted(number=self._numbers, thread=notice, plan=plan, source="source:duty-desk")
        self.tell(streams.NOTICE, notice, drafted, e.NoticeSubmitted(), by="source:duty-desk")
        return notice

    def number_of(self, notice: UUID) -> int:
        """The number that deliveries of a notice carry."""
        found = self.views.notice(notice)
        assert found is not None
        return found.number

    def london(self) -> None:
        """The boroughs and the front desks."""
        told: list[tuple[Stream[Any], UUID, Event]] = []
        for place in london.boroughs():
            stream = derived_id("place", place.slug)
            name = {"en": place.name}
            told.append((streams.PLACE, stream, e.PlaceDefined(slug=place.slug, name=name, geometry=place.geometry)))
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
            told.append((streams.POINT, point, e.ServicePointOpened(facts=facts, source="source:estates")))

        def work(unit: UnitOfWork) -> None:
            for stream, subject, event in told:
                unit.get(stream, subject)
                unit.append(stream, subject, event)

        self._shown(work, "source:estates")

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
        projector = self.notice(
            plan_of(key), msg_type=msg_type, thread=thread[0].id, references=tuple(n.id for n in thread)
        )
        ended: Event = {
            "Update": e.NoticeSuperseded(replaced_by=projector),
            "Cancel": e.NoticeCancelled(replaced_by=projector, reason="a faulty sensor"),
            "AllClear": e.NoticeCleared(replaced_by=projector),
        }[msg_type]
        self.tell(streams.NOTICE, thread[-1].id, ended)
        return projector

    async def resident(self, **body: Any) -> tuple[UUID, int]:
        """A confirmed subscriber in Walworth; (id, number of the first contact point)."""
        given = {
            "email": "amina@resident.example",
            "places": [{"lat": 51.4880, "lon": -0.0930, "radius_km": 1, "name": "home"}],
            "confirmed": True,
            "consent": {"wording": "Send me alerts.", "given_at": "2026-01-01T10:00:00Z", "how": "test"},
            **body,
        }
        kept = await self.commands.register_subscriber(SYSTEM, msgspec.convert(given, SubscriberBody))
        await asyncio.to_thread(self.app.runner.wait_for, kept.position, 10)
        return kept.id, kept.contacts[0].number

    async def arrived(self, count: int, timeout: float = 20.0) -> list[InboxItem]:
        """The messages in the inbox, once there are so many; fewer if the time (seconds) is up."""
        assert self.app.inbox is not None
        for _ in range(int(timeout * 20)):
            if self.app.inbox.count() >= count:
                break
            await asyncio.sleep(0.05)
        return self.app.inbox.items(0, 1000)


def link(kind: str, text: str) -> str:
    """The first link of a kind in a message, as a path."""
    found = re.search(rf"http://127\.0\.0\.1:8080(/{kind}/\S+)", text)
    assert found, text
    return found[1]


async def first_message(sending: Scene, sender: Any) -> dict[str, Any]:
    """Amina gets an emergency; the first item of her inbox."""
    sending.london()
    await sending.resident()
    sending.fire()
    await sending.arrived(1)
    items: list[dict[str, Any]] = json.loads(await (await sender.get("/inbox.json")).text())["items"]
    assert len(items) == 1, items
    return items[0]


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
