"""Error page of a form that could not be taken: what was typed stands in it, and nothing is repeated by itself.

The database may be away, the sign-in may have ended, or the role may have been taken away while somebody was writing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from aiohttp import web

from alerts.channels.i18n import translator
from alerts.services import Services
from alerts.web.http.problem import RequestRefused
from alerts.web.http.security import check_origin
from alerts.web.public.error_page import error_page
from alerts.web.public.forms import FormFields, read_form
from alerts.web.public.templating import Pages

_NOTICES = "/console/notices/"
"""Forms whose words are kept. Those of sign-ins and accounts hold passwords, which are never shown again."""
_DRAFT = re.compile(rf"{_NOTICES}(new|[0-9a-f-]{{36}}/edit)")
"""Forms that only save a draft: they may be sent again after a new sign-in."""
_LABELS = {
    "title": "Title",
    "instruction": "What to do",
    "body": "What is happening",
    "sms": "Text message",
    "near": "Where",
    "geojson": "Drawn area",
    "reason": "Reason",
    "note": "Note to the approver",
    "comment": "Comment",
}


class TypedField(NamedTuple):
    """A field as it was sent; without a label it is not shown."""

    name: str
    value: str
    label: str


async def error_page_with_words(
    services: Services, request: web.Request, status: int, message: str
) -> web.StreamResponse:
    """Render the error page; of a form about a notice, one that keeps what was typed."""
    if request.method != "POST" or status not in (401, 403, 503) or not request.path.startswith(_NOTICES):
        return await error_page(services, request, status, message)
    try:
        check_origin(services.settings.public_url, request)  # words of another site are not shown under our name
        fields = await read_form(request)
    except (RequestRefused, web.HTTPException):  # it, or a body that is too large to read
        return await error_page(services, request, status, message)
    typed = [TypedField(name, value, _label(name)) for name, value in fields.every() if name != "do"]
    if not any(field.label and field.value.strip() for field in typed) and status != 503:
        return await error_page(services, request, status, message)
    pages = Pages(services)
    again = status == 503 or (status == 401 and _DRAFT.fullmatch(request.path) is not None)
    context = {
        **_words(status, message, again),
        "typed": typed,
        "do": _press(fields),
        "action": f"{pages.site.base}{request.path}" if again else "",
        "sign_in": status == 401,
        "again": "Try again" if status == 503 else "Save the draft",
    }
    return pages.page("console/kept_form.html", pages.translator(request), context, status)


def _words(status: int, message: str, again: bool) -> dict[str, object]:
    kept = "What you typed stands below."
    if status == 503:
        then = "Wait half a minute, then press Try again: what was taken already is not done twice."
        return {"title": "Not possible just now", "lines": ["The database does not answer.", f"{kept} {then}"]}
    if status == 401 and again:
        then = "Sign in in another tab, come back to this one, and save the draft."
    else:
        then = "Nothing was approved or sent. Copy what you need" + (
            ", sign in and decide again." if status == 401 else "."
        )
    said = "Your sign-in has ended." if status == 401 else f"{message[:1].upper()}{message[1:]}."
    return {"title": "This was not taken", "lines": [said, f"{kept} {then}"]}


def _press(fields: FormFields) -> str:
    """Button to press again; the script's own save becomes a person's."""
    do = fields.line("do")
    return "save" if do == "auto" else do


def _label(name: str) -> str:
    """Label of a field that is shown, with its language; "" for one that is only sent again."""
    part, _, language = name.partition("-")
    label = _LABELS.get(part, "")
    return f"{label} ({translator('en').language(language)})" if label and language else label
