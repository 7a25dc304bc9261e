"""Reader's language and time, with the instance's defaults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.channels.i18n import Translator
from alerts.domain.events import Content
from alerts.domain.notice import NoticeState
from alerts.kernel.languages import choose


@dataclass(frozen=True)
class ReaderLocale:
    """Language of the reader, and the instance's defaults."""

    translator: Translator
    default_language: str
    timezone: str
    now: datetime

    def words(self, notice: NoticeState) -> tuple[str, Content]:
        """Return (language, content) of the notice for this reader."""
        if not notice.plan.content:
            return self.default_language, Content(title="")
        return choose(notice.plan.content, self.translator.tag, self.default_language)

    def time(self, at: datetime | None) -> str:
        """Format a time in the reader's language; "" for None."""
        return "" if at is None else self.translator.time(at, self.timezone)

    def time_phrase(self, key: str, at: datetime | None) -> str:
        """Format a phrase with a time, such as `since Monday 1 December, 14:05`; "" for None."""
        return "" if at is None else self.translator.text("page", key, time=self.time(at))
