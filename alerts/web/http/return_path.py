"""Page of the console that a sign-in comes back to.

The path is carried in the sign-in's own form or link, and is judged anew wherever it is used: a page of this console
that is read by GET, and nothing else. So a link that somebody else made leads nowhere else (no open redirect, CWE-601),
and no act is repeated by it.
"""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import quote

from aiohttp import web

from alerts.web.http.app_keys import POLICY

NEXT = "next"
"""Field and query parameter with the path."""
_PATH = re.compile(r"(?P<path>/console(?:/[A-Za-z0-9_-][A-Za-z0-9_.~-]*)*)(?:\?[A-Za-z0-9_.~=&%+:,-]*)?")
"""Plain segments only: no encoded slash, no backslash, no `//`, no `..`."""
_LONGEST = 500


def return_path(request: web.Request, text: str) -> str:
    """Return a path, with its query, that a sign-in may come back to; "" for any other text."""
    found = _PATH.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return ""
    pages = (row.path for row in request.app[POLICY] if row.method == "GET" and row.access.kind == "role")
    return text if any(_pattern(page).fullmatch(found["path"]) for page in pages) else ""


def asked_page(request: web.Request) -> str:
    """Return the page that a request asked for, "" if it is none to come back to, such as an act."""
    return return_path(request, request.path_qs) if request.method in ("GET", "HEAD") else ""


def with_return(path: str, back: str) -> str:
    """Return the path of a sign-in that comes back to `back`, if there is one."""
    return f"{path}{'&' if '?' in path else '?'}{NEXT}={quote(back, safe='')}" if back else path


@cache
def _pattern(path: str) -> re.Pattern[str]:
    """Expression of a route's path."""
    parts = re.split(r"\{[^}]+\}", path)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))
