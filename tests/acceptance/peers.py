"""The world outside, for real: a mail server, a push service and two text message providers that keep what they get.

They live outside the product's process and speak the protocols themselves: push messages are decrypted here by
RFC 8291 written out, VAPID and DKIM signatures are checked, receipts are signed as the providers sign them. What
arrives reads like the items of the local inbox, so that the demonstration's judge can read it.
"""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import hashlib
import hmac
import json
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import aiohttp
import dkim
from aiohttp import web
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from standardwebhooks import Webhook

Json = dict[str, Any]
ACCOUNT, TOKEN, NUMBER = "AC0123456789abcdef", "twilio-auth-token", "+442079460100"
BEARER = "sms-bearer"
SECRET = "whsec_" + base64.b64encode(b"the text provider's own secret!!").decode()


def b64(raw: bytes) -> str:
    """base64url without padding, as Web Push writes it."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unb64(text: str) -> bytes:
    """The bytes of base64url with or without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(slots=True)
class Device:
    """A browser's half of a push subscription."""

    private: ec.EllipticCurvePrivateKey
    auth: bytes

    @classmethod
    def of(cls, name: str) -> Device:
        """The same for the same name."""
        seed = hashlib.sha256(f"device {name}".encode()).digest()
        number = int.from_bytes(seed, "big") % (2**255) + 1
        return cls(ec.derive_private_key(number, ec.SECP256R1()), hashlib.sha256(seed).digest()[:16])

    @property
    def public(self) -> bytes:
        """The point, uncompressed."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def keys(self) -> dict[str, str]:
        """As a subscription carries them."""
        return {"p256dh": b64(self.public), "auth": b64(self.auth)}

    def decrypt(self, body: bytes) -> bytes:
        """RFC 8291 section 3.4 and RFC 8188 section 2, one record."""
        salt, size, length = body[:16], struct.unpack(">I", body[16:20])[0], body[20]
        sender, record = body[21 : 21 + length], body[21 + length :]
        assert length == 65 and len(record) <= size, "one record, with the sender's key in the header"
        shared = self.private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        info = b"WebPush: info\x00" + self.public + sender
        secret = HKDF(hashes.SHA256(), 32, self.auth, info).derive(shared)
        key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\x00").derive(secret)
        nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\x00").derive(secret)
        plain = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\x00")
        assert plain[-1:] == b"\x02", "the last record ends in 2"
        return plain[:-1]


def check_vapid(header: str, origin: str, now: float, key: str | None) -> str:
    """RFC 8292: the signature, whom it is for, how long it holds. Returns the sender's public key."""
    scheme, _, rest = header.partition(" ")
    given = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid" and set(given) == {"t", "k"}, header[:40]
    head, body, signature = given["t"].split(".")
    raw = unb64(signature)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(given["k"]))
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    public.verify(encode_dss_signature(r, s), f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    assert json.loads(unb64(head)) == {"typ": "JWT", "alg": "ES256"}
    claims = json.loads(unb64(body))
    assert claims["aud"] == origin, claims
    assert now < claims["exp"] <= now + 24 * 3600, claims
    assert claims["sub"].startswith(("mailto:", "https:")), claims
    assert key in (None, given["k"]), "one instance has one key"
    return given["k"]


@dataclass(slots=True)
class Kept:
    """Everything that arrived, and every complaint about how it arrived."""

    items: list[Json] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, channel: str, delivery: str, to: str, raw: str, text: str) -> None:
        with self.lock:
            self.items.append(
                {
                    "id": len(self.items) + 1,
                    "delivery": delivery,
                    "channel": channel,
                    "to": to,
                    "at": datetime.now(UTC).isoformat(),
                    "raw": raw,
                    "text": text,
                }
            )


class MailSink:
    """Handler for aiosmtpd. A mailbox that begins with `no-such-mailbox` is refused for good, `busy-once` puts each
    message off once."""

    def __init__(self, kept: Kept, dkim_record: bytes) -> None:
        """`dkim_record`: what DNS says of the sender's key."""
        self._kept, self._record = kept, dkim_record
        self._put_off: set[str] = set()
        self._seen = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address.startswith("no-such-mailbox"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        raw = bytes(envelope.content)
        message = email.message_from_bytes(raw, policy=email.policy.default)
        delivery = str(message["Message-ID"]).strip("<> ").partition("@")[0]
        [to] = envelope.rcpt_tos
        if to.startswith("busy-once") and delivery not in self._put_off:
            self._put_off.add(delivery)
            return "451 4.2.0 mailbox busy, try again"
        self._seen += 1
        # dkimpy's arithmetic takes 8 ms a message: one in ten is enough to notice a signature that does not hold.
        if self._seen % 10 == 1 and not dkim.verify(raw, dnsfunc=lambda name, timeout=5: self._record):
            self._kept.faults.append(f"e-mail {delivery}: its DKIM signature does not hold")
        part = message.get_body(("plain",))
        self._kept.take("email", delivery, to, raw.decode(), part.get_content() if part else "")
        return "250 OK"


class Peers:
    """All of them on loopback. `async with Peers(folder) as peers`, then give `peers.env` to the product."""

    def __init__(self, folder: Path) -> None:
        """`folder` is for the key that the product signs its mail with."""
        self.kept = Kept()
        self._dkim_file = folder / "dkim.pem"
        self.product = ""
        """The product's address, to which receipts go; none are sent while it is not known."""
        self.receipts = 0
        self._vapid_key: str | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        with socket.socket() as free:  # aiosmtpd connects to the port it was told, and cannot be told 0
            free.bind(("127.0.0.1", 0))
            self._mail_port = int(free.getsockname()[1])
        self._mail = Controller(
            MailSink(self.kept, self._make_dkim_key()), hostname="127.0.0.1", port=self._mail_port, enable_SMTPUTF8=True
        )
        self._texts: dict[str, Json] = {}

    async def __aenter__(self) -> Peers:
        self._mail.start()
        app = web.Application()
        app.router.add_post("/push/{device}", self._push)
        app.router.add_post("/2010-04-01/Accounts/{sid}/Messages.json", self._twilio)
        app.router.add_post("/send", self._http_json)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.quiet()
        await self._session.close()
        await self._runner.cleanup()
        self._mail.stop()

    def _make_dkim_key(self) -> bytes:
        """The private half for the product, the public one as DNS has it."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._dkim_file.write_bytes(pem)
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

    @property
    def env(self) -> dict[str, str]:
        """The product's settings that lead here."""
        sms = [
            f"twilio://{ACCOUNT}:{TOKEN}@127.0.0.1:{self.port}?from=%2B{NUMBER[1:]}&tls=off",
            f"http+json://{BEARER}@127.0.0.1:{self.port}/send?secret={SECRET}",
        ]
        return {
            "ALERTS_SMTP_URL": f"smtp://127.0.0.1:{self._mail_port}?tls=none",
            "ALERTS_FROM": "Community Alerts <alerts@town.example>",
            "ALERTS_DKIM_KEY_FILE": str(self._dkim_file),
            "ALERTS_SMS_URL": ",".join(sms),
            "ALERTS_SMS_RATE": "5000",
            "ALERTS_SMS_BUDGET": "1000000",
            "ALERTS_ALLOW_PRIVATE_TARGETS": "true",
        }

    def subscription(self, device: str) -> Json:
        """A push subscription of a device here."""
        return {"endpoint": f"http://127.0.0.1:{self.port}/push/{device}", "keys": Device.of(device).keys}

    async def quiet(self) -> None:
        """Until every receipt under way has been answered."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    # --- what they answer

    async def _push(self, request: web.Request) -> web.Response:
        device, body = request.match_info["device"], await request.read()
        if device.startswith("no-such-mailbox"):
            return web.Response(status=410, text="this subscription was given up")
        try:
            origin = f"http://127.0.0.1:{self.port}"
            now = datetime.now(UTC).timestamp()
            self._vapid_key = check_vapid(request.headers["Authorization"], origin, now, self._vapid_key)
            assert request.headers["Content-Encoding"] == "aes128gcm"
            assert int(request.headers["TTL"]) > 0
            assert request.headers["Urgency"] in ("very-low", "low", "normal", "high")
            topic = request.headers.get("Topic", "")
            assert len(topic) <= 32 and unb64(topic) is not None
            assert len(body) <= 4096
            payload = Device.of(device).decrypt(body)
        except Exception as error:
            self.kept.faults.append(f"push to {device}: {error!r}")
            return web.Response(status=403, text="bad push")
        text = payload.decode()
        self.kept.take("push", json.loads(text)["id"], str(request.url), b64(body), text)
        return web.Response(status=201, headers={"Location": f"/message/{uuid4().hex}"})

    async def _twilio(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        expected = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if request.headers.get("Authorization") != expected or request.match_info["sid"] != ACCOUNT:
            self.kept.faults.append("twilio: wrong credentials")
            return web.json_response({"code": 20003, "message": "Authenticate"}, status=401)
        callback = form["StatusCallback"]
        reference = parse_qs(urlsplit(callback).query)["reference"][0]
        if form.get("From") != NUMBER:
            self.kept.faults.append(f"twilio: from {form.get('From')}")
        sid = "SM" + uuid4().hex
        self.kept.take("sms", reference, form["To"], json.dumps(form), form["Body"])
        self._soon(lambda: self._twilio_receipt(callback, sid, form["To"]))
        return web.json_response({"sid": sid, "status": "queued"}, status=201)

    async def _http_json(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {BEARER}":
            self.kept.faults.append("http-json: wrong bearer")
            return web.json_response({"error": "no such token"}, status=401)
        body = await request.json()
        self.kept.take("sms", body["reference"], body["to"], json.dumps(body), body["text"])
        self._soon(lambda: self._json_receipt(body["reference"]))
        return web.json_response({"id": uuid4().hex}, status=202)

    # --- receipts

    def _soon(self, send: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self.product:
            task = asyncio.get_running_loop().create_task(send())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _twilio_receipt(self, callback: str, sid: str, to: str) -> None:
        for status in ("sent", "delivered", "sent"):  # the last one comes late, as they do
            form = {"MessageSid": sid, "MessageStatus": status, "To": to, "From": NUMBER, "AccountSid": ACCOUNT}
            signed = callback + "".join(f"{k}{v}" for k, v in sorted(form.items()))
            signature = base64.b64encode(hmac.digest(TOKEN.encode(), signed.encode(), hashlib.sha1)).decode()
            await self._tell(callback, form, {"X-Twilio-Signature": signature})

    async def _json_receipt(self, reference: str) -> None:
        now = datetime.now(UTC)
        body = json.dumps({"reference": reference, "status": "delivered", "reason": "", "at": now.isoformat()})
        message = f"rcpt_{uuid4().hex}"
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign(message, now, body),
        }
        for _ in range(2):  # at least once, they say
            await self._tell(f"{self.product}/hooks/http-json/receipts", body, headers)

    async def _tell(self, url: str, data: Any, headers: dict[str, str]) -> None:
        """As a provider does: again while nobody answers."""
        for _ in range(200):
            try:
                async with self._session.post(url, data=data, headers=headers) as answer:
                    if answer.status < 500:
                        if answer.status >= 300:
                            self.kept.faults.append(f"receipt refused: {answer.status} {(await answer.text())[:200]}")
                        self.receipts += 1
                        return
            except (aiohttp.ClientError, OSError):
                pass
            await asyncio.sleep(0.1)
        self.kept.faults.append("a receipt was never taken")
