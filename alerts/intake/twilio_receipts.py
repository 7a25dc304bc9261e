"""Twilio webhooks: signature verification and parsing.

Sources, all under https://www.twilio.com/docs: usage/security (validating requests),
messaging/guides/outbound-message-logging (status callbacks), messaging/guides/webhook-request (inbound texts).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from alerts.domain.delivery_receipt import Word
from alerts.intake.receipts import Receipt, Report, text_in
from alerts.kernel.errors import Invalid, Malformed
from alerts.net.standard_webhooks import Unverified
from alerts.providers.sms.twilio import HARD_BOUNCES, OPT_OUT

Fields = Sequence[tuple[str, str]]

_MOST_FIELDS = 200
_DELIVERED: Final = frozenset(("delivered", "read"))
_FAILED: Final = frozenset(("failed", "undelivered", "canceled"))
_PASSING: Final = frozenset(
    ("accepted", "scheduled", "queued", "sending", "sent", "receiving", "received", "partially_delivered")
)
_HANDLED: Final[dict[str, Word]] = {"STOP": "stop", "START": "start", "HELP": "other"}
"""Result of Twilio's own opt-out handling (`OptOutType`); Twilio has already answered HELP itself."""


def fields_of(body: bytes) -> Fields:
    """Parse a form body. Raises Malformed."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError as error:
        raise Malformed("the body is not a form in UTF-8") from error
    if any("\x00" in name or "\x00" in value for name, value in pairs):
        raise Malformed("the form holds the character U+0000")
    return pairs


def sign(token: str, url: str, fields: Fields) -> str:
    """Compute `X-Twilio-Signature`: HMAC-SHA-1 of the URL and the sorted fields, keyed by the auth token, in base64."""
    values: dict[str, set[str]] = {}
    for name, value in fields:
        values.setdefault(name, set()).add(value)
    said = url + "".join(name + value for name in sorted(values) for value in sorted(values[name]))
    return base64.b64encode(hmac.digest(token.encode(), said.encode(), hashlib.sha1)).decode()


def verify(tokens: Sequence[str], url: str, fields: Fields, signature: str) -> None:
    """Verify the signature against the accounts' tokens. Raises Unverified. `url` is ours as configured at Twilio."""
    given = signature.encode("utf-8", "replace")
    spellings = _spellings(url)
    wanted = [sign(token, spelling, fields).encode() for token in tokens for spelling in spellings]
    if not any(hmac.compare_digest(given, one) for one in wanted):
        raise Unverified("the signature does not match; is ALERTS_PUBLIC_URL the address that Twilio calls?")


def _spellings(url: str) -> list[str]:
    """URL with and without the scheme's default port: Twilio has signed both."""
    parts = urlsplit(url)
    own = {"https": 443, "http": 80}.get(parts.scheme)
    if parts.port is None:
        return [url, parts._replace(netloc=f"{parts.netloc}:{own}").geturl()]
    if parts.port == own:
        return [url, parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl()]
    return [url]


def parse(fields: Fields, query: Mapping[str, str]) -> Report | None:
    """Parse a receipt, an inbound text, or None for an intermediate status without effect. Raises Invalid.

    The reference of a receipt is in the query of the callback URL that we gave.
    """
    said = dict(fields)
    status = said.get("MessageStatus") or said.get("SmsStatus", "")
    if "reference" in query:
        return _receipt(said, query["reference"], status)
    if "Body" not in said or not said.get("From"):
        raise Invalid.field("Body", "Neither a status callback of ours (no reference) nor a text that came in.")
    handled = _HANDLED.get(said.get("OptOutType", "").upper())
    return text_in(said["From"], said["Body"], None, said.get("MessageSid", ""), handled)


def _receipt(said: dict[str, str], reference: str, status: str) -> Receipt | None:
    if status in _PASSING:
        return None
    if status not in _DELIVERED | _FAILED:
        raise Invalid.field("MessageStatus", f"{status[:40]!r} is no status that we know.")
    code = said.get("ErrorCode", "")
    delivered = status in _DELIVERED
    number = int(code) if code.isascii() and code.isdigit() and len(code) < 10 else 0
    retire = "opt-out" if number == OPT_OUT else "hard-bounce" if number in HARD_BOUNCES else ""
    reason = "" if delivered else f"{status}: error {code}" if code else status
    return Receipt(
        reference=reference,
        status="delivered" if delivered else "failed",
        reason=reason,
        at=None,
        external_id=said.get("MessageSid", ""),
        retire="" if delivered else retire,
    )
