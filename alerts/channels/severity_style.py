"""Severity style of a message, as a word, a shape and a colour: never colour alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from alerts.channels.i18n import Translator
from alerts.kernel.terms import MsgType, NoticeKind, Severity

StyleName = Literal["extreme", "severe", "moderate", "minor", "change", "clear"]


@dataclass(frozen=True, slots=True)
class SeverityStyle:
    """Style in light and in dark mode. `shape` is a character, for where no image is possible."""

    name: StyleName
    shape: str
    ink: str
    tint: str
    dark: str
    dark_tint: str


STYLES: dict[StyleName, SeverityStyle] = {
    "extreme": SeverityStyle("extreme", "▲▲", "#8e1537", "#fbe9ee", "#ff9db4", "#3b1420"),
    "severe": SeverityStyle("severe", "▲", "#a63d00", "#fdeee2", "#ffb27d", "#3a2011"),
    "moderate": SeverityStyle("moderate", "◆", "#7a5200", "#fdf4d7", "#f5d06b", "#332808"),
    "minor": SeverityStyle("minor", "●", "#1f5aa6", "#e8f1fc", "#94c4ff", "#12283f"),
    "change": SeverityStyle("change", "■", "#45358a", "#efecfa", "#c3b5ff", "#241e42"),
    "clear": SeverityStyle("clear", "✔", "#1c6a3c", "#e6f4ea", "#86dba4", "#10301d"),
}
_BY_SEVERITY: dict[Severity, StyleName] = {
    "Extreme": "extreme",
    "Severe": "severe",
    "Moderate": "moderate",
    "Minor": "minor",
    "Unknown": "moderate",
}


def style(kind: NoticeKind, msg_type: MsgType, severity: Severity) -> SeverityStyle:
    """Choose the style: green for good news, violet for a service change, an alert by its severity."""
    if msg_type in ("Cancel", "AllClear"):
        return STYLES["clear"]
    if kind == "alert":
        return STYLES[_BY_SEVERITY[severity]]
    return STYLES["change" if kind == "service-change" else "minor"]


def tag(kind: NoticeKind, msg_type: MsgType, severity: Severity, t: Translator) -> str:
    """Style in words: `Severe, act now`, `Service change`, `ALL CLEAR`."""
    if msg_type in ("Cancel", "AllClear"):
        return t.text("mark", msg_type)
    if kind == "alert":
        return f"{t.text('severity', severity)}{t.comma}{t.text('advice', severity)}"
    return t.text("kind", kind)
