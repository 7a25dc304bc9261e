"""Parser for bounces and complaints: mail returned to the sender's address → `Bounce`.

Three formats: delivery status notifications (RFC 3464; RFC 6533 for addresses beyond ASCII), feedback reports of
mailbox providers (ARF, RFC 5965), and free text of older servers (by flufl.bounce).

Anyone who can write to the sender's address can forge such a report. So a report counts in full only if it identifies
our message: its Message-ID or envelope id contains a MAC, which only recipients of the message know. A report with an
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
from alerts.kernel.domain_names import mailbox_key
from alerts.kernel.errors import Malformed
from alerts.providers.smtp.status_codes import enhanced_status, is_at_fault

Named = Callable[[str], tuple[int, int] | None]
"""Function that maps a public delivery id to (notice number, contact point number); None if its MAC is not valid."""

LARGEST = 256 * 1024
"""Maximum bytes of a report that are read; the rest is the end of our own message."""
_PARTS = 40
"""Maximum parts of a report: parsing each costs time in proportion to the lines after it."""
_HEURISTIC, _LONGEST = 48 * 1024, 500
"""Maximum bytes, and bytes of a line, that are searched by third-party regular expressions."""
_IDS = 64
_ID = re.compile(rb"(?<![A-Za-z0-9])[a-z2-7]{32}(?![A-Za-z0-9])")
_REPORTS = ("message/delivery-status", "message/global-delivery-status")
_RETURNED = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")
_COMPLAINTS = frozenset({"abuse", "fraud", "other", "opt-out", "opt-out-list"})
"""Feedback types that count as a complaint. Excluded: not-spam, virus, and auth-failure (RFC 6591)."""
_DAEMON = re.compile(r"(?i)mailer-?daemon|postmaster|mail delivery|<>")


class Bounce(msgspec.Struct, frozen=True, kw_only=True):
    """A message of ours that bounced or is delayed, or a complaint about it."""

    kind: Literal["hard", "soft", "complaint"]
    """hard: the address is permanently at fault. soft: any other cause."""
    failed: bool
    """True if the message will not arrive. False: servers still try, or it arrived."""
    delivery: tuple[int, int] | None
    """(notice number, contact point number) from an id with a valid MAC.

    None: only the address is known, and `kind` is soft then.
    """
    address: str
    """Recipient as in the report, "" if absent; must never be logged."""
    reason: str
    """Description without any address."""
    external_id: str
    """Idempotency key: the same for the same report."""


class _Said(msgspec.Struct, frozen=True):
    """Parsed content of a report of one format."""

    kind: Literal["hard", "soft", "complaint"]
    failed: bool
    address: str
    words: str


def read(report: bytes, named: Named) -> Bounce | None:
    """Parse a report about one of our messages; None if it is no report or identifies no recipient.

    Raises Malformed if it cannot be parsed as mail. Takes milliseconds; may be called from any thread.
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
        # The email package promises never to raise, but does for some defects of a header.
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
    """Parse an ARF report: a reader pressed "this is spam"."""
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
    """Parse an RFC 3464 report: the most severe status among its recipients."""
    written_to = _written_to(message)
    blocks = (block for part in message.walk() if part.get_content_type() in _REPORTS for block in _blocks(part))
    found = [said for block in islice(blocks, _PARTS) if (said := _recipient(block, written_to)) is not None]
    return max(found, key=lambda said: (said.kind == "hard", said.failed), default=None)


def _recipient(block: dict[str, str], written_to: str) -> _Said | None:
    action = block.get("action", "").strip().lower()
    failed = action.startswith(("fail", "error"))  # OpenSMTPD writes error
    if not failed and not action.startswith("delayed"):
        return None
    named = [_recipient_address(block.get(field, "")) for field in ("original-recipient", "final-recipient")]
    address = next(filter(None, named), "")
    diagnostic = block.get("diagnostic-code", "").partition(";")[2].strip() or block.get("diagnostic-code", "")
    status = enhanced_status(block.get("status", ""), diagnostic)
    hard = failed and is_at_fault(status, diagnostic)
    if hard and written_to and mailbox_key(written_to) not in [mailbox_key(name) for name in named]:
        hard = False  # a mailbox that they forward to, or a member of a list
    return _Said("hard" if hard else "soft", failed, written_to or address, f"{status} {diagnostic}".strip() or action)


def _in_words(message: Message, report: bytes) -> _Said | None:
    """Parse a report in free text; only if the mail claims to be automatic."""
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
    about = next((name for name in found if mailbox_key(name) == mailbox_key(written_to)), found[0])
    words = _sentence(short.decode("utf-8", "replace"), about)
    status = enhanced_status("", words)
    theirs = mailbox_key(written_to) in ("", mailbox_key(about))
    hard = bool(gone) and len(found) == 1 and is_at_fault(status, words) and theirs
    return _Said("hard" if hard else "soft", bool(gone), about, words)


def _detected(message: Message) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Detect (delayed addresses, failed addresses) with flufl.bounce."""
    from flufl.bounce import all_failures  # here, since few processes ever read a report

    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)  # it logs each detector, faults twice
    try:
        late, gone = all_failures(message)
    except Exception:  # a detector that fails on a broken report has detected nothing
        return frozenset(), frozenset()
    return late, gone


def _delivery(message: Message, report: bytes, named: Named) -> tuple[int, int] | None:
    """First valid delivery id in the report: in the envelope, the returned message, or the text."""
    decoded = (
        payload
        for part in message.walk()
        if str(part.get("Content-Transfer-Encoding", "")).strip().lower() in ("base64", "quoted-printable")
        and isinstance(payload := part.get_payload(decode=True), bytes)
    )
    ids = (match.group().decode() for text in (report, *decoded) for match in _ID.finditer(text))
    return next((found for id in islice(dict.fromkeys(ids), _IDS) if (found := named(id)) is not None), None)


def _written_to(message: Message) -> str:
    """Recipient of the returned message, "" if the report does not contain it."""
    for part in message.walk():
        if part is not message and part.get_content_type() in _RETURNED:
            inner: Any = part.get_payload()
            if isinstance(inner, list) and inner:
                return _bare(_header(inner[0]).get("to", ""))
            fields = next(_fields_of(_utf8(part)), {})
            return _bare(fields.get("to", ""))
    return ""


def _blocks(part: Message) -> Iterator[dict[str, str]]:
    """Yield the field groups of a part, names in lower case."""
    payload: Any = part.get_payload()
    for inner in payload if isinstance(payload, list) else [part]:
        if inner is not part and (fields := _header(inner)):
            yield fields
        if not inner.is_multipart():  # the text after its blank line
            yield from _fields_of(_utf8(inner))


def _header(message: Message) -> dict[str, str]:
    """Header fields, names in lower case; raw bytes are UTF-8 (RFC 6533), which the library would replace."""
    raw = ((name.lower(), str(value).encode("utf-8", "surrogateescape")) for name, value in message.raw_items())
    fields: dict[str, str] = {}
    for name, value in raw:
        fields.setdefault(name, " ".join(value.decode("utf-8", "replace").split()))
    return fields


def _utf8(part: Message) -> str:
    """Text of a part, read as UTF-8."""
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _fields_of(text: str) -> Iterator[dict[str, str]]:
    for group in re.split(r"\r?\n[ \t]*\r?\n", text):
        unfolded = re.sub(r"\r?\n[ \t]+", " ", group)
        lines = [line.partition(":") for line in unfolded.splitlines()]
        if fields := {name.strip().lower(): value.strip() for name, colon, value in reversed(lines) if colon}:
            yield fields


def _recipient_address(value: str) -> str:
    """Address of `rfc822; a@b` (RFC 3464, 2.3.1): `a@b`, even if the address type is missing."""
    kind, semicolon, rest = value.partition(";")
    return _bare(rest if semicolon and "@" not in kind else value)


def _bare(value: str) -> str:
    found = getaddresses([value[:1000]])
    return found[0][1].strip() if len(found) == 1 and "@" in found[0][1] else ""


def _sentence(text: str, address: str) -> str:
    """The lines that mention an address, in which a server explains the failure in free text."""
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
