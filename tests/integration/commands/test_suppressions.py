"""Suppressing a contact point by hand, and lifting a suppression."""

from __future__ import annotations

import pytest

from alerts.kernel.errors import Invalid, NotFound
from alerts.operations import suppressions
from tests.support.command_rig import CommandRig


async def test_operator_suppresses_and_lifts_a_suppression(rig: CommandRig) -> None:
    operations = suppressions.operations(rig.commands, rig.log)
    person = await rig.resident()
    [contact] = person.current
    said = await operations["suppress"]({"contact_point": contact.number})
    assert said == {"subscriber": str(person.id), "contact_point": contact.number, "suppressed": "by-hand"}
    assert not rig.subscriber(person.id).current[0].usable
    for wrong in ({"contact_point": contact.number}, {"contact_point": contact.number, "reason": " "}):
        with pytest.raises(Invalid):
            await operations["lift"](wrong)
    for _ in range(2):
        said = await operations["lift"]({"contact_point": contact.number, "reason": "the mailbox is mended"})
        assert said["suppressed"] is None
    assert rig.subscriber(person.id).current[0].usable
    assert len(rig.events("SuppressionLifted")) == 1


async def test_suppressing_an_unknown_contact_point_is_refused(rig: CommandRig) -> None:
    operations = suppressions.operations(rig.commands, rig.log)
    with pytest.raises(NotFound):
        await operations["suppress"]({"contact_point": 4711})
    with pytest.raises(Invalid):
        await operations["suppress"]({"contact_point": "ann@example.org"})


async def test_consent_lifts_an_opt_out_and_no_graver_reason(rig: CommandRig) -> None:
    person = await rig.resident()
    [contact] = person.current
    for reason in ("hard-bounce", "opt-out"):
        await suppressions.operations(rig.commands, rig.log)["suppress"](
            {"contact_point": contact.number, "reason": reason}
        )
    assert rig.subscriber(person.id).current[0].suppressed == "hard-bounce"
