"""A browser of a person without scripts: the page it is on, and the fields of its forms."""

from __future__ import annotations

import html
import re
from typing import Any

from aiohttp import ClientSession
from aiohttp.test_utils import TestClient


class Form:
    """Browser of a person without scripts: the page it is on, and the fields of its main form."""

    def __init__(self, client: TestClient[Any, Any] | ClientSession, headers: dict[str, str] | None = None) -> None:
        """`headers`: sent with each request, such as a session's cookie."""
        self.client, self.text, self.status, self.url = client, "", 0, ""
        self._headers = headers or {}

    async def open(self, path: str) -> str:
        return await self._read(await self.client.get(path, headers=self._headers))

    async def press(self, do: str = "", *, within: str = "", **fields: Any) -> str:
        """Send the first form with `within` in it; fields that are not given are sent as the page has them.

        It goes to the address of the button whose value is `do`, or that has `within` in it; of several, that of both.
        """
        forms = re.findall(r'<form\b[^>]*method="post"[^>]*>.*?</form>', self.text, re.DOTALL)
        body = next(one for one in forms if within in one)
        action = re.search(r'<form\b[^>]*action="([^"]+)"', body)
        to = _address_of_button(body, do, within) or (action[1] if action is not None else self.url)
        target = html.unescape(self.url if to.startswith("#") else to)
        data: list[tuple[str, str]] = [*_fields(body)]
        if do:
            data.append(("do", do))
        data = [(name, value) for name, value in data if name.replace("-", "_") not in fields]
        for name, value in fields.items():
            if value is not None:
                data += [(name.replace("_", "-"), one) for one in ([value] if isinstance(value, str) else value)]
        return await self._read(await self.client.post(target, data=data, headers=self._headers))

    async def _read(self, answer: Any) -> str:
        self.text, self.status, self.url = await answer.text(), answer.status, answer.url.raw_path_qs
        return self.text


def _address_of_button(form: str, do: str, within: str) -> str:
    """Return the address to which a button sends its form, "" if it is the form's own."""
    buttons = [dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in re.findall(r"<button\b[^>]*>", form, re.DOTALL)]
    pressed = [one for one in buttons if do and one.get("value") == do]
    pressed.sort(key=lambda one: within not in one.get("formaction", ""))
    pressed += [one for one in buttons if within and not do and within in one.get("formaction", "")]
    return pressed[0].get("formaction", "") if pressed else ""


def _fields(form: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for tag in re.findall(r"<input\b[^>]*>", form, re.DOTALL):
        given = {name: html.unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        if "name" not in given:
            continue
        if given.get("type") in ("radio", "checkbox") and not re.search(r"\schecked", tag):
            continue
        found.append((given["name"], given.get("value", "")))
    for name, typed in re.findall(r'<textarea\b[^>]*?name="([^"]+)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL):
        found.append((name, html.unescape(typed)))
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)"[^>]*selected', options)
        found.append((name, chosen[1] if chosen else ""))
    return found
