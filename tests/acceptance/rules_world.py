"""A running product, asked as an outsider asks it: `alerts serve` as a child process, and HTTP."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from alerts.app.connection import connected
from alerts.kernel.calls import Call
from alerts.settings import load

Json = dict[str, Any]
SCOPES = (
    "read", "incidents:write", "services:write", "notices:write", "notices:issue", "subscribers:read",
    "subscribers:write", "segments:write", "newsletters:write",
)  # fmt: skip
MOVING = ("queued", "sending", "deferred")
BUSY = ("unprojected", "planning", "queued", "in_flight", "in_doubt", "deferred")
DANGER: Json = {"kind": "alert", "urgency": "Immediate", "severity": "Severe", "certainty": "Observed"}
CAP = {"urgency": "Immediate", "severity": "Severe", "certainty": "Observed", "headline": "Head", "event": "Fire"}
_INFO_ORDER = ("event", "responseType", "urgency", "severity", "certainty", "expires", "headline")


def now() -> datetime:
    return datetime.now(UTC)


def consent() -> dict[str, Any]:
    """A consent given now: an older one brings nobody back who has left."""
    return {"wording": "Send me alerts.", "given_at": now().isoformat(), "how": "test"}


def iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def cap_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S+00:00")


class Answer(NamedTuple):
    status: int
    body: Any
    headers: Mapping[str, str]


class Spot:
    """Somewhere far from every other spot: what happens there concerns nobody else's people."""

    count = 0

    def __init__(self) -> None:
        Spot.count += 1
        self.lon, self.lat = -60.0 + 4 * (Spot.count % 30), 30.0 + 2 * (Spot.count // 30)

    def place(self, east: float = 0.0, radius_km: float = 0.0) -> Json:
        return {"lat": self.lat, "lon": self.lon + east, "radius_km": radius_km}

    def circle(self, radius_km: float = 1.0, east: float = 0.0) -> Json:
        return {"circle": {"lat": self.lat, "lon": self.lon + east, "radius_km": radius_km}}

    def square(self, half: float = 0.01, east: float = 0.0) -> Json:
        return square(self.lon + east, self.lat, half)

    def cap_circle(self, radius_km: float = 1.0, east: float = 0.0) -> str:
        return f"{self.lat},{self.lon + east} {radius_km}"


def square(lon: float, lat: float, half: float) -> Json:
    west, east, south, north = lon - half, lon + half, lat - half, lat + half
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


class Key:
    """`/api/v1` with one key."""

    def __init__(self, world: World, secret: str) -> None:
        self._world, self._auth = world, {"Authorization": f"Bearer {secret}"}

    def ask(self, method: str, path: str, body: Json | None = None, **headers: str) -> Answer:
        full = path if path.startswith("http") else f"/api/v1{path}"
        return self._world.http(method, full, body, {**self._auth, **headers})

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status == 200, (path, answer)
        return answer.body

    def post(self, path: str, body: Json | None = None) -> Json:
        answer = self.ask("POST", path, body or {})
        assert answer.status in (200, 201, 202), (path, body, answer)
        return dict(answer.body)

    def status(self, path: str, body: Json | None = None) -> int:
        return self.ask("POST", path, body or {}).status

    def patch(self, path: str, body: Json) -> Json:
        etag = self.ask("GET", path).headers["ETag"]
        kind = {"If-Match": etag, "Content-Type": "application/merge-patch+json"}
        answer = self.ask("PATCH", path, body, **kind)
        assert answer.status == 200, (path, body, answer)
        return dict(answer.body)

    def items(self, path: str) -> list[Json]:
        found: list[Json] = []
        following: str | None = path
        while following:
            page = self.get(following)
            found, following = found + page["items"], page["next"]
        return found

    def approve(self, notice: str) -> int:
        """As seen right now; the status."""
        seen = self.get(f"/notices/{notice}")
        return self.status(f"/notices/{notice}/approve", {"version": seen["version"], "people": seen["people"]})


class World:
    """Server with its keys and sources; stop it when done."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """`settings`: more of the product's, such as ALERTS_DATABASE_URL (default: SQLite in that folder)."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._folder, self._people = folder, 0
        self._settings = {
            "ALERTS_DATABASE_URL": f"sqlite:///{folder}/var/alerts.db",
            "ALERTS_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "ALERTS_RETRY_SCHEDULE": "1,2,5",
            **settings,
        }
        if not self._settings["ALERTS_DATABASE_URL"].startswith("sqlite"):
            self._settings |= {"ALERTS_SECRET_KEY": "s" * 40, "ALERTS_MASTER_KEY": base64.b64encode(bytes(32)).decode()}
            subprocess.run([sys.executable, "-m", "alerts", "migrate"], env=self._env(), cwd=folder, check=True)
        self._start()
        self.keys: dict[str, Key] = {}
        self.secrets: dict[str, str] = {}
        asyncio.run(self._hand_out())
        self.api = self.keys["issue"]

    def _env(self) -> dict[str, str]:
        outer = {name: value for name, value in os.environ.items() if not name.startswith("ALERTS_")}
        return outer | self._settings | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}

    def _start(self) -> None:
        self._connection: http.client.HTTPConnection | None = None
        command = [sys.executable, "-m", "alerts", "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(command, env=self._env(), cwd=self._folder, stdout=log, stderr=log)
        self._until("the server to be ready", self._is_ready, 30)

    def restart(self) -> None:
        """As after a deployment: ended, and started again on the same data."""
        self.stop()
        self._start()

    def operate(self, operation: str, **arguments: Any) -> Json:
        """Run an operation of the command line, over the same connection as the command line."""

        async def one() -> Json:
            async with self._connected() as call:
                return await call(operation, arguments)

        return asyncio.run(one())

    def _connected(self) -> AbstractAsyncContextManager[Call]:
        chosen = load(self._settings, terminal=False)
        return connected(chosen, counting=False)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    async def _hand_out(self) -> None:
        """Create the team, keys and sources, over the same connection as the command line."""
        london = square(-0.1, 51.5, 0.1)
        rules = [
            {"kinds": ["alert"], "areas": [london], "severities": ["Severe", "Extreme"], "then": "issue"},
            {"kinds": ["service-change"], "areas": [london], "then": "issue"},
            {"kinds": ["announcement"], "then": "record"},
        ]
        policies: dict[str, Any] = {name: name for name in ("issue", "draft", "record")}
        policies["london"] = {"version": 3, "default": "draft", "rules": rules}
        async with self._connected() as call:
            for name in ("ann", "bob", "cat"):
                await call("team-add", {"email": f"{name}@team.example", "role": "approver"})
                key = {"name": name, "scopes": [*SCOPES, "notices:approve"], "policy": "draft"}
                self.keys[name] = Key(self, (await call("key-add", key | {"for": f"{name}@team.example"}))["secret"])
            for name, policy in policies.items():
                key = {"name": name, "scopes": list(SCOPES), "policy": policy}
                self.keys[name] = Key(self, (await call("key-add", key))["secret"])
            for name, policy in (("fire", "issue"), ("police", "issue"), ("drafts", "draft"), ("records", "record")):
                source = {"name": name, "kind": "cap", "policy": policy}
                self.secrets[name] = (await call("source-add", source))["secret"]

    # --- HTTP

    def http(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        sent = dict(headers or {})
        data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        path = path.removeprefix(f"http://127.0.0.1:{self.port}")
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self._connection.request(method, path, data, sent)
        reply = self._connection.getresponse()
        raw = reply.read()
        is_json = (reply.headers.get("Content-Type") or "").partition(";")[0].endswith("json")
        return Answer(reply.status, json.loads(raw) if is_json else raw.decode(), dict(reply.headers))

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        try:
            return self.http("GET", "/readyz").status == 200
        except OSError:
            self._connection = None
            return False

    def _until(self, what: str, holds: Callable[[], bool], timeout: float = 20.0) -> None:
        end = time.monotonic() + timeout
        while not holds():
            assert time.monotonic() < end, f"waited in vain for {what}"
            time.sleep(0.02)

    # --- people and notices

    def person(self, *, confirmed: bool = True, **body: Any) -> str:
        """Sign somebody up; the id."""
        self._people += 1
        if not {"email", "phone", "push"} & body.keys():
            body["email"] = f"p{self._people}@people.example"
        if confirmed:
            body |= {"confirmed": True, "consent": consent()}
        return str(self.api.post("/subscribers", body)["id"])

    def change(self, subscriber: str, **wishes: Any) -> Json:
        return self.api.patch(f"/subscribers/{subscriber}", wishes)

    def leave(self, subscriber: str) -> None:
        assert self.api.ask("DELETE", f"/subscribers/{subscriber}").status in (200, 204)

    def draft(self, key: str = "issue", **body: Any) -> str:
        body.setdefault("content", {"en": {"title": "Title", "body": "Body"}})
        return str(self.keys[key].post("/notices", body)["id"])

    def issue(self, **body: Any) -> str:
        notice = self.draft(**body)
        self.api.post(f"/notices/{notice}/issue")
        return notice

    def update(self, notice: str, **body: Any) -> str:
        body.setdefault("content", {"en": {"title": "Update"}})
        updated = str(self.api.post(f"/notices/{notice}/update", body)["id"])
        self.api.post(f"/notices/{updated}/issue")
        return updated

    def cancel(self, notice: str, key: str = "issue") -> str:
        return str(self.keys[key].post(f"/notices/{notice}/cancel", {"reason": "false alarm"})["id"])

    def phase(self, notice: str) -> str:
        return str(self.api.get(f"/notices/{notice}")["state"])

    def dispatch(self, notice: str) -> Json:
        """Progress, once all that can leave has left and everything else is at rest."""

        def settled() -> bool:
            found = self.api.get(f"/notices/{notice}/dispatch")
            states = [state for by in found["by_channel"].values() for state, n in by.items() if n]
            return bool(found["planned"]) and not set(states) & set(MOVING)

        self._until(f"notice {notice} to settle", settled)
        self._until("rest", lambda: not any(self.api.get("/status")[k] for k in BUSY))
        return dict(self.api.get(f"/notices/{notice}/dispatch"))

    def deliveries(self, notice: str) -> dict[tuple[str, str], str]:
        """(subscriber, channel) → state, once it has settled."""
        self.dispatch(notice)
        rows = self.api.items(f"/deliveries?notice={notice}&limit=500")
        return {(row["subscriber"], row["channel"]): row["state"] for row in rows}

    def got(self, notice: str, **people: str) -> dict[str, str | None]:
        """By name: the state of that person's e-mail, or of all they have as `channel:state`; None for no delivery."""
        rows = self.deliveries(notice)
        found: dict[str, str | None] = {}
        for name, subscriber in people.items():
            states = {channel: state for (who, channel), state in sorted(rows.items()) if who == subscriber}
            several = " ".join(f"{channel}:{state}" for channel, state in states.items())
            found[name] = states["email"] if list(states) == ["email"] else several or None
        return found

    def inbox(self, to: str) -> list[Json]:
        """Messages that reached an address, oldest first."""
        found: list[Json] = []
        after = 0
        while items := self.http("GET", f"/inbox.json?after={after}&limit=500").body["items"]:
            found, after = found + items, items[-1]["id"]
        return [item for item in found if item["to"] == to]

    def message(self, to: str, notice: str) -> Json:
        """The one message about a notice that reached an address, whatever else has come there."""
        [found] = [item for item in self.inbox(to) if notice in item["text"]]
        return found

    # --- CAP

    def cap(self, source: str, xml: str) -> Json:
        """Post a CAP message and return its outcome."""
        headers = {"Content-Type": "application/cap+xml", "Authorization": f"Bearer {self.secrets[source]}"}
        taken = self.http("POST", f"/hooks/{source}", xml, headers)
        assert taken.status == 202, taken
        trigger: Json = {}

        def decided() -> bool:
            trigger.update(self.api.get(taken.body["status_url"]))
            return bool(trigger["state"] != "received")

        self._until("the trigger to be decided", decided)
        return trigger


def cap_xml(infos: list[Json], *, identifier: str = "", msg: str = "Alert", **head: str) -> str:
    """CAP 1.2. An info may have `language`, `category`, `codes`, `circle`, and whatever stands in `_INFO_ORDER`."""
    fields = {"status": "Actual", "scope": "Public", "sent": cap_time(now()), "sender": "s@x.example", **head}
    address = {"Restricted": "<restriction>r</restriction>", "Private": "<addresses>a@b</addresses>"}
    references = f"<references>{fields['references']}</references>" if "references" in fields else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">'
        f"<identifier>{identifier or uuid4().hex}</identifier><sender>{fields['sender']}</sender>"
        f"<sent>{fields['sent']}</sent><status>{fields['status']}</status><msgType>{msg}</msgType>"
        f"<scope>{fields['scope']}</scope>{address.get(fields['scope'], '')}{references}"
        + "".join(_info(info) for info in infos)
        + "</alert>"
    )


def _info(given: Json) -> str:
    info = {"language": "en", "category": ["Fire"], **CAP, **given}
    area = f"<area><areaDesc>here</areaDesc><circle>{info['circle']}</circle></area>" if "circle" in info else ""
    early = "".join(f"<{name}>{info[name]}</{name}>" for name in _INFO_ORDER[:5] if name in info)
    late = "".join(f"<{name}>{info[name]}</{name}>" for name in _INFO_ORDER[5:] if name in info)
    codes = "".join(
        f"<eventCode><valueName>code</valueName><value>{code}</value></eventCode>" for code in info.get("codes", ())
    )
    categories = "".join(f"<category>{word}</category>" for word in info["category"])
    return f"<info><language>{info['language']}</language>{categories}{early}{codes}{late}{area}</info>"


def soon(**delta: float) -> str:
    return iso(now() + timedelta(**delta))


def quiet(wake_for: str = "danger") -> Json:
    """Quiet hours (UTC) that now lies in."""
    start, end = now() - timedelta(hours=2), now() + timedelta(hours=3)
    hours = {"from": f"{start:%H:%M}", "to": f"{end:%H:%M}", "wake_for": wake_for}
    return {"quiet_hours": hours, "timezone": "UTC"}
