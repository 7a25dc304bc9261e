"""Text messages by plain JSON over HTTP, for custom gateways: `{"to", "text", "reference"}`, answered by `{"id"}`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from alerts.channels.message import Message, SendResult
from alerts.net.safe_client import Answer
from alerts.providers.sms.gateway_api import AGENT, GatewayError, Request, read, trouble, unknown_outcome, words


class _Body(msgspec.Struct, frozen=True):
    to: str
    text: str
    reference: str


class HttpJson:
    """`GatewayApi` for plain JSON, see the module."""

    def __init__(self, *, url: str, token: str) -> None:
        """`token` is the bearer token, "" for none."""
        self._url = url
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": AGENT}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._encoder = msgspec.json.Encoder()

    def request(self, message: Message, now: datetime) -> Request:
        """See `GatewayApi.request`."""
        body = _Body(message.to, message.data.decode(), message.delivery)
        return Request(self._url, self._encoder.encode(body), self._headers)

    def answered(self, message: Message, answer: Answer, now: datetime) -> SendResult | GatewayError:
        """See `GatewayApi.answered`: 2xx with an id is sent, 429 and 5xx are temporary, other 4xx permanent."""
        found = read(answer)
        if 200 <= answer.status < 300:
            id = found.get("id")
            if isinstance(id, str | int) and not isinstance(id, bool) and str(id):
                return SendResult(result="sent", reference=str(id)[:200])
            return unknown_outcome(answer.status)
        said = words(
            next((found[key] for key in ("reason", "detail", "message", "error", "title") if key in found), "")
        )
        common = trouble(answer, said, now)
        if common is not None:
            return common
        return SendResult(result="permanent", reason=f"{answer.status} {said}".strip())
