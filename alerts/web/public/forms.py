"""Forms of residents: fields of a body, errors beside their field, limits by network.

The server decides: a form works without JavaScript, keeps what was typed, and names each error once above and once at
its field.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import MultiDict

from alerts.channels.i18n import Translator
from alerts.kernel.errors import TooManyRequests
from alerts.kernel.texts import without_forbidden, without_hidden
from alerts.net.rate_limits import RateLimits
from alerts.web.http.requests import BODY_S
from alerts.web.http.security import from_private_network

LONGEST = 2_000
"""Characters of one typed line that are read; the rest is cut off, and refused by its own rule."""
_SEALED = 40_000


@dataclass(slots=True)
class FormErrors:
    """Errors of a form: words by field, in the order of the page. The field's name is its input's id too."""

    words: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, words: str) -> None:
        """Record an error; the first one of a field stays."""
        self.words.setdefault(name, words)

    def __bool__(self) -> bool:
        return bool(self.words)


class FormFields:
    """Fields of a form. Typed text is one line, without characters that nobody sees or that turn its direction."""

    def __init__(self, values: Mapping[str, str] | MultiDict[str]) -> None:
        self._values = values if isinstance(values, MultiDict) else MultiDict(values)

    def line(self, name: str) -> str:
        """Return a typed line, "" if absent."""
        text = without_hidden(without_forbidden(self._values.get(name, "")[:LONGEST]))
        return " ".join(text.split())

    def text(self, name: str, longest: int) -> str:
        """Return a typed text of several lines, cut at `longest` characters; "" if absent."""
        return self._values.get(name, "")[:longest].replace("\r\n", "\n")

    def whole(self, name: str) -> int | None:
        """Return a whole number below 10^18 that the page itself has put into a field; None for anything else."""
        text = self._values.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None

    def sealed(self, name: str) -> str:
        """Return a sealed value, "" if absent or too long."""
        text = self._values.get(name, "")
        return text if len(text) <= _SEALED else ""

    def names(self, start: str) -> tuple[str, ...]:
        """Return the names of the fields that begin with `start`, in order."""
        return tuple(dict.fromkeys(name for name in self._values if name.startswith(start)))

    def has_words(self, *names: str) -> bool:
        """True if something other than blanks was typed into one of these fields."""
        return any(self._values.get(name, "").strip() for name in names)

    def without(self, *names: str) -> FormFields:
        """Return these fields but for some, such as those that were taken."""
        return FormFields(MultiDict((name, value) for name, value in self._values.items() if name not in names))

    def ticked(self, name: str) -> bool:
        """True if a checkbox was sent."""
        return name in self._values

    def every(self) -> tuple[tuple[str, str], ...]:
        """Return every field as it was sent, in order."""
        return tuple(self._values.items())

    def all(self, name: str) -> tuple[str, ...]:
        """Return the values of checkboxes of one name."""
        return tuple(self._values.getall(name, ()))

    def one_of(self, name: str, words: tuple[str, ...], default: str) -> str:
        """Return the chosen one of a closed list."""
        chosen = self._values.get(name, "")
        return chosen if chosen in words else default


async def read_form(request: web.Request) -> FormFields:
    """Read the fields of a form; none for a body that is no form."""
    try:
        async with asyncio.timeout(BODY_S):
            fields = await request.post()
    except (TimeoutError, ValueError, LookupError, AssertionError, web.RequestPayloadError, HttpProcessingError):
        return FormFields({})  # no boundary, unknown charset, broken encoding
    return FormFields(MultiDict((name, value) for name, value in fields.items() if isinstance(value, str)))


def network_of(request: web.Request) -> str:
    """Return the network that a request comes from: /24 of IPv4, /56 of IPv6; behind a proxy the one that it names."""
    address = request.remote or ""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    if forwarded and _is_private(address):
        address = forwarded
    elif from_private_network(request):
        return ""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 56), strict=False))


def take_form(limits: RateLimits, request: web.Request, what: str, an_hour: int) -> None:
    """Count a form of a network. Raises TooManyRequests beyond `an_hour` in any hour; this machine is not counted."""
    network = network_of(request)
    if not network:
        return
    try:
        limits.take(f"{what}:{network}", an_hour / 3600, burst_seconds=3600.0)
    except TooManyRequests as error:
        words = "too many forms came from your network in this hour; try again later, or telephone us"
        raise TooManyRequests(words, retry_after=error.retry_after) from error


def error_context(t: Translator, errors: FormErrors) -> dict[str, object]:
    """Return what `pages/forms.html` needs to show errors."""
    heading = t.text("form", "error_one" if len(errors.words) == 1 else "error_many")
    return {"errors": errors.words, "error_heading": heading}


def _is_private(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return not address  # a Unix socket has no address
    return ip.is_loopback or ip.is_private or ip.is_link_local
