"""Mail that came back, and complaints: what a mail server sends to our sender's address, read as one `Bounce`.

Three forms: delivery status notifications (RFC 3464; RFC 6533 for addresses beyond ASCII), feedback reports of
mailbox providers (ARF, RFC 5965), and what older servers write in words of their own (by flufl.bounce).

Whoever can write to the sender's address can write such a report. So one counts in full only if it names our message:
its Message-ID or envelope id holds a MAC, which is known to nobody but those who got the message. One that names an
address alone is recorded and ends nothing.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from email import policy
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses
from itertools import islice
from typing import Any, Literal

import msgspec

from alerts.channels.redact import without_address
from alerts.kernel.errors import Malformed
from alerts.providers.smtp.status_codes import enhanced_status, is_at_fault

Named = Callable[[str], tuple[int, int] | None]
"""A public delivery id → (notice number, contact point number), None if its MAC is wrong."""

LARGEST = 256 * 1024
"""Bytes of a report that are read; what follows is the end of our own message."""
_PARTS = 40
"""Parts of a report at most: each one that is opened costs time for every line behind it."""
_HEURISTIC, _LONGEST = 48 * 1024, 500
"""Bytes, and bytes of a line, that are searched by other people's regular expressions."""
_IDS = 64
_ID = re.compile(rb"(?<![A-Za-z0-9])[a-z2-7]{32}(?![A-Za-z0-9])")
_REPORTS = ("message/delivery-status", "message/global-delivery-status")
_RETURNED = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")
_COMPLAINTS = frozenset({"abuse", "fraud", "other", "opt-out", "opt-out-list"})
"""Types of feedback that mean: no more of this. Not among them: not-spam, virus, and auth-failure (RFC 6591)."""
_DAEMON = re.compile(r"(?i)mailer-?daemon|postmaster|mail delivery|<>")


class Bounce(msgspec.Struct, frozen=True, kw_only=True):
    """One message of ours came back or is late, or its reader complained."""

    kind: Literal["hard", "soft", "complaint"]
    """hard: the address is at fault for good. soft: anything else that kept the message away."""
    failed: bool
    """Whether the message will not arrive any more. False: servers still try, or it did arrive."""
    delivery: tuple[int, int] | None
    """(notice number, contact point number) by an id with a good MAC; None: only the address is known, and `kind` is
    soft then."""
    address: str
    """As the report writes it, "" if it does not; never to be logged."""
    reason: str
    """In words, without anybody's address."""
    external_id: str
    """The same for the same report."""


class _Said(msgspec.Struct, frozen=True):
    """What one kind of report says."""

    kind: Literal["hard", "soft", "complaint"]
    failed: bool
    address: str
    words: str


def read(report: bytes, named: Named) -> Bounce | None:
    """What a report says of a message of ours; None if it is no report, or of nobody we could name.

    Raises Malformed for what cannot be read as mail at all. Takes milliseconds; may be called from any thread.
    """
    report = report[:LARGEST]
    if len(re.findall(rb"(?i)boundary\s*=|content-type\s*:\s*message/", report)) > _PARTS:
        raise Malformed(f"a report of more than {_PARTS} parts is not read")
    try:
        message = BytesParser(policy=policy.compat32).parsebytes(report)
        if not message.keys():
            raise Malformed("this is no mail: it has no header")
        said = _complaint(message) or _status(message) or _in_words(message, report)
        delivery = _delivery(message, report, named) if said is not None else None
    except (RecursionError, MessageError, LookupError, ValueError, TypeError, AttributeError) as error:
        # The email package promises never to raise, and does for some defects of a header.
        raise Malformed("this mail is too broken to be read") from error
    if said is None or (delivery is None and "@" not in said.address):
        return None
    return Bounce(
        kind=said.kind if delivery is not None else "soft",
        failed=said.failed,
        delivery=delivery,
        address=said.address,
        reason=_reason(said, proven=delivery is not None),
        external_id=_external_id(message, report),
    )


def _complaint(message: Message) -> _Said | None:
    """By ARF: a reader pressed "this is spam"."""
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            fields = next(_blocks(part), {})
            kind = fields.get("feedback-type", "abuse").strip().lower()
            if kind not in _COMPLAINTS:
                return None
            address = _bare(fields.get("original-rcpt-to", "")) or _written_to(message)
            return _Said("complaint", False, address, f"complaint ({kind})")
    return None


def _status(message: Message) -> _Said | None:
    """By RFC 3464: the gravest of what the report says of its recipients."""
    written_to = _written_to(message)
    blocks = (block for part in message.walk() if part.get_content_type() in _REPORTS for block in _blocks(part))
    found = [said for block in islice(blocks, _PARTS) if (said := _recipient(block, written_to)) is not None]
    return max(found, key=lambda said: (said.kind == "hard", said.failed), default=None)


def _recipient(block: dict[str, str], written_to: str) -> _Said | None:
    action = block.get("action", "").strip().lower()
    failed = action.startswith(("fail", "error"))  # OpenSMTPD says error
    if not failed and not action.startswith("delayed"):
        return None
    named = [_recipient_address(block.get(field, "")) for field in ("original-recipient", "final-recipient")]
    address = next(filter(None, named), "")
    diagnostic = block.get("diagnostic-code", "").partition(";")[2].strip() or block.get("diagnostic-code", "")
    status = enhanced_status(block.get("status", ""), diagnostic)
    hard = failed and is_at_fault(status, diagnostic)
    if hard and written_to and written_to.lower() not in [name.lower() for name in named]:
        hard = False  # a mailbox behind theirs, where they have their mail forwarded to, or one of a list
    return _Said("hard" if hard else "soft", failed, written_to or address, f"{status} {diagnostic}".strip() or action)


def _in_words(message: Message, report: bytes) -> _Said | None:
    """By what servers write in words of their own; only of mail that says that a machine sent it."""
    said_by = f"{message.get('Return-Path', '')} {message.get('From', '')}"
    automatic = str(message.get("Auto-Submitted", "no")).strip().lower() != "no"
    if not (automatic or "X-Failed-Recipients" in message or _DAEMON.search(said_by)):
        return None
    short = b"\n".join(line[:_LONGEST] for line in report[:_HEURISTIC].splitlines())
    late, gone = _detected(BytesParser(policy=policy.compat32).parsebytes(short))
    written_to = _written_to(message)
    found = sorted(address.decode("ascii", "replace") for address in gone or late)
    if not found:
        return None
    about = written_to if written_to in found else found[0]
    words = _sentence(short.decode("utf-8", "replace"), about)
    status = enhanced_status("", words)
    hard = bool(gone) and len(found) == 1 and is_at_fault(status, words) and written_to in ("", about)
    return _Said("hard" if hard else "soft", bool(gone), about, words)


def _detected(message: Message) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """(addresses that servers still try, addresses given up) by flufl.bounce."""
    from flufl.bounce import all_failures  # here, since few processes ever read a report

    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)  # it would log each detector, and faults twice
    try:
        late, gone = all_failures(message)
    except Exception:  # a detector that stumbles over a broken report has detected nothing
        return frozenset(), frozenset()
    return late, gone


def _delivery(message: Message, report: bytes, named: Named) -> tuple[int, int] | None:
    """By the first id in it that is ours: of the envelope, of the returned message, or anywhere in the words."""
    decoded = (
        payload
        for part in message.walk()
        if str(part.get("Content-Transfer-Encoding", "")).strip().lower() in ("base64", "quoted-printable")
        and isinstance(payload := part.get_payload(decode=True), bytes)
    )
    ids = (match.group().decode() for text in (report, *decoded) for match in _ID.finditer(text))
    return next((found for id in islice(dict.fromkeys(ids), _IDS) if (found := named(id)) is not None), None)


def _written_to(message: Message) -> str:
    """Whom the returned message was for, "" if the report does not return it."""
    for part in message.walk():
        if part is not message and part.get_content_type() in _RETURNED:
            inner: Any = part.get_payload()
            if isinstance(inner, list) and inner:
                return _bare(str(inner[0].get("To", "")))
            fields = next(_fields_of(str(inner)), {})
            return _bare(fields.get("to", ""))
    return ""


def _blocks(part: Message) -> Iterator[dict[str, str]]:
    """The groups of fields in a part, names in lower case."""
    payload: Any = part.get_payload()
    for inner in payload if isinstance(payload, list) else [payload]:
        if isinstance(inner, Message):
            if fields := {name.lower(): " ".join(str(value).split()) for name, value in reversed(inner.items())}:
                yield fields
            inner = inner.get_payload()  # what stands behind its blank line
        if isinstance(inner, str):
            yield from _fields_of(inner)


def _fields_of(text: str) -> Iterator[dict[str, str]]:
    for group in re.split(r"\r?\n[ \t]*\r?\n", text):
        unfolded = re.sub(r"\r?\n[ \t]+", " ", group)
        lines = [line.partition(":") for line in unfolded.splitlines()]
        if fields := {name.strip().lower(): value.strip() for name, colon, value in reversed(lines) if colon}:
            yield fields


def _recipient_address(value: str) -> str:
    """`rfc822; a@b` (RFC 3464, 2.3.1) as `a@b`, also where the kind of address is missing."""
    kind, semicolon, rest = value.partition(";")
    return _bare(rest if semicolon and "@" not in kind else value)


def _bare(value: str) -> str:
    found = getaddresses([value[:1000]])
    return found[0][1].strip() if len(found) == 1 and "@" in found[0][1] else ""


def _sentence(text: str, address: str) -> str:
    """The lines about an address, where a server in words of its own says why."""
    lines = [line.strip() for line in text.splitlines()]
    at = next((n for n, line in enumerate(lines) if address in line and not re.match(r"(?i)[\w-]+:\s", line)), None)
    return " ".join(lines[at : at + 4])[:600] if at is not None else ""


def _reason(said: _Said, *, proven: bool) -> str:
    words = "".join(char if char.isprintable() else " " for char in said.words)
    words = " ".join(without_address(words, said.address).split())[:250]
    if proven:
        return words
    return f"{words or said.kind} (reported of the address alone, which anybody could)".strip()


def _external_id(message: Message, report: bytes) -> str:
    own = str(message.get("Message-ID", "")).strip()
    return hashlib.sha256(own.encode("utf-8", "surrogateescape") if own else report).hexdigest()[:32]
