"""Templates by hand: drafted, published by another, in use while the next version is a draft; on both databases."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from alerts.contract.bodies import CancelBody, ContentBody, NoticeBody
from alerts.domain.events import Blank, Content, TemplateText, TemplateUse
from alerts.domain.message_template import TemplateState
from alerts.domain.streams import TEMPLATE, template_id
from alerts.kernel.errors import Forbidden, Invalid, NotFound, Stale
from alerts.kernel.ids import new_id
from tests.support.command_rig import CAMDEN, CommandRig, key, on_both

LEAK = TemplateText(
    name="Gas leak",
    severity="Severe",
    urgency="Immediate",
    certainty="Observed",
    blanks=(Blank(name="road", kind="place"),),
    content={"en": Content(title="Gas leak in [road]", instruction="Stay indoors.")},
    corrections={"en": Content(title="No gas leak in [road]", instruction="You need not stay indoors.")},
)
WORDS = {"en": ContentBody(title="Gas leak in Mill Lane", instruction="Stay indoors.")}
NOTICE = NoticeBody(kind="alert", area=CAMDEN, content=WORDS)
USE = TemplateUse(slug="gas", number=1)


def but(text: TemplateText, **changes: Any) -> TemplateText:
    return msgspec.structs.replace(text, **changes)


def template(rig: CommandRig) -> TemplateState:
    state = rig.log.state(TEMPLATE, template_id("gas"))
    assert state is not None
    return state


async def published(rig: CommandRig) -> TemplateState:
    """Drafted by Ann, published by Bob."""
    saved = await rig.commands.draft_template(await rig.person("ann"), "gas", LEAK)
    await rig.commands.publish_template(await rig.person("bob"), saved.id, saved.version)
    return template(rig)


@on_both
async def test_template_is_published_by_another_and_stays_in_use(rig: CommandRig) -> None:
    ann, bob, carol = [await rig.person(name) for name in ("ann", "bob", "carol")]
    saved = await rig.commands.draft_template(ann, "gas", LEAK)
    assert saved.created and template(rig).current is None
    with pytest.raises(Forbidden, match="somebody else"):
        await rig.commands.publish_template(ann, saved.id, saved.version)
    first = await rig.commands.publish_template(bob, saved.id, saved.version)
    with pytest.raises(Stale):
        await rig.commands.revise_template(bob, saved.id, LEAK, saved.version)
    milder = but(LEAK, severity="Minor")
    second = await rig.commands.revise_template(bob, saved.id, milder, first.version)
    current = template(rig).current
    assert current is not None and current.number == 1 and current.text.severity == "Severe"
    third = await rig.commands.revise_template(carol, saved.id, but(milder, urgency="Expected"), second.version)
    for hand in (bob, carol):
        with pytest.raises(Forbidden, match="wrote part"):
            await rig.commands.publish_template(hand, saved.id, third.version)
    await rig.commands.publish_template(ann, saved.id, third.version)
    current = template(rig).current
    assert current is not None and current.number == 2 and current.text.severity == "Minor"
    await rig.commands.retire_template(bob, saved.id, "Not used any more.")
    assert template(rig).current is None and len(template(rig).published) == 2
    assert rig.topics()[-3:] == ["TemplateRevised", "TemplatePublished", "TemplateRetired"]


async def test_what_may_not_be_used_is_not_published(rig: CommandRig) -> None:
    ann, bob = await rig.person("ann"), await rig.person("bob")
    with pytest.raises(Forbidden, match="may approve"):
        await rig.commands.publish_template(key("issue"), new_id(), 1)
    with pytest.raises(NotFound):
        await rig.commands.publish_template(bob, new_id(), 1)
    foreign = Content(title="Gas leak in [raod]", instruction="See https://elsewhere.example.")
    saved = await rig.commands.draft_template(ann, "gas", but(LEAK, content={"en": foreign}, corrections={}))
    with pytest.raises(Invalid) as refused:
        await rig.commands.publish_template(bob, saved.id, saved.version)
    assert {error.field for error in refused.value.errors} == {
        "corrections.en.title",
        "corrections.en.instruction",
        "content.en.title",
        "content.en.instruction",
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"topic": "nothing-like-it"}, "topic"),
        ({"kind": "bulletin"}, "kind"),
        ({"channels": ()}, "channels"),
        ({"name": " "}, "name"),
        ({"blanks": (Blank(name="[road]"),)}, "blanks.0"),
        ({"blanks": (Blank(name="road"), Blank(name="road"))}, "blanks.1"),
        ({"blanks": tuple(Blank(name=str(n)) for n in range(31))}, "blanks"),
    ],
)
async def test_faulty_fields_are_refused(rig: CommandRig, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await rig.commands.draft_template(await rig.person("ann"), "gas", but(LEAK, **changes))
    assert refused.value.errors[0].field == field


@on_both
async def test_notice_remembers_its_template_until_it_ends(rig: CommandRig) -> None:
    await published(rig)
    ann, bob = await rig.person("ann"), await rig.person("bob")
    for use in (TemplateUse(slug="gas", number=2), TemplateUse(slug="flood", number=1)):
        with pytest.raises(Invalid, match="published template"):
            await rig.commands.draft_notice(ann, NOTICE, template=use)
    drafted = await rig.commands.draft_notice(ann, NOTICE, template=USE)
    revised = await rig.commands.revise_notice(ann, drafted.id, {"severity": "Minor"})
    assert rig.notice(drafted.id).plan.template == USE
    await rig.resident()
    waiting = await rig.commands.submit(ann, drafted.id)
    assert waiting.version > revised.version
    await rig.settled()
    await rig.commands.approve(bob, drafted.id, waiting.version, 1)
    await rig.commands.issue(bob, drafted.id)
    update = await rig.commands.update(ann, drafted.id, NoticeBody(kind="alert"))
    assert rig.notice(update.id).plan.template == USE
    ended = await rig.commands.cancel(bob, drafted.id, CancelBody(reason="It was a drain."))
    assert rig.notice(ended.id).plan.template is None
