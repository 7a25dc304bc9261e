"""Security headers of responses, and the origin check of forms (CSRF)."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from aiohttp import web

from alerts.net.loopback import is_loopback
from alerts.web.http.problem import RequestRefused

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",  # default; handlers of public content override it, all else may be personal
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # `no-referrer` would make browsers send `Origin: null` with our own forms
}
MAIL = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups allow-popups-to-escape-sandbox; "
        "frame-ancestors 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}
"""Headers of an e-mail's HTML: as a mail program shows it, without scripts, forms and resources from elsewhere."""
PAGES = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), payment=()",
}
"""Additional headers of pages (`text/html`)."""


@lru_cache(maxsize=4)
def page_headers(tiles: str) -> Mapping[str, str]:
    """Return `PAGES` with the origin of the map's tiles as the one foreign host that images may come from."""
    if not tiles:
        return PAGES
    policy = CONTENT_POLICY.replace("img-src 'self' data:", f"img-src 'self' data: {tiles}")
    return {**PAGES, "Content-Security-Policy": policy}


def framing(tiles: str) -> dict[str, str]:
    """Return the headers of a page that shows pages of ours in frames."""
    return {"Content-Security-Policy": f"{page_headers(tiles)['Content-Security-Policy']}; frame-src 'self'"}


def framed(tiles: str) -> dict[str, str]:
    """Return the headers of a page that is shown in a frame of ours, and in nobody else's."""
    policy = page_headers(tiles)["Content-Security-Policy"]
    return {
        "Content-Security-Policy": policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'"),
        "X-Frame-Options": "SAMEORIGIN",
    }


TRANSPORT = "max-age=31536000"
"""Strict-Transport-Security of an instance whose public address is https (RFC 6797)."""


def add_security_headers(response: web.StreamResponse, *, https: bool = False, tiles: str = "") -> None:
    """Add the default security headers, without replacing those set by the handler; pages get more of them."""
    headers = response.headers
    if https:
        headers.setdefault("Strict-Transport-Security", TRANSPORT)
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    if headers.get("Content-Type", "").startswith("text/html"):
        for name, value in page_headers(tiles).items():
            headers.setdefault(name, value)


async def drop_server_header(_: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: say nothing about the software, which aiohttp would."""
    response.headers.pop("Server", None)


def check_host(public_url: str, allowed: Collection[str], request: web.Request) -> None:
    """Check the Host header against DNS rebinding. Raises RequestRefused 421 (RFC 9110, 15.5.20).

    An address cannot be rebound, nor a name without a dot, such as a container's: nobody outside owns one.
    """
    host = (urlsplit(f"//{request.headers.get('Host', '')}").hostname or "").lower().rstrip(".")
    ours = (urlsplit(public_url).hostname or "").lower().rstrip(".")
    if "." not in host or host == ours or host in allowed or is_loopback(host) or _is_address(host):
        return
    raise RequestRefused(421, "this is not the address of this service: use its public one")


def from_private_network(request: web.Request) -> bool:
    """True for a request from this machine or a private network that no proxy has passed on from outside."""
    if any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP")):
        return False
    try:
        peer = ipaddress.ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return not request.remote  # a Unix socket has no address
    return peer.is_loopback or peer.is_private or peer.is_link_local


def check_origin(public_url: str, request: web.Request) -> None:
    """Check a form's origin. Raises RequestRefused 403 for another site; mail programs' one-click posts have none."""
    origin = request.headers.get("Origin")
    if origin is None:
        if request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin"):
            return
    elif _site(origin) == _site(public_url):
        return
    raise RequestRefused(403, "this form was sent from another site; open the page here and send it again")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _site(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", "", None
