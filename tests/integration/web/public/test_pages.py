"""Public pages: who sees what, what no longer holds, and bytes that are kept until something public happens."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import msgspec
import pytest

from alerts.domain import events as e
from alerts.domain import streams
from alerts.kernel.geometry import Area
from alerts.kernel.ids import new_id
from alerts.web.public.notice_view import NoticeViews
from tests.support.scene import Scene, plan_of

Page = Callable[..., Awaitable[str]]
REPLACE = msgspec.structs.replace


async def test_the_front_page_says_what_is_happening_worst_first(scene: Scene, page: Page) -> None:
    water, fire = scene.notice(plan_of("water")), scene.fire()
    text = await page("/")
    assert text.index("Warehouse fire") < text.index("Burst water main")
    assert f'href="/alerts/{fire}"' in text and f'href="/alerts/{water}"' in text
    assert "2 alerts" in text and "Severe, act now" in text


async def test_an_empty_instance_says_that_nothing_happens(page: Page) -> None:
    assert "Nothing is happening now." in await page("/")
    assert "No changes are planned." in await page("/changes")


async def test_what_was_not_issued_is_not_there(scene: Scene, client: Any, page: Page) -> None:
    draft = new_id()
    plan = plan_of("gas")
    scene.tell(streams.NOTICE, draft, e.NoticeDrafted(number=900, thread=draft, plan=plan, source="source:x"))
    for path in (f"/alerts/{draft}", f"/alerts/{draft}.json", "/a/900", f"/alerts/{new_id()}", "/alerts/x", "/a/x"):
        assert (await client.get(path, allow_redirects=False)).status == 404, path
    assert "Gas cloud" not in await page("/")


async def test_a_draft_update_does_not_show_in_its_thread(scene: Scene, page: Page) -> None:
    fire = scene.fire()
    update = new_id()
    scene.tell(
        streams.NOTICE,
        update,
        e.NoticeDrafted(number=901, msg_type="Update", thread=fire, references=(fire,), plan=plan_of("smoke-update")),
    )
    assert "Bermondsey" not in await page(f"/alerts/{fire}")


async def test_any_member_shows_the_whole_thread_latest_first(scene: Scene, page: Page) -> None:
    fire = scene.fire()
    update = scene.follow(fire, "smoke-update", "Update")
    first, second = await page(f"/alerts/{fire}"), await page(f"/alerts/{update}")
    for text in (first, second):
        assert '<h1 lang="en-GB" dir="ltr">Walworth fire: the smoke has reached Bermondsey</h1>' in text
        assert "<del>Warehouse fire in Walworth: poisonous smoke</del>" in text
        assert text.index("UPDATE:") < text.index("First message:")


@pytest.mark.parametrize(
    ("first", "key", "msg_type", "banner"),
    [
        ("gas", "gas-cancel", "Cancel", "This was cancelled: it should not have been sent."),
        ("smoke", "smoke-over", "AllClear", "It is over."),
    ],
)
async def test_what_is_over_is_not_told_as_what_to_do(
    scene: Scene, page: Page, first: str, key: str, msg_type: Any, banner: str
) -> None:
    begun = scene.notice(plan_of(first))
    scene.follow(begun, key, msg_type)
    text = await page(f"/alerts/{begun}")
    assert banner in text
    instruction = next(iter(plan_of(first).content.values())).instruction.split(".")[0]
    assert instruction in text
    assert text.count(instruction) == text.count(f"<del>{instruction}")
    assert "Nothing is happening now." in await page("/")


async def test_an_expired_notice_says_so(scene: Scene, page: Page) -> None:
    fire = scene.notice(REPLACE(plan_of("smoke"), expires=scene.now + timedelta(hours=1)))
    assert "it no longer holds" not in await page(f"/alerts/{fire}")
    scene.now += timedelta(hours=2)
    scene.tell(streams.NOTICE, fire, e.NoticeExpired(), by="system")
    assert "it no longer holds" in await page(f"/alerts/{fire}")
    assert "Nothing is happening now." in await page("/")


async def test_a_drill_is_on_its_own_page_alone_and_looks_unlike_the_real_thing(scene: Scene, page: Page) -> None:
    drill = scene.notice(REPLACE(plan_of("smoke"), status="Exercise"))
    text = await page(f"/alerts/{drill}")
    assert '<section class="drill"' in text and "DRILL. This is a drill." in text
    assert "<title>DRILL: Warehouse fire" in text
    assert "Warehouse fire" not in await page("/") + await page("/feeds/alerts.atom")


async def test_a_closure_names_what_is_open_instead_nearest_first(scene: Scene, page: Page) -> None:
    scene.london()
    for name, day in (("East Street Library", 14), ("The far-off van", 29)):
        visit = e.Visit(dtstart=datetime(2026, 12, 1, 10, tzinfo=UTC) + timedelta(days=day - 1), minutes=180)
        facts = e.PointFacts(kind="mobile", name=name, lat=51.4884, lon=-0.0920, visits=(visit,), source_ref=name)
        opened = e.ServicePointOpened(facts=facts, source="source:estates")
        scene.tell(streams.POINT, streams.point_id("source:estates", name), opened)
    closure = scene.closure()
    text = await page(f"/alerts/{closure}")
    assert "<b>From Tuesday 1 December" in text
    walworth = text[text.index("<b>Walworth</b>") : text.index("<b>Wembley</b>")]
    assert "Peckham, 2.3 km" in walworth
    visit = walworth.index("East Street Library, 0.1 km: Mon 14 Dec, 10:00 to 13:00")
    assert visit < walworth.index("Peckham") < walworth.index("Brixton, 3.2 km: day and night")
    assert "far-off van" not in text, "no visit within a fortnight is no alternative"
    assert "Holborn, " not in walworth, "a desk that closes is no alternative"
    changes = await page("/changes")
    assert '<time datetime="2026-12-01">' in changes and f'href="/alerts/{closure}"' in changes


async def test_a_place_alone(scene: Scene, client: Any, page: Page) -> None:
    scene.london()
    scene.fire(), scene.notice(plan_of("water")), scene.closure()
    southwark, newham = await page("/?place=southwark"), await page("/?place=newham")
    assert "Warehouse fire" in southwark and "Burst water main" not in southwark
    assert "Warehouse fire" not in newham and "Burst water main" in newham
    assert "Happening now in Southwark" in southwark
    assert "Half of London" in await page("/changes?place=southwark")
    assert "Burst" not in await page("/feeds/alerts.atom?place=southwark")
    for path in ("/?place=atlantis", "/?place=%3Cscript%3E", "/changes?place=atlantis", "/feeds/alerts.atom?place=x"):
        assert (await client.get(path)).status == 404, path


async def test_words_of_people_are_never_markup(scene: Scene, page: Page) -> None:
    bad = '"><script>alert(1)</script>'
    plan = REPLACE(
        plan_of("market"),
        content={"en": e.Content(title=bad, body=f"{bad} ![x](http://evil.example/x.png)", instruction=bad)},
    )
    notice = scene.notice(plan)
    for path in (f"/alerts/{notice}", "/", "/feeds/alerts.atom"):
        text = await page(path)
        assert "<script>alert" not in text and "<img" not in text
    ElementTree.fromstring(await page("/feeds/alerts.atom"))


async def test_the_readers_language_frames_the_words_there_are(scene: Scene, page: Page) -> None:
    gas = scene.notice(plan_of("gas"))
    welsh = await page(f"/alerts/{gas}", Accept_Language="cy,en;q=0.5")
    assert '<html lang="cy" dir="ltr">' in welsh and "Beth i" in welsh and '<h1 lang="cy"' in welsh
    arabic = await page(f"/alerts/{gas}?lang=ar", Accept_Language="cy")
    assert '<html lang="ar" dir="rtl">' in arabic and '<h1 lang="en-GB" dir="ltr">Gas cloud' in arabic
    assert '<html lang="en"' in await page(f"/alerts/{gas}", Accept_Language="fr;q=x,de")


async def test_the_same_as_data_and_as_a_feed(scene: Scene, page: Page) -> None:
    scene.london()
    fire = scene.fire()
    update = scene.follow(fire, "smoke-update", "Update")
    document = json.loads(await page(f"/alerts/{update}.json"))
    assert document["thread"] == str(fire) and document["latest"] == str(update)
    assert [n["msg_type"] for n in document["notices"]] == ["Update", "Alert"]
    assert document["notices"][0]["geometry"]["type"] == "Polygon"
    feed = ElementTree.fromstring(await page("/feeds/alerts.atom"))
    [entry] = feed.findall("{http://www.w3.org/2005/Atom}entry")
    assert entry.findtext("{http://www.w3.org/2005/Atom}id") == f"urn:uuid:{update}"


ATOM = "{http://www.w3.org/2005/Atom}"


async def test_cap_feed_lists_every_message(scene: Scene, client: Any, page: Page) -> None:
    scene.london()
    empty = ElementTree.fromstring(await page("/feeds/cap.atom"))
    fire = scene.fire()
    update = scene.follow(fire, "smoke-update", "Update")
    over = scene.follow(update, "smoke-over", "AllClear")
    feed = ElementTree.fromstring(await page("/feeds/cap.atom"))
    entries = feed.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}id") for entry in entries] == [f"urn:uuid:{one}" for one in (over, update, fire)]
    for entry in entries:
        link = entry.find(f"{ATOM}link")
        assert link is not None and link.get("type") == "application/cap+xml"
        answer = await client.get(urlsplit(link.get("href", "")).path)
        assert answer.status == 200 and answer.content_type == "application/cap+xml"
        times = [str(entry.findtext(f"{ATOM}updated")), str(feed.findtext(f"{ATOM}updated"))]
        assert str(empty.findtext(f"{ATOM}updated")) < times[0] <= times[1]
    assert not ElementTree.fromstring(await page("/feeds/cap.atom?place=newham")).findall(f"{ATOM}entry")
    assert (await client.get("/feeds/cap.atom?place=atlantis")).status == 404


async def test_cap_feed_never_goes_back_in_time(scene: Scene, page: Page) -> None:
    scene.fire()
    seen = []
    for _ in range(12):
        seen.append(str(ElementTree.fromstring(await page("/feeds/cap.atom")).findtext(f"{ATOM}updated")))
        scene.now += timedelta(hours=19)
    assert seen == sorted(seen)
    assert not ElementTree.fromstring(await page("/feeds/cap.atom")).findall(f"{ATOM}entry")


async def test_kept_bytes_are_voided_by_what_is_public_alone(scene: Scene, client: Any) -> None:
    fire = scene.fire()
    first = await client.get(f"/alerts/{fire}")
    etag = first.headers["ETag"]
    again = await client.get(f"/alerts/{fire}", headers={"If-None-Match": etag})
    assert again.status == 304 and await again.read() == b""
    chunk = e.DispatchChunkFinished(notice=fire, number=1, outcomes=())
    scene.tell(streams.CHUNK, new_id(), chunk, by="system")
    assert (await client.get(f"/alerts/{fire}", headers={"If-None-Match": etag})).status == 304
    scene.follow(fire, "smoke-update", "Update")
    after = await client.get(f"/alerts/{fire}", headers={"If-None-Match": etag})
    assert after.status == 200 and after.headers["ETag"] != etag
    assert "Bermondsey" in await after.text()


async def test_head_packing_and_headers(scene: Scene, client: Any) -> None:
    fire = scene.fire()
    head = await client.head(f"/alerts/{fire}")
    assert head.status == 200 and await head.read() == b"" and head.headers["ETag"]
    packed = await client.get(f"/alerts/{fire}", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    plain = await client.get(f"/alerts/{fire}", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers and await plain.text() == await packed.text()
    assert "script-src 'self'" in plain.headers["Content-Security-Policy"]
    assert "unsafe" not in plain.headers["Content-Security-Policy"]
    assert " style=" not in await plain.text(), "the policy forbids style attributes"


async def test_the_short_address_of_texts_leads_to_the_page(scene: Scene, client: Any) -> None:
    fire = scene.fire()
    answer = await client.get("/a/101", allow_redirects=False)
    assert answer.status == 302 and answer.headers["Location"] == f"/alerts/{fire}"


async def test_static_files_and_errors_read_as_pages(client: Any) -> None:
    css = await client.get("/static/look.css")
    assert css.content_type == "text/css" and "immutable" in css.headers["Cache-Control"]
    for path in ("/static/nothing.css", "/static/..%2fsite.py", "/nothing"):
        missing = await client.get(path)
        assert missing.status == 404 and missing.content_type == "text/html", path
        assert "Nothing stands at this address" in await missing.text()


async def test_a_card_is_made_once_for_all_pages(scene: Scene, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The minute, the place and the feeds repeat what the notice's version and the language say."""
    scene.london()
    made: list[Any] = []
    real = NoticeViews._card
    monkeypatch.setattr(NoticeViews, "_card", lambda *args: made.append(args[1].id) or real(*args))
    fire = scene.fire()
    asked: list[Any] = []
    overlaps = Area.overlaps
    for path in ("/", "/?place=southwark", "/feeds/alerts.atom", "/feeds/cap.atom"):
        await page(path)
    assert made == [fire]
    monkeypatch.setattr(Area, "overlaps", lambda *args: asked.append(1) or overlaps(*args))
    scene.now += timedelta(minutes=1)
    for path in ("/", "/?place=southwark"):
        assert "Warehouse fire" in await page(path)
    assert made == [fire] and not asked
    await page("/?lang=pl")
    assert made == [fire, fire]


async def test_long_lists_come_in_pages(scene: Scene, client: Any, page: Page) -> None:
    plan = plan_of("water")
    for number in range(51):
        words = {"en": e.Content(title=f"Water main {number} burst", body="")}
        scene.notice(REPLACE(plan, content=words))
    first, second = await page("/"), await page("/?page=2")
    assert first.count('<article class="card') == 50 and second.count('<article class="card') == 1
    assert "51 alerts" in first and "51 alerts" in second
    assert 'rel="next" href="/?lang=en&amp;page=2"' in first and 'rel="prev"' in second
    for path in ("/?page=3", "/?page=0", "/?page=x"):
        assert (await client.get(path)).status == 404
