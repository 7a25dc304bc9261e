"""The rules, judged from outside: one running server, and an oracle that shares none of its code.

Each test has people and places of its own (`Spot`), so that what one does concerns no other's people.
"""

from __future__ import annotations

import email
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.rules_oracle import ALL_CHANNELS, Oracle, is_danger
from tests.acceptance.rules_world import DANGER, Spot, World, cap_time, cap_xml, iso, now, quiet, soon, square

pytestmark = pytest.mark.slow
Json = dict[str, Any]
PEOPLE, NOTICES = 60, 14
RING = [[-0.14, 51.54], [-0.08, 51.54], [-0.08, 51.58], [-0.14, 51.58], [-0.14, 51.54]]
HOLE = [[-0.12, 51.55], [-0.10, 51.55], [-0.10, 51.57], [-0.12, 51.57], [-0.12, 51.55]]
PLACES: dict[str, Json] = {
    "alpha": square(-0.1, 51.5, 0.02),
    "beta": square(-0.06, 51.5, 0.02),  # shares an edge with alpha
    "holed": {"type": "Polygon", "coordinates": [RING, HOLE]},
}
SEGMENTS: dict[str, Json] = {
    "first": {"any": [{"language": "cy"}, {"frequency": "daily"}]},
    "second": {"not": {"segment": "first"}},
}
SPOTS = ((51.5, -0.1), (51.5, -0.08), (51.52002, -0.1), (51.56, -0.11), (51.545, -0.13), (51.5, -0.05), (51.53, -0.2))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="al-", dir="/tmp") as folder:
        running = World(Path(folder))
        try:
            yield running
        finally:
            running.stop()


# --- rules 1–6, 9, 10, 15, 22: made-up people, made-up notices ---


def test_everyone_who_is_due_and_nobody_else(world: World) -> None:
    rng = random.Random(20260301)
    for slug, area in PLACES.items():
        world.api.post("/places", {"slug": slug, "name": {"en": slug}, "area": area})
    for slug, rule in SEGMENTS.items():
        world.api.post("/segments", {"slug": slug, "name": slug, "rule": rule})
    people = [_somebody(world, rng, number) for number in range(PEOPLE)]
    oracle = Oracle(PLACES, SEGMENTS)
    for _ in range(NOTICES):
        notice = _some_notice(rng, [person["id"] for person in people])
        counted = world.api.post("/audience", notice)
        issued = world.issue(**notice)
        expected = {person["id"]: oracle.expected(notice, person) for person in people}
        must = {(who, channel): state for who, by in expected.items() for channel, state in (by or {}).items()}
        got = world.deliveries(issued)
        team = {key for key in got if key[0] not in expected}
        assert {key: state for key, state in got.items() if key not in team} == must, notice
        is_drill = notice.get("status", "Actual") != "Actual" and "email" in notice.get("channels", ALL_CHANNELS)
        assert len(team) == (3 if is_drill else 0), notice
        reached = sum(bool(by) for by in expected.values())
        unreachable = sum(by == {} for by in expected.values())
        progress = world.dispatch(issued)
        assert (counted["people"], counted["unreachable"]) == (reached, unreachable), notice
        assert (progress["people"] - len(team), progress["unreachable"]) == (reached, unreachable), notice
        for person in rng.sample(people, 4):
            why = world.api.get(f"/notices/{issued}/why-not/{person['id']}")
            assert why["due"] == bool(expected[person["id"]]), (notice, person, why["checks"])
    for person in people:  # the other tests' notices without area are not for them
        if not person["gone"]:
            world.leave(person["id"])


def _somebody(world: World, rng: random.Random, number: int) -> Json:
    wishes: Json = {
        "places": [some_place(rng) for _ in range(rng.choice((0, 1, 1, 1, 2, 3)))],
        "topics": rng.choice(([], [], ["safety"], ["weather", "community"], ["safety", "community"])),
        "danger_to_life": rng.random() < 0.75,
        "tester": rng.random() < 0.3,
        "language": rng.choice(("en", "cy", "en-GB", "pl")),
        "frequency": rng.choice(("immediate", "immediate", "immediate", "daily", "weekly")),
    }
    if rng.random() < 0.5:
        wishes["severity_at_least"] = rng.choice(("Minor", "Moderate", "Unknown", "Severe", "Extreme"))
    if rng.random() < 0.4:
        wishes["channels"] = rng.choice((["email"], ["sms"], ["email", "sms"], ["push"]))
    wakes = rng.choice((None, None, "danger", "emergency"))
    if wakes is not None:
        wishes |= quiet(wakes)
    verified = rng.choice((["email"], ["sms"], ["email", "sms"]))
    if "email" in verified:
        wishes["email"] = f"made-up{number}@people.example"
    if "sms" in verified:
        wishes["phone"] = f"+4477009{number:05d}"
    person = {
        **wishes,
        "floor": wishes.get("severity_at_least", "Minor"),
        "channels": wishes.get("channels", ALL_CHANNELS),
        "quiet": wakes,
        "verified": verified,
        "confirmed": rng.random() < 0.93,
        "gone": False,
        "paused": False,
    }
    person["id"] = world.person(confirmed=person["confirmed"], **wishes)
    person["confirmed_at"] = now()
    fate = rng.random()
    if not person["confirmed"] or fate > 0.24:
        return person
    if fate < 0.06:
        world.leave(person["id"])
        person["gone"] = True
    elif fate < 0.16:
        world.change(person["id"], paused_until=soon(days=1))
        person["paused"] = True
    elif "sms" not in verified:  # a number that nobody has confirmed
        world.change(person["id"], phone=f"+4477009{number:05d}")
    return person


def some_place(rng: random.Random) -> Json:
    lat, lon = rng.choice(SPOTS)
    lat, lon = lat + rng.uniform(-2e-3, 2e-3), lon + rng.uniform(-2e-3, 2e-3)
    return rng.choice(
        (
            {"lat": lat, "lon": lon},
            {"lat": lat, "lon": lon, "radius_km": rng.choice((0.2, 1, 2, 4))},
            {"place": rng.choice(tuple(PLACES))},
            {"area": square(lon, lat, 0.005)},
            {"area": {"circle": {"lat": lat, "lon": lon, "radius_km": 0.7}}},
        )
    )


def some_area(rng: random.Random) -> Any:
    circle = {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": rng.choice((0.1, 1, 3))}}
    small = {"circle": {"lat": 51.56, "lon": -0.11, "radius_km": 0.3}}
    named = [{"place": slug} for slug in PLACES]
    return rng.choice((*named, circle, square(-0.1, 51.51, 0.015), PLACES["holed"], [{"place": "beta"}, small]))


def _some_notice(rng: random.Random, ids: list[str]) -> Json:
    notice: Json = {"kind": rng.choice(("alert", "alert", "alert", "announcement"))}
    if notice["kind"] == "alert" or rng.random() < 0.5:
        notice["area"] = some_area(rng)
    if rng.random() < 0.7:
        notice["topic"] = rng.choice(("safety", "weather", "community", "health"))
    if rng.random() < 0.8:
        notice["severity"] = rng.choice(("Severe", "Extreme", "Severe", "Moderate", "Minor", "Unknown"))
    if rng.random() < 0.8:
        notice["urgency"] = rng.choice(("Immediate", "Expected", "Future"))
        notice["certainty"] = rng.choice(("Observed", "Likely", "Possible"))
    if rng.random() < 0.2:
        notice["status"] = rng.choice(("Exercise", "Test"))
    if rng.random() < 0.3:
        notice["channels"] = rng.choice((["email"], ["sms"], ["push"]))
    if not is_danger(notice) and rng.random() < 0.4:
        notice["priority"] = "emergency"
    if rng.random() < 0.4 or not {"area", "topic"} & notice.keys():
        notice["audience"] = some_rule(rng, ids)
    return notice


def some_rule(rng: random.Random, ids: list[str], depth: int = 0) -> Json:
    leaf: Json = rng.choice(
        (
            {"touches": some_area(rng)},
            {"place": rng.choice(tuple(PLACES))},
            {"topic": rng.choice(("safety", "weather", "health"))},
            {"severity_floor_at_most": rng.choice(("Minor", "Unknown", "Severe"))},
            {"channel": rng.choice(("email", "sms", "push"))},
            {"language": rng.choice(("en", "cy", "en-US"))},
            {"segment": rng.choice(tuple(SEGMENTS))},
            {"frequency": rng.choice(("immediate", "daily"))},
            {"ids": rng.sample(ids, 20)},
        )
    )
    if depth > 1 or rng.random() < 0.3:
        return leaf
    several = [some_rule(rng, ids, depth + 1) for _ in range(rng.choice((1, 2, 3)))]
    return rng.choice(({"all": several}, {"any": several}, {"not": several[0]}))


# --- rules 1, 9, 10: what is refused, and which version of a place counts ---


def test_the_area_of_a_place_is_the_one_valid_at_issue(world: World) -> None:
    spot = Spot()
    world.api.post("/places", {"slug": "moving", "name": {"en": "Moving"}, "area": spot.square()})
    old, new = world.person(places=[spot.place()]), world.person(places=[spot.place(east=0.1)])
    by_name = world.person(places=[{"place": "moving"}])
    draft = world.draft(kind="alert", area={"place": "moving"})
    world.api.post("/places", {"slug": "moving", "name": {"en": "Moving"}, "area": spot.square(east=0.1)})
    world.api.post(f"/notices/{draft}/issue")
    assert world.got(draft, old=old, new=new, by_name=by_name) == {"old": None, "new": "sent", "by_name": "sent"}
    swapped = square(spot.lat, spot.lon + 0.1, 0.005)
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    for area in (swapped, bow):
        assert world.api.status("/notices", {"kind": "alert", "area": area}) == 422
    world.leave(by_name)


def test_what_names_nobody_is_refused_only_when_it_is_to_go_out(world: World) -> None:
    for body in ({"kind": "announcement"}, {"kind": "alert", "topic": "safety"}):
        notice = world.draft(**body)
        when = {"send_at": soon(hours=1)}
        assert world.api.status(f"/notices/{notice}/submit") == 422
        assert world.api.status(f"/notices/{notice}/schedule", when) == 422
        assert world.api.status(f"/notices/{notice}/issue") == 422
    assert world.api.status("/notices", {**DANGER, "area": Spot().circle(), "priority": "notice"}) == 422
    world.api.post("/segments", {"slug": "one", "name": "one", "rule": {"language": "en"}})
    world.api.post("/segments", {"slug": "two", "name": "two", "rule": {"segment": "one"}})
    circle = {"slug": "one", "name": "one", "rule": {"not": {"segment": "two"}}}
    assert world.api.status("/segments", circle) == 422


# --- rules 6 and 7 ---


def test_late_comers_by_a_change_of_their_own(world: World) -> None:
    spot = Spot()
    here = {"places": [spot.place()], "danger_to_life": False}
    moves, topics = world.person(places=[spot.place(east=0.1)]), world.person(**here, topics=["weather"])
    floor, channel = world.person(**here, severity_at_least="Extreme"), world.person(**here, channels=["sms"])
    paused, forgot = world.person(**here), world.person(**here)
    world.change(paused, paused_until=soon(days=1))
    world.change(forgot, paused_until=soon(seconds=1.5))
    fire = world.issue(**DANGER, topic="safety", area=spot.circle())
    names = {"moves": moves, "topics": topics, "floor": floor, "channel": channel, "paused": paused, "forgot": forgot}
    assert world.got(fire, **names) == dict.fromkeys(names)
    people = world.dispatch(fire)["people"]
    world.change(moves, places=[spot.place(east=0.1), spot.place()])
    world.change(topics, topics=[])
    world.change(floor, severity_at_least=None)
    world.change(channel, channels=None)
    world.change(paused, paused_until=None)  # nothing is caught up
    time.sleep(1.6)
    world.change(forgot, language="cy")  # what they change does not make them due
    time.sleep(0.3)
    due = {"moves": "sent", "topics": "sent", "floor": "sent", "channel": "sent", "paused": None, "forgot": None}
    assert world.got(fire, **names) == due
    counts = world.dispatch(fire)
    assert (counts["people"], counts["late"]) == (people, 4)
    update = world.update(fire, kind="alert")
    joins = world.person(places=[spot.place()])
    time.sleep(0.3)
    assert (world.got(fire, joins=joins), world.got(update, joins=joins)) == ({"joins": None}, {"joins": "sent"})
    world.api.post(f"/notices/{update}/stop", {"reason": "enough"})
    joins = world.person(places=[spot.place()])
    time.sleep(0.3)
    assert world.got(update, joins=joins) == {"joins": None}
    assert world.phase(update) == "live"


# --- rules 11 and 12 ---


class Desks:
    """Service points along a line to the east of a spot, by their distance in degrees."""

    def __init__(self, world: World, *east: float) -> None:
        self.world, self.spot, self.ids = world, Spot(), {}
        for where in east:
            self.add(where)

    def add(self, east: float, kind: str = "front-desk", **body: Any) -> str:
        here = self.spot.place(east)
        point = {"kind": kind, "name": f"{kind} {east}", "lat": here["lat"], "lon": here["lon"], **body}
        self.ids[east] = str(self.world.api.post("/service-points", point)["id"])
        return self.ids[east]

    def change(self, kind: str, *east: float, **body: Any) -> str:
        """The notice of it."""
        points = [self.ids[where] for where in east]
        announced = {"headline": "Change", "kind": kind, "service_points": points, "effective": soon(days=10), **body}
        return str(self.world.api.post("/service-changes", announced)["notice"])

    def person(self, east: float, radius_km: float = 0.0, **wishes: Any) -> str:
        return self.world.person(places=[self.spot.place(east, radius_km)], **wishes)


def test_whom_a_closure_reaches(world: World) -> None:
    desks = Desks(world, 0.0, 0.3, 0.6)
    desks.add(0.05, "kiosk")
    people = {
        "in_reach": desks.person(0.02),
        "by_radius": desks.person(0.2, 18.0),  # touches the circle; its own nearest desk stays
        "nearest": desks.person(0.14),
        "elsewhere": desks.person(0.16),
        "everywhere": world.person(),
        "other_topic": desks.person(0.0, topics=["safety"]),
        "its_topic": desks.person(0.0, topics=["service-changes"], severity_at_least="Extreme"),
        "drawn": world.person(places=[{"area": desks.spot.square(0.045, east=0.1)}]),
    }
    sent, nobody = dict.fromkeys(people, "sent"), dict.fromkeys(people)
    first = desks.change("closure", 0.0)
    assert world.got(first, **people) == {**sent, "elsewhere": None, "other_topic": None}
    desks.change("closure", 0.3)
    desks.change("hours", 0.6, after={desks.ids[0.6]: {"opening_hours": "24/7"}})
    world.cancel(first)  # and the desk counts as open again
    near, far = desks.person(0.05), desks.person(0.5, email="far@people.example")
    third = desks.change("closure", 0.6)
    assert world.got(third, near=near, far=far) == {"near": None, "far": "sent"}
    text = world.message("far@people.example", third)["text"]
    assert "front-desk 0.0" in text and "front-desk 0.3" not in text
    hours = desks.change("hours", 0.0, after={desks.ids[0.0]: {"opening_hours": "Mo 09:00-10:00"}})
    reached = dict.fromkeys(("in_reach", "by_radius", "everywhere", "its_topic"), "sent")
    assert world.got(hours, **people) == {**nobody, **reached}  # nobody loses the nearest one
    world.leave(people["everywhere"])


def test_a_move_reaches_by_the_old_position_and_counts_from_the_new_one(world: World) -> None:
    desks = Desks(world, 0.0, 1.2)
    old, new = desks.person(0.0), desks.person(1.0)
    there = {"lat": desks.spot.lat, "lon": desks.spot.lon + 1.0}
    moved = desks.change("move", 0.0, after={desks.ids[0.0]: there})
    assert world.got(moved, old=old, new=new) == {"old": "sent", "new": None}
    closed = desks.change("closure", 1.2, effective=soon(days=11))
    assert world.got(closed, new=new) == {"new": None}  # the moved one is nearer
    early = desks.change("closure", 1.2, effective=soon(days=5))
    assert world.got(early, new=new) == {"new": "sent"}  # then it had not moved yet


def test_the_alternatives_that_a_reader_is_named(world: World) -> None:
    desks = Desks(world, 0.0, 0.4, 0.5, 0.6)

    def visits(days: int, **more: str) -> list[Json]:
        return [{"dtstart": soon(days=days), "minutes": 60, **more}]

    desks.add(0.01, "mobile", visits=visits(12))
    desks.add(0.02, "mobile", visits=visits(30))
    desks.add(0.03, "mobile", visits=visits(-20, rrule="FREQ=WEEKLY;COUNT=2"))
    desks.add(0.005, "kiosk")
    desks.person(0.0, email="reader@people.example")
    closed = desks.change("closure", 0.0, 0.4)
    world.dispatch(closed)
    text = world.message("reader@people.example", closed)["text"]
    named = [text.find(name) for name in ("mobile 0.01", "front-desk 0.5", "front-desk 0.6")]
    assert named == sorted(named) and -1 not in named, text
    assert not any(
        name in text.split("What changes")[0] for name in ("mobile 0.02", "mobile 0.03", "kiosk", "desk 0.4")
    )


# --- rules 13–15 ---


def test_what_follows_goes_to_who_had_it_before(world: World) -> None:
    spot = Spot()
    had, beside = world.person(places=[spot.place()]), world.person(places=[spot.place(east=0.05)])
    asleep = world.person(places=[spot.place()], danger_to_life=False, **quiet())
    digest = world.person(places=[spot.place()], frequency="daily")
    people = {"had": had, "beside": beside, "asleep": asleep, "digest": digest}
    fire = world.issue(**DANGER, topic="safety", area=spot.circle())
    assert world.got(fire, **people) == {"had": "sent", "beside": None, "asleep": "held", "digest": "sent"}
    elsewhere = {"topics": ["weather"], "severity_at_least": "Extreme", "places": [spot.place(east=1.0)]}
    world.change(had, **elsewhere, paused_until=soon(days=1))
    world.change(digest, **quiet())
    update = world.update(fire, kind="alert", area=spot.circle(east=0.05))
    assert world.got(update, **people) == {"had": "sent", "beside": "sent", "asleep": None, "digest": "sent"}
    assert world.got(fire, asleep=asleep) == {"asleep": "superseded"}
    world.leave(beside)
    assert world.keys["draft"].status(f"/notices/{fire}/all-clear") == 403
    clear = world.keys["bob"].post(f"/notices/{fire}/all-clear")["id"]
    assert world.got(clear, **people) == {"had": "sent", "beside": None, "asleep": None, "digest": "sent"}
    assert (world.phase(fire), world.phase(update)) == ("superseded", "cleared")
    shown = world.api.get(f"/notices/{clear}")
    assert (shown["msg_type"], shown["thread"], shown["references"]) == ("AllClear", fire, [fire, update])
    assert world.api.status(f"/notices/{fire}/update", {"kind": "alert"}) == 409


def test_a_cancel_of_what_was_not_handed_over_says_nothing(world: World) -> None:
    spot = Spot()
    at_once, digest = world.person(places=[spot.place()]), world.person(places=[spot.place()], frequency="daily")
    sleeper = world.person(places=[spot.place()])
    people = {"at_once": at_once, "digest": digest, "sleeper": sleeper}
    minor = world.issue(kind="alert", severity="Minor", area=spot.circle())
    assert world.got(minor, **people) == {"at_once": "sent", "digest": "held", "sleeper": "sent"}
    world.change(sleeper, **quiet())
    world.change(at_once, frequency="weekly")
    cancel = world.cancel(minor)
    assert world.got(cancel, **people) == {"at_once": "held", "digest": None, "sleeper": "held"}
    assert (world.got(minor, digest=digest), world.phase(minor)) == ({"digest": "cancelled"}, "cancelled")


def test_what_has_expired_reaches_nobody_and_may_be_extended(world: World) -> None:
    spot = Spot()
    here = {"places": [spot.place()]}
    had, asleep = world.person(**here), world.person(**here, danger_to_life=False, **quiet())
    short = world.issue(**DANGER, area=spot.circle(), expires=soon(seconds=2))
    assert world.got(short, had=had, asleep=asleep) == {"had": "sent", "asleep": "held"}
    time.sleep(3.2)
    late = world.person(**here)
    assert world.got(short, asleep=asleep, late=late) == {"asleep": "expired", "late": None}
    [row] = world.api.items(f"/deliveries?notice={short}&subscriber={asleep}")
    assert (row["reason"], world.phase(short)) == ("quiet hours", "expired")
    longer = world.update(short, kind="alert")
    assert world.got(longer, had=had, asleep=asleep, late=late) == {"had": "sent", "asleep": "held", "late": "sent"}


# --- rules 13, 15, 18, 19 from CAP ---


def test_a_thread_that_comes_by_cap(world: World) -> None:
    spot = Spot()
    english, welsh = world.person(places=[spot.place()]), world.person(places=[spot.place()], language="cy")
    polish, beside = world.person(places=[spot.place()], language="pl"), world.person(places=[spot.place(east=0.2)])
    at = cap_time(now())
    infos = [
        {"language": "en-GB", "headline": "Fire!", "circle": spot.cap_circle()},
        {"language": "cy", "event": "Tan", "headline": "Tân!", "circle": spot.cap_circle()},
    ]
    first = cap_xml(infos, identifier="t1", sent=at)
    [fire] = world.cap("fire", first)["notices"]
    people = {"english": english, "welsh": welsh, "polish": polish, "beside": beside}
    assert world.got(fire, **people) == {**dict.fromkeys(people, "sent"), "beside": None}
    said = {name: world.inbox(world.api.get(f"/subscribers/{who}")["email"]) for name, who in people.items()}
    words = {name: mails[-1]["text"] for name, mails in said.items() if mails}
    assert "Fire!" in words["english"] and "Tân!" in words["welsh"] and "Fire!" in words["polish"]
    assert world.cap("fire", first.replace("Fire!", "Changed"))["notices"] == [fire]
    to_first = {"references": f"s@x.example,t1,{at}"}
    stranger = cap_xml(infos, msg="Cancel", **to_first)
    assert world.cap("police", stranger)["state"] == "parked"
    for status in ("Test", "Exercise"):  # a drill never ends what is real
        assert world.cap("fire", cap_xml([], msg="Cancel", status=status, **to_first))["state"] == "parked"
        assert world.cap("fire", cap_xml(infos, msg="Update", status=status, **to_first))["state"] == "parked"
    assert world.phase(fire) == "live"
    wider = cap_xml([{"circle": spot.cap_circle(east=0.2)}], msg="Update", identifier="t2", sent=at, **to_first)
    [update] = world.cap("fire", wider)["notices"]
    assert world.got(update, **people) == dict.fromkeys(people, "sent")
    over = {"responseType": "AllClear", "urgency": "Past", "severity": "Minor"}
    [clear] = world.cap("fire", cap_xml([over], msg="Update", **to_first))["notices"]
    assert world.got(clear, **people) == dict.fromkeys(people, "sent")
    assert (world.api.get(f"/notices/{clear}")["msg_type"], world.phase(update)) == ("AllClear", "cleared")


def test_what_cap_makes_of_the_unknown_and_of_what_is_not_for_the_public(world: World) -> None:
    spot = Spot()
    here = [{"circle": spot.cap_circle()}]
    unknown = {"references": "s@x.example,never,2026-01-01T00:00:00+00:00"}
    begun = world.cap("fire", cap_xml(here, msg="Update", **unknown))
    assert (begun["state"], world.api.get(f"/notices/{begun['notices'][0]}")["references"]) == ("issued", [])
    assert world.cap("fire", cap_xml([], msg="Cancel", **unknown))["state"] == "parked"
    assert world.cap("fire", cap_xml([{}]))["state"] == "parked"  # no geometry
    for head in ({"status": "System"}, {"status": "Draft"}, {"scope": "Restricted"}, {"scope": "Private"}):
        assert world.cap("fire", cap_xml(here, **head))["state"] == "recorded"
    for word in ("Ack", "Error"):
        assert world.cap("fire", cap_xml(here, msg=word, **unknown))["state"] == "recorded"
    drafted = world.cap("drafts", cap_xml(here))
    assert (drafted["state"], world.phase(drafted["notices"][0])) == ("drafted", "pending-approval")
    assert world.cap("records", cap_xml(here))["state"] == "recorded"


def test_a_drill_goes_to_testers_and_the_team_and_what_is_real_to_all(world: World) -> None:
    spot = Spot()
    tester = world.person(places=[spot.place()], tester=True, language="cy", email="tester@people.example")
    uninterested = world.person(places=[spot.place()], tester=True, topics=["weather"])
    resident = world.person(places=[spot.place()])
    at, here = cap_time(now()), [{"circle": spot.cap_circle()}]
    people = {"tester": tester, "uninterested": uninterested, "resident": resident}
    [drill] = world.cap("fire", cap_xml(here, status="Exercise", identifier="drill", sent=at))["notices"]
    assert world.got(drill, **people) == {"tester": "sent", "uninterested": None, "resident": None}
    assert world.message("tester@people.example", drill)["text"].startswith("YMARFER")
    team = world.message("ann@team.example", drill)
    assert team["text"].startswith("DRILL") and email.message_from_string(team["raw"])["Subject"].startswith("DRILL")
    real = cap_xml(here, msg="Update", references=f"s@x.example,drill,{at}")
    [alert] = world.cap("fire", real)["notices"]
    assert world.got(alert, **people) == dict.fromkeys(people, "sent")
    assert (world.api.get(f"/notices/{alert}")["references"], world.phase(drill)) == ([], "live")


def test_one_notice_for_each_group_of_infos(world: World) -> None:
    spot = Spot()
    here, there = spot.cap_circle(), spot.cap_circle(east=0.1)
    infos = [
        {"circle": here},
        {"circle": here, "language": "cy", "event": "Tan"},
        {"circle": here, "event": "Flood"},
        {"circle": here, "severity": "Minor"},
        {"circle": there, "category": ["Met", "Fire"]},
        {"circle": here, "codes": ["X"]},
        {"circle": here, "codes": ["X"], "language": "pl", "event": "Pożar"},
    ]
    at = cap_time(now())
    notices = world.cap("fire", cap_xml(infos, identifier="many", sent=at))["notices"]
    shown = [world.api.get(f"/notices/{notice}") for notice in notices]
    assert sorted((sorted(n["content"]), n["severity"], n["topic"]) for n in shown) == [
        (["cy", "en"], "Severe", "safety"),
        (["en"], "Minor", "safety"),
        (["en"], "Severe", "safety"),
        (["en"], "Severe", "weather"),
        (["en", "pl"], "Severe", "safety"),
    ]
    cancelled = world.cap("fire", cap_xml([], msg="Cancel", references=f"s@x.example,many,{at}"))
    assert len(cancelled["notices"]) == 5
    assert {world.phase(notice) for notice in notices} == {"cancelled"}


# --- rules 16–18 ---


def test_who_may_approve_what(world: World) -> None:
    spot = Spot()
    resident = world.person(places=[spot.place()])
    ann, bob, cat = world.keys["ann"], world.keys["bob"], world.keys["cat"]
    notice = world.draft("ann", kind="announcement", area=spot.circle())
    assert ann.status(f"/notices/{notice}/issue") == 409
    ann.post(f"/notices/{notice}/submit")
    seen = bob.get(f"/notices/{notice}")
    assert seen["people"] == 1
    assert ann.approve(notice) == 403  # the author
    assert world.api.status(f"/notices/{notice}/approve", {"version": seen["version"], "people": 1}) == 403
    assert bob.status(f"/notices/{notice}/approve", {"version": seen["version"] - 1, "people": 1}) == 409
    assert bob.status(f"/notices/{notice}/approve", {"version": seen["version"], "people": 52}) == 409
    assert bob.approve(notice) == 200
    bob.patch(f"/notices/{notice}", {"topic": "community"})
    assert world.phase(notice) == "pending-approval"
    assert (bob.approve(notice), cat.approve(notice)) == (403, 200)  # an editor, and who was neither
    assert ann.status(f"/notices/{notice}/issue") == 202
    assert world.got(notice, resident=resident) == {"resident": "sent"}
    rule = {"slug": "bound", "name": "bound", "rule": {"language": "en"}}
    world.api.post("/segments", rule)
    other = world.draft("ann", kind="announcement", audience={"segment": "bound"}, area=spot.circle())
    bob.post(f"/notices/{other}/submit")
    assert (bob.approve(other), cat.approve(other)) == (403, 200)  # the submitter
    world.api.post("/segments", {**rule, "rule": {"language": "cy"}})
    assert (ann.status(f"/notices/{other}/issue"), world.phase(other)) == (409, "pending-approval")


def test_a_count_that_moved_gives_a_scheduled_notice_back_but_no_emergency(world: World) -> None:
    spot, at = Spot(), iso(now() + timedelta(seconds=5))
    ann, bob = world.keys["ann"], world.keys["bob"]
    plain = world.draft("ann", kind="announcement", area=spot.circle(), send_at=at)
    urgent = world.draft("ann", **DANGER, area=spot.circle(), send_at=at)
    for notice in (plain, urgent):
        ann.post(f"/notices/{notice}/submit")
        assert bob.approve(notice) == 200
        assert world.phase(notice) == "scheduled"
    for _ in range(51):
        world.person(places=[spot.place()])
    time.sleep(max(0.0, (datetime.fromisoformat(at) - now()).total_seconds()) + 2.5)
    assert (world.phase(plain), world.phase(urgent)) == ("pending-approval", "live")


def test_what_a_policy_lets_a_program_do(world: World) -> None:
    london = world.keys["london"]

    def issued(radius_km: float, **body: Any) -> int:
        area = {"circle": {"lat": 51.5, "lon": -0.1, "radius_km": radius_km}}
        notice = london.post("/notices", {"content": {"en": {"title": "T"}}, "area": area, **body})["id"]
        return london.status(f"/notices/{notice}/issue")

    assert [issued(1, **DANGER), issued(30, **DANGER)] == [202, 409]
    assert [issued(1, kind="alert", severity="Minor"), issued(1, kind="announcement")] == [409, 403]
    near = {"lat": 51.5, "lon": -0.1, "radius_km": 1}
    facts = {**DANGER, "headline": "Smoke", "category": "Fire", "area": {"circle": near}, "source_ref": "smoke"}
    facts.pop("kind")
    first = london.post("/incidents", facts)
    assert world.phase(first["notice"]) == "live"
    assert world.api.get(f"/notices/{first['notice']}")["approved_by"] == "policy:london@3"
    again = london.ask("POST", "/incidents", facts)
    assert (again.status, again.body["id"], again.body["notice"]) == (200, first["id"], first["notice"])
    revised = london.post("/incidents", {**facts, "severity": "Minor"})
    shown = world.api.get(f"/notices/{revised['notice']}")
    assert (revised["id"], shown["msg_type"], shown["state"]) == (first["id"], "Update", "pending-approval")
    assert world.api.post("/incidents", facts)["id"] != first["id"]  # another key's references are its own
    assert world.keys["record"].post("/incidents", facts)["notice"] is None
    resolved = london.post(f"/incidents/{first['id']}/resolve")
    assert resolved["id"] == first["id"] and world.phase(first["notice"]) == "cleared"


# --- rule 20, identity and leaving ---


def test_a_reader_gets_the_nearest_language(world: World) -> None:
    spot = Spot()
    for tag in ("cy", "pt-BR", "ur"):
        world.person(places=[spot.place()], language=tag, email=f"{tag}@people.example")

    def read(*tags: str) -> list[str]:
        content = {tag: {"title": f"<{tag}>"} for tag in tags}
        world.dispatch(world.issue(kind="announcement", area=spot.circle(), content=content))
        # Who signs up gets what is live for their topics too: of other notices nothing is asked here.
        got = [world.inbox(f"{tag}@people.example") for tag in ("cy", "pt-BR", "ur")]
        return [next(tag for item in reversed(mine) for tag in tags if f"<{tag}>" in item["text"]) for mine in got]

    assert read("pt", "cy", "en") == ["cy", "pt", "en"]
    assert read("pt", "cy") == ["cy", "pt", "pt"]


def test_one_click_ends_a_contact_point_and_who_returns_is_the_same(world: World) -> None:
    spot = Spot()
    here = {"places": [spot.place()], "email": "leaves@people.example"}
    who = world.person(**here, phone="+447700950001")
    first = world.issue(**DANGER, area=spot.circle())
    world.dispatch(first)
    raw = world.message(here["email"], first)["raw"]
    link = email.message_from_string(raw)["List-Unsubscribe"].strip("<>\r\n ")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert world.http("POST", link, "List-Unsubscribe=One-Click", form).status == 200
    second = world.issue(**DANGER, area=spot.circle())
    assert world.got(second, who=who) == {"who": "sms:sent"}
    refused = world.api.ask("POST", "/subscribers", {"phone": "+447700950001"})
    assert (refused.status, refused.body["subscriber"]) == (409, who)
    world.leave(who)
    assert world.person(**here) == who
    third = world.issue(**DANGER, area=spot.circle())
    assert world.got(third, who=who) == {"who": "sent"}
    assert world.api.ask("DELETE", f"/subscribers/{who}?erase=true").status in (200, 204)
    assert world.person(**here) != who
