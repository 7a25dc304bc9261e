"""Logging setup: one line per event on stderr, readable on a terminal, JSON elsewhere; no personal data.

Error messages of libraries may quote their input (a mail server's reply, a database row, a polygon's corner). Therefore
addresses, telephone numbers and coordinates are redacted in every line, and variables are never printed.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from alerts.settings import Settings

WEB, ANSWERED = "alerts.web", "answered"
"""Logger and message of the log line for each request that changes something."""
_WAIT_S, _MOST_WAITING = 0.05, 500
_LEVELS = {logging.DEBUG: "debug", logging.INFO: "info"}
_PERSONAL = re.compile(
    r"[^\s<>\"'(),;:=]{1,200}@[^\s<>\"'(),;:]{1,255}"  # an address
    r"|(?<![\w.])\+\d[\d ().-]{5,40}\d"  # a telephone number
    r"|(?<![\w.])-?\d{1,3}\.\d{4,}"  # a coordinate
)


def redact(text: str) -> str:
    """Replace each address, telephone number and coordinate in `text` by a mark."""
    return _PERSONAL.sub("…", text)


def _redact_event(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact every value of a log event; last processor of the chain."""
    for key, value in event.items():
        if isinstance(value, str) and key != "timestamp":
            event[key] = redact(value)
        elif value is not None and not isinstance(value, str | int | float):
            event[key] = redact(repr(value))
    return event


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes JSON lines to stderr; request lines are batched.

    They wait up to 50 ms and are written together with the other lines: one write per request would cost more than the
    line itself, and structlog's processor chain ten times as much. These lines need no redaction: they contain
    patterns, numbers and ids (`alerts.web.http.access_log`).
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: list[bytes] = []

    @staticmethod
    def exclusive() -> LineHandler | None:
        """Return this handler if it is the only one of the root logger, else None."""
        handlers = logging.getLogger().handlers
        return handlers[0] if len(handlers) == 1 and isinstance(handlers[0], LineHandler) else None

    def log_request(self, level: int, said: Mapping[str, object]) -> None:
        """Log a request that was answered. Must be called in an event loop."""
        at = datetime.now(UTC)
        line = {**said, "event": ANSWERED, "level": _LEVELS[level], "logger": WEB, "timestamp": at}
        with self.lock or nullcontext():
            self._waiting.append(msgspec.json.encode(line))
            waiting = len(self._waiting)
        if waiting == 1:
            asyncio.get_running_loop().call_later(_WAIT_S, self.flush)
        elif waiting >= _MOST_WAITING:
            self.flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Write the batched lines first, so that the order is preserved."""
        self._write_batch()
        super().emit(record)

    def flush(self) -> None:
        """Write the batched lines."""
        with self.lock or nullcontext():
            self._write_batch()
            with suppress(OSError, ValueError):
                super().flush()

    def _write_batch(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            # A log that cannot be written (disk full) must not fail a request or a thread: these lines are lost.
            with suppress(OSError, ValueError):
                self.stream.write(b"\n".join((*waiting, b"")).decode())


def _is_no_protocol_error(record: logging.LogRecord) -> bool:
    """Filter out requests that are not HTTP.

    aiohttp would log each of them with a traceback, the peer's address and the request's first line, which may contain
    the token of a link.
    """
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
    on_console = settings.log_format == "console"
    # Tracebacks are rendered to text here: the console renderer would print the variables of every frame.
    last: list[Any] = [structlog.processors.format_exc_info, _redact_event]
    last.append(
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if on_console else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr) if on_console else LineHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler.setFormatter(formatter)
    logging.getLogger("aiohttp.server").addFilter(_is_no_protocol_error)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level = getattr(logging, settings.log_level.upper())
    root.setLevel(max(level, logging.INFO))  # libraries' debug lines help little and may quote personal data
    for ours in ("alerts", "subscribers"):
        logging.getLogger(ours).setLevel(level)
