"""How a process logs: one line an event on stderr, readable on a terminal, JSON elsewhere; no personal data.

What libraries say of a failure may repeat what it was about (a mail server's words, a database's row, a polygon's
corner), so that addresses, telephone numbers and coordinates are blanked in every line; no variable is ever shown.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from alerts.settings import Settings

WEB, ANSWERED = "alerts.web", "answered"
"""Logger and words of the line about each request that changes something."""
REQUEST_FIELDS = ("method", "route", "status", "ms", "request", "by")
_PERSONAL = re.compile(
    r"[^\s<>\"'(),;:=]{1,200}@[^\s<>\"'(),;:]{1,255}"  # an address
    r"|(?<![\w.])\+\d[\d ().-]{5,40}\d"  # a telephone number
    r"|(?<![\w.])-?\d{1,3}\.\d{4,}"  # a coordinate
)


def blank(text: str) -> str:
    """`text` with a mark instead of each address, telephone number and coordinate."""
    return _PERSONAL.sub("…", text)


def _blanked(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last word on every line: whoever wrote it, whatever it quotes."""
    for key, value in event.items():
        if isinstance(value, str) and key != "timestamp":
            event[key] = blank(value)
        elif value is not None and not isinstance(value, str | int | float):
            event[key] = blank(repr(value))
    return event


class _Requests(logging.Formatter):
    """The web's lines about requests in JSON, the same members without structlog's chain, which takes 40 µs a line.
    Nothing in them needs blanking: patterns, numbers, ids (`alerts.web.watching`).
    """

    def __init__(self, others: logging.Formatter) -> None:
        super().__init__()
        self._others = others

    def format(self, record: logging.LogRecord) -> str:
        if record.name != WEB or record.msg != ANSWERED:
            return self._others.format(record)
        said = vars(record)
        line = {name: said[name] for name in REQUEST_FIELDS if name in said}
        at = datetime.fromtimestamp(record.created, UTC)
        return msgspec.json.encode(
            {**line, "event": ANSWERED, "level": record.levelname.lower(), "logger": WEB, "timestamp": at}
        ).decode()


def _is_no_strangers(record: logging.LogRecord) -> bool:
    """False for a request that is no HTTP: aiohttp would log each with a traceback, the peer's address and the
    request's first line, which may hold the token of somebody's link."""
    error = record.exc_info[1] if record.exc_info else None
    return type(error).__module__ != "aiohttp.http_exceptions"


def configure(settings: Settings) -> None:
    """Route every logger of this process through structlog's formatter. `extra=` members become fields."""
    import structlog

    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # A traceback becomes text here: the console's own way would print the variables of every frame.
    last: list[Any] = [structlog.processors.format_exc_info, _blanked]
    last.append(
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if settings.log_format == "console"
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler.setFormatter(formatter if settings.log_format == "console" else _Requests(formatter))
    logging.getLogger("aiohttp.server").addFilter(_is_no_strangers)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level = getattr(logging, settings.log_level.upper())
    root.setLevel(max(level, logging.INFO))  # libraries' own details help nobody, and may quote what they handle
    for ours in ("alerts", "subscribers"):
        logging.getLogger(ours).setLevel(level)
