"""Comments on a draft, on every screen where it is read, without scripts."""

from __future__ import annotations

import asyncio
from email import message_from_bytes, policy
from uuid import UUID

import pytest

from alerts.domain.events import NoticeCommented
from alerts.domain.streams import NOTICE, comments_id
from tests.integration.web.console.test_compose import WORDS, drafted, people, state_of
from tests.support.officer import officer
from tests.support.served import Served

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms read the same on each database; the other tests of this file run on both."""

__all__ = ["people"]


def version_of(served: Served, notice: str) -> int:
    state = served.parts.log.state(NOTICE, UUID(notice))
    assert state is not None
    return state.version


async def mails(served: Served, to: str, count: int) -> list[str]:
    """Mail to a member, once there are that many."""
    assert served.parts.inbox is not None
    for _ in range(200):
        found = [item for item in served.parts.inbox.items(to=f"{to}@town.example") if b"Subject: Comment" in item.data]
        if len(found) >= count:
            break
        await asyncio.sleep(0.03)
    bodies = [message_from_bytes(item.data, policy=policy.default).get_body(("plain",)) for item in found]
    return [str(body.get_content()) for body in bodies if body is not None]


@pytest.mark.usefixtures("people")
async def test_team_comments_where_the_draft_is_read(served: Served) -> None:
    ann, kofi, vic = [
        await officer(served, name, role)  # type: ignore[arg-type]
        for name, role in (("ann", "author"), ("kofi", "approver"), ("vic", "viewer"))
    ]
    notice = await drafted(ann)
    before = version_of(served, notice)
    await vic.open(f"/console/notices/{notice}")
    await vic.press(within='name="comment"', comment="Which <b>side</b> of the street?", about="title-en")
    assert vic.status == 200 and vic.url.startswith(f"/console/notices/{notice}/comments"), vic.url
    assert "Which &lt;b&gt;side&lt;/b&gt; of the street?" in vic.text and "Title (English)" in vic.text
    assert version_of(served, notice) == before
    assert len(await mails(served, "ann", 1)) == 1

    await ann.open(f"/console/notices/{notice}/edit")
    assert "Which &lt;b&gt;side" in ann.text
    await ann.press("comment", comment="The north one.", body_en="A gas main is leaking on the north side.")
    assert ann.status == 200 and "The north one." in ann.text and "on the north side" in ann.text, "both are kept"
    assert ann.text.index("Which &lt;b&gt;side") < ann.text.index("The north one."), "the newest last"
    told = await mails(served, "vic", 1)
    assert len(told) == 1 and f"/console/notices/{notice}/comments" in told[0] and "The north one." in told[0]
    assert len(await mails(served, "ann", 1)) == 1, "nobody is told of their own words"

    await ann.open(f"/console/notices/{notice}/check")
    await ann.press("comment", comment="")
    assert ann.status == 422 and "Write something first." in ann.text
    await ann.open(f"/console/notices/{notice}/check")
    await ann.press()
    assert state_of(served, notice) == "pending-approval"
    await kofi.open(f"/console/notices/{notice}/approve")
    seen = kofi.snapshot()
    await kofi.press("comment", comment="I asked the brigade.", people="3", reason="Say which road.")
    assert "/approve" in kofi.url and "I asked the brigade." in kofi.text
    assert 'name="people" value="3"' in kofi.text and "Say which road." in kofi.text, "nothing typed is lost"
    await seen.press("send", people="3")
    assert state_of(served, notice) == "live", "a comment is no edit, and who commented no hand"
    await kofi.open(f"/console/notices/{notice}/comments")
    assert "comments are for drafts" in kofi.text and "I asked the brigade." in kofi.text


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_refused_comment_keeps_its_words(served: Served) -> None:
    ann = await officer(served, "ann", "author")
    notice = await drafted(ann)
    late = ann.snapshot()
    await ann.open(f"/console/notices/{notice}/edit")
    await ann.press("comment", comment="x" * 1_001)
    assert ann.status == 422 and "at most 1000 are taken" in ann.text and "x" * 1_001 in ann.text
    await ann.press("save", ends_day="soon", comment="Do not lose me.")
    assert ann.status == 422 and "Do not lose me." in ann.text
    await late.open(f"/console/notices/{notice}/comments")
    state = served.parts.log.state(NOTICE, UUID(notice))
    assert state is not None and WORDS["title_en"] in late.text
    kofi = await officer(served, "kofi", "approver")
    await kofi.open(f"/console/notices/{notice}/check")
    await kofi.press()
    leah = await officer(served, "leah", "approver")
    await leah.open(f"/console/notices/{notice}/approve")
    await leah.press("reject", reason="No.")
    await late.press("comment", comment="Why?")
    assert late.status == 409 and "comments are for drafts" in late.text


@pytest.mark.usefixtures("people")
async def test_comments_are_erased_by_an_administrator(served: Served) -> None:
    author, admin = await officer(served, "ann", "author"), await officer(served, "ada", "admin")
    notice = await drafted(author)
    path = f"/console/notices/{notice}/comments"
    await author.open(path)
    await author.press(within='name="comment"', comment="Mrs Smith of number 12 is ill.", about="title-en")
    assert "/erase" not in author.text
    await admin.open(path)
    await admin.press("erase", comment="Keep me.")
    assert ">\nKeep me.</textarea>" in admin.text
    assert admin.status == 422 and "Tick that they shall be erased" in admin.text and "Smith" in admin.text
    await admin.press("erase", sure="1")
    assert admin.status == 200, admin.text
    assert admin.url == path and "Smith" not in admin.text and "Erased." in admin.text
    assert 'name="comment"' not in admin.text, "no more are taken"
    form = {"comment": "Again", "back": ""}
    answer = await served.client.post(path, data=form, headers=author.headers)
    assert answer.status == 422 and "were erased" in await answer.text()
    events = served.parts.log.stream(comments_id(UUID(notice)))
    assert [recorded.event.text for recorded in events if isinstance(recorded.event, NoticeCommented)] == [None]


@SQLITE
@pytest.mark.usefixtures("people")
async def test_no_button_of_check_loses_what_was_typed(served: Served) -> None:
    ann, kofi = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    notice = await drafted(ann)
    path = f"/console/notices/{notice}"
    typed = {"note": "The brigade asks for speed.", "when": "at", "send_day": "23 November", "send_time": "nine"}
    await ann.open(f"{path}/check")
    await ann.press("comment", comment="Is the map right?", **typed)
    assert ann.status == 200 and ">\\nIs the map right?</textarea>" not in ann.text, "it is taken"
    for words in ("The brigade asks for speed.", "23 November", "nine"):
        assert words in ann.text
    await ann.press("test", comment="It is.")
    assert ">\nIt is.</textarea>" in ann.text and "The brigade asks for speed." in ann.text
    await ann.press(comment="x" * 1_001)
    assert ann.status == 422 and "x" * 1_001 in ann.text and "The brigade asks for speed." in ann.text
    assert state_of(served, notice) == "draft", "a comment that is refused stops the act"
    await ann.press(comment="It is.", when="now")
    assert state_of(served, notice) == "pending-approval"
    await kofi.open(f"{path}/approve")
    assert "It is.</p>" in kofi.text and "The brigade asks for speed." in kofi.text, "taken with the act"
    await kofi.press("send", people="2", comment="Go.", reason="None.")
    assert kofi.status == 422 and "Go.</p>" in kofi.text and ">\nGo.</textarea>" not in kofi.text
    await kofi.press("send", people="3")
    assert state_of(served, notice) == "live"
    events = served.parts.log.stream(comments_id(UUID(notice)))
    said = [recorded.event.text for recorded in events if isinstance(recorded.event, NoticeCommented)]
    assert said == ["Is the map right?", "It is.", "Go."], "each once"


@SQLITE
@pytest.mark.usefixtures("people")
async def test_number_is_typed_again_for_words_that_changed(served: Served) -> None:
    ann, kofi = await officer(served, "ann", "author"), await officer(served, "kofi", "approver")
    notice = await drafted(ann)
    path = f"/console/notices/{notice}"
    await ann.open(f"{path}/check")
    await ann.press()
    await kofi.open(f"{path}/approve")
    await ann.open(f"{path}/edit")
    await ann.press("save", title_en="Gas leak in Elm Street: stay indoors now")
    await ann.open(f"{path}/check")
    await ann.press()
    await kofi.press("comment", comment="One moment.", people="3", reason="Which side?")
    assert "The words have changed" in kofi.text and 'name="people" value=""' in kofi.text
    assert "One moment.</p>" in kofi.text and "Which side?" in kofi.text
