"""HTTP client of the demonstration: uses only the product's public interfaces.

Every request may be repeated: a POST carries an Idempotency-Key (a webhook its id), so that a request to a server
killed while answering is repeated without a second effect.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp

Json = dict[str, Any]
Headers = Mapping[str, str]
PATIENCE_S = 40.0
"""Seconds for which a request is repeated while the server is down."""


class UnexpectedAnswer(Exception):
    """The product answered differently from what the story expects."""

    def __init__(self, what: str, status: int, answer: str) -> None:
        super().__init__(f"{what}: {status} {answer[:600]}")
        self.status = status


class HttpClient:
    """An HTTP session to the product."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self.base, self.session = base, session

    async def send(
        self, method: str, path: str, headers: dict[str, str], data: bytes | None
    ) -> tuple[int, Any, Headers]:
        """Send a request and return (status, answer, headers); JSON is parsed.

        Repeated while the server does not answer.
        """
        url = path if path.startswith("http") else self.base + path
        end, last = asyncio.get_running_loop().time() + PATIENCE_S, ""
        while True:
            try:
                async with self.session.request(method, url, headers=headers, data=data) as answer:
                    text = await answer.text()
                    if answer.status != 503:
                        is_json = answer.content_type.endswith("json")
                        return answer.status, json.loads(text) if is_json else text, answer.headers
                    last = text
            except (aiohttp.ClientError, OSError) as error:
                last = repr(error)  # killed or not up yet: try again
            if asyncio.get_running_loop().time() > end:
                raise UnexpectedAnswer(f"{method} {path}", 0, f"no answer for {PATIENCE_S:.0f} s; the last was: {last}")
            await asyncio.sleep(0.1)

    async def get(self, path: str) -> Any:
        """Get a public page or document."""
        status, answer, _ = await self.send("GET", path, {}, None)
        if status != 200:
            raise UnexpectedAnswer(f"GET {path}", status, str(answer))
        return answer

    async def inbox(self, after: int = 0) -> AsyncIterator[Json]:
        """Iterate over the messages in the local inbox, oldest first."""
        while True:
            items = (await self.get(f"/inbox.json?after={after}&limit=500"))["items"]
            for item in items:
                yield item
            if not items:
                return
            after = items[-1]["id"]

    async def one_click(self, url: str) -> None:
        """Post a one-click unsubscribe as a mail program does (RFC 8058)."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, answer, _ = await self.send("POST", url, headers, b"List-Unsubscribe=One-Click")
        if status != 200:
            raise UnexpectedAnswer(f"POST {url}", status, str(answer))

    async def webhook(self, source: str, secret: str, kind: str, data: Json) -> Json:
        """Post a signed Standard Webhook; returns the 202's body."""
        from standardwebhooks import Webhook

        now, message = datetime.now(UTC), f"msg_{uuid4().hex}"
        body = json.dumps({"type": kind, "timestamp": now.isoformat(), "data": data})
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(message, now, body),
        }
        return await self._taken(f"/hooks/{source}", headers, body.encode())

    async def cap(self, source: str, secret: str, xml: str) -> Json:
        """Post a CAP message with the source's bearer token; returns the 202's body."""
        headers = {"Content-Type": "application/cap+xml", "Authorization": f"Bearer {secret}"}
        return await self._taken(f"/hooks/{source}", headers, xml.encode())

    async def _taken(self, path: str, headers: dict[str, str], data: bytes) -> Json:
        status, answer, _ = await self.send("POST", path, headers, data)
        if status != 202:
            raise UnexpectedAnswer(f"POST {path}", status, str(answer))
        taken: Json = answer
        return taken


class Api:
    """Client of `/api/v1` with one key."""

    def __init__(self, http: HttpClient, key: str) -> None:
        self._doors, self._auth = http, {"Authorization": f"Bearer {key}"}

    async def get(self, path: str) -> Any:
        """Get a document."""
        return (await self._call("GET", path, None, {}))[0]

    async def post(self, path: str, body: Json) -> Json:
        """Post with an Idempotency-Key."""
        answer: Json = (await self._call("POST", path, body, {"Idempotency-Key": uuid4().hex}))[0]
        return answer

    async def patch(self, path: str, body: Json) -> Json:
        """Apply a merge patch to the current version."""
        _, headers = await self._call("GET", path, None, {})
        kind = {"If-Match": headers["ETag"], "Content-Type": "application/merge-patch+json"}
        answer: Json = (await self._call("PATCH", path, body, kind))[0]
        return answer

    async def pages(self, path: str) -> AsyncIterator[Json]:
        """Iterate over the items of a list, page by page."""
        next_page: str | None = path
        while next_page:
            page = await self.get(next_page)
            for item in page["items"]:
                yield item
            next_page = page["next"]

    async def _call(self, method: str, path: str, body: Json | None, extra: dict[str, str]) -> tuple[Any, Headers]:
        data = None if body is None else json.dumps(body).encode()
        full = path if path.startswith(("http", "/api/")) else f"/api/v1{path}"
        headers = {"Content-Type": "application/json", **self._auth, **extra}
        status, answer, received = await self._doors.send(method, full, headers, data)
        if not 200 <= status < 300:
            raise UnexpectedAnswer(
                f"{method} {full}", status, json.dumps(answer) if isinstance(answer, dict) else str(answer)
            )
        return answer, received


async def in_parallel(count: int, jobs: Sequence[Callable[[], Awaitable[None]]], done: Callable[[], None]) -> None:
    """Run the jobs, at most `count` concurrently; calls `done` after each."""
    waiting = iter(jobs)

    async def worker() -> None:
        for job in waiting:
            await job()
            done()

    try:
        async with asyncio.TaskGroup() as hands:
            for _ in range(count):
                hands.create_task(worker())
    except ExceptionGroup as group:
        raise group.exceptions[0] from None  # the first error is sufficient
