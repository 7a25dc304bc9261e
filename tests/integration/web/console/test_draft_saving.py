"""A draft's form loses no words and no parts of the area, and overwrites no colleague's."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import UUID

import pytest

from alerts.domain.events import NoticePlan
from alerts.domain.streams import NOTICE
from tests.integration.web.console.test_compose import NEW, WORDS, drafted
from tests.support.officer import Officer, officer
from tests.support.served import Served, resident

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms do not depend on the database."""


def plan(served: Served, notice: str) -> NoticePlan:
    state = served.parts.log.state(NOTICE, UUID(notice))
    assert state is not None
    return state.plan


def radii(served: Served, notice: str) -> list[float]:
    return [part["circle"]["radius_km"] for part in plan(served, notice).area or ()]


async def saved_by_script(author: Officer, **fields: object) -> dict[str, object]:
    """The answer to the page's script; the page stays as it is."""
    page, url = author.text, author.url
    answer: dict[str, object] = json.loads(await author.press("auto", **fields))
    author.text, author.url = page, url
    return answer


async def test_second_press_with_more_words_keeps_them(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    await saved_by_script(author, **WORDS)  # under way when the button is pressed
    await author.press("save", near="51.55,-0.15", **{**WORDS, "body_en": "Two mains are leaking."})
    notice = author.url.split("/")[-2]
    assert plan(served, notice).content["en"].body == "Two mains are leaking." and radii(served, notice) == [0.5]


async def test_area_typed_beside_an_error_stays(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    await author.press("save", near="51.55,-0.15", radius="800", channel=[], **WORDS)
    assert author.status == 422 and "A circle of 800 m" in author.text
    await author.press("save", channel=["email"])
    notice = author.url.split("/")[-2]
    assert radii(served, notice) == [0.8]


async def test_unticked_part_stays_away_and_the_others_stay(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author, radius="800")
    await author.press("add", near="51.56,-0.15", radius="300")
    assert radii(served, notice) == [0.8, 0.3]
    second = author.text.split('id="keep-1"')[1].split('value="')[1].split('"')[0]
    for _ in range(2):  # the box that was unticked has the focus: the page's parts are not renewed
        answer = await saved_by_script(author, keep=unescape(second))
        assert "errors" not in answer and radii(served, notice) == [0.3]
        author.text = re.sub(r'(name="position" value=")\d+', rf"\g<1>{answer['position']}", author.text)


async def test_part_that_nobody_knows_is_refused(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author, radius="800")
    for wrong in ("7", "[]", "{"):
        await author.open(f"/console/notices/{notice}/edit")
        await author.press("save", keep=wrong)
        assert author.status == 422 and "A part of the area is not known" in author.text
    await author.open(f"/console/notices/{notice}/edit")
    await author.press("save", keep='{"circle": 1}', channel=[])
    assert author.status == 422
    assert radii(served, notice) == [0.8]


async def test_both_change_the_area_and_mine_is_what_was_seen(served: Served) -> None:
    ann, bob = await officer(served, "ann", "author"), await officer(served, "bob", "author")
    notice = await drafted(ann, radius="800")
    await bob.open(f"/console/notices/{notice}/edit")
    await ann.press("save", keep=[], near="51.57,-0.15", radius="200")
    await bob.press("save", near="51.58,-0.15", radius="100")
    assert bob.status == 409 and "A circle of 800 m" in bob.text and "A circle of 100 m" in bob.text
    await bob.press("save")
    assert radii(served, notice) == [0.8, 0.1]


async def test_emptied_language_is_gone(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author)
    await author.press("save", add_language="pl")
    await author.press("save", title_pl="Wyciek gazu")
    assert set(plan(served, notice).content) == {"en", "pl"}
    await author.press("save", title_pl="")
    assert set(plan(served, notice).content) == {"en"}


async def test_colleagues_words_come_back_to_the_script(served: Served) -> None:
    ann, bob = await officer(served, "ann", "author"), await officer(served, "bob", "author")
    notice = await drafted(ann)
    await bob.open(f"/console/notices/{notice}/edit")
    await ann.press("save", body_en="Ann's account.", channel=["email"], add_language="pl")
    await ann.press("save", title_pl="Wyciek gazu")
    answer = await saved_by_script(bob, title_en="Bob's title")
    assert answer["taken"] == {"body-en": "Ann's account.", "channel": ["email"], "title-pl": "Wyciek gazu"}
    assert set(plan(served, notice).content) == {"en", "pl"}


async def test_error_beside_a_colleagues_change_overwrites_nothing(served: Served) -> None:
    ann, bob = await officer(served, "ann", "author"), await officer(served, "bob", "author")
    notice = await drafted(ann)
    await bob.open(f"/console/notices/{notice}/edit")
    await ann.press("save", body_en="Ann's account.")
    await bob.press("save", title_en="Bob's title", near="Xyzzyville")
    assert bob.status == 422
    await bob.press("save", near="")
    words = plan(served, notice).content["en"]
    assert (words.title, words.body) == ("Bob's title", "Ann's account.")


async def test_untouched_end_and_priority_stay_to_the_second(served: Served) -> None:
    key, author = await served.key(), await officer(served, "ann", "author")
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2, seconds=7)
    ends = ends.replace(second=17)
    body = {
        "kind": "alert",
        "content": {"en": {"title": "Burst main, Camden Road"}},
        "area": [{"circle": {"lat": 51.55, "lon": -0.15, "radius_km": 1}}],
        "severity": "Minor",
        "urgency": "Future",
        "certainty": "Possible",
        "priority": "emergency",
        "expires": ends.isoformat(),
    }
    notice = (await served.ok("POST", "/api/v1/notices", key, body, 201))["id"]
    await author.open(f"/console/notices/{notice}/edit")
    await author.press("save", title_en="Burst main, Camden Road, no water")
    assert plan(served, notice).content["en"].title.endswith("no water")
    assert (plan(served, notice).expires, plan(served, notice).priority) == (ends, "emergency")
    await author.press("save", severity="Extreme", urgency="Immediate", certainty="Observed")
    await author.press("save", severity="Minor", urgency="Future", certainty="Possible")
    assert plan(served, notice).priority == "notice"


async def test_issue_of_a_newsletter_stays_one(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open("/console/newsletters/new")
    await author.press("save", name="Southwark this week", often="DAILY", at="08:00")
    await author.press("issue", within='name="title"', title="Issue 1", body="What happened.")
    notice = author.url.split("/")[-2]
    before = plan(served, notice)
    assert before.kind == "bulletin"
    await author.press("save", body_en="What happened, and why.")
    assert author.status == 200, author.text
    after = plan(served, notice)
    assert after.content["en"].body == "What happened, and why."
    assert (after.kind, after.topic, after.priority) == ("bulletin", before.topic, before.priority)


async def test_draft_is_saved_from_the_first_word_of_any_field(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    saved = await saved_by_script(author, instruction_en="Stay indoors.")
    notice = str(saved["url"]).split("/")[-2]
    assert plan(served, notice).content["en"].instruction == "Stay indoors." and "Write a title" in str(saved["aside"])
    await author.open(f"/console/notices/{notice}/check")
    assert "Write a title (en): what happened, and where." in author.text and "Ask for approval" not in author.text
    answer = await served.client.post(
        f"/console/notices/{notice}/check", data={"once": "x", "when": "now"}, headers=author.headers
    )
    assert answer.status in (409, 422)
    state = served.parts.log.state(NOTICE, UUID(notice))
    assert state is not None and state.phase == "draft"
    for path in ("/console", "/console/notices", f"/console/notices/{notice}", "/console/log"):
        await author.open(path)
        assert author.status == 200 and "No title yet" in author.text, path
    key = await served.key("notices:write")
    body = {"kind": "announcement", "topic": "community", "content": {"en": {"title": "", "body": "x"}}}
    assert (await served.client.post("/api/v1/notices", json=body, headers=key)).status == 422, "a program has a title"


async def test_end_in_a_clock_change_is_asked_about(served: Served) -> None:
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    await author.press("save", near="51.55,-0.15", **WORDS, ends_day="2027-03-28", ends_time="01:30")
    assert author.status == 422 and "01:30 does not exist that night: the clocks go forward." in author.text
    await author.press("save", ends_day="2027-10-31", ends_time="01:30")
    assert author.status == 422 and "01:30 comes twice that night: choose." in author.text
    await author.press("save", ends_which="second")
    assert author.status == 200, author.text[:3000]
    notice = author.url.split("/")[-2]
    second = datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    assert plan(served, notice).expires == second
    await author.press("save", body_en="Two mains.")
    assert plan(served, notice).expires == second, "what was chosen stays"
    await author.press("save", ends_which="first")
    assert plan(served, notice).expires == second - timedelta(hours=1)
    await author.press("save", ends_time="03:30")
    assert plan(served, notice).expires == datetime(2027, 10, 31, 3, 30, tzinfo=UTC)
    assert "Which one?" not in author.text


async def test_area_is_counted_while_drawn_and_nothing_is_saved(served: Served) -> None:
    key = await served.key()
    for number in range(3):
        await served.ok("POST", "/api/v1/subscribers", key, resident(f"r{number}@example.org"), 201)
    author = await officer(served, "ann", "author")
    await author.open(NEW)
    end = served.parts.log.position()

    async def counted(ring: object, **more: object) -> str:
        page, url = author.text, author.url
        words: str = json.loads(await author.press("count", area=json.dumps(ring), **more))["words"]
        author.text, author.url = page, url
        return words

    around = [[-0.2, 51.5], [-0.1, 51.5], [-0.1, 51.6], [-0.2, 51.6]]
    assert await counted(around) == "It would reach 3 people."
    assert await counted([[-1.2, 51.5], [-1.1, 51.5], [-1.1, 51.6]]) == "It would reach 0 people."
    assert "no area yet" in await counted([[-0.2, 51.5]])
    assert (await counted([[-0.2, 51.5], [-0.1, 51.6], [-0.1, 51.5], [-0.2, 51.6]])).startswith("Not counted: ")
    assert served.parts.log.position() == end
    notice = await drafted(author, near="52.5,-0.15")
    end = served.parts.log.position()
    assert await counted(around) == "It would reach 3 people.", "with what is there already"
    assert served.parts.log.position() == end and len(plan(served, notice).area or ()) == 1


async def test_new_words_alone_need_no_new_count(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author)
    counts = []
    count = served.parts.projector.counted

    def noted(*args: object, **more: object) -> object:
        counts.append(more.get("near_m"))
        return count(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(served.parts.projector, "counted", noted)
    await saved_by_script(author, body_en="Two mains are leaking.")
    assert len(counts) <= 1 and not [near for near in counts if not near], "one count with its near miss"
    counts.clear()
    await author.open(f"/console/notices/{notice}/edit")
    await saved_by_script(author, body_en="Three mains are leaking.")
    assert len(counts) == 1, "the page's; the words' save takes it"
    await author.open(f"/console/notices/{notice}/check")
    counts.clear()
    await author.press()
    assert author.url == f"/console/notices/{notice}" and counts == [], "the mail says what the check has counted"
