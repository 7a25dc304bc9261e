"""Domain names beyond ASCII: IDNA 2008 with UTS 46, non-transitional, as in browsers and registries.

The standard library's codec and sockets follow IDNA 2003, by which `faß.de` is `fass.de`: another domain.
"""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=4096)
def to_ascii(domain: str) -> str:
    """Return the name in A-labels, lower case, as the DNS and mail servers know it. Raises ValueError."""
    if domain.isascii():
        return domain.lower()
    import idna  # its tables take a while to load, and few names need them

    try:
        return idna.encode(domain, uts46=True).decode().lower()
    except idna.IDNAError as error:
        raise ValueError(f"{domain} cannot be written in the DNS: {error}") from error


@lru_cache(maxsize=4096)
def to_unicode(domain: str) -> str:
    """Return the name in U-labels, lower case: one spelling for all of one domain. An invalid one stays, lower case."""
    lower = domain.lower()
    if lower.isascii() and "xn--" not in lower:
        return lower
    import idna

    try:
        return idna.decode(to_ascii(domain))
    except ValueError:  # as IDNAError is
        return lower


def mailbox_to_ascii(address: str) -> str:
    """Return a mail address with its domain in A-labels; as it is if the domain is invalid."""
    if address.isascii():
        return address
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{to_ascii(domain)}"
    except ValueError:
        return address


def mailbox_key(address: str) -> str:
    """Return the form in which all spellings of a mailbox are equal, compared without regard to case."""
    local, at, domain = address.rpartition("@")
    if not at:
        return address.lower()  # a telephone number: it must not push a domain out of the cache
    return f"{local.lower()}@{to_unicode(domain)}"
