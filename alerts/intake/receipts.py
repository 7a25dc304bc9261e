"""Receipts and texts that came in, as every provider's parser gives them; and the body of `http+json` providers."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

import msgspec

from alerts.contract.bodies import Body
from alerts.domain.delivery_receipt import ReceiptStatus, Word, word_of
from alerts.intake import strict_json
from alerts.kernel.errors import Invalid

_SPARE = re.compile(r"[\s().\-]")


class Receipt(NamedTuple):
    """What became of a message. `reference` is the delivery's id that we gave with it; `external_id` the provider's."""

    reference: str
    status: ReceiptStatus
    reason: str
    at: datetime | None
    external_id: str
    retire: str = ""
    """Why its address is never to be sent to again, "" if it may."""


class TextIn(NamedTuple):
    """What a text asked for. The rest of it is not kept."""

    number: str
    word: Word
    at: datetime | None
    external_id: str


Report = Receipt | TextIn


class ReceiptBody(Body, frozen=True, kw_only=True):
    """CONTRACT: a receipt of an `http+json` provider."""

    reference: str
    status: ReceiptStatus
    reason: str = ""
    at: datetime | None = None


class TextInBody(Body, frozen=True, kw_only=True):
    """CONTRACT: a text that came in through an `http+json` provider."""

    number: str = msgspec.field(name="from")
    text: str
    at: datetime | None = None


def parse(body: bytes, identifier: str) -> Report:
    """A receipt or a text; `identifier` is its `webhook-id`. Raises Malformed, Invalid."""
    value = strict_json.parse(body)
    if not isinstance(value, dict):
        raise Invalid.field("", "expected an object: a receipt with reference and status, or a text with from and text")
    if "from" in value or "text" in value:
        text = strict_json.typed(value, TextInBody)
        return TextIn(number=number_of(text.number), word=word_of(text.text), at=text.at, external_id=identifier)
    said = strict_json.typed(value, ReceiptBody)
    return Receipt(reference=said.reference, status=said.status, reason=said.reason, at=said.at, external_id=identifier)


def number_of(text: str) -> str:
    """A number without what people put between digits; one that is no E.164 number is nobody's we know."""
    return _SPARE.sub("", text)
