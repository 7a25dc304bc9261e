"""Error pages for people."""

from __future__ import annotations

from aiohttp import web

from alerts.channels.i18n import translator
from alerts.services import Services
from alerts.web.http.return_path import asked_page
from alerts.web.public.templating import Pages


async def error_page(services: Services, request: web.Request, status: int, message: str) -> web.Response:
    """Render an error page. 404 and 5xx use the catalogue's text, other statuses the `message`."""
    pages = Pages(services)
    t = pages.translator(request)
    words = message[:1].upper() + message[1:]
    if status == 401 and (back := asked_page(request)):  # what a person needs next, instead of a link to it
        form = {"errors": {}, "error_heading": "", "typed": "", "sent": False, "back": back, "first": f"{words}."}
        return pages.page("console/sign_in.html", translator("en"), form, status)
    key = "not_found" if status == 404 else "trouble" if status >= 500 else ""
    if key:
        context = {"title": t.text("page", f"{key}_title"), "lines": [t.text("page", key)], "button": ""}
    else:
        title = "Sign in first" if status == 401 else "This is not possible"
        context = {"title": title, "lines": [words], "button": ""}
    if request.path.startswith("/console"):
        path, words = ("/console/sign-in", "Sign in") if status == 401 else ("/console", "Today")
        context |= {"link": f"{pages.site.base}{path}", "link_words": words}
    return pages.page("pages/message.html", t, context, status)
