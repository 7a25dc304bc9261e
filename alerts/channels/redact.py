"""Redaction of the reader's address in a peer's messages.

Servers repeat the address in their refusals, and the log stores those in clear, where no erasure reaches them.
"""

from __future__ import annotations

import re

from alerts.kernel.domain_names import mailbox_to_ascii, to_unicode

ADDRESS, HOST, NUMBER = "(address)", "(host)", "(number)"
_ANY = re.compile(r"[^\s<>\"'(),;:]{1,200}@[^\s<>\"'(),;:]{1,255}")
_PHONE = re.compile(r"\+?\d(?:[ ().\-]{0,3}\d){6,}")
_CODES = re.compile(
    r"(?<![\w.+-])(?:[245]\d\d[ -])?[245]\.\d{1,3}\.\d{1,3}(?!\.?\w)(?:[ -][245]\d\d(?![\w.]))?"
    r"|^[245]\d\d(?=[ -]|$)"
)
"""Enhanced status code with the reply code beside it, or a reply code at the beginning."""
_MOST = 2_000
"""Maximum characters of a peer's message that are read."""


def without_address(words: str, address: str) -> str:
    """Remove all e-mail addresses, and the parts of `address` wherever they stand alone."""
    words = words[:_MOST]
    if "@" in words:
        words = _ANY.sub(ADDRESS, words)
    local, _, domain = address.rpartition("@")
    if not local or not domain:
        return words
    for part in sorted({local, local.partition("+")[0], local.strip('"')} - {""}, key=len, reverse=True):
        if part.casefold() not in words.casefold():
            continue  # the usual case: a regular expression per reader would cost more than the message
        words = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", ADDRESS, words, flags=re.IGNORECASE)
    for name in {domain, mailbox_to_ascii(address).rpartition("@")[2], to_unicode(domain)}:
        if name.casefold() not in words.casefold():
            continue
        words = re.sub(rf"(?<!\w)(?:[\w-]+\.)*{re.escape(name)}(?!\w)", HOST, words, flags=re.IGNORECASE)
    return words


def without_numbers(words: str) -> str:
    """Remove what may be a telephone number; codes of mail servers (RFC 5321, 4.2; RFC 3463) stay."""
    parts, end = list[str](), 0
    for code in _CODES.finditer(words):
        parts += [_PHONE.sub(NUMBER, words[end : code.start()]), code.group()]
        end = code.end()
    return "".join([*parts, _PHONE.sub(NUMBER, words[end:])])
