"""Trial run from end to end: a real server, peers that misbehave by plan, kills, and all that the checker asks for.

with trial(folder, url, Plan(seed=7, share=0.2)) as run:
    run.take_in(300)
    mark = run.issue()
    run.kill_after(100)            # SIGKILL once the ledger has so many lines more, and start it again
    run.complete()
    verdict = run.judged()
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from tests.crash.harness.checker import Case, Incident, Notice, Pair, Told, Verdict, judge
from tests.crash.harness.faults import Plan
from tests.crash.harness.ledger import Hand
from tests.crash.harness.peers import PUSHES, Peers, peers
from tests.crash.server import DANGER, NOTICE, Json, Server

RETRIES = (0.2, 0.3, 0.5, *[1.0] * 4, *[2.0] * 4, *[5.0] * 6)
"""Seconds between tries, of every channel: short ones, and more than the faults of any plan."""
HERE, FAR = "51.49,-0.09,0.1", "55.95,-3.19,0.1"
"""Within the area of every notice here, and nowhere near it."""
MAIL, TEXT, PUSH = "email", "sms", "push"
_COLUMNS = ["email", "phone", "push", "places", "topics", "consent_wording", "consent_given_at", "consent_how"]


def words_of(mark: str) -> Json:
    """A notice's content, by whose title the ledger knows it."""
    return {"en": {"title": f"{mark}: smoke in Walworth", "body": "Close windows."}}


class Person(NamedTuple):
    """Somebody of the test's own making."""

    reached: dict[str, str]
    """Channel → to whom, as the ledger spells it."""
    here: bool
    topic: str

    def due(self, *, urgent: bool) -> bool:
        """For what `Trial.issue` issues, about here and about safety; danger to life goes to all who are here."""
        return self.here and (urgent or self.topic == "safety")


def crowd(count: int, *, prefix: str = "p", texts: bool = True, pushes: bool = True) -> list[Person]:
    """So many who are due, and a fifth as many who are not: they live elsewhere, or wish for other topics."""
    made = []
    for i in range(count + count // 5):
        reached = {MAIL: f"{prefix}{i}@example.org"}
        if texts and i % 3 == 1:
            reached[TEXT] = f"+4477{sum(map(ord, prefix)) % 100:02d}{i:06d}"
        if pushes and i % 3 == 2:
            reached[PUSH] = f"{prefix}-phone-{i}"
        if pushes and i % 7 == 3:
            del reached[MAIL]
            reached[PUSH] = f"{prefix}-phone-{i}"
        made.append(Person(reached, i < count or i % 2 == 0, "safety" if i < count or i % 2 else "transport"))
    return made


class Trial:
    """See the module."""

    def __init__(self, folder: Path, server: Server, box: Peers) -> None:
        self._folder, self.server, self.box = folder, server, box
        self.people: list[Person] = []
        self.notices: dict[str, Notice] = {}
        self.ids: dict[str, str] = {}
        """Mark → the notice's id."""
        self.incidents: list[Incident] = []
        self._threads: dict[str, str] = {}
        """Mark → the mark of the first of its thread."""
        self._cancels: set[str] = set()

    # --- what is done

    def take_in(self, people: Iterable[Person]) -> None:
        """Import them."""
        self.people += (added := list(people))
        file = self._folder / f"people-{len(self.people)}.csv"
        with file.open("w", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(_COLUMNS)
            rows.writerows(self._row(one) for one in added)
        self.server.run("import", str(file))

    def issue(self, *, send_at: float = 0.0, urgent: bool = False, bulletin: bool = False) -> str:
        """Draft and issue it under a mark of its own; the mark. It is asked for until it is acknowledged. `urgent`: as
        danger to life; `bulletin`: as what gives way to everything else."""
        mark, words = self._words()
        body = DANGER if urgent else NOTICE
        less = {"kind": "announcement", "priority": "bulletin"} if bulletin else {}
        made = self.server.ask("POST", "/api/v1/notices", {**body, **less, "content": words})
        return self._issued(mark, str(made["id"]), due_at=send_at, urgent=urgent)

    def update(self, mark: str) -> str:
        """Issue an update of it; the update's mark."""
        later, words = self._words()
        path = f"/api/v1/notices/{self.ids[mark]}/update"
        made = self.server.ask("POST", path, {**NOTICE, "content": words})
        self._issued(later, str(made["id"]))
        self._threads[later] = self._threads[mark]
        return self._ended(mark, "updated", later)

    def cancel(self, mark: str) -> str:
        """Cancel it; the cancel's mark."""
        later, words = self._words()
        asked = time.time()
        body = {"reason": "a faulty sensor", "content": words}
        made = self.server.ask("POST", f"/api/v1/notices/{self.ids[mark]}/cancel", body)
        self.ids[later] = str(made["id"])
        self.notices[later] = Notice(mark=later, asked=asked, acknowledged=time.time(), follows=True)
        self._cancels.add(later)
        self._threads[later] = self._threads[mark]
        return self._ended(mark, "cancelled", later)

    def _words(self) -> tuple[str, Json]:
        mark = f"Trial {len(self.notices) + 1}"
        return mark, words_of(mark)

    def _issued(self, mark: str, notice: str, **more: Any) -> str:
        asked = time.time()
        goes_out(self.server, notice, more.get("due_at", 0.0))
        self.ids[mark] = notice
        self._threads[mark] = mark
        self.notices[mark] = Notice(mark=mark, asked=asked, acknowledged=time.time(), **more)
        return mark

    def _ended(self, mark: str, how: Literal["cancelled", "updated"], update: str) -> str:
        ended = {"ended": time.time(), "how": how, "update": update}
        self.notices[mark] = msgspec.structs.replace(self.notices[mark], **ended)
        return update

    def some(self, hands: int, patience: float = 2.0) -> None:
        """Wait for so many hand-overs more, or until nothing has moved for a while."""
        wanted, last, since = self.box.count() + hands, -1, time.monotonic()
        while (now := self.box.count()) < wanted and time.monotonic() - since < patience:
            if now != last:
                last, since = now, time.monotonic()
            time.sleep(0.005)

    def kill(self) -> None:
        """SIGKILL; it is started again when all that it had begun is in the ledger."""
        at = time.time()
        self.server.kill()
        self.incidents.append(Incident(at, self.box.drain()))
        self.server.start()

    def kill_after(self, hands: int, patience: float = 60) -> None:
        """The same once there are so many hand-overs more."""
        self.box.wait(self.box.count() + hands, patience)
        self.kill()

    def complete(self, patience: float = 600) -> None:
        """Until every delivery of every notice is final."""
        for notice in self.ids.values():
            self.server.complete(notice, patience)

    # --- what came of it

    def due(self, hands: Iterable[Hand]) -> frozenset[Pair]:
        """By the test's own making of the people and the notices; a cancel is for those who had any of its thread."""
        had = self._of_threads((hand.notice, hand.channel, hand.to) for hand in hands if hand.taken)
        return frozenset(
            (mark, channel, to)
            for mark, notice in self.notices.items()
            for person in self.people
            if person.due(urgent=notice.urgent)
            for channel, to in person.reached.items()
            if mark not in self._cancels or (self._threads[mark], channel, to) in had
        )

    def allowed(self, told: Iterable[Told]) -> frozenset[Pair]:
        """Of a cancel, too: whoever's copy of what came before is in doubt."""
        doubted = self._of_threads((one.notice, one.channel, one.to) for one in told if "in-doubt" in one.outcomes)
        return frozenset(
            (mark, channel, to)
            for mark in self._cancels
            for thread, channel, to in doubted
            if thread == self._threads[mark]
        )

    def _of_threads(self, pairs: Iterable[Pair]) -> set[Pair]:
        """Each with its thread in place of its notice; cancels are not what they cancel."""
        return {(self._threads.get(mark, mark), *to) for mark, *to in pairs if mark not in self._cancels}  # type: ignore[misc]

    def judged(self) -> Verdict:
        """Verdict on the run; if a promise was broken, the case is written to `case.json` in the test's folder."""
        verdict = judge(case := self.case())
        if not verdict.kept:
            (self._folder / "case.json").write_bytes(msgspec.json.encode(case))
        return verdict

    def case(self) -> Case:
        """Everything that the checker wants to know."""
        told, hands = told_by(self.server, self.ids), self.box.hands()
        return Case(
            notices=list(self.notices.values()),
            due=self.due(hands),
            allowed=self.allowed(told),
            hands=hands,
            told=told,
            incidents=self.incidents,
            tries=1 + len(RETRIES),
        )

    def _row(self, person: Person) -> list[str]:
        reached = person.reached
        push = ""
        if PUSH in reached:
            service = PUSHES[sum(map(ord, reached[PUSH])) % len(PUSHES)]
            push = json.dumps(self.box.subscription(reached[PUSH], service))
        where = HERE if person.here else FAR
        consent = ["yes", "2026-01-01T00:00:00Z", "test"]
        return [reached.get(MAIL, ""), reached.get(TEXT, ""), push, where, person.topic, *consent]


def goes_out(server: Server, notice: str, send_at: float = 0.0) -> None:
    """Issue a draft, at once or at that time (`time.time()`)."""
    if send_at:
        later = {"send_at": datetime.fromtimestamp(send_at, UTC).isoformat()}
        server.ask("POST", f"/api/v1/notices/{notice}/schedule", later)
    else:
        server.ask("POST", f"/api/v1/notices/{notice}/issue", {})


def told_by(server: Server, notices: Mapping[str, str]) -> list[Told]:
    """Every delivery of these notices (mark → id) as the product reports it."""
    contacts = _contacts(server)
    found = []
    for mark, notice in notices.items():
        for row in server.deliveries(notice):
            to = contacts.get(row["contact_point"], "?")
            outcomes = tuple(str(attempt["outcome"]) for attempt in row["attempts"])
            found.append(Told(str(row["id"]), mark, str(row["channel"]), to, str(row["state"]), outcomes))
    return found


def _contacts(server: Server) -> dict[int, str]:
    """Contact point → to whom."""
    found: dict[int, str] = {}
    path: str | None = "/api/v1/subscribers?limit=500"
    while path:
        page = server.ask("GET", path.removeprefix(server.url))
        for person in page["items"]:
            push = (person["push"] or {}).get("endpoint", "").rpartition("/")[2]
            to = {MAIL: person["email"], TEXT: person["phone"], PUSH: push}
            found |= {int(point["id"]): str(to[point["channel"]]) for point in person["contact_points"]}
        path = page["next"]
    return found


@contextmanager
def trial(
    folder: Path, url: str, plan: Plan, settings: Mapping[str, str] | None = None, made: type[Server] = Server
) -> Iterator[Trial]:
    """A server over an empty database at `url`, and its peers. `settings`: more of the product's. `made`: a Server that
    starts the product in a way of its own (under strace, or a build known to be bad)."""
    with peers(folder / "ledger", plan) as box:
        retries = {"ALERTS_RETRY_SCHEDULE": ",".join(map(str, RETRIES))}
        server = made(folder, url, box.settings | retries | dict(settings or {}))
        if url.startswith("postgres"):
            server.run("migrate")
        server.make_key()
        server.start()
        try:
            server.ask("GET", "/healthz")
            yield Trial(folder, server, box)
        finally:
            server.kill()
