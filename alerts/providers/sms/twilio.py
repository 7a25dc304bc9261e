"""Text messages by Twilio's API: https://www.twilio.com/docs/messaging/api/message-resource (others implement it too).

The reference, our delivery id, is part of the StatusCallback URL and so returns with receipts. Error codes:
https://www.twilio.com/docs/api/errors. Twilio advises not to rely on single codes, since it splits them now and then
(changelog of 10 July 2024); an unknown code counts as a refusal of this message.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from alerts.channels.message import Message, SendResult
from alerts.net.safe_client import Answer
from alerts.providers.sms.gateway_api import AGENT, GatewayError, Request, read, trouble, unknown_outcome, words

HARD_BOUNCES = frozenset({21211, 21214, 21217, 21265, 21614, 21635, 30005, 30006})
"""Invalid number, short code, not a mobile, landline, not assigned."""
OPT_OUT = 21610
"""The recipient texted STOP to this sender."""
_OURS = frozenset({20003, 20404, 21212, 21408, 21603, 21606, 21608, 21609, 21612, 21659, 21660, 21661, 21704, 30002})
"""Credentials, sender, countries not enabled, limits of a trial, the callback's URL, a suspended account."""
_BUSY = frozenset({14107, 20429, 21611, 30001, 30022, 63038})
"""Too many concurrent requests, a full queue, the daily limit."""
_LOST = frozenset({"failed", "undelivered", "canceled"})
_VALIDITY = 36_000
"""Twilio's maximum `ValidityPeriod` in seconds."""


class Twilio:
    """`GatewayApi` of Twilio, see the module."""

    def __init__(self, *, origin: str, account: str, token: str, sender: str, callback: str) -> None:
        """Configure the API.

        `origin`: `https://host[:port]`. `sender`: a number, a name, or a messaging service (`MG…`). `callback`: the
        public URL for receipts.
        """
        self._url = f"{origin}/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json"
        self._sender = ("MessagingServiceSid" if sender.startswith("MG") else "From", sender)
        self._callback = callback
        basic = b64encode(f"{account}:{token}".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {basic}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "User-Agent": AGENT,
        }

    def request(self, message: Message, now: datetime) -> Request:
        """See `GatewayApi.request`."""
        fields = [
            ("To", message.to),
            self._sender,
            ("Body", message.data.decode()),
            ("StatusCallback", f"{self._callback}?reference={quote(message.delivery, safe='')}"),
        ]
        if message.expires is not None:
            left = int((message.expires - now) / timedelta(seconds=1))
            if left < _VALIDITY:  # above this, Twilio's own limit applies
                fields.append(("ValidityPeriod", str(max(1, left))))
        return Request(self._url, urlencode(fields).encode(), self._headers)

    def answered(self, message: Message, answer: Answer, now: datetime) -> SendResult | GatewayError:
        """See `GatewayApi.answered`."""
        found = read(answer)
        status = answer.status
        if 200 <= status < 300:
            return _taken(found, status)
        code = found.get("code") if isinstance(found.get("code"), int) else 0
        said = words(found.get("message"))
        said = f"{said} (Twilio {code})" if code else said
        if code in _BUSY:
            common = trouble(answer, said, now)
            return GatewayError(f"{status} {said}", rest=common.rest if common else None)
        if code in _OURS:
            return GatewayError(f"{status} {said}", final=True)
        common = trouble(answer, said, now)
        return common if common is not None else _refused(status, code or 0, said)


def _taken(found: dict[str, object], status: int) -> SendResult:
    sid = found.get("sid")
    if not isinstance(sid, str) or not sid:
        return unknown_outcome(status)
    if found.get("status") in _LOST:
        code = found.get("error_code")
        number = code if isinstance(code, int) else 0
        return _refused(status, number, f"{words(found.get('error_message') or found['status'])} (Twilio {number})")
    return SendResult(result="sent", reference=sid[:200])


def _refused(status: int, code: int, said: str) -> SendResult:
    """Permanent failure; if the number is at fault, the contact point is suppressed."""
    reason = f"{status} {said}".strip()
    if code == OPT_OUT:
        return SendResult(result="permanent", reason=reason, retire="opt-out")
    if code in HARD_BOUNCES:
        return SendResult(result="permanent", reason=reason, retire="hard-bounce")
    return SendResult(result="permanent", reason=reason)
