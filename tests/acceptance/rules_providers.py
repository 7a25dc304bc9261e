"""The providers that the rules are judged with: they take all mail and texts, and say of each what a test bids them."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import socket
import threading
from datetime import UTC, datetime
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from aiosmtpd.controller import Controller
from standardwebhooks import Webhook

from tests.acceptance.rules_world import Answer, World

Json = dict[str, Any]
SECRET = "whsec_" + base64.b64encode(b"what text and mail providers know").decode()


class Providers:
    """A mail server and a provider of texts; `settings` leads the product to them."""

    def __init__(self) -> None:
        self.texts: list[Json] = []
        """`to`, `text`, `reference`, oldest first."""
        self.mails: list[EmailMessage] = []
        texts = self.texts

        class Texts(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                said = json.dumps({"id": uuid4().hex}).encode()
                self.send_response(202)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Texts)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        with socket.socket() as free:  # aiosmtpd connects to the port it was told, and cannot be told 0
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        self._smtp = Controller(self, hostname="127.0.0.1", port=port, enable_SMTPUTF8=True)
        self._smtp.start()
        self.settings = {
            "ALERTS_SMTP_URL": f"smtp://127.0.0.1:{port}?tls=none&secret={SECRET}",
            "ALERTS_SMS_URL": f"http+json://127.0.0.1:{self._http.server_address[1]}/send?secret={SECRET}",
            "ALERTS_SMS_RATE": "5000",
            "ALERTS_SMS_BUDGET": "1000000",
        }

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """aiosmtpd's: every message is taken."""
        parsed = email.message_from_bytes(bytes(envelope.content), policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        return "250 OK"

    def close(self) -> None:
        """Both."""
        self._smtp.stop()
        self._http.shutdown()
        self._http.server_close()

    # --- what they say later

    def text_in(self, world: World, number: str, text: str) -> None:
        """Somebody texts us."""
        self._say(world, {"from": number, "text": text, "at": datetime.now(UTC).isoformat()})

    def receipt(self, world: World, reference: str, status: str) -> None:
        """Report the status of a text to the product."""
        self._say(world, {"reference": reference, "status": status, "at": datetime.now(UTC).isoformat()})

    def bounce(self, world: World, mail: EmailMessage, status: str = "5.1.1") -> None:
        """A mail came back (RFC 3464)."""
        action = "failed" if status.startswith("5") else "delayed"
        recipient = f"Final-Recipient: rfc822; {mail['To']}\r\nAction: {action}\r\nStatus: {status}\r\n"
        about = f"Reporting-MTA: dns; mx.example\r\n\r\n{recipient}"
        self._report(world, mail, "delivery-status", about)

    def complain(self, world: World, mail: EmailMessage) -> None:
        """Its reader called it spam (RFC 5965)."""
        about = "Feedback-Type: abuse\r\nUser-Agent: test/1\r\nVersion: 1\r\n"
        self._report(world, mail, "feedback-report", about)

    def _report(self, world: World, mail: EmailMessage, kind: str, about: str) -> None:
        report = (
            "From: mailer-daemon@mx.example\r\nTo: alerts@localhost\r\nSubject: Report\r\nMIME-Version: 1.0\r\n"
            f"Message-ID: <{uuid4().hex}@mx.example>\r\n"
            f'Content-Type: multipart/report; report-type={kind}; boundary="b"\r\n\r\n'
            "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
            f"--b\r\nContent-Type: message/{kind}\r\n\r\n{about}\r\n"
            f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {mail['Message-ID']}\r\n"
            f"To: {mail['To']}\r\nSubject: x\r\n\r\nx\r\n--b--\r\n"
        )
        headers = {"Content-Type": "message/rfc822", "Authorization": f"Bearer {SECRET}"}
        _taken(world.http("POST", "/hooks/smtp/receipts", report, headers))

    def mail_to(self, address: str) -> EmailMessage:
        """The last one."""
        return [mail for mail in self.mails if mail["To"] == address][-1]

    def text_to(self, number: str) -> Json:
        """The last one."""
        return [text for text in self.texts if text["to"] == number][-1]

    def _say(self, world: World, said: Json) -> None:
        body, name, now = json.dumps(said), f"msg_{uuid4().hex}", datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign(name, now, body),
        }
        _taken(world.http("POST", "/hooks/http-json/receipts", body, headers))


def _taken(answer: Answer) -> None:
    assert answer.status == 200 and answer.body["taken"], answer
