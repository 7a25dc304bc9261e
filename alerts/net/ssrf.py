"""Which network addresses a stranger may name as a target, and how a stranger's URL is read before it is kept.

The address check that counts stands at connect time (`guarded.py`); the check here refuses at registration, with words,
what can be known by then.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

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
"""The only part of IPv6 given out as global unicast (RFC 4291, IANA); it leaves out loopback, ULA, link-local,
multicast, IPv4-mapped and -compatible addresses and NAT64 (64:ff9b::/96, 64:ff9b:1::/48)."""
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
"""Upper half of an interface identifier that carries an IPv4 address (RFC 5214)."""
_HOUSE_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa", "localdomain")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
_PLAIN = re.compile(r"[^\s\x00-\x20\x7f\\]+")


def is_public(address: str) -> bool:
    """Whether a numeric address (as a socket names it, zone and all) is one of the open Internet."""
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
    """`url` as it is to be used, its host in ASCII; anything that could not be posted to safely is Invalid at `field`.

    With `allow_private`, `http:` and private addresses are taken.
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
    """The host in ASCII; private addresses and odd spellings of addresses are refused."""
    host = (parts.hostname or "").lower()
    if "[" in parts.netloc:
        return _literal(host, field, allow_private=allow_private)
    try:
        name = host if host.isascii() else _ascii(host)
    except ValueError:
        raise Invalid.field(field, "The host's name cannot be written in the DNS.") from None
    labels = name.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):  # WHATWG URL, 3.5: a host that ends in a number is an IPv4 address
        return _literal(name, field, allow_private=allow_private)
    if not all(_NAME.fullmatch(label) for label in labels) or len(name) > 253:
        raise Invalid.field(field, "Give a host name, such as https://example.org/path.")
    bare = ".".join(labels)
    in_house = len(labels) == 1 or any(bare == word or bare.endswith(f".{word}") for word in _HOUSE_NAMES)
    if in_house and not allow_private:
        raise Invalid.field(field, "This name is one of a private network: give a host of the open Internet.")
    return name


def _literal(text: str, field: str, *, allow_private: bool) -> str:
    """An address in its one usual spelling. `127.1`, `0x7f000001`, `2130706433`, `0177.0.0.1` are none."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        raise Invalid.field(field, "Write an IP address in its usual form, such as 192.0.2.1, or a name.") from None
    if not allow_private and not is_public(text):
        raise Invalid.field(field, "This address is private or reserved: give one of the open Internet.")
    return f"[{ip}]" if ip.version == 6 else str(ip)


def _ascii(host: str) -> str:
    """A name in the DNS's alphabet (UTS 46). Raises ValueError."""
    import idna  # its tables take a while to load, and few names need them

    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(str(error)) from error


def _with_host(parts: SplitResult, host: str, field: str) -> str:
    """The URL with that host; what is not ASCII behind it is refused, since it would be sent in a spelling of ours."""
    rest = urlunsplit(("", "", parts.path, parts.query, ""))
    if not rest.isascii():
        raise Invalid.field(field, "Write what is not ASCII in the path percent-encoded.")
    return f"{parts.scheme}://{host}{'' if parts.port is None else f':{parts.port}'}{rest}"
