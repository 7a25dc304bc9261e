"""A mail server that misbehaves by plan."""

from __future__ import annotations

import asyncio
import re
import time

from tests.crash.harness.conversations import Book, Gone, Line

_ID = re.compile(rb"(?im)^message-id:\s*<([^@>]+)@")
_SUBJECT = re.compile(rb"(?im)^subject:[^\r\n]*?(Trial \d+)")


class MailServer:
    """SMTP conversations of one mail server; see `tests.crash.harness.faults` for its faults."""

    def __init__(self, name: str, book: Book, *, shaky: bool) -> None:
        """`shaky`: whether its connections have faults of their own."""
        self.name, self._book, self._shaky = name, book, shaky
        self._connections = 0

    async def talk(self, line: Line) -> None:
        """Serve a connection."""
        self._connections += 1
        plan = self._book.plan
        fault = plan.fault("connection", self.name, self._connections) if self._shaky else ""
        if fault:
            self._book.note(self.name, "email", begun=time.time(), fault=fault)
        if fault == "banner-421":
            return line.say("421 4.3.2 too busy")
        if fault == "stalled-banner":
            await line.hold(plan.hold_s)
        line.say("220 ledger")
        await _Mail(self.name, self._book, line).serve()


class _Mail:
    """The messages of one connection."""

    def __init__(self, name: str, book: Book, line: Line) -> None:
        self._name, self._book, self._line = name, book, line
        self._begun, self._to, self._nth, self._fault = 0.0, "", 0, ""

    async def serve(self) -> None:
        while (command := await self._line.readline()) is not None:
            match command[:4].upper():
                case b"EHLO":
                    offered = ["PIPELINING"] if self._book.plan.pipelining else []
                    for word in ["ledger", *offered, "SIZE 10000000"]:
                        self._line.say(f"250-{word}")
                    self._line.say("250 ENHANCEDSTATUSCODES")
                case b"MAIL":
                    self._begun, self._to = time.time(), ""
                    self._book.at("mail:MAIL")
                    self._line.say("250 2.1.0 from there")
                case b"RCPT":
                    await self._rcpt(command.partition(b"<")[2].partition(b">")[0].decode())
                case b"DATA":
                    await self._data()
                case b"QUIT":
                    return self._line.say("221 2.0.0 bye")
                case _:
                    self._line.say("250 2.0.0 yes")

    async def _rcpt(self, to: str) -> None:
        self._nth, self._fault = self._book.meet("email", to)
        self._to = ""
        match self._fault:
            case "greylisted":
                self._note(to, refused="temporary")
                return self._line.say("451 4.7.1 greylisted, come again")
            case "5xx":
                self._note(to, refused="permanent", gone=True)
                return self._line.say("550 5.1.1 no such mailbox")
            case "421":
                self._note(to, refused="temporary")
                self._line.say("421 4.3.2 closing")
                raise Gone
            case "stalled":
                await self._line.hold(self._book.plan.hold_s)
        self._to = to
        self._book.at("mail:RCPT")
        self._line.say("250 2.1.5 to there")

    async def _data(self) -> None:
        to = self._to
        if not to:
            return self._line.say("554 5.5.1 nobody to send it to")
        self._book.at("mail:DATA")
        self._line.say("354 go on")
        self._book.at("mail:354")
        if self._fault == "drop-in-data":
            await self._line.some()
            self._note(to)
            raise Gone
        start = await self._line.some()
        self._book.at("mail:body")
        text = start + await self._line.until(b"\r\n.\r\n")
        self._book.at("mail:dot")
        head = text.partition(b"\r\n\r\n")[0]
        named, marked = _ID.search(head), _SUBJECT.search(head)
        known = {"identity": named[1].decode() if named else "", "notice": marked[1].decode() if marked else ""}
        self._to = ""
        if self._fault == "4xx-after-body":
            self._note(to, refused="temporary", **known)
            return self._line.say("451 4.3.0 not now")
        if self._fault == "5xx-after-body":
            self._note(to, refused="permanent", **known)
            return self._line.say("554 5.6.0 not such words")
        await asyncio.sleep(self._book.plan.think_s)
        mute = self._fault == "no-reply"
        n = self._note(to, taken=True, lost=mute, **known)
        if mute:
            raise Gone
        await self._book.answer(self._line, n, b"250 2.0.0 kept\r\n", drip=self._fault == "slow-drip")
        self._book.at("mail:answered")

    def _note(self, to: str, **what: object) -> int:
        return self._book.note(self._name, "email", to=to, nth=self._nth, begun=self._begun, fault=self._fault, **what)
