"""Push services and text message providers that misbehave by plan, over HTTP/1.1 by hand: a fault may cut any byte."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.acceptance.peers import Device
from tests.crash.harness.conversations import Book, Gone, Line

_MARK = re.compile(r"Trial \d+")
_WORDS = {200: "OK", 201: "Created", 202: "Accepted", 302: "Found"}


@dataclass(slots=True)
class Request:
    """POST request as the peer received it."""

    path: str
    headers: dict[str, str]
    body: bytes
    begun: float


@dataclass(slots=True)
class _Answer:
    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        body = json.dumps(self.body).encode()
        lines = [f"HTTP/1.1 {self.status} {_WORDS.get(self.status, 'No')}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode() + body


class HttpPeer:
    """Base class of push services and text providers: `described` says what a request hands over."""

    def __init__(self, name: str, channel: str, book: Book) -> None:
        self.name, self._channel, self._book = name, channel, book

    async def talk(self, line: Line) -> None:
        """Serve a connection, request after request."""
        while (first := await line.readline()) is not None:
            await self._serve(line, await _rest(line, first))

    async def _serve(self, line: Line, request: Request) -> None:
        to, identity, text = self.described(request)
        nth, fault = self._book.meet(self._channel, to)
        marked = _MARK.search(text)
        known = {"to": to, "identity": identity, "notice": marked[0] if marked else ""}
        self._book.at(f"{self._channel}:asked")
        what: dict[str, Any] = {**known, "nth": nth, "begun": request.begun, "fault": fault}
        if fault == "drop":
            self._note(what)
            raise Gone
        refused = self._refused(fault)
        if refused is not None:
            answer, how = refused
            self._note(what | how)
            return line.write(answer.raw())
        if fault == "stalled":
            try:
                await line.hold(self._book.plan.hold_s)
            except Gone:
                self._note(what | {"taken": True, "lost": True})  # it came whole: who asked did not wait
                raise
        await asyncio.sleep(self._book.plan.think_s)
        n = self._note(what | {"taken": True, "lost": fault == "no-reply"})
        if fault == "no-reply":
            raise Gone
        await self._book.answer(line, n, self.accepted(n).raw(), drip=fault == "slow-drip")
        self._book.at(f"{self._channel}:answered")

    def _refused(self, fault: str) -> tuple[_Answer, dict[str, Any]] | None:
        """The answer and what the ledger says of it; None if it is taken."""
        wait = self._book.plan.wait_s
        match fault:
            case "429":
                return _Answer(429, headers={"Retry-After": str(wait)}), {"refused": "temporary", "wait": float(wait)}
            case "5xx":
                return _Answer(503), {"refused": "temporary"}
            case "410":
                return _Answer(410), {"refused": "permanent", "gone": True}
            case "401":
                return _Answer(401), {"refused": "technical"}
            case "redirect":
                # Nothing may come there: whoever follows it is written down as a hand-over to nobody.
                refused = "permanent" if self._channel == "push" else "technical"
                return _Answer(302, headers={"Location": "/elsewhere"}), {"refused": refused}
            case "4xx":
                return _Answer(400, {"code": 21211, "message": "no such number"}), {
                    "refused": "permanent",
                    "gone": True,
                }
        return None

    def described(self, request: Request) -> tuple[str, str, str]:
        """(To whom, which delivery, a text with the notice's mark)."""
        raise NotImplementedError

    def accepted(self, n: int) -> _Answer:
        """The answer to what is taken."""
        raise NotImplementedError

    def _note(self, what: dict[str, Any]) -> int:
        return self._book.note(self.name, self._channel, **what)


class PushService(HttpPeer):
    """`/push/{device}`; decrypts, since the delivery stands inside."""

    def __init__(self, name: str, book: Book) -> None:
        super().__init__(name, "push", book)
        self._devices: dict[str, Device] = {}

    def described(self, request: Request) -> tuple[str, str, str]:
        device = request.path.removeprefix("/push/")
        if device == request.path:
            return "elsewhere", "", ""
        keys = self._devices.setdefault(device, Device.of(device))
        text = keys.decrypt(request.body).decode()
        return device, str(json.loads(text)["id"]), text

    def accepted(self, n: int) -> _Answer:
        return _Answer(201, headers={"Location": f"/message/{n}"})


class TwilioLike(HttpPeer):
    """Twilio's form."""

    def __init__(self, name: str, book: Book) -> None:
        super().__init__(name, "sms", book)

    def described(self, request: Request) -> tuple[str, str, str]:
        form = {key: value[0] for key, value in parse_qs(request.body.decode()).items()}
        if "StatusCallback" not in form:
            return "elsewhere", "", ""
        reference = parse_qs(urlsplit(form["StatusCallback"]).query)["reference"][0]
        return form["To"], reference, form["Body"]

    def accepted(self, n: int) -> _Answer:
        return _Answer(201, {"sid": f"SM{n}", "status": "queued"})


class PlainTexts(HttpPeer):
    """`http-json`."""

    def __init__(self, name: str, book: Book) -> None:
        super().__init__(name, "sms", book)

    def described(self, request: Request) -> tuple[str, str, str]:
        if request.path != "/send":
            return "elsewhere", "", ""
        body = json.loads(request.body)
        return body["to"], body["reference"], body["text"]

    def accepted(self, n: int) -> _Answer:
        return _Answer(202, {"id": f"t{n}"})


async def _rest(line: Line, first: bytes) -> Request:
    begun = time.time()
    headers = {}
    while (header := await line.readline()) not in (None, b"\r\n"):
        assert header is not None
        name, _, value = header.decode().partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await line.exactly(int(headers.get("content-length", "0")))
    return Request(first.split(b" ")[1].decode(), headers, body, begun)
