"""`/check`: codes of our messages are recognised; nothing else is ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import pytest

from alerts.domain import events as e
from alerts.domain import streams
from alerts.kernel.check_codes import check_code
from alerts.kernel.ids import new_id
from tests.support.scene import Scene, plan_of

Page = Callable[..., Awaitable[str]]
UNKNOWN = "No message of ours has this code. Do not follow its link."


def code_of(scene: Scene, notice: Any) -> str:
    return check_code(scene.secret, scene.number_of(notice))


async def test_code_of_a_message_names_what_it_said(scene: Scene, page: Page) -> None:
    fire = scene.fire()
    code = code_of(scene, fire)
    assert f'<bdi dir="ltr">{code}</bdi>' in await page(f"/alerts/{fire}")
    text = await page(f"/check?code={code}")
    assert "Yes, a message of ours has this code." in text and "Warehouse fire in Walworth" in text
    assert f'href="/alerts/{fire}"' in text and "Monday 23 November, 14:32" in text
    typed = quote(f" {code[:3].lower()}-{code[3:]} ".replace("0", "O").replace("1", "i"))
    assert "Yes, a message of ours" in await page(f"/check?code={typed}")


async def test_code_of_an_old_message_leads_to_the_latest(scene: Scene, page: Page) -> None:
    fire = scene.fire()
    scene.follow(fire, "smoke-update", "Update")
    assert "There is a newer message about this." in await page(f"/check?code={code_of(scene, fire)}")


async def test_what_was_not_issued_has_no_code(scene: Scene, page: Page) -> None:
    draft = new_id()
    told = e.NoticeDrafted(number=900, thread=draft, plan=plan_of("gas"), source="source:x")
    scene.tell(streams.NOTICE, draft, told)
    assert UNKNOWN in await page(f"/check?code={check_code(scene.secret, 900)}")


@pytest.mark.parametrize("given", ["zz", "<script>alert(1)</script>", "x" * 3000, "\u202e12345", "12345U"])
async def test_bad_codes_are_answered_in_words(page: Page, given: str) -> None:
    text = await page(f"/check?code={quote(given)}")
    assert "<title>Error: " in text and text.count("A code has six letters and digits.") == 2
    assert "<script>" not in text and "\u202e" not in text and "x" * 30 not in text


async def test_empty_question_is_no_error(page: Page) -> None:
    for path in ("/check", "/check?code=", "/check?code=%20"):
        assert "Error" not in await page(path)


async def test_unknown_code_is_said_at_the_top_and_at_the_field(page: Page) -> None:
    text = await page("/check?code=7ZZZZ7")
    assert text.count(UNKNOWN) == 2 and text.index(UNKNOWN) < text.index("<h1")


async def test_codes_cannot_be_tried_out(client: Any) -> None:
    answers = [(await client.get(f"/check?code=ABC{n:03d}")).status for n in range(8)]
    assert 429 in answers
    assert (await client.get("/check")).status == 200, "the form itself can be had"
