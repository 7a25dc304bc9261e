"""Sign-up by the public form, without a script: the four steps, and the link in the message that confirms it."""

from __future__ import annotations

import asyncio
import html
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from alerts.demo.client import HttpClient, UnexpectedAnswer
from alerts.demo.residents import Resident, mailbox_of

Json = dict[str, Any]
Pairs = list[tuple[str, str]]
_SLOWER_THAN_S = 2.5
"""Seconds after which the form takes a person for one."""
_MOST_S = 30.0
"""Seconds within which the confirmation must have arrived."""


class _Fields(HTMLParser):
    """Fields of the form that carries the draft, as a browser would send them, and its address."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action, self.fields, self._select = "", Pairs(), ""
        start = next((m for m in re.finditer(r"<form\b.*?</form>", page, re.DOTALL) if 'name="d"' in m[0]), None)
        if start is None:
            raise UnexpectedAnswer("a step of the sign-up", 200, page)
        self.feed(start[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a field if it would be sent."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given.get("action", "")
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and "selected" in given:
            self.fields.append((self._select, given.get("value", "")))
        elif tag == "input" and "name" in given and _is_sent(given):
            self.fields.append((given["name"], given.get("value", "")))


def _is_sent(given: dict[str, str]) -> bool:
    return given.get("type") not in ("checkbox", "radio") or "checked" in given


class PublicForm:
    """Public form as one person fills it in."""

    def __init__(self, http: HttpClient, person: Resident) -> None:
        self._http, self._person, self._page = http, person, ""

    async def sign_up(self) -> None:
        """Fill the four steps in, send them, and press the button behind the link that comes."""
        body, opened = self._person.body, asyncio.get_running_loop().time()
        self._page = await self._http.get(f"/subscribe?lang={body['language']}")
        for number, place in enumerate(body["places"], 1):
            await self._press("find", q=place.get("place") or f"{place['lat']}, {place['lon']}")
            more = number < len(body["places"])
            details = {"radius": f"{place['radius_km']:g}", "name": place["name"]} if "lat" in place else {}
            await self._press("add" if more else "continue", **details)
        topics = body.get("topics")
        await self._press(severity=body.get("severity_at_least", ""), **({"topic": topics} if topics else {}))
        await self._press(**self._how(body))
        await asyncio.sleep(max(0.0, opened + _SLOWER_THAN_S - asyncio.get_running_loop().time()))
        await self._press(consent="yes", last=True)
        await self._confirm()

    def _how(self, body: Json) -> Json:
        quiet = body.get("quiet_hours")
        hours = {"quiet": "yes", "quiet-from": quiet["from"], "quiet-to": quiet["to"]} if quiet else {}
        ways: Json = {"by-email": "yes", "email": body["email"]} if "email" in body else {"by-email": None}
        texts: Json = {"by-text": "yes", "phone": body["phone"]} if "phone" in body else {}
        return {**ways, **texts, **hours, "danger": "yes" if body.get("danger_to_life", True) else None}

    async def _press(self, do: str = "", *, last: bool = False, **changes: Any) -> None:
        """Send the step with some fields changed (None: left out); the answer is the next page."""
        form = _Fields(self._page)
        fields = [(name, value) for name, value in form.fields if name not in changes]
        for name, value in changes.items():
            fields += [(name, one) for one in ([value] if isinstance(value, str) else value or ())]
        fields += [("do", do)] if do else []
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        status, page, _ = await self._http.send("POST", html.unescape(form.action), kind, urlencode(fields).encode())
        if status != 200 or (last and 'name="s"' not in page):
            raise UnexpectedAnswer(f"{self._person.name}: POST {form.action[:40]}", status, str(page))
        self._page = page

    async def _confirm(self) -> None:
        """Find the message, and press the button of its page; a GET would confirm nothing."""
        wanted, end = set(self._person.addresses.values()), asyncio.get_running_loop().time() + _MOST_S
        while asyncio.get_running_loop().time() < end:
            async for item in self._http.inbox():
                link = re.search(r"\S+/confirm/\S+", item["text"]) if mailbox_of(item["to"]) in wanted else None
                if link is not None:
                    status, page, _ = await self._http.send("POST", link[0], {}, b"")
                    if status != 200:
                        raise UnexpectedAnswer(f"{self._person.name}: {link[0]}", status, str(page))
                    return
            await asyncio.sleep(0.2)
        raise UnexpectedAnswer(f"{self._person.name}: a confirmation", 0, f"none came within {_MOST_S:.0f} s")
