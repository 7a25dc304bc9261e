"""From an empty form to a sent warning and back: two people in two browsers, without scripts."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from alerts.domain.events import Content
from alerts.domain.streams import NOTICE
from tests.support.officer import Officer, officer
from tests.support.served import Served, resident

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms read the same on each database; the other tests of this file run on both."""

NEW = "/console/notices/new"
WORDS = {
    "title_en": "Gas leak, Camden High Street: stay indoors until 20:00",
    "instruction_en": "Stay indoors. Shut windows and doors.",
    "body_en": "A gas main is leaking.",
}


async def drafted(author: Officer, **more: str) -> str:
    """Write a warning at 51.55,-0.15 and save it; its id."""
    await author.open(NEW)
    ends = {"ends_day": f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}", "ends_time": "20:00"}
    await author.press("save", **{"near": "51.55,-0.15", "radius": "800", **WORDS, **ends, **more})
    found = re.fullmatch(r"/console/notices/([0-9a-f-]{36})/edit", author.url)
    assert found is not None, author.text[:3000]
    return found[1]


def state_of(served: Served, notice: str) -> str:
    """Phase of a notice in the log."""
    state = served.parts.log.state(NOTICE, UUID(notice))
    assert state is not None
    return state.phase


@pytest.fixture
async def people(served: Served) -> None:
    """Three residents near the leak, and one far away."""
    key = await served.key()
    for number in range(3):
        await served.ok("POST", "/api/v1/subscribers", key, resident(f"r{number}@example.org"), 201)
    await served.ok("POST", "/api/v1/subscribers", key, resident("far@example.org", lat=52.5), 201)


@pytest.mark.usefixtures("people")
async def test_officer_warns_and_a_second_one_approves(served: Served) -> None:
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    notice = await drafted(author)
    assert "3 people" in author.text and "Nothing is missing" in author.text and "danger to life" in author.text
    await author.press("check")
    assert "Ask for approval: 3 people" in author.text and "Stay indoors" in author.text
    await author.press()
    assert author.url == f"/console/notices/{notice}" and state_of(served, notice) == "pending-approval"
    assert ">Update<" not in author.text, "nothing was sent yet"

    await approver.open(f"/console/notices/{notice}/approve")
    assert "Send this" in approver.text and "to 3 people" in approver.text
    assert "a circle of 800 m around 51.55000, -0.15000?" in approver.text and "everywhere" not in approver.text
    await approver.press("send", people="4")
    assert approver.status == 422 and "It is 3; you typed 4." in approver.text
    assert "It ends by itself on" in approver.text
    await approver.press("send", people="three")
    assert approver.status == 422 and "It is 3; type it in digits." in approver.text
    assert state_of(served, notice) == "pending-approval"
    await approver.press("send", people="3")
    assert approver.status == 200 and state_of(served, notice) == "live"
    followed = f'data-progress="/console/notices/{notice}/progress"' in approver.text
    assert followed or "<dd>yes</dd>" in approver.text, "it is followed from the first look, unless it has left by then"

    await author.open(f"/console/notices/{notice}")
    await author.press()
    assert re.fullmatch(r"/console/notices/[0-9a-f-]{36}/edit", author.url) and notice not in author.url, author.text
    assert WORDS["instruction_en"] in author.text
    assert "stays live until this one is sent" in author.text and 'value="20:00"' in author.text, "its end is kept"
    update = author.url.removesuffix("/edit")
    await author.press("check")
    await author.press()
    await approver.open(f"{update}/approve")
    assert '<p class="small">English</p>' in approver.text, "what was said before"
    await approver.open(f"/console/notices/{notice}/approve")
    assert "Send this" not in approver.text, "nothing is asked of what is live"
    await approver.open(f"/console/notices/{notice}/cancel")
    await approver.press()
    assert approver.status == 422 and "Say what was wrong." in approver.text
    assert "Please disregard it." in approver.text and f'value="{WORDS["title_en"]}"' in approver.text, "what goes out"
    await approver.press(reason="It was another street.", title_en="", instruction_en="You may go out.")
    assert approver.status == 422 and "Write a title" in approver.text and "You may go out." in approver.text
    await approver.press(title_en="No leak")
    assert approver.status == 200, re.findall(r"error-summary.*?</ul>", approver.text, re.DOTALL)
    assert state_of(served, notice) == "cancelled"
    assert "It was wrong" not in approver.text, "a cancel is the last word"
    ended = served.parts.log.state(NOTICE, UUID(approver.url.rsplit("/", 1)[1]))
    assert ended is not None and ended.plan.content == {"en": Content(title="No leak", instruction="You may go out.")}


@SQLITE
@pytest.mark.usefixtures("people")
async def test_author_does_not_approve_the_own_draft(served: Served) -> None:
    both = await officer(served, "kofi", "approver")
    notice = await drafted(both)
    await both.press("check")
    await both.press()
    await both.open(f"/console/notices/{notice}/approve")
    assert "You wrote part of this" in both.text
    assert 'value="send"' not in both.text
    assert "Who can:" in both.text and "nobody yet" in both.text
    await both.open(f"/console/notices/{notice}")
    assert "Approve and send" not in both.text and f"/console/notices/{notice}/edit" in both.text
    state = served.parts.log.state(NOTICE, UUID(notice))
    assert state is not None
    form = {"do": "send", "people": "3", "seen": "3", "version": str(state.version)}
    answer = await served.client.post(f"/console/notices/{notice}/approve", data=form, headers=both.headers)
    assert answer.status == 409 and state_of(served, notice) == "pending-approval"


@SQLITE
async def test_return_takes_a_reason_and_voids_nothing_else(served: Served) -> None:
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    notice = await drafted(author)
    await author.press("check")
    await author.press()
    for one, way in ((approver, "/approve"), (author, "")):
        await one.open("/console")
        assert f'href="/console/notices/{notice}{way}"' in one.text, "who may approve comes to the question at once"
    await approver.open(f"/console/notices/{notice}/approve")
    await approver.press("return")
    assert approver.status == 422 and "Say why" in approver.text
    await approver.press("return", reason="Name the street.")
    assert state_of(served, notice) == "returned"
    await author.open(f"/console/notices/{notice}/edit")
    assert author.status == 200 and WORDS["title_en"] in author.text and "Name the street." in author.text
    await approver.open(f"/console/notices/{notice}/edit")
    assert approver.status == 403 and "You returned this for changes: somebody else makes them." in approver.text
    await approver.open(f"/console/notices/{notice}")
    assert f"{notice}/edit" not in approver.text and f"{notice}/check" in approver.text


@SQLITE
async def test_one_person_is_a_person(served: Served) -> None:
    await served.ok("POST", "/api/v1/subscribers", await served.key(), resident("r0@example.org"), 201)
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    notice = await drafted(author)
    await author.press("check")
    await author.press()
    await approver.open(f"/console/notices/{notice}/approve")
    assert "Send to 1 person" in approver.text and "1 people" not in author.text + approver.text


@SQLITE
async def test_wrong_input_keeps_what_was_typed(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    await author.press("save", near="Xyzzyville", radius="800", ends_day="soon", **WORDS, channel=[])
    assert author.status == 422 and "<title>Error: " in author.text.replace("\n", "")
    for words in ("We do not know that place", "Give the end as a day", "Tick at least one way"):
        assert words in author.text
    assert WORDS["title_en"] in author.text and 'value="Xyzzyville"' in author.text
    await author.open(NEW)
    await author.press("save", near="51.55,-0.15", title_en="x" * 10_000)
    assert author.status == 422 and "characters" in author.text
    await author.open(NEW)
    await author.press("save", near="51.55,-0.15", title_en="Leave\u202ehome")
    assert author.status == 422 and "U+202E" in author.text
    for wrong in ("{", '{"type": "Feature", "geometry": null}', '{"a":' + "[" * 20_000):
        await author.open(NEW)
        await author.press("save", geojson=wrong, **{**WORDS, "channel": []})
        assert author.status == 422 and "This is no GeoJSON" in author.text


async def test_two_people_on_one_draft_are_told(served: Served) -> None:
    ann, bob = await officer(served, "ann", "author"), await officer(served, "bob", "author")
    notice = await drafted(ann)
    await bob.open(f"/console/notices/{notice}/edit")
    await ann.press("save", title_en="Ann was first")
    await bob.press("save", title_en="Bob came later")
    assert bob.status == 409 and "A colleague has changed this draft" in bob.text and "Bob came later" in bob.text
    await bob.press("save")
    assert bob.status == 200 and "Bob came later" in bob.text


async def test_second_press_drafts_nothing_more(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    form = author.text
    await author.press("save", near="51.55,-0.15", **WORDS)
    first = author.url
    author.text, author.url = form, NEW
    await author.press("save", near="51.55,-0.15", **WORDS)
    assert author.url == first


@SQLITE
async def test_drill_says_so_on_every_screen(served: Served) -> None:
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    notice = await drafted(author, status="Exercise")
    assert "DRILL" in author.text and "Residents get none of this" in author.text
    await author.press("check")
    assert "DRILL" in author.text
    await author.press()
    await approver.open(f"/console/notices/{notice}/approve")
    assert "DRILL: send this practice" in approver.text and "Send the drill" in approver.text


@SQLITE
async def test_viewer_writes_nothing(served: Served) -> None:
    viewer = await officer(served, "vic", "viewer")
    await viewer.open(NEW)
    assert viewer.status == 403
    author = await officer(served, "ann", "author")
    notice = await drafted(author)
    await author.open(f"/console/notices/{notice}/approve")
    assert author.status == 403


@SQLITE
async def test_what_no_word_list_knows_is_ticked_by_the_author_and_told_to_the_approver(served: Served) -> None:
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    notice = await drafted(author, title_en="Kettle, Camden High Street until 20:00", body_en="It boils.")
    await author.open(f"/console/notices/{notice}/check")
    assert "What, English: it is there" in author.text.replace("\n", " ")
    await author.press()
    assert author.status == 422 and "No word for what happened was found" in author.text
    assert state_of(served, notice) == "draft"
    await author.press(there="what-en", note="Kettles are what we call it.")
    assert state_of(served, notice) == "pending-approval"
    await approver.open(f"/console/notices/{notice}/approve")
    assert "Kettles are what we call it." in approver.text and "What (English)" in approver.text


@SQLITE
async def test_town_near_the_area_says_where_it_is_without_being_registered(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author, title_en="Gas leak, Camden Town", body_en="Gas escapes.", sms_en="")
    assert "No street, place or postcode was found" not in author.text
    await author.open(f"/console/notices/{notice}/edit")
    await author.press("save", title_en="Gas leak, Croydon")
    assert "No street, place or postcode was found" in author.text


@SQLITE
async def test_what_stops_cannot_be_ticked_away(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author, instruction_en="Stay off [road] until 20:00.")
    await author.open(f"/console/notices/{notice}/check")
    assert "Nothing is missing" not in author.text
    assert "One thing to settle first" in author.text
    assert f'href="/console/notices/{notice}/edit#instruction-en">Mend it' in author.text
    await author.press(there="blank-en")
    assert author.status == 422 and "Fill [road]." in author.text and state_of(served, notice) == "draft"


@SQLITE
async def test_end_that_the_words_contradict_is_mended_in_its_field(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author, ends_time="21:00")
    await author.open(f"/console/notices/{notice}/check")
    assert f'href="/console/notices/{notice}/edit#ends-time">Mend it' in author.text


@SQLITE
@pytest.mark.usefixtures("people")
async def test_who_lives_just_outside_and_whether_it_reaches_a_place(served: Served) -> None:
    key = await served.key()
    await served.ok("POST", "/api/v1/subscribers", key, resident("edge@example.org", lat=51.5619), 201)
    author = await officer(served, "ann", "author")
    await drafted(author, radius="800")
    assert "1 more live within 50 m" in author.text.replace("\n      ", " ")
    await author.press("reaches", reaches="51.5619,-0.15")
    assert "outside, 0.5 km from the edge" in author.text
    await author.press("grow")
    assert "A circle of 850 m" in author.text and "4 people" in author.text
    await author.press("reaches", reaches="51.55,-0.15")
    assert "inside." in author.text


async def test_colleagues_change_of_another_field_is_taken_over(served: Served) -> None:
    ann, bob = await officer(served, "ann", "author"), await officer(served, "bob", "author")
    notice = await drafted(ann)
    await bob.open(f"/console/notices/{notice}/edit")
    await ann.press("save", body_en="Ann's account.", title_en="Ann's gas leak")
    await bob.press("save", instruction_en="Bob's advice.")
    assert bob.status == 200 and "Ann&#39;s account." in bob.text and "Bob&#39;s advice." in bob.text
    await ann.press("save", title_en="Ann's second")
    assert ann.status == 200, "she began before Bob, who left her field alone"
    await bob.press("save", title_en="Bob's title")
    assert bob.status == 409 and "Ann&#39;s second" in bob.text
    await bob.press("save", take="title-en")
    assert bob.status == 200 and "Ann&#39;s second" in bob.text and "Bob&#39;s advice." in bob.text


@SQLITE
async def test_script_saves_and_gets_the_parts_that_depend_on_it(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    await author.press("auto", **WORDS)
    made = json.loads(author.text)
    assert "Five parts" in made["aside"] and "No area yet" in made["area"] and made["saved"].startswith("Draft saved")
    await author.open(made["url"])
    await author.press("auto", title_en="x" * 5_000)
    assert author.status == 422 and "characters" in next(iter(json.loads(author.text)["errors"].values()))


@pytest.mark.usefixtures("people")
async def test_notice_is_sent_at_the_time_that_was_approved(served: Served) -> None:
    author, approver = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    day = f"{datetime.now(UTC) + timedelta(hours=12):%Y-%m-%d}"
    notice = await drafted(author, ends_day=f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}")
    for when, said in (
        ({"send_day": "yesterday", "send_time": "8"}, "Give a day"),
        ({"send_day": "2020-01-01", "send_time": "08:00"}, "1 January has passed."),
        ({"send_day": "2028-10-29", "send_time": "01:30"}, "01:30 comes twice that night: choose."),
    ):
        await author.open(f"/console/notices/{notice}/check")
        await author.press(when="at", **when)
        assert author.status == 422 and said in author.text and when["send_day"] in author.text
    await author.press(when="at", send_day=day, send_time="23.59")
    assert state_of(served, notice) == "pending-approval", author.text[:3000]
    await author.open(f"/console/notices/{notice}")
    assert "To be sent" in author.text and "23:59" in author.text and ">Ends</dt>" in author.text
    await author.open(f"/console/notices/{notice}/check")
    assert "It leaves on" in author.text and "23:59" in author.text
    await approver.open(f"/console/notices/{notice}/approve")
    assert "23:59" in approver.text and "Approve for 3 people" in approver.text
    await approver.press("send", people="3")
    assert state_of(served, notice) == "scheduled"


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_added_language_has_its_fields(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author)
    await author.press("save", add_language="cy")
    assert author.url == f"/console/notices/{notice}/edit?language=cy"
    assert 'id="title-cy"' in author.text
    await author.press("check", title_cy="Nwy yn gollwng", add_language="pl")
    assert author.url == f"/console/notices/{notice}/edit?language=pl", "its words are still to be written"
    await author.press("save")
    state = served.parts.log.state(NOTICE, UUID(notice))
    assert state is not None and set(state.plan.content) == {"en", "cy"}


@SQLITE
async def test_town_outside_every_registered_place_is_chosen(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    await author.press("save", near="Atlantis", **WORDS)
    assert author.status == 422 and "Atlantis, South Africa lies outside every registered place" in author.text
    pick = re.search(r'name="pick" value="([^"]+)"', author.text)
    assert pick is not None
    await author.press("save", near="Atlantis", pick=pick[1])
    assert author.status == 200 and "A circle of 500 m around -33.5" in author.text


@SQLITE
async def test_list_of_places_is_added_and_what_is_not_found_stays(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    pasted = "51.55,-0.15\n51.56,-0.16; Xyzzyville\n51.55,-0.15"
    await author.press("save", postcodes=pasted, radius="300", **WORDS)
    assert author.status == 422 and "Not found, or not only one: Xyzzyville" in author.text
    assert "51.56,-0.16" in author.text, "nothing that was pasted is lost"
    await author.press("save", postcodes="51.55,-0.15\n51.56,-0.16; 51.55,-0.15")
    assert author.status == 200 and author.text.count("A circle of 300 m") == 2
    await author.open(NEW)
    many = "\n".join(f"51.55,-0.{number}" for number in range(100, 301))
    await author.press("save", postcodes=many, **WORDS)
    assert author.status == 422 and "Paste at most 200" in author.text


@SQLITE
@pytest.mark.usefixtures("people")
async def test_letter_is_read_and_printed_before_it_is_sent(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author, channel=["email", "letter"])
    await author.open(f"/console/notices/{notice}/check")
    assert "<summary>The letter<" in author.text and f"{notice}/letter.pdf" in author.text
    answer = await served.client.get(f"/console/notices/{notice}/letter.pdf", headers=author.headers)
    body = await answer.read()
    assert (answer.status == 200 and body.startswith(b"%PDF")) or (answer.status == 503 and b"Pango" in body)
    other = await drafted(author, channel=["email"])
    assert "The letter" not in author.text
    assert (await served.client.get(f"/console/notices/{other}/letter.pdf", headers=author.headers)).status == 404


@SQLITE
async def test_cost_of_texts_is_shown_where_a_notice_is_decided(served: Served) -> None:
    key = await served.key()
    for number in range(3):
        person = {**resident(f"r{number}@example.org"), "phone": f"+4477009000{number:02}"}
        await served.ok("POST", "/api/v1/subscribers", key, person, 201)
    author = await officer(served, "ann", "author")
    notice = await drafted(author, sms_en="Gas leak: stay indoors until 20:00.")
    assert "3 numbers × 1 part: 3 texts" in author.text, author.text[:6000]
    await author.open(f"/console/notices/{notice}/check")
    assert "3 numbers × 1 part: 3 texts" in author.text
