"""Bounces and complaints as mail servers really write them, and what nobody should believe."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.intake.bounces import LARGEST, Bounce, read
from alerts.kernel.errors import Malformed
from alerts.kernel.ids import delivery_id, parse_delivery_id
from alerts.kernel.secret_keys import SecretKeys
from alerts.providers.smtp.status_codes import enhanced_status, is_at_fault

KEYS = SecretKeys(b"s" * 32)
ID = delivery_id(KEYS, 7, 513)
OURS = (7, 513)
RETURNED = f"""\
To: amina@resident.example
Message-ID: <{ID}@town.example>
From: Community Alerts <alerts@town.example>
Subject: Severe: gas leak
"""


def named(text: str) -> tuple[int, int] | None:
    return parse_delivery_id(KEYS, text)


def bounce(report: str | bytes) -> Bounce | None:
    return read(report.encode() if isinstance(report, str) else report, named)


def dsn(status: str, *, per_message: str = "", returned: str = RETURNED, form: str = "text/rfc822-headers") -> str:
    """As Postfix reports (RFC 3464)."""
    return f"""\
Return-Path: <>
Date: Mon, 23 Nov 2026 14:06:09 +0000
From: MAILER-DAEMON@mx.town.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: alerts@town.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B/mx"
Message-Id: <20261123140609.4F@mx.town.example>

--B/mx
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.town.example. I'm sorry to have to inform you.

--B/mx
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.town.example
X-Postfix-Queue-ID: 4F{per_message}
Arrival-Date: Mon, 23 Nov 2026 14:06:08 +0000

{status}
--B/mx
Content-Type: {form}

{returned}
--B/mx--
"""


def recipient(status: str, diagnostic: str, *, action: str = "failed", final: str = "amina@resident.example") -> str:
    return f"""\
Final-Recipient: rfc822; {final}
Original-Recipient: rfc822;{final}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.resident.example
Diagnostic-Code: smtp; {diagnostic}
"""


@pytest.mark.parametrize(
    ("status", "diagnostic", "action", "kind", "failed"),
    [
        ("5.1.1", "550 5.1.1 <amina@resident.example>: user unknown", "failed", "hard", True),
        ("5.0.0", "550-5.1.1 The email account that you tried to reach does not exist", "failed", "hard", True),
        ("5.0.0", "554 delivery error: This user doesn't have a mail.example account", "failed", "hard", True),
        ("5.0.0", "550 No such user here", "failed", "hard", True),
        ("5.1.10", "556 5.1.10 null MX", "failed", "hard", True),
        ("5.2.1", "550 5.2.1 account is disabled", "Failed (permanently)", "hard", True),
        ("5.1.1", "550 5.1.1 no such user", "error", "hard", True),  # OpenSMTPD
        ("5.2.2", "552 5.2.2 mailbox full, user unknown to quota", "failed", "soft", True),
        ("5.7.1", "550 5.7.1 invalid recipient policy", "failed", "soft", True),
        ("5.3.4", "552 5.3.4 too big", "failed", "soft", True),
        ("5.0.0", "550 go away", "failed", "soft", True),
        ("4.4.1", "connect to mx.resident.example: timed out", "failed", "soft", True),
        ("4.4.1", "450 4.1.1 user unknown for now", "delayed", "soft", False),
    ],
)
def test_what_a_notification_says_of_the_address(
    status: str, diagnostic: str, action: str, kind: str, failed: bool
) -> None:
    found = bounce(dsn(recipient(status, diagnostic, action=action)))
    assert found is not None
    assert (found.kind, found.failed, found.delivery) == (kind, failed, OURS)
    assert found.address == "amina@resident.example"
    assert "amina" not in found.reason and "resident.example" not in found.reason


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded", ""])
def test_good_news_is_no_bounce(action: str) -> None:
    assert bounce(dsn(recipient("2.0.0", "250 ok", action=action))) is None


def test_our_id_is_found_wherever_it_came_back() -> None:
    gone = recipient("5.1.1", "550 5.1.1 unknown")
    whole = dsn(gone, returned=RETURNED + "\nStay indoors.\n", form="message/rfc822")
    envelope = dsn(gone, per_message=f"\nOriginal-Envelope-Id: {ID}", returned="")
    encoded = dsn(gone, returned="", form="text/plain").replace("--B/mx--", "--B/mx--", 1)
    for report in (whole, envelope, whole.replace("\n", "\r\n")):
        found = bounce(report)
        assert found is not None and (found.kind, found.delivery) == ("hard", OURS)
    assert (alone := bounce(encoded)) is not None and alone.delivery is None


def test_an_id_of_somebody_elses_making_is_none_of_ours() -> None:
    forged = delivery_id(SecretKeys(b"x" * 32), 7, 513)
    found = bounce(dsn(recipient("5.1.1", "550 5.1.1 unknown"), returned=RETURNED.replace(ID, forged)))
    assert found is not None
    assert (found.delivery, found.kind, found.failed) == (None, "soft", True)
    assert found.address == "amina@resident.example"
    assert "of the address alone" in found.reason


def test_what_fails_behind_a_readers_mailbox_does_not_end_the_mailbox() -> None:
    behind = recipient("5.1.1", "550 5.1.1 unknown", final="amina.old@elsewhere.example")
    found = bounce(dsn(behind))
    assert found is not None and (found.kind, found.failed, found.delivery) == ("soft", True, OURS)
    own = behind.replace("Original-Recipient: rfc822;amina.old@elsewhere", "Original-Recipient: rfc822;Amina@Resident")
    found = bounce(dsn(own))
    assert found is not None and found.kind == "hard"


def test_addresses_beyond_ascii() -> None:
    gone = recipient("5.1.1", "550 5.1.1 unbekannt", final="j\xf6rg@b\xfccher.example").replace("rfc822;", "utf-8;")
    report = dsn(gone, returned=RETURNED.replace("amina@resident", "j\xf6rg@b\xfccher"))
    report = report.replace("message/delivery-status", "message/global-delivery-status")
    found = bounce(report.replace("text/rfc822-headers", "message/global-headers"))
    assert found is not None and (found.kind, found.delivery) == ("hard", OURS)
    assert "rg@" not in found.reason


def arf(kind: str, returned: str = RETURNED) -> str:
    """RFC 5965, appendix B.2, of a message of ours."""
    return f"""\
From: <abusedesk@mailbox.example>
Date: Mon, 23 Nov 2026 17:40:36 +0000
Subject: FW: Severe: gas leak
To: <alerts@town.example>
MIME-Version: 1.0
Message-ID: <complaint-1@mailbox.example>
Content-Type: multipart/report; report-type=feedback-report; boundary="part1"

--part1
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report.

--part1
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <alerts@town.example>
Original-Rcpt-To: <amina@resident.example>
Arrival-Date: Mon, 23 Nov 2026 14:06:08 +0000

--part1
Content-Type: message/rfc822
Content-Disposition: inline

{returned}
Stay indoors.
--part1--
"""


def test_a_complaint_names_the_message() -> None:
    found = bounce(arf("abuse"))
    assert found is not None
    assert (found.kind, found.failed, found.delivery) == ("complaint", False, OURS)
    assert found.address == "amina@resident.example" and found.reason == "complaint (abuse)"
    hidden = bounce(arf("Abuse").replace("Original-Rcpt-To: <amina@resident.example>\n", ""))
    assert hidden is not None and (hidden.kind, hidden.delivery) == ("complaint", OURS)


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus"])
def test_other_feedback_is_no_complaint(kind: str) -> None:
    assert bounce(arf(kind)) is None


def test_a_complaint_that_names_only_an_address_ends_nothing() -> None:
    found = bounce(arf("abuse", returned="Subject: something"))
    assert found is not None and (found.kind, found.failed, found.delivery) == ("soft", False, None)


QMAIL = f"""\
Return-Path: <>
Date: 23 Nov 2026 14:06:09 -0000
From: MAILER-DAEMON@mx.resident.example
To: alerts@town.example
Subject: failure notice

Hi. This is the qmail-send program at mx.resident.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<amina@resident.example>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <alerts@town.example>
{RETURNED}
Stay indoors.
"""
EXIM = f"""\
Return-path: <>
From: Mail Delivery System <Mailer-Daemon@mx.town.example>
To: alerts@town.example
Auto-Submitted: auto-replied
X-Failed-Recipients: amina@resident.example
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1abc@mx.town.example>

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  amina@resident.example
    host mx.resident.example [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<amina@resident.example>:
    550 unknown user

------ This is a copy of the message, including all the headers. ------

{RETURNED}
"""


@pytest.mark.parametrize("report", [QMAIL, EXIM])
def test_servers_that_report_in_words_of_their_own(report: str) -> None:
    found = bounce(report)
    assert found is not None
    assert (found.kind, found.failed, found.delivery) == ("hard", True, OURS)
    assert found.address == "amina@resident.example" and "amina" not in found.reason
    full = bounce(report.replace("(#5.1.1)", "(#5.2.2)").replace("550 unknown user", "552 5.2.2 quota"))
    assert full is not None and (full.kind, full.failed) == ("soft", True)


def test_what_people_write_is_no_report() -> None:
    answer = f"From: amina@resident.example\nTo: alerts@town.example\nIn-Reply-To: <{ID}@town.example>\n\n"
    assert bounce(answer + "Thank you! Is my user unknown?\n") is None
    assert bounce(answer + QMAIL.partition("\n\n")[2]) is None  # quoted by a person, who is no mail server
    away = answer.replace("In-Reply-To", "Auto-Submitted: auto-replied\nIn-Reply-To")
    assert bounce(away + "I am on holiday until Monday, write to bob@resident.example.\n") is None


def test_the_same_report_is_the_same() -> None:
    report = dsn(recipient("5.1.1", "550 5.1.1 unknown"))
    once, again = bounce(report), bounce("Received: from a by b\n" + report)
    other = bounce(report.replace("20261123140609.4F", "20261123140609.50"))
    assert once is not None and again is not None and other is not None
    assert once == again and once.external_id != other.external_id


@pytest.mark.parametrize("report", [b"", b"\r\n\r\nhello", b"\xff\xfe\x00", b"{}"])
def test_what_is_no_mail_is_refused(report: bytes) -> None:
    with pytest.raises(Malformed):
        read(report, named)


NESTED = b"From: <>\n" + b"Content-Type: message/rfc822\n\n" * 5000
DEEP = b"From: <>\n" + b"".join(
    b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(3000)
)


@pytest.mark.parametrize("report", [NESTED, DEEP])
def test_a_report_of_a_thousand_parts_is_refused_at_once(report: bytes) -> None:
    begun = process_time()
    with pytest.raises(Malformed):
        read(report, named)
    assert process_time() - begun < 1


_HEAD = b"Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nAuto-Submitted: auto-replied\n\n"


@pytest.mark.parametrize(
    "report",
    [
        _HEAD + b"a" * 2 * LARGEST,
        _HEAD + b"a@" * LARGEST,
        _HEAD + b"failed addresses follow:\n" + b"x" * LARGEST,
        _HEAD + b"failed addresses follow:\n" + (b"x" * 990 + b"\n") * 250,
        _HEAD
        + b"This message was created automatically by mail delivery software\n"
        + (b"rcpt to: " * 99 + b"\n") * 250,
        _HEAD + (b"Hi. This is the qmail-send program\n\n<" + b"a" * 900 + b"\n") * 250,
        _HEAD + (b"=" + b"\n") * (LARGEST // 2),
        b"From: " + b"<" * LARGEST + b"\n\n",
        b"From: " + b"(" * LARGEST + b"\nAuto-Submitted: x\n\n",
        dsn(b"Final-Recipient: rfc822; ".decode() + "(" * 100_000 + "\nAction: failed\nStatus: 5.1.1").encode(),
        dsn("Action: failed\n" + "x:" * 100_000).encode(),
        dsn("Action: failed\nFinal-Recipient: rfc822;a@b\n\n" * 5000).encode(),
    ],
)
def test_nothing_that_somebody_sends_takes_long(report: bytes) -> None:
    begun = process_time()
    try:
        read(report, named)
    except Malformed:
        pass
    assert process_time() - begun < 2


_LINES = st.sampled_from(
    [
        *dsn(recipient("5.1.1", "550 5.1.1 unknown")).splitlines(),
        *arf("abuse").splitlines(),
        *QMAIL.splitlines(),
        "Content-Type: text/plain; charset=nonsense",
        "Content-Transfer-Encoding: base64",
        "Content-Type: message/rfc822",
        "=?utf-8?b?////?=",
        "To: =?nonsense?q?=FF?= <",
        "",
        "",
    ]
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.one_of(_LINES, st.text(max_size=30)), max_size=60))
def test_any_report_is_read_or_refused_in_words(lines: list[str]) -> None:
    report = "\n".join(lines).encode("utf-8", "surrogatepass")
    try:
        found = read(report, named)
    except Malformed:
        return
    if found is not None:
        assert found.delivery in (None, OURS)
        assert found.delivery is not None or found.kind == "soft"
        assert "amina" not in found.reason


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_report_with_damage_is_read_or_refused_in_words(data: st.DataObject) -> None:
    report = bytearray(
        data.draw(st.sampled_from([dsn(recipient("5.1.1", "550 unknown")), arf("abuse"), EXIM])).encode()
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(report) - 1))
        report[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=8))
    try:
        found = read(bytes(report), named)
    except Malformed:
        return
    assert found is None or found.delivery in (None, OURS)


@pytest.mark.parametrize(
    ("status", "words", "code", "hard"),
    [
        ("5.1.1", "", "5.1.1", True),
        ("5.0.0", "550 5.1.1 x", "5.1.1", True),
        ("", "host [192.5.1.1] said: 550 no such user", "", True),
        ("", "host said: 450 hello", "", False),
        ("4.0.0", "user unknown", "4.0.0", False),
        ("5.7.1", "550 5.1.1 unknown", "5.7.1", False),
    ],
)
def test_codes_come_before_words(status: str, words: str, code: str, hard: bool) -> None:
    assert enhanced_status(status, words) == code
    assert is_at_fault(code, words) is hard


@pytest.mark.parametrize("written", ["amina@faß-x.de", "amina@xn--fa-x-wna.de"])
@pytest.mark.parametrize("final", ["amina@xn--fa-x-wna.de", "Amina@XN--FA-X-wna.de"])
def test_report_names_the_domain_in_either_spelling(written: str, final: str) -> None:
    returned = RETURNED.replace("amina@resident.example", written)
    found = bounce(dsn(recipient("5.1.1", "550 5.1.1 no such user", final=final), returned=returned))
    assert found is not None and (found.kind, found.delivery) == ("hard", OURS)
    other = bounce(dsn(recipient("5.1.1", "550 5.1.1 no such user", final="amina@fass-x.de"), returned=returned))
    assert other is not None and other.kind == "soft", "that is another domain"
