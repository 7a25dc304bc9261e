"""Player: plays the story through the product's HTTP interfaces and records the ids for the judge.

Team, keys and sources, which CONTRACT gives to the command line, are passed in as `Credentials`.
"""

from __future__ import annotations

import asyncio
import email
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from alerts.demo.client import Api, HttpClient, in_parallel
from alerts.demo.london import DESKS, Borough
from alerts.demo.named import LEAVER, MOVER
from alerts.demo.oracle import PlacedDesk
from alerts.demo.public_form import PublicForm
from alerts.demo.residents import Resident
from alerts.demo.server import Server
from alerts.demo.story import CapSent, StoryText, Telling, cap, closes_on

Json = dict[str, Any]
CLIENTS = 48
SETTLE_S = 60.0
MOVING = frozenset(("queued", "sending", "deferred"))
EVENT_WORDS = {"en-GB": "Emergency", "pl": "Zagrożenie", "ur": "ہنگامی اطلاع", "cy": "Argyfwng"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys and secrets created by the command line's operations."""

    loader: str
    """API key for loading and reading."""
    author: str
    approver: str
    """API keys issued for two different people."""
    estates: str
    """Secrets of the three sources."""
    fire: str
    southwark: str
    console_url: str
    """The one-time sign-in link."""


@dataclass(slots=True)
class Run:
    """State recorded while playing."""

    residents: list[Resident]
    subscriber: dict[str, str] = field(default_factory=dict)
    """Resident's key → subscriber id."""
    desks: list[PlacedDesk] = field(default_factory=list)
    notices: dict[str, str] = field(default_factory=dict)
    """Telling's key → notice id."""
    previewed: int | None = None
    """People in the audience preview of the announcement."""
    killed_during: list[str] = field(default_factory=list)

    def person(self, key: str) -> Resident:
        """Find a resident by key."""
        return next(r for r in self.residents if r.key == key)


class Player:
    """Plays the story once. `tell` prints a line, `step` reports progress as (what, done, of)."""

    def __init__(
        self,
        server: Server,
        http: HttpClient,
        credentials: Credentials,
        run: Run,
        *,
        tell: Callable[[str], None],
        step: Callable[[str, int, int], None],
    ) -> None:
        self._server, self._doors, self._credentials, self.run = server, http, credentials, run
        self.tell, self._step = tell, step
        self.api = Api(http, credentials.loader)
        self._cap_sent: dict[str, CapSent] = {}
        self._mark = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"

    async def load(self, boroughs: list[Borough]) -> None:
        """Register the boroughs, the desks and the residents."""
        for number, borough in enumerate(boroughs, 1):
            name = {"en": borough.name}
            await self.api.post("/places", {"slug": borough.slug, "name": name, "area": borough.geometry})
            self._step("places", number, len(boroughs))
        first_visit = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) - timedelta(days=21)
        for desk in DESKS:
            body: Json = {"kind": desk.kind, "name": desk.name, "lat": desk.lat, "lon": desk.lon}
            if desk.opening_hours:
                body["opening_hours"] = desk.opening_hours
            else:
                last = "" if desk.weekly else ";COUNT=1"
                visit = {"dtstart": first_visit.isoformat(), "minutes": 180, "rrule": f"FREQ=WEEKLY{last}"}
                body["visits"] = [visit]
            made = await self.api.post("/service-points", body)
            self.run.desks.append(PlacedDesk(made["id"], desk))
        await self._sign_up()

    async def _sign_up(self) -> None:
        total, done = len(self.run.residents), 0

        def count() -> None:
            nonlocal done
            done += 1
            self._step("residents", done, total)

        async def one(person: Resident) -> None:
            if person.by_form:
                await PublicForm(self._doors, person).sign_up()
                return
            body = person.body
            if person.device:
                body = {**body, "push": await self._doors.get(f"/inbox/push/{person.device}")}
            made = await self.api.post("/subscribers", body)
            self.run.subscriber[person.key] = made["id"]

        await in_parallel(CLIENTS, [partial(one, r) for r in self.run.residents], count)
        await self._find_those_by_form()
        until = (datetime.now(UTC) + timedelta(days=7)).isoformat()
        for person in self.run.residents:
            if person.paused:
                path = f"/subscribers/{self.run.subscriber[person.key]}"
                await self.api.patch(path, {"paused_until": until})

    async def _find_those_by_form(self) -> None:
        """Look up the ids that the public form does not tell."""
        wanted = {address: r.key for r in self.run.residents if r.by_form for address in r.addresses.values()}
        async for item in self.api.pages("/subscribers?limit=500"):
            key = wanted.get(item["email"] or "") or wanted.get(item["phone"] or "")
            if key is not None:
                self.run.subscriber[key] = item["id"]

    # --- the six steps --------------------------------------------------------------------------------------------

    async def service_change(self, telling: Telling, *, kill: bool) -> None:
        """Step 1: a signed webhook announces that half the desks close."""
        words = telling.words["en"]
        closing = [d.id for d in self.run.desks if d.desk.closes]
        data = {
            "headline": words.title,
            "description": words.body,
            "kind": "closure",
            "service_points": closing,
            "effective": closes_on(datetime.now(UTC)).isoformat(),
            "source_ref": f"{self._mark}-closure",
        }
        taken = await self._doors.webhook("estates", self._credentials.estates, "service-change.announced", data)
        await self._issued(telling, taken)
        if kill:
            await self._kill_in_mid_dispatch(telling)

    async def alert(self, telling: Telling, *, kill: bool = False) -> None:
        """Steps 2 and 3: a CAP message from the trusted source; a follow-up references the earlier messages."""
        for key in telling.follows:
            await self.settled(key)
        references = [self._cap_sent[key] for key in telling.follows]
        message = cap(telling, self._mark, datetime.now(UTC), references, EVENT_WORDS)
        self._cap_sent[telling.key] = message
        await self._issued(telling, await self._doors.cap("fire", self._credentials.fire, message.xml))
        if kill:
            await self._kill_in_mid_dispatch(telling)

    async def move_in(self) -> None:
        """Let a resident add a place inside the smoke while that alert is live (RULES 7)."""
        person = self.run.person(MOVER)
        places = [*person.body["places"], person.moves_to]
        await self.api.patch(f"/subscribers/{self.run.subscriber[person.key]}", {"places": places})
        path = f"/deliveries?notice={self.run.notices['smoke']}&subscriber={self.run.subscriber[person.key]}"
        await self._until("the late comer to be told", lambda: self._any_sent(path))

    async def announcement(self, telling: Telling) -> None:
        """Step 4: one person drafts, another approves what they saw, and it is sent five seconds later."""
        author, approver = Api(self._doors, self._credentials.author), Api(self._doors, self._credentials.approver)
        body = {
            "kind": "announcement",
            "topic": telling.topic,
            "audience": telling.rule,
            "content": _content(telling.words),
        }
        self.run.previewed = (await author.post("/audience", body))["people"]
        drafted = await author.post("/notices", body)
        path = f"/notices/{drafted['id']}"
        self.run.notices[telling.key] = drafted["id"]
        await author.post(f"{path}/submit", {})
        seen = await approver.get(path)
        await approver.post(f"{path}/approve", {"version": seen["version"], "people": seen["people"]})
        send_at = datetime.now(UTC) + timedelta(seconds=5)
        await author.post(f"{path}/schedule", {"send_at": send_at.isoformat()})

    async def leave(self) -> None:
        """Step 5: one-click unsubscribe with the link of a received message, as a mail program does it."""
        person = self.run.person(LEAVER)
        async for item in self._doors.inbox():
            if item["to"] != person.addresses["email"]:
                continue
            link = email.message_from_string(item["raw"])["List-Unsubscribe"]
            if link:  # the confirmation has none
                await self._doors.one_click(link.strip("<>\r\n "))
                return
        raise AssertionError(f"{person.name} got no message to leave by")

    async def last_notice(self, telling: Telling) -> None:
        """Steps 5 and 6: the next notice, by a webhook of another source; two mailboxes refuse it."""
        data = {
            "kind": "announcement",
            "topic": telling.topic,
            "area": telling.area,
            "content": _content(telling.words),
        }
        taken = await self._doors.webhook("southwark", self._credentials.southwark, "notice.requested", data)
        await self._issued(telling, taken)

    # --- waiting --------------------------------------------------------------------------------------------------

    async def settled(self, key: str) -> None:
        """Wait until every delivery of this notice is sent, held or ended."""

        async def still() -> bool:
            progress = await self.progress(key)
            moving = sum(n for states in progress["by_channel"].values() for s, n in states.items() if s in MOVING)
            total = progress["deliveries"]
            if progress["planned"]:
                self._step(key, total - moving, total)
            return bool(progress["planned"]) and moving == 0

        await self._until(f"the dispatch of {key} to settle", still)

    async def progress(self, key: str) -> Json:
        """Get /notices/{id}/dispatch."""
        progress: Json = await self.api.get(f"/notices/{self.run.notices[key]}/dispatch")
        return progress

    async def live(self, key: str) -> None:
        """Wait until a scheduled notice is live."""

        async def out() -> bool:
            return bool((await self.api.get(f"/notices/{self.run.notices[key]}"))["state"] == "live")

        await self._until(f"{key} to be issued", out)

    async def _issued(self, telling: Telling, taken: Json) -> None:
        async def known() -> bool:
            trigger = await self.api.get(taken["status_url"])
            if trigger["state"] in ("parked", "recorded", "drafted"):
                raise AssertionError(f"{telling.key} was {trigger['state']}: {trigger.get('reason')}")
            if trigger["notices"]:
                self.run.notices[telling.key] = trigger["notices"][-1]
            return bool(trigger["notices"])

        await self._until(f"{telling.key} to be issued", known)

    async def _any_sent(self, path: str) -> bool:
        states = [str(item["state"]) async for item in self.api.pages(path)]
        return not {"sent", "delivered"}.isdisjoint(states)

    async def _kill_in_mid_dispatch(self, telling: Telling) -> None:
        async def under_way() -> bool:
            progress = await self.progress(telling.key)
            states = [(s, n) for by in progress["by_channel"].values() for s, n in by.items()]
            sent = sum(n for s, n in states if s == "sent")
            moving = sum(n for s, n in states if s in MOVING)
            if progress["complete"] or (progress["planned"] and moving == 0):
                raise AssertionError(f"{telling.key} had left before the server could be killed")
            return bool(sent and moving)

        await self._until("messages to be under way", under_way, every=0.005)
        self._server.kill()
        self.run.killed_during.append(telling.key)
        self.tell(f"[red]killed the server (SIGKILL) in the middle of {telling.key!r}[/red]; starting it again")
        await asyncio.to_thread(self._server.start)

    async def _until(self, what: str, holds: Callable[[], Awaitable[bool]], every: float = 0.1) -> None:
        end = asyncio.get_running_loop().time() + SETTLE_S
        while not await holds():
            if asyncio.get_running_loop().time() > end:
                raise AssertionError(f"waited {SETTLE_S:.0f} s in vain for {what}")
            await asyncio.sleep(every)


def _content(words: dict[str, StoryText]) -> Json:
    return {
        language: {k: v for k, v in (("title", w.title), ("body", w.body), ("instruction", w.instruction)) if v}
        for language, w in words.items()
    }
