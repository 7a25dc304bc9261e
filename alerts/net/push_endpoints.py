"""Allow list for push endpoints: the browsers' push services, and the targets that tests and the inbox need."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from alerts.kernel.errors import Invalid
from alerts.net.ssrf import check_target, is_public

INBOX_PATH = "/inbox/push/"
_INBOX_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


def is_inbox(url: str, own: str | None) -> bool:
    """Return True if `url` is an endpoint of the local inbox.

    `own` is the public URL while the inbox exists, else None.
    """
    if own is None:
        return False
    head = own.rstrip("/") + INBOX_PATH
    return url.startswith(head) and _INBOX_ID.fullmatch(url[len(head) :]) is not None


class Endpoints:
    """Validates push endpoints that subscribers' browsers supply."""

    def __init__(self, hosts: Sequence[str], *, allow_private: bool, own: str | None) -> None:
        """`hosts` are host names, or `*.name` for every host below a name (ALERTS_PUSH_HOSTS)."""
        self._hosts, self._allow_private, self._own = tuple(host.lower() for host in hosts), allow_private, own

    def check(self, url: str, field: str) -> str:
        """Return the endpoint unchanged if it is allowed. Raises Invalid at `field`."""
        if is_inbox(url, self._own):
            return url
        if check_target(url, field, allow_private=self._allow_private) != url and not url.isascii():
            raise Invalid.field(field, "Give the endpoint exactly as the browser names it.")
        host = (urlsplit(url).hostname or "").lower().removesuffix(".")
        if any(_is_below(host, known) for known in self._hosts) or (self._allow_private and _is_here(host)):
            return url
        raise Invalid.field(
            field,
            f"{host} is none of the push services that are known here (ALERTS_PUSH_HOSTS): {', '.join(self._hosts)}.",
        )


def _is_below(host: str, known: str) -> bool:
    return host.endswith(known[1:]) and len(host) > len(known) - 1 if known.startswith("*.") else host == known


def _is_here(host: str) -> bool:
    """Return True for a private numeric address, or a name of this machine."""
    is_number = ":" in host or host.replace(".", "").isdigit()
    return host == "localhost" or host.endswith(".localhost") or (is_number and not is_public(host))
