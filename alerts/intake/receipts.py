"""Delivery receipts and inbound texts as returned by every provider's parser; the body of `http+json` providers."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from alerts.contract.bodies import Body
from alerts.domain.delivery_receipt import JoinRequest, ReceiptStatus, Word, join_request, word_of
from alerts.intake import strict_json
from alerts.kernel.errors import Invalid


class Receipt(NamedTuple):
    """A delivery receipt.

    `reference` is the delivery id that we sent with the message; `external_id` is the provider's.
    """

    reference: str
    status: ReceiptStatus
    reason: str
    at: datetime | None
    external_id: str
    retire: str = ""
    """Reason for suppressing the address, "" for none."""


class TextIn(NamedTuple):
    """The request of an inbound text; the rest of the text is discarded."""

    number: str
    """As the provider writes it."""
    word: Word
    at: datetime | None
    external_id: str
    join: JoinRequest | None = None
    """Place and language of a JOIN."""


Report = Receipt | TextIn


class ReceiptBody(Body, frozen=True, kw_only=True):
    """A receipt of an `http+json` provider (CONTRACT)."""

    reference: str
    status: ReceiptStatus
    reason: str = ""
    at: datetime | None = None


class TextInBody(Body, frozen=True, kw_only=True):
    """An inbound text through an `http+json` provider (CONTRACT)."""

    number: str = msgspec.field(name="from")
    text: str
    at: datetime | None = None


def text_in(number: str, text: str, at: datetime | None, external_id: str, word: Word | None = None) -> TextIn:
    """Read an inbound text; `word`: what the provider has made of it already."""
    join = join_request(text) if word is None else None
    return TextIn(number, word or ("join" if join else word_of(text)), at, external_id, join)


def parse(body: bytes, identifier: str) -> Report:
    """Parse a receipt or an inbound text; `identifier` is its `webhook-id`. Raises Malformed, Invalid."""
    value = strict_json.parse(body)
    if not isinstance(value, dict):
        raise Invalid.field("", "expected an object: a receipt with reference and status, or a text with from and text")
    if "from" in value or "text" in value:
        text = strict_json.typed(value, TextInBody)
        return text_in(text.number, text.text, text.at, identifier)
    said = strict_json.typed(value, ReceiptBody)
    return Receipt(reference=said.reference, status=said.status, reason=said.reason, at=said.at, external_id=identifier)
