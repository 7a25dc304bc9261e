"""Channel descriptor: what a channel provides to the rest of the product. The rows are in `registry`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from alerts.channels.i18n import Translator
from alerts.channels.layouts import Layouts
from alerts.channels.message import Message, NoticeWords, Personal
from alerts.kernel.terms import CHANNEL_CODE, CHANNEL_TERMS, Channel, ChannelTerms

CANARY_TEXT = "Community Alerts sends this to itself to see that messages leave. Nobody has to do anything."


class Prepared(Protocol):
    """A notice in one language for one channel, prepared for any number of readers."""

    @property
    def channel(self) -> Channel:
        """Channel it was prepared for."""

    @property
    def language(self) -> str:
        """Language of the frame."""

    def message(self, personal: Personal) -> Message:
        """Message for one reader. Raises ValueError if an address or link could break a header."""


class DigestItem(msgspec.Struct, frozen=True, kw_only=True):
    """Held notice in a reader's digest; `past` if it expired before the digest."""

    words: NoticeWords
    personal: Personal
    past: bool = False


class ChannelRenderer(Protocol):
    """Renderer of one channel's messages. Stateless except for its templates; thread-safe."""

    def notice(self, words: NoticeWords, t: Translator) -> Prepared:
        """Prepare a notice for all readers of one language."""

    def digest(self, items: Sequence[DigestItem], personal: Personal, t: Translator) -> Message:
        """Digest of one reader. `items` is not empty."""

    def confirmation(self, to: str, delivery: str, confirm_url: str, t: Translator) -> Message:
        """Request to confirm a new contact point."""


class EndpointRule(Protocol):
    """Allow list of push endpoints (`alerts.net.push_endpoints.Endpoints`)."""

    def check(self, url: str, field: str) -> str:
        """Return the endpoint unchanged. Raises Invalid at `field`."""


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Restrictions of this instance on the addresses it accepts."""

    prefixes: tuple[str, ...] = ()
    """Beginnings of allowed telephone numbers, or ISO codes of countries; empty for any."""
    endpoints: EndpointRule | None = None
    """None if no push subscriptions are accepted."""


class AddressParser(Protocol):
    """Brings an address from a body to its normal form."""

    def __call__(self, given: Any, field: str, rules: AddressRules) -> str:
        """Address in its normal form. Raises Invalid at `field`."""


@dataclass(frozen=True, slots=True)
class CanaryRequest:
    """Parameters of a test message to an operator's tester."""

    delivery: str
    to: str
    sender: str
    """`Name <address>`."""
    at: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class WritableChannel:
    """Behaviour of a channel that this version can send."""

    renderer: Callable[[Layouts], ChannelRenderer]
    parse_address: AddressParser
    canary: Callable[[CanaryRequest], Message]
    missing: Callable[[Message], str]
    """Name of the first part that a message must have and lacks (sender, subject, text); "" if it is complete."""
    payload: Literal["mail", "text", "notification", "page"] = "text"
    """Format of `Message.data`: RFC 5322, UTF-8 text, JSON of a `push.Payload` or a `letter.LetterPage`."""
    inbox_stands_in: bool = True
    """True if messages go to the local inbox, where it exists, while there is no provider."""


@dataclass(frozen=True, slots=True)
class ChannelDescriptor:
    """Descriptor of one channel. Number, names, address form and default retries are in `kernel.terms`."""

    name: Channel
    writable: WritableChannel | None = None
    """None: a known word, for which this version has no provider yet."""
    stop_page_key: str = "stop_other"
    """Key of the words on the page that ends a contact point (catalogue section `page`)."""
    takes_replies: bool = False
    """True if readers can answer with STOP, START or HELP, and HELP is answered on it."""
    reports_bounces: bool = False
    """True if undelivered messages are reported by address; bulletins with too many are paused."""

    @property
    def terms(self) -> ChannelTerms:
        """Its words, address form and default retries."""
        return CHANNEL_TERMS[self.name]

    @property
    def code(self) -> int:
        """Its number in delivery rows and columns."""
        return CHANNEL_CODE[self.name]

    def as_body(self, address: str) -> Any:
        """Value of `terms.field` that gives this address."""
        return msgspec.json.decode(address) if self.terms.address in ("subscription", "postal") else address
