"""The rules about devices, texts, newsletters, suppression and receipts, judged from outside on both databases.

Mail and texts leave by providers of the test's own, notifications by the local push service.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.rules_oracle import ALL_CHANNELS, Oracle, is_danger
from tests.acceptance.rules_providers import Providers
from tests.acceptance.rules_world import DANGER, Spot, World, consent, now, quiet, soon
from tests.acceptance.test_rules import PLACES, SEGMENTS, some_area, some_place, some_rule

pytestmark = pytest.mark.slow
Json = dict[str, Any]
PEOPLE, NOTICES = 60, 14
NEWSLETTERS = ("week", "month")


# On SQLite test_rules asks the same of e-mail.
@pytest.fixture(scope="module", params=[pytest.param("sqlite", marks=pytest.mark.soak), "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Database dialect of this run of the module."""
    return str(request.param)


@pytest.fixture(scope="module")
def providers(dialect: str) -> Iterator[Providers]:
    made = Providers()
    yield made
    made.close()


@pytest.fixture(scope="module")
def world(dialect: str, providers: Providers, request: pytest.FixtureRequest) -> Iterator[World]:
    more = {}
    if dialect == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgres")
        more["ALERTS_DATABASE_URL"] = make()
    with tempfile.TemporaryDirectory(prefix="al-", dir="/tmp") as folder:
        running = World(Path(folder), **providers.settings, **more)
        try:
            for slug in NEWSLETTERS:
                running.api.post("/newsletters", {"slug": slug, "name": slug})
            yield running
        finally:
            running.stop()


def device(world: World, name: str) -> Json:
    """Push subscription as a browser would give it."""
    return dict(world.http("GET", f"/inbox/push/{name}").body)


def points(world: World, subscriber: str) -> dict[str, list[int]]:
    """By channel: the contact points, ascending."""
    found: dict[str, list[int]] = {}
    for point in world.api.get(f"/subscribers/{subscriber}")["contact_points"]:
        found.setdefault(point["channel"], []).append(point["id"])
    return {channel: sorted(numbers) for channel, numbers in found.items()}


def counted(world: World, notice: str) -> Counter[tuple[str, str, str]]:
    """Number of deliveries by subscriber, channel and state, once the dispatch has settled."""
    world.dispatch(notice)
    rows = world.api.items(f"/deliveries?notice={notice}&limit=500")
    assert len({row["contact_point"] for row in rows}) == len(rows), "one a contact point"
    return Counter((row["subscriber"], row["channel"], row["state"]) for row in rows)


# --- rules 1-6, 22 with devices, newsletters, suppression, STOP and START ---


def test_everyone_who_is_due_and_nobody_else(world: World, providers: Providers) -> None:
    rng = random.Random(20261123)
    for slug, area in PLACES.items():
        world.api.post("/places", {"slug": slug, "name": {"en": slug}, "area": area})
    for slug, rule in SEGMENTS.items():
        world.api.post("/segments", {"slug": slug, "name": slug, "rule": rule})
    people = [_somebody(world, rng, number) for number in range(PEOPLE)]
    world.dispatch(
        world.issue(kind="announcement", audience={"all": []}, priority="emergency", topic="newsletter/week")
    )
    world.dispatch(world.issue(kind="announcement", audience={"all": []}, priority="emergency"))
    for person in people:
        _fate(world, providers, rng, person)
    oracle = Oracle(PLACES, SEGMENTS)
    for round_ in range(NOTICES):
        notice = _some_notice(rng, [person["id"] for person in people])
        audience = world.api.post("/audience", notice)
        if round_ == NOTICES // 2:
            world.restart()
            again = world.api.post("/audience", notice)
            assert {**again, "position": 0} == {**audience, "position": 0}, "the columns of before the restart"
        issued = world.issue(**notice)
        expected = {person["id"]: oracle.expected(notice, person) for person in people}
        must: Counter[tuple[str, str, str]] = Counter()
        for person in people:
            for channel, state in (expected[person["id"]] or {}).items():
                must[person["id"], channel, state] += person["verified"].count(channel)
        got = Counter({key: n for key, n in counted(world, issued).items() if key[0] in expected})
        wrong = {key[0] for key in (got - must) | (must - got)}
        shown = [(person, points(world, person["id"])) for person in people if person["id"] in wrong]
        assert got == must, (notice, got - must, must - got, shown)
        reached = sum(bool(by) for by in expected.values())
        unreachable = sum(by == {} for by in expected.values())
        assert (audience["people"], audience["unreachable"]) == (reached, unreachable), notice
        by_channel = Counter[str]()
        for (_, channel, _), n in must.items():
            by_channel[channel] += n
        assert audience["by_channel"] == dict(by_channel), notice
    for person in people:
        if not person["gone"]:
            world.leave(person["id"])


def _somebody(world: World, rng: random.Random, number: int) -> Json:
    topics = rng.choice(
        ([], ["safety"], ["newsletter/week"], ["newsletter/week", "newsletter/month"], ["newsletter/month", "safety"])
    )
    wishes: Json = {
        "places": [some_place(rng) for _ in range(rng.choice((0, 1, 1, 2)))],
        "topics": topics,
        "danger_to_life": rng.random() < 0.75,
        "tester": rng.random() < 0.5,
        "language": rng.choice(("en", "cy", "pl")),
        "frequency": rng.choice(("immediate", "immediate", "daily", "weekly")),
    }
    if rng.random() < 0.4:
        wishes["channels"] = rng.choice((["email"], ["sms"], ["push"], ["sms", "push"]))
    wakes = rng.choice((None, None, "danger", "emergency"))
    if wakes is not None:
        wishes |= quiet(wakes)
    verified = rng.choice((["email"], ["sms"], ["push"], ["email", "sms"], ["email", "push"], ["sms", "push"]))
    if "email" in verified:
        wishes["email"] = f"made-up{number}@people.example"
    if "sms" in verified:
        wishes["phone"] = f"+4477009{number:05d}"
    if "push" in verified:
        wishes["push"] = device(world, f"d{number}-0")
    person = {
        **wishes,
        "floor": "Minor",
        "channels": wishes.get("channels", ALL_CHANNELS),
        "quiet": wakes,
        "verified": list(verified),
        "confirmed": True,
        "gone": False,
        "paused": False,
    }
    person["id"] = world.person(**wishes)
    person["confirmed_at"] = now()
    if "push" in verified:
        for nth in range(rng.choice((0, 1, 2))):
            world.change(person["id"], push=device(world, f"d{number}-{nth + 1}"), confirmed=True, consent=consent())
            person["verified"].append("push")
    return person


def _fate(world: World, providers: Providers, rng: random.Random, person: Json) -> None:
    """Report bounces and complaints on mail that was sent, and text replies, and record their effect in `person`."""
    address, phone = person.get("email"), person.get("phone")
    if address and rng.random() < 0.5 and any(mail["To"] == address for mail in providers.mails):
        status = rng.choice(("5.1.1", "5.7.1", "4.2.2", "complaint"))
        mail = providers.mail_to(address)
        if status == "complaint":
            providers.complain(world, mail)
        else:
            providers.bounce(world, mail, status)
        if status in ("5.1.1", "complaint"):
            person["verified"].remove("email")
    if phone and rng.random() < 0.5:
        providers.text_in(world, phone, "STOP")
        person["verified"].remove("sms")
        person["gone"] = "email" not in person and "push" not in person
        if rng.random() < 0.5:
            providers.text_in(world, phone, "start")
            person["verified"].append("sms")
            person["gone"] = False
            person["confirmed_at"] = now()
            if "sms" not in person["channels"]:
                person["channels"] = [*person["channels"], "sms"]


def _some_notice(rng: random.Random, ids: list[str]) -> Json:
    notice: Json = {"kind": rng.choice(("alert", "announcement", "bulletin", "bulletin"))}
    if notice["kind"] == "alert" or rng.random() < 0.3:
        notice["area"] = some_area(rng)
    if notice["kind"] == "bulletin":
        notice |= {"topic": f"newsletter/{rng.choice(NEWSLETTERS)}", "priority": "bulletin"}
    elif rng.random() < 0.6:
        notice["topic"] = rng.choice(("safety", "weather", "newsletter/week"))
    if notice["kind"] == "alert":
        notice |= {"severity": rng.choice(("Severe", "Minor")), "urgency": "Immediate", "certainty": "Likely"}
    if rng.random() < 0.25:
        notice["status"] = rng.choice(("Exercise", "Test"))
    if rng.random() < 0.3:
        notice["channels"] = rng.choice((["email"], ["sms"], ["push"], ["sms", "push"]))
    if notice["kind"] != "bulletin" and not is_danger(notice) and rng.random() < 0.3:
        notice["priority"] = "emergency"
    if rng.random() < 0.5 or not {"area", "topic"} & notice.keys():
        own: list[Json] = [{"topic": "newsletter/week"}, {"channel": "push"}, {"channel": "sms"}, {"topic": "safety"}]
        rule = rng.choice([*own, some_rule(rng, ids)])
        notice["audience"] = rng.choice([rule, {"not": rule}])
    return notice


# --- rule 14: what follows what was handed over, whatever has come back since ---


def test_follow_ups_go_wherever_the_thread_was_handed_to(world: World, providers: Providers) -> None:
    """Not to whom an ending or a suppression stands against; to whoever texted START again, under the same number."""
    for n, (follow, danger) in enumerate((("cancel", True), ("all-clear", False), ("update", True))):
        spot = Spot()

        def person(name: str, *channels: str, nth: int = n, spot: Spot = spot, **more: Any) -> str:
            if "email" in channels:
                more["email"] = f"{name}{nth}@follow.example"
            if "sms" in channels:
                more["phone"] = _phone(name, nth)
            if "push" in channels:
                more["push"] = device(world, f"{name}{nth}")
            return world.person(places=[spot.place()], **more)

        who = {
            "failed": person("failed", "sms"),
            "delivered": person("delivered", "sms"),
            "both": person("both", "sms"),
            "stopped": person("stopped", "sms", "email"),
            "started": person("started", "sms"),
            "hard": person("hard", "email", "sms"),
            "refused": person("refused", "email"),
            "delayed": person("delayed", "email"),
            "complained": person("complained", "email"),
            "device": person("device", "push", "email"),
            "paused": person("paused", "push"),
            "elsewhere": person("elsewhere", "email", frequency="daily"),
            "by-hand": person("by-hand", "sms"),
        }
        first = world.issue(**(DANGER if danger else {"kind": "alert", "priority": "emergency"}), area=spot.circle())
        got = {key[:2] for key in counted(world, first)}
        assert len(got) == 16, got

        providers.receipt(world, providers.text_to(_phone("failed", n))["reference"], "failed")
        for status in ("failed", "delivered"):
            providers.receipt(world, providers.text_to(_phone("both", n))["reference"], status)
        providers.receipt(world, providers.text_to(_phone("delivered", n))["reference"], "delivered")
        providers.text_in(world, _phone("stopped", n), "Stop.")
        providers.text_in(world, _phone("started", n), "STOP")
        providers.text_in(world, _phone("started", n), "START")
        providers.bounce(world, providers.mail_to(f"hard{n}@follow.example"))
        providers.bounce(world, providers.mail_to(f"refused{n}@follow.example"), "5.7.1")
        providers.bounce(world, providers.mail_to(f"delayed{n}@follow.example"), "4.4.1")
        providers.complain(world, providers.mail_to(f"complained{n}@follow.example"))
        world.change(who["device"], push=device(world, f"another{n}"), confirmed=True, consent=consent())
        world.change(who["paused"], paused_until=soon(days=1))
        world.change(who["elsewhere"], places=[spot.place(east=1.0)], topics=["newsletter/week"])
        world.operate("suppress", contact_point=points(world, who["by-hand"])["sms"][0])
        states = world.deliveries(first)
        assert states[who["failed"], "sms"] == states[who["refused"], "email"] == "failed-permanent"
        assert states[who["hard"], "email"] == "failed-permanent"
        assert states[who["both"], "sms"] == states[who["delivered"], "sms"] == "delivered"
        assert states[who["delayed"], "email"] == states[who["complained"], "email"] == "sent"

        if follow == "update":
            later = world.update(first, **DANGER, area=spot.circle())
        else:
            reason = {"reason": "it is over"} if follow == "cancel" else {}
            later = str(world.api.post(f"/notices/{first}/{follow}", reason)["id"])
        # The device that was added got the live emergency as a late comer (rule 7), so what follows is for it too.
        names = {subscriber: name for name, subscriber in who.items()}
        told = Counter({(names[s], channel): n for (s, channel, _), n in counted(world, later).items()})
        expected = Counter(
            {("failed", "sms"): 1, ("delivered", "sms"): 1, ("both", "sms"): 1, ("stopped", "email"): 1,
             ("started", "sms"): 1, ("hard", "sms"): 1, ("refused", "email"): 1, ("delayed", "email"): 1,
             ("device", "push"): 2, ("device", "email"): 1, ("paused", "push"): 1, ("elsewhere", "email"): 1}
        )  # fmt: skip
        assert told == expected, (follow, told - expected, expected - told)
        assert {state for _, _, state in counted(world, later)} == {"sent"}
        for subscriber in who.values():
            world.leave(subscriber)


def _phone(name: str, nth: int) -> str:
    return f"+447700{90 + nth}{int.from_bytes(name.encode()[:4], 'big') % 10**4:04d}"
