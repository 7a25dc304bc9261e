"""Templates of the messages, with the sender data that every channel's renderer uses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email.utils import parseaddr

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from alerts.settings import package_data


class Layouts:
    """Templates by their path under `templates/`, with and without HTML escaping. Safe to share between threads."""

    def __init__(self, *, sender: str, clock: Callable[[], datetime]) -> None:
        """`sender` is `Name <address>`; `clock` dates what is rendered."""
        self.sender, self.clock = sender, clock
        self.html = environment()
        self.text = environment(autoescape=False)

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
