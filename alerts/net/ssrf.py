"""SSRF protection: address ranges that count as public, and validation of untrusted URLs at registration.

The decisive address check is made at connect time (`safe_client.py`). The check here refuses at registration, with a
reason, what can be known by then.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

from alerts.kernel.domain_names import to_ascii
from alerts.kernel.errors import Invalid

MAX_URL = 2_000
_IPV4_SPECIAL = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network, unspecified
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local; the clouds' metadata service
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
"""IANA's IPv4 Special-Purpose Address Registry (RFC 6890) and multicast (RFC 5771)."""
_IPV6_UNICAST = ipaddress.IPv6Network("2000::/3")
"""The only range of IPv6 allocated as global unicast (RFC 4291, IANA).

It excludes loopback, ULA, link-local, multicast, IPv4-mapped and -compatible addresses and NAT64 (64:ff9b::/96,
64:ff9b:1::/48).
"""
_IPV6_SPECIAL = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: carries an IPv4 address
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_ISATAP = (0x00005EFE, 0x02005EFE)
"""Upper half of an interface identifier that embeds an IPv4 address (RFC 5214)."""
_PRIVATE_SUFFIXES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa", "localdomain")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
_PLAIN = re.compile(r"[^\s\x00-\x20\x7f\\]+")


def is_public(address: str) -> bool:
    """Return True if a numeric address (as reported by a socket, with zone) is in the public Internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _IPV4_SPECIAL)
    if ip.scope_id or ip not in _IPV6_UNICAST or (int(ip) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    return not any(ip in network for network in _IPV6_SPECIAL)


def check_target(url: str, field: str, *, allow_private: bool) -> str:
    """Validate a target URL and return it with its host in ASCII. Raises Invalid at `field`.

    With `allow_private`, `http:` and private addresses are accepted.
    """
    if len(url) > MAX_URL or not _PLAIN.fullmatch(url):
        raise Invalid.field(field, f"Give a URL of at most {MAX_URL} characters, without blanks or backslashes.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid.field(field, "This is no URL: write https://host/path.") from None
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise Invalid.field(field, "Give an https: URL.")
    if parts.username is not None or parts.password is not None:
        raise Invalid.field(field, "Leave the user and password out of the URL.")
    if "#" in url:
        raise Invalid.field(field, "Leave the part from # on out of the URL.")
    if port == 0 or parts.netloc.endswith(":"):
        raise Invalid.field(field, "Give a port from 1 to 65535, or none.")
    return _with_host(parts, _host(parts, field, allow_private=allow_private), field)


def _host(parts: SplitResult, field: str, *, allow_private: bool) -> str:
    """Host in ASCII. Private addresses and unusual spellings of addresses are refused."""
    host = (parts.hostname or "").lower()
    if "[" in parts.netloc:
        return _literal(host, field, allow_private=allow_private)
    try:
        name = to_ascii(host)
    except ValueError:
        raise Invalid.field(field, "The host's name cannot be written in the DNS.") from None
    labels = name.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):  # WHATWG URL, 3.5: a host that ends in a number is an IPv4 address
        return _literal(name, field, allow_private=allow_private)
    if not all(_NAME.fullmatch(label) for label in labels) or len(name) > 253:
        raise Invalid.field(field, "Give a host name, such as https://example.org/path.")
    bare = ".".join(labels)
    is_private_name = len(labels) == 1 or any(bare == word or bare.endswith(f".{word}") for word in _PRIVATE_SUFFIXES)
    if is_private_name and not allow_private:
        raise Invalid.field(field, "This name is one of a private network: give a host of the open Internet.")
    return name


def _literal(text: str, field: str, *, allow_private: bool) -> str:
    """Parse an IP address in its canonical spelling. `127.1`, `0x7f000001`, `2130706433`, `0177.0.0.1` are refused."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        raise Invalid.field(field, "Write an IP address in its usual form, such as 192.0.2.1, or a name.") from None
    if not allow_private and not is_public(text):
        raise Invalid.field(field, "This address is private or reserved: give one of the open Internet.")
    return f"[{ip}]" if ip.version == 6 else str(ip)


def _with_host(parts: SplitResult, host: str, field: str) -> str:
    """Rebuild the URL with this host.

    Non-ASCII characters after the host are refused: they would have to be re-encoded, and the target could differ.
    """
    rest = urlunsplit(("", "", parts.path, parts.query, ""))
    if not rest.isascii():
        raise Invalid.field(field, "Write what is not ASCII in the path percent-encoded.")
    return f"{parts.scheme}://{host}{'' if parts.port is None else f':{parts.port}'}{rest}"
