"""Templates of the messages, with the sender data that every channel's renderer uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache
from typing import Any

from css_inline import CSSInliner
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from alerts.settings import package_data

_INLINED = 256
"""Maximum cached mails, of some 5 kB each."""


class Layouts:
    """Templates by their path under `templates/`, with and without HTML escaping. Safe to share between threads."""

    def __init__(self, *, sender: str, clock: Callable[[], datetime]) -> None:
        """`sender` is `Name <address>`; `clock` dates what is rendered."""
        self.sender, self.clock = sender, clock
        self.html = environment()
        self.text = environment(autoescape=False)
        # Nothing is fetched: the only style sheet is the one that the layout itself holds.
        self.inline = lru_cache(maxsize=_INLINED)(CSSInliner(load_remote_stylesheets=False).inline)

    def mail_html(self, layout: str, context: Mapping[str, Any]) -> str:
        """Render the HTML part of an e-mail, with `templates/email/mail.css` inlined. Merge fields pass unchanged.

        Only `dark.css` stays in the head: no style attribute can hold a media query. Equal mails, such as one digest to
        many people, are inlined once; what is secret is no part of them but a merge field.
        """
        return self.inline(self.html.get_template(f"email/{layout}.html").render(context))

    @property
    def sender_name(self) -> str:
        """Name of the sender, or the address if there is none."""
        name, address = parseaddr(self.sender)
        return name or address


def environment(*, autoescape: bool = True) -> Environment:
    """Template environment in which an undefined name is an error."""
    return Environment(  # nosec B701: text parts; HTML escapes
        loader=FileSystemLoader(package_data.find("templates")),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
