"""E-mail, light and dark, and public page of a draft, as they will look; on both databases."""

from __future__ import annotations

from tests.integration.web.console.test_compose import WORDS, drafted
from tests.support.officer import officer
from tests.support.served import Served


async def test_draft_is_seen_as_it_will_look(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author)
    await author.open(f"/console/notices/{notice}/check")
    assert f"/console/notices/{notice}/mail.html?language=en" in author.text
    for look, rule in (("", "@media not all"), ("&look=dark", "@media all")):
        answer = await served.client.get(
            f"/console/notices/{notice}/mail.html?language=en{look}", headers=author.headers
        )
        text = await answer.text()
        assert answer.status == 200 and WORDS["title_en"] in text and rule in text, look
        assert "prefers-color-scheme: dark" not in text
        assert "sandbox" in answer.headers["Content-Security-Policy"] and "script" not in text
    await author.open(f"/console/notices/{notice}/page.html?language=en")
    assert author.status == 200 and WORDS["title_en"] in author.text and WORDS["instruction_en"] in author.text
    assert "Preview: only the team sees this." in author.text and 'method="post"' not in author.text
    public = await served.client.get(f"/alerts/{notice}")
    assert public.status == 404, "nothing is public by looking at it"


async def test_language_without_words_has_no_preview(served: Served) -> None:
    author = await officer(served, "ann", "author")
    notice = await drafted(author)
    for what in ("mail.html?language=pl", "page.html?language=xx"):
        await author.open(f"/console/notices/{notice}/{what}")
        assert author.status == 404
    answer = await served.client.get(f"/console/notices/{notice}/mail.html", allow_redirects=False)
    assert answer.status in (303, 401)
