"""Security headers of responses, and the origin check of forms (CSRF)."""

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
    "Cache-Control": "no-store",  # default; handlers of public content override it, all else may be personal
    "Referrer-Policy": "same-origin",  # `no-referrer` would make browsers send `Origin: null` with our own forms
}
PAGES = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), payment=()",
}
"""Additional headers of pages (`text/html`)."""


def add_security_headers(response: web.StreamResponse) -> None:
    """Add the default security headers, without replacing those set by the handler; pages get more of them."""
    headers = response.headers
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    if headers.get("Content-Type", "").startswith("text/html"):
        for name, value in PAGES.items():
            headers.setdefault(name, value)


def check_origin(public_url: str, request: web.Request) -> None:
    """Check a form's origin. Raises RequestRefused 403 for another site; mail programs' one-click posts have none."""
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
