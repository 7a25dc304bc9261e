"""Receipts and bounces: what they do to a delivery, in whatever order they come, and to whom nothing more is sent."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime

import pytest

from alerts.channels.message import Message, SendResult
from alerts.delivery_queue.queries import DeliveryRow
from alerts.domain import events as e
from alerts.kernel.ids import new_id, parse_delivery_id
from alerts.kernel.secret_keys import SecretKeys
from alerts.projections import projections
from alerts.projections.checksums import checksums
from alerts.projections.rebuild import rebuild
from subscribers.addresses import Addresses, Owner, original_key
from subscribers.domain.subscriber import SUBSCRIBER
from tests.support.databases import Databases
from tests.support.rig import SECRET, Rig, Scripted, now

AT = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
ADDRESSES = Addresses(original_key(SECRET))
KEYS = SecretKeys(SECRET)


def row(rig: Rig, number: int, contact: int) -> DeliveryRow:
    found = rig.reads.delivery(number, contact)
    assert found is not None
    return found


async def sent(rig: Rig, answer: SendResult | None = None) -> tuple[int, int]:
    """Send one person's delivery; (notice number, contact point number)."""
    [contact] = rig.people(1)
    owner = Owner(rig.subscriber_of[contact], contact)
    claim = lambda unit: ADDRESSES.claim(unit, "email", f"p{contact}@example.org", owner)  # noqa: E731
    rig.writer.submit(claim, by="system").result(10)
    provider = Scripted("email", lambda _: answer or SendResult(result="sent", reference="m1"))
    async with rig.working({"email": provider}):
        _, number = rig.issue()
        await rig.complete(number)
    return number, contact


async def test_receipt_marks_a_sent_delivery_delivered(rig: Rig) -> None:
    number, contact = await sent(rig)
    commands = rig.commands
    first = await commands.take_receipt("http-json", number, contact, "delivered", at=AT, reference="m1")
    again = await commands.take_receipt("http-json", number, contact, "delivered", at=AT, reference="m1")
    assert first.created and not again.created
    found = row(rig, number, contact)
    assert found.state == "delivered"
    assert [a.outcome for a in found.attempts] == ["sent", "delivered"]
    assert found.attempts[1].at == AT
    progress = rig.reads.progress(number)
    assert progress is not None and progress.by_channel == {"email": {"delivered": 1}} and progress.complete
    assert len(rig.events("ReceiptReceived")) == 1


@pytest.mark.parametrize("order", [("delivered", "failed"), ("failed", "delivered")])
async def test_delivered_beats_failed_in_any_order(rig: Rig, order: tuple[str, str]) -> None:
    number, contact = await sent(rig)
    commands = rig.commands
    for status in order:
        await commands.take_receipt("twilio", number, contact, status, "error 30003")  # type: ignore[arg-type]
    found = row(rig, number, contact)
    assert (found.state, found.reason) == ("delivered", "")
    assert [a.outcome for a in found.attempts] == ["sent", *order]
    progress = rig.reads.progress(number)
    assert progress is not None and progress.by_channel == {"email": {"delivered": 1}}


async def test_receipt_reason_holds_no_telephone_number(rig: Rig) -> None:
    number, contact = await sent(rig)
    words = "+44 7700 900123 (ann@example.org) is\nno mobile: error 21614\x00"
    await rig.commands.take_receipt("http-json", number, contact, "failed", words)
    assert row(rig, number, contact).reason == "(number) ((address)) is no mobile: error 21614"
    [received] = rig.events("ReceiptReceived")
    assert isinstance(received, e.ReceiptReceived) and "7700" not in received.reason


async def test_receipts_in_any_order_beside_the_senders(rig: Rig) -> None:
    """Receipts overtake, follow and contradict our own records; the sums still say what the rows say."""
    commands, rng = rig.commands, random.Random(11)
    people, reports = rig.people(200), list[asyncio.Task[object]]()

    async def report(numbers: tuple[int, int], status: str, delay: float) -> None:
        await asyncio.sleep(delay)
        await commands.take_receipt("http-json", *numbers, status)  # type: ignore[arg-type]

    class Talking(Scripted):
        async def send(self, message: Message) -> SendResult:
            numbers = parse_delivery_id(KEYS, message.delivery)
            assert numbers is not None
            for status in rng.sample(["delivered", "failed"], rng.randint(0, 2)):
                reports.append(asyncio.create_task(report(numbers, status, rng.choice((0.0, 0.0, 0.2, 1.0)))))
            self.handed.append((now(), message))
            await asyncio.sleep(rng.choice((0.0, 0.05)))
            doubtful = SendResult(result="in-doubt", reason="the reply was lost")
            return rng.choice([SendResult(result="sent")] * 8 + [doubtful])

    provider = Talking("email")
    async with rig.working({"email": provider}):
        _, number = rig.issue()
        await rig.complete(number)
    # A receipt may settle a row before its hand-over has ended: only now has every report been made.
    await asyncio.gather(*reports)
    progress = await rig.complete(number)
    states = rig.states(number)
    assert progress.by_channel == {"email": dict(Counter(states.values()))}
    assert len(states) == len(people) and set(states.values()) <= {"sent", "delivered", "failed-permanent"}
    received = [r for r in rig.events("ReceiptReceived") if isinstance(r, e.ReceiptReceived)]
    assert {r.contact for r in received if r.status == "delivered"} == {
        c for c, s in states.items() if s == "delivered"
    }
    assert {r.contact for r in received} >= {c for c, s in states.items() if s == "failed-permanent"}
    assert _nothing_in_hand(rig)
    tries = {r.contact: [a.outcome for a in r.attempts] for r in rig.reads.deliveries(number, limit=1000).items}
    copies = Counter(message.delivery for _, message in provider.handed)
    assert sum(copies.values()) == sum(o in ("sent", "in-doubt") for made in tries.values() for o in made)


async def test_failed_receipt_is_permanent_and_cancel_follows(rig: Rig) -> None:
    [contact] = rig.people(1)
    provider = Scripted("email")
    async with rig.working({"email": provider}):
        notice, number = rig.issue()
        await rig.complete(number)
        await rig.commands.take_receipt("twilio", number, contact, "failed", "error 30003")
        assert (row(rig, number, contact).state, row(rig, number, contact).reason) == (
            "failed-permanent",
            "error 30003",
        )
        _, cancel = rig.issue(
            msg_type="Cancel", follows=notice, ends=e.NoticeCancelled(replaced_by=new_id(), reason="wrong")
        )
        await rig.complete(cancel)
    assert row(rig, cancel, contact).state == "sent"


async def test_late_delivered_receipt_gets_the_cancel(rig: Rig) -> None:
    """We gave it up as refused; the cancel went to nobody; then the provider says that it had arrived after all."""
    [contact] = rig.people(1)
    answers = iter([SendResult(result="permanent", reason="refused"), SendResult(result="sent")])
    async with rig.working({"email": Scripted("email", lambda _: next(answers))}):
        notice, number = rig.issue()
        await rig.complete(number)
        _, cancel = rig.issue(
            msg_type="Cancel", follows=notice, ends=e.NoticeCancelled(replaced_by=new_id(), reason="wrong")
        )
        await rig.complete(cancel)
        assert not rig.states(cancel)
        await rig.commands.take_receipt("http-json", number, contact, "delivered")
        await rig.until(lambda: rig.states(cancel) == {contact: "sent"})


async def test_statistics_of_receipts_equal_those_of_a_rebuild(rig: Rig, databases: Databases) -> None:
    number, contact = await sent(rig)
    commands = rig.commands
    for status in ("failed", "delivered", "failed"):
        await commands.take_receipt("twilio", number, contact, status)  # type: ignore[arg-type]
    assert rig.runner.wait_for(rig.log.position(), 10)
    live = rig.views.outcome_counts(number)
    assert {(c.state, c.language, c.deliveries) for c in live} == {
        ("sent", "en", 1),
        ("failed-permanent", "en", 1),
        ("delivered", "en", 1),
    }
    generation = rebuild(databases.url, rig.main, rig.log, projections(), databases.migrations("views"), now)
    assert checksums(databases.another("views", generation)) == checksums(databases.views)


async def test_receipt_before_the_recorded_outcome_is_kept(rig: Rig) -> None:
    """The provider is quicker than our disk: the row is still being handed over when its receipt arrives."""
    [contact] = rig.people(1)
    commands, seen = rig.commands, list[str]()

    class Quick(Scripted):
        async def send(self, message: Message) -> SendResult:
            handed = await super().send(message)
            numbers = parse_delivery_id(KEYS, message.delivery)
            assert numbers is not None
            seen.append(row(rig, *numbers).state)
            await commands.take_receipt("http-json", *numbers, "delivered", at=AT)
            return handed

    async with rig.working({"email": Quick("email")}):
        _, number = rig.issue()
        await rig.until(lambda: row_of(rig, number, contact, tries=1))
    assert seen == ["sending"]
    found = row(rig, number, contact)
    assert found.state == "delivered" and found.tries == 1
    assert [a.outcome for a in found.attempts] == ["sent", "delivered"]
    progress = rig.reads.progress(number)
    assert progress is not None and progress.by_channel == {"email": {"delivered": 1}}
    assert progress.p50_s is not None
    chunks = [c for c in rig.events("DispatchChunkFinished") if isinstance(c, e.DispatchChunkFinished)]
    assert [o.state for chunk in chunks for o in chunk.outcomes] == ["sent"]
    assert _nothing_in_hand(rig)


async def test_receipt_ends_the_retries_of_an_attempt_in_doubt(rig: Rig) -> None:
    [contact] = rig.people(1)
    provider = Scripted("email", lambda _: SendResult(result="in-doubt", reason="the reply was lost", retry_after=30))
    async with rig.working({"email": provider}):
        _, number = rig.issue()
        await rig.until(lambda: row_of(rig, number, contact, state="deferred"))
        await rig.commands.take_receipt("http-json", number, contact, "delivered")
        await rig.complete(number)
    found = row(rig, number, contact)
    assert (found.state, found.due_at) == ("delivered", None)
    assert [a.outcome for a in found.attempts] == ["in-doubt", "delivered"]
    assert len(provider.handed) == 1


def row_of(rig: Rig, number: int, contact: int, *, tries: int | None = None, state: str | None = None) -> bool:
    found = rig.reads.delivery(number, contact)
    return found is not None and (tries is None or found.tries == tries) and (state is None or found.state == state)


def _nothing_in_hand(rig: Rig) -> bool:
    with rig.main.read() as tx:
        return not tx.execute("SELECT 1 FROM overtaken")


async def test_receipt_for_an_unknown_delivery_is_ignored(rig: Rig) -> None:
    kept = await rig.commands.take_receipt("http-json", 4711, 256, "delivered")
    assert not kept.created
    assert not rig.events("ReceiptReceived")


async def test_bad_address_is_suppressed_with_the_outcome(rig: Rig) -> None:
    number, contact = await sent(
        rig, SendResult(result="permanent", reason="550 5.1.1 no such user", retire="hard-bounce")
    )
    assert row(rig, number, contact).state == "failed-permanent"
    state = rig.log.state(SUBSCRIBER, rig.subscriber_of[contact])
    assert state is not None and state.contacts[0].suppressed == "hard-bounce"


async def test_bounce_and_complaint_suppress_the_address(rig: Rig) -> None:
    number, contact = await sent(rig)
    commands = rig.commands
    for kind, key in (("soft", "a"), ("soft", "a"), ("hard", "b"), ("hard", "b"), ("complaint", "c")):
        await commands.take_bounce(
            "smtp",
            kind,
            contact=contact,
            notice=number,
            reason=f"{kind} it was",
            external_id=key,  # type: ignore[arg-type]
        )
    found = row(rig, number, contact)
    assert (found.state, found.reason) == ("failed-permanent", "hard it was")
    assert [a.outcome for a in found.attempts] == ["sent", "bounced", "bounced", "complained"]
    assert [type(event).__name__ for event in rig.events("ContactPointBounced")] == ["ContactPointBounced"] * 3
    state = rig.log.state(SUBSCRIBER, rig.subscriber_of[contact])
    assert state is not None and state.contacts[0].suppressed == "complaint"
