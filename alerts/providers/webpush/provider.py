"""Web Push provider: notifications to browsers and phones (RFC 8030), encrypted (RFC 8291) and VAPID-signed (RFC 8292).

pywebpush encrypts, py_vapid signs; our SSRF-safe client sends, since the endpoint is an untrusted address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from time import monotonic
from typing import Any, Literal

import msgspec
from yarl import URL

from alerts.channels.message import Message, SendResult
from alerts.kernel.terms import Channel
from alerts.net.push_endpoints import is_inbox
from alerts.net.retry_after import retry_after
from alerts.net.safe_client import Answer, ConnectFailed, ReplyLost, RequestTimeout, SafeHttpClient, TargetRefused
from alerts.providers.failover import Health
from alerts.providers.webpush.service_health import PushServices
from alerts.providers.webpush.vapid import Vapid

DELIVERY_HEADER = "X-Alerts-Delivery"
"""Header sent to our own inbox only: it identifies the delivery of an item that cannot be decrypted."""
MOST_TTL = 28 * 24 * 3600
"""Maximum seconds for which push services store a message (four weeks, by Google's documentation of FCM)."""
NO_EXPIRY_TTL = 24 * 3600
_NO_CONNECTION_S = 5.0
"""Seconds that a message waits when its push service cannot be reached."""
Encode = Callable[[dict[str, Any], bytes], bytes]
"""Function (subscription, plain text) → encrypted body."""


class SubscriptionKeys(msgspec.Struct, frozen=True):
    """Keys of a browser subscription, base64url."""

    auth: str
    p256dh: str


class Subscription(msgspec.Struct, frozen=True):
    """A push subscription: the address of a contact point of channel push."""

    endpoint: str
    keys: SubscriptionKeys


_subscriptions = msgspec.json.Decoder(Subscription)


class WebPush:
    """Web Push provider. Used within one event loop."""

    name = "webpush"
    channel: Channel = "push"

    def __init__(
        self, client: SafeHttpClient, vapid: Vapid, *, clock: Callable[[], datetime], own: str | None = None
    ) -> None:
        """`own` is the public URL while the local inbox exists."""
        self._client, self._vapid, self._clock, self._own = client, vapid, clock, own
        self._encode: Encode | None = None
        self._loading = asyncio.Lock()
        self._services = PushServices()

    async def send(self, message: Message) -> SendResult:
        """See `Provider.send`."""
        encode = self._encode or await self._encoder()
        try:
            to = _subscriptions.decode(message.to)
            body = encode(_info(to), message.data)
        except Exception as error:  # keys that no browser made: permanent
            return SendResult(
                result="permanent", reason=f"could not be encrypted for this device: {type(error).__name__}"
            )
        try:
            self._vapid.load()
        except Exception as error:  # the keys' database is unavailable: temporary
            reason = f"the key to sign with could not be read just now: {error}"
            return SendResult(result="not-begun", reason=reason, retry_after=1.0)
        try:
            headers = self._headers(message, to.endpoint)
        except Exception as error:  # py_vapid's refusal of a subject or origin
            return SendResult(result="technical", reason=f"could not be signed (ALERTS_VAPID_SUBJECT?): {error}")
        return await self._post(to.endpoint, body, headers)

    async def _post(self, endpoint: str, body: bytes, headers: dict[str, str]) -> SendResult:
        """Post unless the push service's circuit is open, and record the outcome in its circuit breaker."""
        origin, status = _service(endpoint), None
        refused = self._services.try_start(origin, monotonic())
        if refused is not None:
            return refused
        try:
            answer = await self._client.post(endpoint, body, headers)
            status, outcome = answer.status, handed(answer, self._clock())
        except TargetRefused as error:
            self._services.abandon(origin, monotonic())
            return SendResult(result="permanent", reason=f"not sent: {error}")
        except RequestTimeout as error:
            self._services.abandon(origin, monotonic())
            return SendResult(result="not-begun", reason=str(error))
        except ConnectFailed as error:
            outcome = SendResult(result="not-begun", reason=str(error), retry_after=_NO_CONNECTION_S)
        except ReplyLost as error:
            outcome = SendResult(result="in-doubt", reason=str(error))
        except BaseException:
            self._services.abandon(origin, monotonic())
            raise
        self._services.ended(origin, outcome, monotonic(), status=status)
        return outcome

    def destination(self, message: Message) -> str:
        """Push service of a message, for the limits per destination; "" if the address cannot be parsed."""
        try:
            return _service(_subscriptions.decode(message.to).endpoint)
        except msgspec.DecodeError:
            return ""

    def apply_peer_health(self, resting: Mapping[str, str]) -> None:
        """See `AcceptsPeerHealth.apply_peer_health`."""
        self._services.apply_peer_health(resting, monotonic())

    def health(self) -> Health:
        """See `ReportsHealth.health`."""
        return self._services.health(self.name, monotonic())

    async def close(self) -> None:
        """See `Provider.close`."""
        await self._client.close()

    async def _encoder(self) -> Encode:
        """Load pywebpush with the first notification: the import takes a third of a second."""
        async with self._loading:
            if self._encode is None:
                self._encode = await asyncio.to_thread(_load)
        return self._encode

    def _headers(self, message: Message, endpoint: str) -> dict[str, str]:
        headers = {
            "Authorization": self._vapid.authorization(_origin(_service(endpoint))),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(self._ttl(message.expires)),
            "Urgency": "high" if message.urgent else "normal",
        }
        if message.topic:
            headers["Topic"] = message.topic
        if is_inbox(endpoint, self._own):
            headers[DELIVERY_HEADER] = message.delivery
        return headers

    def _ttl(self, expires: datetime | None) -> int:
        """Seconds for which a push service may store the message, not beyond its expiry."""
        if expires is None:
            return NO_EXPIRY_TTL
        return min(max(int((expires - self._clock()).total_seconds()), 0), MOST_TTL)


def handed(answer: Answer, now: datetime) -> SendResult:
    """Interpret a push service's response (RFC 8030, 5 and 8.4; RFC 8292, 4.2)."""
    status = answer.status
    if 200 <= status < 300:
        return SendResult(
            result="sent"
        )  # its Location may identify the device, and references are stored in clear in the log
    if status in (404, 410):
        return SendResult(
            result="permanent", reason=f"{status}: this device has given up its subscription", retire="gone"
        )
    if status == 429 or status >= 500:
        wait = retry_after(answer.headers, now)
        return SendResult(result="temporary", reason=f"{status} from the push service", retry_after=wait)
    result: Literal["permanent", "technical"] = "technical" if status in (401, 403) else "permanent"
    return SendResult(result=result, reason=_REASONS.get(status, f"{status}: the push service refused it"))


_REASONS = {
    400: "400: the push service could not read the request",
    401: "401: the push service did not accept our signature; check the clock and ALERTS_VAPID_SUBJECT",
    403: "403: this device subscribed with another VAPID key than ours; it has to subscribe again",
    413: "413: the notification is too large for this push service",
}


def _service(endpoint: str) -> str:
    """Scheme, host and port as spelled in the endpoint."""
    return "/".join(endpoint.split("/", 3)[:3])


@lru_cache(maxsize=1024)
def _origin(url: str) -> str:
    """Scheme, host and port as an origin (RFC 6454). Cached: a few origins serve all devices."""
    return str(URL(url, encoded=True).origin())


def _info(to: Subscription) -> dict[str, Any]:
    return {"endpoint": to.endpoint, "keys": {"p256dh": to.keys.p256dh, "auth": to.keys.auth}}


def _load() -> Encode:
    from pywebpush import WebPusher

    def encode(info: dict[str, Any], data: bytes) -> bytes:
        return bytes(WebPusher(info).encode(data, "aes128gcm")["body"])

    return encode
