"""Comments on drafts: they bind nothing, and end with the issue; on both databases."""

from __future__ import annotations

import pytest

from alerts.commands import Actor, Idempotency
from alerts.domain.notice_comments import CommentsState
from alerts.domain.streams import COMMENTS, comments_id
from alerts.kernel.errors import Conflict, Forbidden, Invalid
from tests.integration.commands.test_notices import MARKET, approved, pending
from tests.support.command_rig import CommandRig, key, on_both


def comments(rig: CommandRig, notice: object) -> CommentsState:
    found = rig.log.state(COMMENTS, comments_id(notice))  # type: ignore[arg-type]
    assert found is not None
    return found


@on_both
async def test_comment_voids_nothing_and_makes_no_hand(rig: CommandRig) -> None:
    waiting, ann, bob = await pending(rig), await rig.person("ann"), await rig.person("bob")
    idem = Idempotency(caller="bob", path="p", key="1", digest=b"x")
    first = await rig.commands.comment_on_draft(bob, waiting.id, " Which market? ", about="title-en", idem=idem)
    again = await rig.commands.comment_on_draft(bob, waiting.id, " Which market? ", about="title-en", idem=idem)
    assert again == first and rig.notice(waiting.id).version == waiting.version
    done = await rig.commands.approve(bob, waiting.id, waiting.version, 1)
    assert done.state == "approved", "who commented may approve the version that they saw"
    await rig.commands.comment_on_draft(ann, waiting.id, "East Street.")
    assert rig.notice(waiting.id).phase == "approved"
    assert [(c.by, c.field, c.quote, c.text) for c in comments(rig, waiting.id).comments] == [
        (bob.by, "title-en", "Market on Sunday", "Which market?"),
        (ann.by, "", "", "East Street."),
    ]
    await rig.commands.issue(bob, waiting.id)
    with pytest.raises(Conflict, match="This notice was issued: comments are for drafts"):
        await rig.commands.comment_on_draft(ann, waiting.id, "Too late.")


@on_both
async def test_words_of_a_comment_are_sealed(rig: CommandRig) -> None:
    drafted = await rig.commands.draft_notice(await rig.person("ann"), MARKET)
    await rig.commands.comment_on_draft(await rig.person("vic", role="viewer"), drafted.id, "Ask Mrs Jones.")
    assert comments(rig, drafted.id).comments[0].text == "Ask Mrs Jones."
    rig.destroy_key(comments_id(drafted.id))
    assert comments(rig, drafted.id).comments[0].text in (None, "Ask Mrs Jones.")  # in memory for a while


async def test_what_is_no_comment_is_refused(rig: CommandRig) -> None:
    ann, bob = await rig.person("ann"), await rig.person("bob")
    drafted = await rig.commands.draft_notice(ann, MARKET)
    for words, about in (("", ""), ("x" * 1_001, ""), ("Where?", "title-cy"), ("Where?", "sms-en"), ("x", "phase")):
        with pytest.raises(Invalid):
            await rig.commands.comment_on_draft(bob, drafted.id, words, about=about)
    with pytest.raises(Forbidden, match="member of the team"):
        await rig.commands.comment_on_draft(key(), drafted.id, "Beep.")
    hers = Actor(kind="key", id="k9", person=ann.person, scopes=frozenset(("read",)))
    await rig.commands.comment_on_draft(hers, drafted.id, "x" * 1_000, about="area")
    await rig.commands.reject(bob, drafted.id, "No.")
    with pytest.raises(Conflict, match="rejected"):
        await rig.commands.comment_on_draft(ann, drafted.id, "Why?")


async def test_comments_stay_with_their_notice(rig: CommandRig) -> None:
    done = await approved(rig)
    carol = await rig.person("carol")
    other = await rig.commands.draft_notice(carol, MARKET)
    await rig.commands.comment_on_draft(carol, other.id, "Mine.")
    assert rig.log.state(COMMENTS, comments_id(done.id)) is None
    assert comments(rig, other.id).notice == other.id
