"""Groups of CAP infos (RULES 19): one notice each, in several languages and for several periods."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from alerts.contract.cap_message import CapGroup, CapWords
from alerts.kernel.languages import primary_subtag

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """An info block before grouping: a group of one language and period."""

    language: str
    group: CapGroup
    same: object
    """Grouping key of RULES 19: urgency, severity, certainty, area and eventCode."""

    @property
    def period(self) -> tuple[datetime | None, datetime | None]:
        """Start and end."""
        return self.group.onset or self.group.effective, self.group.expires

    @property
    def words(self) -> CapWords:
        """The texts."""
        return self.group.content[self.language]


def grouped(infos: Sequence[Info]) -> tuple[CapGroup, ...]:
    """Group infos by RULES 19: equal urgency, severity, certainty, area and eventCode; their languages merge.

    `event` is compared only within one language: if a group has another event in the info's language, the info joins
    the next matching group or starts one.
    """
    groups: list[list[Info]] = []
    for info in infos:
        for members in groups:
            if members[0].same == info.same and _compatible(members, info):
                members.append(info)
                break
        else:
            groups.append([info])
    return tuple(map(_merged, groups))


def _compatible(members: list[Info], info: Info) -> bool:
    alike = [m for m in members if primary_subtag(m.language) == primary_subtag(info.language)]
    return all(
        m.group.event[m.language] == info.group.event[info.language] and m.group.all_clear == info.group.all_clear
        for m in alike
    )


def _merged(members: list[Info]) -> CapGroup:
    """Merge the languages and periods of a group. It lasts from its first beginning to its last end."""
    by_language: dict[str, list[Info]] = {}
    for info in members:
        by_language.setdefault(info.language, []).append(info)
    begins = [m.group.onset for m in members if m.group.onset is not None]
    effective = [m.group.effective for m in members if m.group.effective is not None]
    ends = [m.group.expires for m in members if m.group.expires is not None]
    first = members[0].group
    return msgspec.structs.replace(
        first,
        event={tag: infos[0].group.event[tag] for tag, infos in by_language.items()},
        content={tag: _words(infos, tag) for tag, infos in by_language.items()},
        area_desc={
            tag: infos[0].group.area_desc[tag] for tag, infos in by_language.items() if infos[0].group.area_desc
        },
        onset=min(begins, default=None),
        effective=min(effective, default=None),
        expires=max(ends, default=None),
    )


def _words(infos: list[Info], language: str) -> CapWords:
    """Return the texts of one language; those of several periods one after the other, in order of time.

    Infos of the same language and period with other words are told one after the other, too.
    """
    parts_of = dict.fromkeys((info.period, info.words) for info in sorted(infos, key=_order))
    said = [words for _, words in parts_of]
    if len(said) == 1:
        return said[0]
    title = said[0].title
    instructions = list(dict.fromkeys(words.instruction for words in said if words.instruction))
    parts = []
    for period, words in parts_of:
        lines = [span(*period, language), words.title if words.title != title else "", words.body]
        if len(instructions) > 1:
            lines.append(words.instruction)
        parts.append("\n".join(line for line in lines if line))
    instruction = instructions[0] if len(instructions) == 1 else ""
    return CapWords(title=title, body="\n\n".join(parts), instruction=instruction)


def _order(info: Info) -> tuple[datetime, datetime]:
    start, end = info.period
    return start or _LONG_AGO, end or _LONG_AGO


def span(start: datetime | None, end: datetime | None, language: str) -> str:
    """Describe a period in numbers and months of a language, in the sender's own offset from UTC."""
    offset = next((at.isoformat()[-6:] for at in (start, end) if at is not None), "")
    words = " – ".join(_time(at, language) if at is not None else "…" for at in (start, end))
    return f"{words} (UTC{offset})" if offset else ""


def _time(at: datetime, language: str) -> str:
    from babel import Locale, UnknownLocaleError  # 100 ms: only where a message has several periods
    from babel.dates import format_datetime

    try:
        locale = Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        locale = Locale("en")
    return format_datetime(at, "d MMMM y HH:mm", tzinfo=at.tzinfo, locale=locale)
