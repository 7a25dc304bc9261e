"""What every answer says to browsers, and where a form may come from."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from alerts.web.http.problem import RequestRefused

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
ALWAYS = {
    "Server": "alerts",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",  # but what a handler gives to everyone: whatever else there is may be personal
    "Referrer-Policy": "same-origin",  # `no-referrer` would make browsers send `Origin: null` with our own forms
}
PAGES = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), payment=()",
}
"""What a page (`text/html`) says besides."""


def add_security_headers(response: web.StreamResponse) -> None:
    """Headers that every answer has unless its handler said otherwise; pages have more of them."""
    headers = response.headers
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    if headers.get("Content-Type", "").startswith("text/html"):
        for name, value in PAGES.items():
            headers.setdefault(name, value)


def check_origin(public_url: str, request: web.Request) -> None:
    """Raises Refused 403 for a form that another site's page sent. Mail programs' one-click requests name no origin."""
    origin = request.headers.get("Origin")
    if origin is None:
        if request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin"):
            return
    elif _site(origin) == _site(public_url):
        return
    raise RequestRefused(403, "this form was sent from another site; open the page here and send it again")


def _site(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", "", None
