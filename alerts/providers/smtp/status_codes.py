"""Classification of SMTP refusals: permanent fault of the address or not.

Enhanced status codes (RFC 3463) decide first, since they are made for it; the server's text only if there is no
specific code.
"""

from __future__ import annotations

import re

AT_FAULT = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""Codes that mean an invalid address.

No such mailbox, no such domain, malformed address, moved without forwarding, a domain that takes no mail (RFC 7505), a
closed mailbox. Policy (5.7.x), size and quota are excluded: they concern a message or a point in time.
"""
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]\d)")
_UNKNOWN = re.compile(
    r"""(?ix)
    (no\ such | unknown | invalid | non-?existent | bad | inactive | disabled ) \ (local\ )?
        ( user | mailbox | recipient | address | account | e-?mail )
    | ( user | mailbox | recipient | address | account | e-?mail ) ( \ address )? ( \ (is|was|has\ been) )?
        \ ( unknown | not\ found | not\ known | disabled | inactive | does(\ not|n't)\ exist | no\ longer )
    | does(\ not|n't)\ have\ an? .{0,40} account
    | mailbox\ unavailable\ or\ not\ local
    """
)


def enhanced_status(status: str, words: str) -> str:
    """The most specific code: the report's own, or the one in the server's text if that is generic ("5.0.0").

    "" if neither has one.
    """
    found = [match.group() for text in (status, words) for match in [_STATUS.search(text)] if match]
    telling = [code for code in found if not code.endswith(".0.0")]
    return next(iter([*telling, *found]), "")


def is_at_fault(status: str, words: str) -> bool:
    """Return True if a final refusal means that the mailbox permanently does not exist."""
    if status and not status.endswith(".0.0"):
        return status in AT_FAULT
    return not status.startswith(("2", "4")) and _UNKNOWN.search(words[:1000]) is not None
