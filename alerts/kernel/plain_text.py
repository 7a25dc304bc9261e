"""Plain text as Markdown that renders to the same characters.

Texts of notices are Markdown. Words from CAP, webhooks and mappings are plain: they pass here before they become the
text of a notice, so that a date at the beginning of a line is no list and `5*10*20` no emphasis (CommonMark 0.31, 2.4).
"""

from __future__ import annotations

import re

_ANYWHERE = re.compile(r"[\\`*_\[\]<]|&(?=[#A-Za-z])")
_LINE_START = re.compile(r"(?:#{1,6}(?=[ \t]|$)|[-+](?=[ \t]|$)|[-=]+[ \t]*$|-(?=[ \t-]*$)|>|~(?=~~))")
_NUMBERED = re.compile(r"(\d{1,9})([.)])(?=[ \t]|$)")
_EMPTY_LINES = re.compile(r"\n{3,}")


def as_markdown(text: str) -> str:
    """Escape what Markdown would interpret.

    The rendered text equals the original, except that lines lose the blanks around them and several empty lines become
    one.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _EMPTY_LINES.sub("\n\n", "\n".join(_line(line.strip()) for line in lines)).strip("\n")


def _line(line: str) -> str:
    escaped = _ANYWHERE.sub(r"\\\g<0>", line)
    if _LINE_START.match(escaped):
        return "\\" + escaped
    return _NUMBERED.sub(r"\1\\\2", escaped, count=1) if _NUMBERED.match(escaped) else escaped
