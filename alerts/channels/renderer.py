"""Renderer: turns content into messages, by the renderer of each channel.

`Renderer.prepare` renders a notice once for all readers of one language and channel; `Prepared.message` splices in each
reader's own values, as bytes, in microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from alerts.channels.descriptor import ChannelRenderer, DigestItem, Prepared
from alerts.channels.i18n import Translator, translator
from alerts.channels.layouts import Layouts
from alerts.channels.merge_fields import without_marks
from alerts.channels.message import Message, NoticeWords, Personal
from alerts.channels.registry import WRITABLE, writable
from alerts.kernel.terms import Channel


class Renderer:
    """Renders the messages of all channels. Has no state but the templates; safe to share between threads."""

    def __init__(self, *, sender: str, clock: Callable[[], datetime], default_language: str = "en") -> None:
        """`sender` is `Name <address>`; `clock` dates what is rendered."""
        self._default = default_language
        layouts = Layouts(sender=sender, clock=clock)
        self._channels = {channel: row.renderer(layouts) for channel, row in WRITABLE.items()}

    def prepare(self, words: NoticeWords, channel: Channel) -> Prepared:
        """Render a notice once for all readers of `words.frame_language` on `channel`.

        Raises Invalid for a channel that this version cannot send (letter).
        """
        return self._of(channel).notice(_unmarked(words), self._translator(words.frame_language))

    def confirmation(self, channel: Channel, language: str, to: str, delivery: str, confirm_url: str) -> Message:
        """Request to confirm a new contact point: the only message that an unconfirmed one gets."""
        return self._of(channel).confirmation(to, delivery, confirm_url, self._translator(language))

    def digest(
        self, language: str, items: Sequence[DigestItem], personal: Personal, channel: Channel = "email"
    ) -> Message:
        """Digest of one reader's held notices, which carries their deliveries. `items` must not be empty."""
        return self._of(channel).digest(items, personal, self._translator(language))

    def _of(self, channel: Channel) -> ChannelRenderer:
        writable(channel)
        return self._channels[channel]

    def _translator(self, language: str) -> Translator:
        return translator(language, self._default)


def _unmarked(words: NoticeWords) -> NoticeWords:
    """The same words without the characters that mark merge fields."""
    return msgspec.structs.replace(
        words,
        title=" ".join(without_marks(words.title).split()),
        body=without_marks(words.body),
        instruction=without_marks(words.instruction),
        sms=without_marks(words.sms),
        area_words=without_marks(words.area_words),
    )
