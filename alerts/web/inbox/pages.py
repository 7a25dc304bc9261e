"""Local inbox: each message as its recipient sees it, and why. Only if the public URL is a loopback address."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import compat32
from email.policy import default as mail_policy
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from alerts.channels.i18n import translator
from alerts.channels.registry import writable
from alerts.channels.severity_style import style
from alerts.channels.sms_segments import count
from alerts.domain.notice import NoticeState
from alerts.kernel.ids import parse_delivery_id
from alerts.kernel.signed_tokens import delivery_token
from alerts.kernel.terms import CHANNEL_TERMS
from alerts.kernel.texts import cut
from alerts.providers.inbox import Inbox, InboxItem, Pushed
from alerts.services import Services
from alerts.web.http.requests import next_url, read, whole_number
from alerts.web.http.routing import PUBLIC, Route
from alerts.web.http.security import MAIL
from alerts.web.public.templating import Pages
from alerts.web.public.why_view import checks, summary

_PAGE = 50
_JSON_PAGE, _JSON_MOST = 200, 1000


def routes(services: Services) -> list[Route]:
    """Routes of the inbox; empty without an inbox."""
    if services.inbox is None:
        return []
    inbox = InboxPages(services, services.inbox)
    return [
        Route("GET", "/inbox", inbox.all, PUBLIC),
        Route("GET", "/inbox.json", inbox.json, PUBLIC),
        Route("GET", "/inbox/{id}", inbox.one, PUBLIC),
        Route("GET", "/inbox/{id}/letter.html", inbox.letter, PUBLIC),
        Route("GET", "/inbox/{id}/raw", inbox.raw, PUBLIC),
    ]


@dataclass(frozen=True)
class ParsedMessage:
    """Parsed message. `html` for e-mail only."""

    item: InboxItem
    subject: str
    text: str
    html: str
    sender: str


class InboxPages:
    """Handlers of the inbox pages."""

    def __init__(self, services: Services, inbox: Inbox) -> None:
        self._services, self._inbox = services, inbox
        self._pages = Pages(services)
        self._translator = translator("en")

    async def all(self, request: web.Request) -> web.Response:
        """List received messages, newest first; `?to=` filters by recipient, `?after=` pages."""
        context = await read(self._services, self._list, _number(request.query.get("after", "")), request.query)
        return self._pages.page("pages/inbox.html", self._translator, context)

    async def one(self, request: web.Request) -> web.Response:
        """Show one message, its reasons, and the recipient's other messages."""
        context = await read(self._services, self._message, self._item_id(request))
        headers = {"Content-Security-Policy": _framing()}
        return self._pages.page("pages/inbox_message.html", self._translator, context, headers=headers)

    async def letter(self, request: web.Request) -> web.Response:
        """Serve an e-mail's HTML as a mail program shows it: without scripts, forms or external resources."""
        opened = open_message(await read(self._services, self._found, self._item_id(request)))
        if not opened.html:
            raise web.HTTPNotFound
        return web.Response(text=opened.html, content_type="text/html", headers=MAIL)

    async def raw(self, request: web.Request) -> web.Response:
        """Serve the sent bytes."""
        item = await read(self._services, self._found, self._item_id(request))
        return web.Response(body=item.data, content_type="text/plain", charset="utf-8")

    async def json(self, request: web.Request) -> web.Response:
        """List messages in order of arrival as JSON: those after the id `after`, at most `limit`."""
        values = {name: value for name, value in request.query.items() if value}
        after = whole_number(values, "after", 0, 0)
        limit = whole_number(values, "limit", _JSON_PAGE, 1, _JSON_MOST)

        def page() -> bytes:
            items = self._inbox.items(after, limit)
            last = items[-1].id if len(items) == limit else None
            following = next_url(self._pages.site.url, request, last, "after")
            return msgspec.json.encode({"items": [_as_json(item) for item in items], "next": following})

        return web.Response(body=await read(self._services, page), content_type="application/json")

    def _list(self, after: int, query: Any) -> dict[str, Any]:
        to = query.get("to", "").replace("\x00", "").strip()
        items = self._inbox.items(after, _PAGE + 1, to=to or None, newest_first=True)
        notices: dict[int, NoticeState | None] = {}
        base = f"{self._pages.site.base}/inbox"
        older = {"after": items[_PAGE - 1].id, **({"to": to} if to else {})} if len(items) > _PAGE else None
        return {
            "here": "inbox",
            "count": self._translator.number(self._inbox.count()),
            "to": to,
            "rows": [self._row(item, notices) for item in items[:_PAGE]],
            "older": f"{base}?{urlencode(older)}" if older else "",
            "newest": base if after else "",
        }

    def _message(self, id: int) -> dict[str, Any]:
        item = self._found(id)
        opened = open_message(item)
        notices: dict[int, NoticeState | None] = {}
        others = self._inbox.items(0, 20, to=item.to, newest_first=True)
        base = f"{self._pages.site.base}/inbox"
        measured = count(opened.text)
        return {
            "here": "inbox",
            "item": self._row(item, notices),
            "opened": opened,
            "letter": f"{base}/{item.id}/letter.html",
            "raw": f"{base}/{item.id}/raw",
            "others": [self._row(other, notices) for other in others],
            "everyone": base,
            "segments": f"{measured.segments} {'segment' if measured.segments == 1 else 'segments'} of "
            f"{measured.encoding}, {measured.used} of {measured.room} characters",
            "why": self._why(item),
        }

    def _why(self, item: InboxItem) -> dict[str, Any] | None:
        """Explain a delivery; None for a message without a notice (a confirmation)."""
        numbers = parse_delivery_id(self._services.settings.secret_key, item.delivery)
        found = self._services.explainer.why(*numbers) if numbers and numbers[0] else None
        if numbers is None or found is None:
            return None
        token = delivery_token(self._services.settings.secret_key, "why", *numbers)
        return {
            "summary": summary(found),
            "checks": checks(self._services, found),
            "link": f"{self._pages.site.base}/why/{token}",
        }

    def _row(self, item: InboxItem, notices: dict[int, NoticeState | None]) -> dict[str, Any]:
        notice = self._notice(item, notices)
        plan = notice.plan if notice else None
        return {
            "id": item.id,
            "link": f"{self._pages.site.base}/inbox/{item.id}",
            "channel": CHANNEL_TERMS[item.channel].label,
            "kind": item.channel,
            "to": item.to,
            "to_link": f"{self._pages.site.base}/inbox?{urlencode({'to': item.to})}",
            "title": _title(item),
            "at": self._translator.clock(item.at, self._services.settings.timezone) + item.at.strftime(":%S"),
            "after": _after(item, notice),
            "tone": style(plan.kind, notice.msg_type, plan.severity).name if notice and plan else "minor",
        }

    def _notice(self, item: InboxItem, notices: dict[int, NoticeState | None]) -> NoticeState | None:
        numbers = parse_delivery_id(self._services.settings.secret_key, item.delivery)
        if not numbers or not numbers[0]:
            return None
        if numbers[0] not in notices:
            notices[numbers[0]] = self._services.views.notice_by_number(numbers[0])
        return notices[numbers[0]]

    def _found(self, id: int) -> InboxItem:
        item = self._inbox.item(id)
        if item is None:
            raise web.HTTPNotFound
        return item

    @staticmethod
    def _item_id(request: web.Request) -> int:
        id = _number(request.match_info["id"])
        if not id:
            raise web.HTTPNotFound
        return id


def open_message(item: InboxItem) -> ParsedMessage:
    """Parse a message: e-mail into subject and both bodies, push into title and body, SMS into its text."""
    payload = writable(item.channel).payload
    if payload == "notification":
        shown = _shown(item)
        return ParsedMessage(item, shown.get("title", ""), shown.get("body", ""), "", "")
    if payload == "text":
        return ParsedMessage(item, "", item.data.decode("utf-8", "replace"), "", "")
    message = _parsed(item.data)
    return ParsedMessage(
        item, str(message["Subject"] or ""), _body(message, "plain"), _body(message, "html"), str(message["From"] or "")
    )


def _parsed(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=mail_policy)
    assert isinstance(message, EmailMessage)
    return message


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def _words(item: InboxItem) -> str:
    """Return the plain text only. The older policy takes a tenth of the time: a page may have 1000 messages."""
    payload = writable(item.channel).payload
    if payload == "notification":
        return _pushed(item).text
    if payload == "text":
        return item.data.decode("utf-8", "replace")
    for part in message_from_bytes(item.data, policy=compat32).walk():
        if part.get_content_type() == "text/plain":
            body = part.get_payload(decode=True)
            assert isinstance(body, bytes)
            return body.decode(part.get_content_charset("utf-8"), "replace").replace("\r\n", "\n")
    return ""


def _title(item: InboxItem) -> str:
    payload = writable(item.channel).payload
    if payload == "mail":
        head, _, _ = item.data.partition(b"\r\n\r\n")
        return str(_parsed(head + b"\r\n\r\n")["Subject"] or "")
    if payload == "notification":
        return _shown(item).get("title", "") or "(encrypted for a browser's own keys)"
    text = item.data.decode("utf-8", "replace")
    return cut(text, 120)


def _after(item: InboxItem, notice: NoticeState | None) -> str:
    """Format the delay between the notice and the message."""
    if notice is None or notice.issued_at is None:
        return ""
    return f"{max((item.at - notice.issued_at).total_seconds(), 0):.1f} s after the notice"


def _pushed(item: InboxItem) -> Pushed:
    return msgspec.json.decode(item.data, type=Pushed)


def _shown(item: InboxItem) -> dict[str, str]:
    """Return the fields of a notification; {} if it cannot be decrypted or parsed."""
    try:
        payload = msgspec.json.decode(_pushed(item).text or "{}")
    except msgspec.DecodeError:  # plain text of another sender
        return {}
    return {k: v for k, v in payload.items() if isinstance(v, str)} if isinstance(payload, dict) else {}


def _as_json(item: InboxItem) -> dict[str, Any]:
    """Convert to JSON. For push `raw` is the encrypted body in base64url, and `headers` are those of the request."""
    pushed = _pushed(item) if writable(item.channel).payload == "notification" else None
    document = {
        "id": item.id,
        "delivery": item.delivery,
        "channel": item.channel,
        "to": item.to,
        "at": item.at,
        "raw": item.data.decode("utf-8", "replace") if pushed is None else pushed.raw,
        "text": _words(item) if pushed is None else pushed.text,
    }
    return document if pushed is None else {**document, "headers": pushed.headers}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _framing() -> str:
    from alerts.web.http.security import CONTENT_POLICY

    return f"{CONTENT_POLICY}; frame-src 'self'"
