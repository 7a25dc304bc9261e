"""Pages of people: bulk registration gives what one by one would, and the progress of a file is never lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.commands import SYSTEM
from alerts.commands.subscriber_imports import NOT_VALID, OLD_CONSENT, ImportRow, RefusedRow
from alerts.contract.bodies import PlaceBody, SubscriberBody
from alerts.domain import events as e
from alerts.kernel.errors import Conflict, NotFound
from subscribers.domain import events as se
from subscribers.domain.events import Consent, Preferences
from tests.support.command_rig import CAMDEN, HACKNEY, START, CommandRig, on_both

CONSENT = Consent(wording="Tell me.", given_at=START, how="form")
WISHES = Preferences(channels=("email",))
FILE, OTHER = "ab" * 32, "cd" * 32


def row(line: int, email: str, *, consent: Consent | None = CONSENT, **more: object) -> ImportRow:
    return ImportRow(line=line, reaches=(("email", email),), preferences=WISHES, consent=consent, **more)  # type: ignore[arg-type]


def bad(line: int) -> ImportRow:
    return ImportRow(line=line, field="email", reason="'x' is none", recorded="… is none")


@on_both
async def test_file_is_imported_by_page_and_its_end_recorded(rig: CommandRig) -> None:
    await rig.resident("ann@x.example")
    begun = await rig.commands.begin_import(SYSTEM, FILE, 5)
    assert (begun.done, begun.finished) == (0, False)
    first = [row(2, "Ann@x.example"), bad(3), row(4, "bob@x.example", paused_until=START + timedelta(days=1))]
    page = await rig.commands.import_page(SYSTEM, FILE, 0, first)
    assert (page.count, page.taken, page.known) == (3, 1, 1)
    assert page.refused == (RefusedRow(3, "email", "'x' is none"),)
    page = await rig.commands.import_page(SYSTEM, FILE, 3, [row(5, "cy@x.example", consent=None), bad(6)])
    assert (page.taken, page.known, len(page.refused)) == (1, 0, 1)
    end = await rig.commands.finish_import(SYSTEM, FILE)
    assert (end.taken, end.known, end.refused, end.finished) == (2, 1, 2, True)

    [started], [finished] = rig.events("ImportStarted"), rig.events("ImportFinished")
    assert started.event == e.ImportStarted(digest=FILE, rows=5)
    assert finished.event == e.ImportFinished(taken=2, known=1, refused=2)
    assert started.originator_id == finished.originator_id
    refused = rig.events("ImportRowRefused")
    assert [r.event for r in refused] == [e.ImportRowRefused(line=n, field="email", reason="… is none") for n in (3, 6)]
    [bob] = [r for r in rig.events("SubscriberRegistered") if r.cause == started.position]
    assert {r.cause for r in refused} == {started.position}
    person = rig.subscriber(bob.originator_id)
    assert (person.phase, person.how, person.paused_until) == ("confirmed", "import", START + timedelta(days=1))
    assert [(c.address, c.state) for c in person.contacts] == [("bob@x.example", "verified")]
    assert person.consent == CONSENT
    [asked] = rig.events("SubscriptionRequested")
    assert rig.subscriber(asked.originator_id).phase == "requested"
    rig.pass_time(days=8)
    assert await rig.due() == ["subscription-lapse"]


@on_both
async def test_imported_subscriber_is_found_by_address(rig: CommandRig) -> None:
    await rig.commands.begin_import(SYSTEM, FILE, 2)
    await rig.commands.import_page(SYSTEM, FILE, 0, [row(2, "ann@x.example"), row(3, "bob@x.example")])
    with pytest.raises(Conflict):
        await rig.resident("ANN@x.example")
    numbers = [c.number for r in rig.events("SubscriberRegistered") for c in rig.subscriber(r.originator_id).contacts]
    assert len(set(numbers)) == 2
    kept = await rig.commands.remove_contact(SYSTEM, numbers[0], "STOP")
    assert kept.state == "ended"


async def test_progress_is_stored_and_a_page_imported_once(rig: CommandRig) -> None:
    with pytest.raises(NotFound):
        await rig.commands.finish_import(SYSTEM, FILE)
    await rig.commands.begin_import(SYSTEM, FILE, 2)
    await rig.commands.import_page(SYSTEM, FILE, 0, [row(2, "ann@x.example", consent=None)])
    again = await rig.commands.begin_import(SYSTEM, FILE, 2)
    assert again.done == 1
    with pytest.raises(Conflict, match="same time"):
        await rig.commands.import_page(SYSTEM, FILE, 0, [row(2, "ann@x.example", consent=None)])
    with pytest.raises(Conflict, match="1 of 2 rows"):
        await rig.commands.finish_import(SYSTEM, FILE)
    await rig.commands.import_page(SYSTEM, FILE, 1, [row(3, "bob@x.example")])
    end = await rig.commands.finish_import(SYSTEM, FILE)
    before = rig.topics()
    assert await rig.commands.begin_import(SYSTEM, FILE, 2) == end
    assert await rig.commands.finish_import(SYSTEM, FILE) == end
    assert rig.topics() == before
    assert before.count("SubscriptionRequested") == 1


@on_both
async def test_finished_file_can_be_imported_again_on_request(rig: CommandRig) -> None:
    for run in (1, 2):
        begun = await rig.commands.begin_import(SYSTEM, FILE, 1, again=True)
        assert (begun.run, begun.done) == (run, 0)
        page = await rig.commands.import_page(SYSTEM, FILE, 0, [row(2, "ann@x.example")])
        assert (page.taken, page.known) == ((1, 0) if run == 1 else (0, 1))
        await rig.commands.finish_import(SYSTEM, FILE)
    assert len(rig.events("SubscriberRegistered")) == 1


async def test_row_without_consent_is_asked_once_a_day(rig: CommandRig) -> None:
    for run in (1, 2):
        await rig.commands.begin_import(SYSTEM, FILE, 1, again=True)
        page = await rig.commands.import_page(SYSTEM, FILE, 0, [row(2, "ann@x.example", consent=None)])
        assert (page.taken, page.known) == ((1, 0) if run == 1 else (0, 1)), "nobody is asked by the second one"
        await rig.commands.finish_import(SYSTEM, FILE)
    assert len(rig.events("SubscriptionRequested")) == 1


async def test_rows_of_one_page_with_one_address_see_each_other(rig: CommandRig) -> None:
    await rig.commands.begin_import(SYSTEM, FILE, 4)
    rows = [row(2, "a@x.example", consent=None), row(3, "A@x.example"), row(4, "a@x.example"), row(5, "b@x.example")]
    page = await rig.commands.import_page(SYSTEM, FILE, 0, rows)
    assert (page.count, page.taken, page.known) == (4, 3, 1)
    [asked] = rig.events("SubscriptionRequested")
    agreed, _ = rig.events("SubscriberRegistered")
    assert agreed.originator_id == asked.originator_id
    assert rig.subscriber(asked.originator_id).phase == "confirmed"


async def test_returning_row_keeps_identity_and_hard_bounce(rig: CommandRig) -> None:
    ann = await rig.resident("ann@x.example")
    await rig.commands.suppress(SYSTEM, ann.contacts[0].number, "hard-bounce")
    await rig.commands.end_subscriber(SYSTEM, ann.id, "asked")
    await rig.commands.begin_import(SYSTEM, FILE, 1)
    assert (await rig.commands.import_page(SYSTEM, FILE, 0, [row(2, "ann@x.example")])).taken == 1
    back = rig.subscriber(ann.id)
    assert (back.phase, back.contacts[0].suppressed) == ("confirmed", "hard-bounce")


@on_both
@pytest.mark.parametrize("known", [True, False])
async def test_consent_older_than_leaving_or_of_the_future_is_refused(rig: CommandRig, known: bool) -> None:
    if known:
        ann = await rig.resident("ann@x.example")
        rig.pass_time(days=1)
        await rig.commands.end_subscriber(SYSTEM, ann.id, "asked")
    given = START if known else START + timedelta(days=1)
    rows = [row(2, "ann@x.example", consent=Consent(wording="Yes", given_at=given, how="form")), row(3, "b@x.example")]
    told = await rig.commands.rehearse_page(rows)
    await rig.commands.begin_import(SYSTEM, FILE, 2)
    page = await rig.commands.import_page(SYSTEM, FILE, 0, rows)
    assert page == told
    assert (page.taken, [(r.line, r.field) for r in page.refused]) == (1, [(2, "consent.given_at")])
    assert ("older than the leaving" if known else "future") in page.refused[0].reason
    [recorded] = rig.events("ImportRowRefused")
    reason = OLD_CONSENT if known else NOT_VALID
    assert recorded.event == e.ImportRowRefused(line=2, field="consent.given_at", reason=reason)
    assert (await rig.commands.finish_import(SYSTEM, FILE)).refused == 1
    if known:
        assert rig.subscriber(ann.id).phase == "ended"


@on_both
async def test_suppression_follows_an_address_to_its_new_owner(rig: CommandRig) -> None:
    ann = await rig.resident("ann@x.example")
    [old] = ann.contacts
    await rig.commands.suppress(SYSTEM, old.number, "hard-bounce")
    await rig.commands.change_subscriber(SYSTEM, ann.id, {"email": "new@x.example"})
    await rig.commands.begin_import(SYSTEM, FILE, 1)
    assert (await rig.commands.import_page(SYSTEM, FILE, 0, [row(2, "ann@x.example")])).taken == 1
    come = rig.events("SubscriberRegistered")[-1].originator_id
    [contact] = rig.subscriber(come).current
    assert come != ann.id and contact.number != old.number
    assert contact.suppressed == "hard-bounce"
    assert rig.subscriber(ann.id).current[0].suppressed is None


async def test_imported_contact_data_is_validated(rig: CommandRig) -> None:
    good = SubscriberBody(phone="+44 7700 900001", confirmed=False)
    await rig.commands.begin_import(SYSTEM, FILE, 2)
    rows = [ImportRow(line=2, body=good), ImportRow(line=3, body=SubscriberBody(phone="07700 900001"))]
    page = await rig.commands.import_page(SYSTEM, FILE, 0, rows)
    assert (page.taken, [(r.line, r.field) for r in page.refused]) == (1, [(3, "phone")])
    [asked] = rig.events("SubscriptionRequested")
    assert rig.subscriber(asked.originator_id).contacts[0].address == "+447700900001"
    [refused] = rig.events("ImportRowRefused")
    assert refused.event == e.ImportRowRefused(line=3, field="phone", reason="not valid")


@on_both
async def test_dry_run_reports_the_same_and_stores_nothing(rig: CommandRig) -> None:
    await rig.resident("ann@x.example")
    gone = await rig.resident("gone@x.example")
    await rig.commands.end_subscriber(SYSTEM, gone.id, "asked")
    before = rig.topics()
    rows = [
        row(2, "Ann@x.example"),
        row(3, "gone@x.example"),
        row(4, "new@x.example"),
        row(5, "new@x.example", repeated=True),
        bad(6),
    ]
    told = await rig.commands.rehearse_page(rows)
    assert (told.taken, told.known, len(told.refused)) == (2, 2, 1)
    assert rig.topics() == before
    assert await rig.commands.import_progress(FILE) is None
    await rig.commands.begin_import(SYSTEM, FILE, len(rows))
    assert await rig.commands.import_page(SYSTEM, FILE, 0, rows) == told


async def test_another_file_is_another_import(rig: CommandRig) -> None:
    for digest in (FILE, OTHER):
        await rig.commands.begin_import(SYSTEM, digest, 1)
    await rig.commands.import_page(SYSTEM, FILE, 0, [row(2, "ann@x.example")])
    page = await rig.commands.import_page(SYSTEM, OTHER, 0, [row(2, "ann@x.example")])
    assert (page.taken, page.known) == (0, 1)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_imported_personal_data_is_encrypted_in_the_log(rig: CommandRig) -> None:
    await rig.commands.begin_import(SYSTEM, FILE, 1)
    await rig.commands.import_page(SYSTEM, FILE, 0, [row(2, "canary@x.example")])
    with rig.database.read() as tx:
        states = b"".join(bytes(state) for (state,) in tx.execute("SELECT state FROM events"))
    assert b"canary" not in states
    [came] = rig.events("SubscriberRegistered")
    assert isinstance(came.event, se.SubscriberRegistered)
    assert came.event.addresses is not None
    rig.destroy_key(came.originator_id)
    [gone] = rig.events("SubscriberRegistered")
    assert isinstance(gone.event, se.SubscriberRegistered)
    assert gone.event.addresses is None


async def test_place_dry_run_reports_created_known_or_changed(rig: CommandRig) -> None:
    body = PlaceBody(slug="camden", name={"en": "Camden"}, area=CAMDEN)
    assert await rig.commands.rehearse_place(body) == "created"
    assert await rig.commands.place_version("camden") == 0
    await rig.commands.define_place(SYSTEM, body)
    assert await rig.commands.rehearse_place(body) == "known"
    moved = PlaceBody(slug="camden", name={"en": "Camden"}, area=HACKNEY)
    assert await rig.commands.rehearse_place(moved) == "changed"
    assert await rig.commands.place_version("camden") == 1
