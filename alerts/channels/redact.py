"""A peer's words without the reader's address: servers repeat it in what they refuse, and what we keep of their words
stands in the log in clear, where no erasure reaches it."""

from __future__ import annotations

import re
from functools import lru_cache

ADDRESS, HOST = "(address)", "(host)"
_ANY = re.compile(r"[^\s<>\"'(),;:]{1,200}@[^\s<>\"'(),;:]{1,255}")
_MOST = 2_000
"""Characters of a peer's words that are read at all."""


def without_address(words: str, address: str) -> str:
    """`words` without e-mail addresses of anybody, and without the parts of this one, wherever they stand alone."""
    words = words[:_MOST]
    if "@" in words:
        words = _ANY.sub(ADDRESS, words)
    local, _, domain = address.rpartition("@")
    if not local or not domain:
        return words
    for part in sorted({local, local.partition("+")[0], local.strip('"')} - {""}, key=len, reverse=True):
        if part.casefold() not in words.casefold():
            continue  # as nearly always: an expression for each reader would cost more than the message
        words = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", ADDRESS, words, flags=re.IGNORECASE)
    for name in {domain, _ascii(domain)}:
        if name.casefold() not in words.casefold():
            continue
        words = re.sub(rf"(?<!\w)(?:[\w-]+\.)*{re.escape(name)}(?!\w)", HOST, words, flags=re.IGNORECASE)
    return words


@lru_cache(maxsize=1024)
def _ascii(domain: str) -> str:
    """As mail servers write a domain of other letters."""
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain
