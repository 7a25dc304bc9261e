"""How a process logs: one line an event on stderr, readable on a terminal, JSON elsewhere; no personal data.

What libraries say of a failure may repeat what it was about (a mail server's words, a database's row, a polygon's
corner), so that addresses, telephone numbers and coordinates are blanked in every line; no variable is ever shown.
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
"""Logger and words of the line about each request that changes something."""
_WAIT_S, _MOST_WAITING = 0.05, 500
_LEVELS = {logging.DEBUG: "debug", logging.INFO: "info"}
_PERSONAL = re.compile(
    r"[^\s<>\"'(),;:=]{1,200}@[^\s<>\"'(),;:]{1,255}"  # an address
    r"|(?<![\w.])\+\d[\d ().-]{5,40}\d"  # a telephone number
    r"|(?<![\w.])-?\d{1,3}\.\d{4,}"  # a coordinate
)


def redact(text: str) -> str:
    """`text` with a mark instead of each address, telephone number and coordinate."""
    return _PERSONAL.sub("…", text)


def _blanked(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last word on every line: whoever wrote it, whatever it quotes."""
    for key, value in event.items():
        if isinstance(value, str) and key != "timestamp":
            event[key] = redact(value)
        elif value is not None and not isinstance(value, str | int | float):
            event[key] = redact(repr(value))
    return event


class LineHandler(logging.StreamHandler[TextIO]):
    """JSON on stderr. What is said of the web's requests waits a moment and leaves in one write with what else has been
    said by then: one write a request would cost more than the line, and structlog's chain ten times as much.

    Nothing in those lines needs blanking: patterns, numbers, ids (`alerts.web.http.access_log`).
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: list[bytes] = []

    @staticmethod
    def exclusive() -> LineHandler | None:
        """This handler, if it is all that listens to what this process says."""
        handlers = logging.getLogger().handlers
        return handlers[0] if len(handlers) == 1 and isinstance(handlers[0], LineHandler) else None

    def log_request(self, level: int, said: Mapping[str, object]) -> None:
        """A request was answered. To be called in an event loop."""
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
        """One of the other lines, in its turn."""
        self._leave()
        super().emit(record)

    def flush(self) -> None:
        """Write what waits."""
        with self.lock or nullcontext():
            self._leave()
            with suppress(OSError, ValueError):
                super().flush()

    def _leave(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            # A log that takes nothing (its disk is full) must end no request and no thread: what was said is lost.
            with suppress(OSError, ValueError):
                self.stream.write(b"\n".join((*waiting, b"")).decode())


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
    on_console = settings.log_format == "console"
    # A traceback becomes text here: the console's own way would print the variables of every frame.
    last: list[Any] = [structlog.processors.format_exc_info, _blanked]
    last.append(
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if on_console else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr) if on_console else LineHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler.setFormatter(formatter)
    logging.getLogger("aiohttp.server").addFilter(_is_no_strangers)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level = getattr(logging, settings.log_level.upper())
    root.setLevel(max(level, logging.INFO))  # libraries' own details help nobody, and may quote what they handle
    for ours in ("alerts", "subscribers"):
        logging.getLogger(ours).setLevel(level)
