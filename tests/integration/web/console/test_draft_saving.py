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
from tests.support.served import Served

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
