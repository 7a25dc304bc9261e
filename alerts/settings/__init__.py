"""Settings: read from the environment (or a `.env` file) and validated at start.

`load()` returns one frozen `Settings`; no other module reads the environment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args
from urllib.parse import quote, unquote, urlsplit
from zoneinfo import ZoneInfo

import msgspec
from dotenv.parser import parse_stream

from alerts.kernel.domain_names import mailbox_to_ascii, to_ascii
from alerts.kernel.secret_keys import SecretKeys
from alerts.kernel.terms import CHANNEL_TERMS, CHANNELS, Channel
from alerts.net.loopback import is_loopback
from alerts.settings.key_files import KeyFiles, SettingsError
from alerts.settings.map_tiles import tiles
from alerts.settings.oidc import IdentityProvider, identity_provider
from alerts.settings.provider_urls import DkimKey, SmsTarget, SmtpTarget, dkim, prefixes, sms, smtp, testers, words
from alerts.settings.sms_price import SmsPrice, sms_price

__all__ = ["VARIABLES", "Settings", "SettingsError", "environment", "load", "unknown"]

T = TypeVar("T")
LogFormat = Literal["console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Validated settings, fixed for the life of a process."""

    database_url: str
    database_file: Path | None
    """The SQLite file; None on PostgreSQL."""
    folder: Path
    """Folder of the lock, the control socket and (on SQLite) the database files and keys."""
    public_url: str
    """Base of all links, without a trailing slash."""
    secret_key: SecretKeys
    master_key: bytes
    """32 bytes."""
    smtp: tuple[SmtpTarget, ...]
    dkim: DkimKey | None
    sms: tuple[SmsTarget, ...]
    sms_prefixes: tuple[str, ...]
    """Prefixes of the numbers that text messages may go to, such as +44; empty: any."""
    sender: str
    """`Name <address>`."""
    vapid_subject: str
    push_hosts: tuple[str, ...]
    allow_private_targets: bool
    smtp_connections: int
    push_concurrency: int
    sms_rate: float
    """Messages per second."""
    sms_budget: int
    """Messages per day and provider."""
    sms_price: SmsPrice | None = None
    """Price of one part of a text message; None if it is not known."""
    canary: dict[Channel, str]
    """Address of each channel's tester; for push, the subscription as JSON."""
    api_rate: float
    """Requests per second for one API key or source."""
    stranger_rate: float
    """Requests per second for one peer address, of those that show no credential that was good before."""
    connections: int
    connections_per_peer: int
    allowed_hosts: frozenset[str]
    """Host names by which the product may be asked for besides that of the public URL, in lower case."""
    metrics_public: bool
    """True if `/metrics` and the details of `/readyz` are for everybody."""
    admin: str
    """Address of the first administrator, made at the first start; "" if none is configured."""
    emergency_reserve: int
    retry_schedule: dict[Channel, tuple[float, ...]]
    """Seconds between attempts, without jitter."""
    timezone: str
    default_language: str
    log_format: LogFormat
    log_level: LogLevel
    tile_url: str = ""
    """Template of the addresses of the map's background tiles; "" for none."""
    tile_attribution: str = ""
    identity_provider: IdentityProvider | None = None
    """Identity provider of the team's sign-in; None for none."""

    def __repr__(self) -> str:
        return f"Settings({self.public_url})"  # the keys and passwords of an instance must not appear in a traceback

    @property
    def on_sqlite(self) -> bool:
        """True if the embedded database is used: one process, one folder."""
        return self.database_file is not None

    @property
    def inbox(self) -> bool:
        """True if the local inbox exists: only while the public URL is a loopback address."""
        return is_loopback(urlsplit(self.public_url).hostname or "")

    @property
    def inbox_url(self) -> str | None:
        """Base of the local inbox's push endpoints; None without an inbox."""
        return self.public_url if self.inbox else None

    @property
    def lock_file(self) -> Path:
        """Lock file of the process that has the SQLite database open for writing."""
        return self.folder / "lock"

    @property
    def control_socket(self) -> Path:
        """Socket through which a command writes while a server runs (mode 0600)."""
        return self.folder / "control.sock"


class Variable(msgspec.Struct, frozen=True):
    """Description of an environment variable, for `alerts doctor` and the documentation."""

    name: str
    default: str
    meaning: str
    secret: bool = False


BROWSER_PUSH_HOSTS = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "web.push.apple.com",
    "*.notify.windows.com",
)
RETRIES: dict[Channel, tuple[float, ...]] = {channel: terms.retries for channel, terms in CHANNEL_TERMS.items()}

VARIABLES: tuple[Variable, ...] = (
    Variable("ALERTS_DATABASE_URL", "sqlite:///var/alerts.db", "where the log, the queue and the read models stand"),
    Variable(
        "ALERTS_PUBLIC_URL", "http://127.0.0.1:8080", "the only source of links; a loopback address has the inbox"
    ),
    Variable("ALERTS_SECRET_KEY", "made in var/ on SQLite", "signs links and ids (or ALERTS_SECRET_KEY_FILE)", True),
    Variable(
        "ALERTS_SECRET_KEY_PREVIOUS", "none", "the secret before its renewal: links made with it still work", True
    ),
    Variable("ALERTS_MASTER_KEY", "made in var/ on SQLite", "wraps people's keys (or ALERTS_MASTER_KEY_FILE)", True),
    Variable(
        "ALERTS_SMTP_URL",
        "none",
        "mail servers: smtp://user:pass@host:port?tls=none|starttls|implicit&weight=1&secret=…",
        True,
    ),
    Variable("ALERTS_FROM", "Community Alerts <alerts@localhost>", "the sender of every message"),
    Variable("ALERTS_DKIM_KEY_FILE", "none", "private key (PEM) that e-mail is signed with, for the sender's domain"),
    Variable("ALERTS_DKIM_SELECTOR", "alerts", "under which DNS name the public half of that key stands"),
    Variable(
        "ALERTS_SMS_URL",
        "none",
        "text message providers: twilio://SID:TOKEN@host?from=%2B44… or https+json://token@host/path?secret=whsec_…",
        True,
    ),
    Variable(
        "ALERTS_SMS_PREFIXES",
        "the time zone's country",
        "beginnings of the numbers that texts may go to, such as +44,+353; or any",
    ),
    Variable("ALERTS_VAPID_SUBJECT", "mailto: of the sender", "whom a push service may write to"),
    Variable("ALERTS_PUSH_HOSTS", "the browsers' push services", "hosts a push endpoint may name"),
    Variable("ALERTS_ALLOW_PRIVATE_TARGETS", "false", "tests and the demo only: targets may be private addresses"),
    Variable("ALERTS_SMTP_CONNECTIONS", "16", "connections kept to each mail server"),
    Variable("ALERTS_PUSH_CONCURRENCY", "64", "push requests under way at once"),
    Variable("ALERTS_SMS_RATE", "10", "text messages a second, to each provider"),
    Variable(
        "ALERTS_SMS_PRICE", "none", "price of one text part, such as 0.04 GBP: the console shows what a notice costs"
    ),
    Variable("ALERTS_SMS_BUDGET", "10000", "text messages a day, by each provider; then they stop"),
    Variable("ALERTS_CANARY", "none", "testers who get a message every 5 minutes: an address, a number, push:FILE"),
    Variable("ALERTS_API_RATE", "5000", "requests a second that one API key or source may make"),
    Variable("ALERTS_STRANGER_RATE", "200", "requests a second without a known key that one address may make"),
    Variable("ALERTS_ALLOWED_HOSTS", "none", "further host names that requests may name, such as a cluster's"),
    Variable("ALERTS_METRICS_PUBLIC", "false", "show /metrics and the details of /readyz to requests from outside too"),
    Variable("ALERTS_ADMIN", "none", "address of the first administrator, who gets a sign-in link at the first start"),
    Variable("ALERTS_CONNECTIONS", "2000", "connections open at once"),
    Variable("ALERTS_CONNECTIONS_PER_PEER", "200", "of them from one address; this machine's own are not limited"),
    Variable("ALERTS_EMERGENCY_RESERVE", "4", "senders that only emergencies may use"),
    Variable("ALERTS_RETRY_SCHEDULE", "by channel", "seconds between tries, comma-separated; jitter is added"),
    Variable("ALERTS_TIMEZONE", "Europe/London", "of people who did not choose one"),
    Variable("ALERTS_DEFAULT_LANGUAGE", "en", "of people who did not choose one"),
    Variable("ALERTS_TILE_URL", "none", "background of maps: https://host/{z}/{x}/{y}.png; readers' browsers ask it"),
    Variable("ALERTS_TILE_ATTRIBUTION", "none", "whose map that is, as its licence asks"),
    Variable("ALERTS_OIDC_ISSUER", "none", "identity provider of the team's sign-in (OpenID Connect): https address"),
    Variable("ALERTS_OIDC_CLIENT_ID", "none", "what the provider knows this instance by"),
    Variable("ALERTS_OIDC_CLIENT_SECRET", "none", "its secret (or ALERTS_OIDC_CLIENT_SECRET_FILE)", True),
    Variable("ALERTS_OIDC_NAME", "its host", "name of the provider on the button"),
    Variable("ALERTS_LOG_FORMAT", "console on a terminal, else json", "how this process logs"),
    Variable("ALERTS_LOG_LEVEL", "info", "debug, info, warning or error"),
)
_IN_FILES = ("ALERTS_DATABASE_URL", "ALERTS_SMTP_URL", "ALERTS_SMS_URL", "ALERTS_OIDC_CLIENT_SECRET")
"""Variables that may be in a file named by `{name}_FILE`; so may the two keys (`alerts.settings.key_files`)."""
_NAMES = frozenset(v.name for v in VARIABLES) | {
    f"{name}_FILE" for name in (*_IN_FILES, "ALERTS_SECRET_KEY", "ALERTS_SECRET_KEY_PREVIOUS", "ALERTS_MASTER_KEY")
}


_DATABASE_URL = "sqlite:///var/alerts.db"


def missing_default_database(env: Mapping[str, str]) -> Path | None:
    """Path of the database in the current folder if none is named in the settings, and there is none."""
    if any(env.get(name, "").strip() for name in ("ALERTS_DATABASE_URL", "ALERTS_DATABASE_URL_FILE")):
        return None
    file = _database_file(_DATABASE_URL)
    return None if file is None or file.exists() else file.absolute()


def load(env: Mapping[str, str], *, make_keys: bool = True, terminal: bool = False) -> Settings:
    """Build the settings from `env`. Raises SettingsError.

    With `make_keys`, missing keys are created on SQLite (mode 0600) beside the database. `terminal` is True if a person
    reads the output of this process (it decides the default log format).
    """
    values = _with_files({k: v.strip() for k, v in env.items() if k.startswith("ALERTS_") and v.strip()})
    url = values.get("ALERTS_DATABASE_URL", _DATABASE_URL)
    database_file = _database_file(url)
    folder = database_file.parent if database_file else Path("var")
    sender = _sender(values.get("ALERTS_FROM", "Community Alerts <alerts@localhost>"))
    tile_url, tile_attribution = tiles(values)
    keys = KeyFiles(values, folder, made=make_keys and database_file is not None)
    return Settings(
        database_url=url,
        database_file=database_file,
        folder=folder,
        public_url=_public_url(values.get("ALERTS_PUBLIC_URL", "http://127.0.0.1:8080")),
        secret_key=SecretKeys(keys.secret(), keys.previous_secret()),
        master_key=keys.master(),
        smtp=smtp(values.get("ALERTS_SMTP_URL", "")),
        dkim=dkim(values, parseaddr(sender)[1]),
        sms=sms(values.get("ALERTS_SMS_URL", "")),
        sms_prefixes=_read(values, "ALERTS_SMS_PREFIXES", prefixes, ()),
        sender=sender,
        vapid_subject=_read(values, "ALERTS_VAPID_SUBJECT", _subject, f"mailto:{parseaddr(sender)[1]}"),
        push_hosts=_read(values, "ALERTS_PUSH_HOSTS", _hosts, BROWSER_PUSH_HOSTS),
        allow_private_targets=_read(values, "ALERTS_ALLOW_PRIVATE_TARGETS", _boolean, False),
        smtp_connections=_read(values, "ALERTS_SMTP_CONNECTIONS", _at_least(1), 16),
        push_concurrency=_read(values, "ALERTS_PUSH_CONCURRENCY", _at_least(1), 64),
        sms_rate=_read(values, "ALERTS_SMS_RATE", _seconds, 10.0),
        sms_price=_read(values, "ALERTS_SMS_PRICE", sms_price, None),
        sms_budget=_read(values, "ALERTS_SMS_BUDGET", _at_least(0), 10000),
        canary=_read(values, "ALERTS_CANARY", testers, {}),
        api_rate=_read(values, "ALERTS_API_RATE", _seconds, 5000.0),
        stranger_rate=_read(values, "ALERTS_STRANGER_RATE", _seconds, 200.0),
        connections=_read(values, "ALERTS_CONNECTIONS", _at_least(16), 2000),
        connections_per_peer=_read(values, "ALERTS_CONNECTIONS_PER_PEER", _at_least(1), 200),
        allowed_hosts=_read(values, "ALERTS_ALLOWED_HOSTS", _host_names, frozenset()),
        metrics_public=_read(values, "ALERTS_METRICS_PUBLIC", _boolean, False),
        admin=values.get("ALERTS_ADMIN", ""),
        emergency_reserve=_read(values, "ALERTS_EMERGENCY_RESERVE", _at_least(1), 4),
        retry_schedule=_read(values, "ALERTS_RETRY_SCHEDULE", _schedule, RETRIES),
        timezone=_read(values, "ALERTS_TIMEZONE", _timezone, "Europe/London"),
        default_language=_read(values, "ALERTS_DEFAULT_LANGUAGE", _language, "en"),
        log_format=_read(values, "ALERTS_LOG_FORMAT", _one_of(LogFormat), "console" if terminal else "json"),
        log_level=_read(values, "ALERTS_LOG_LEVEL", _one_of(LogLevel), "info"),
        tile_url=tile_url,
        tile_attribution=tile_attribution,
        identity_provider=identity_provider(values),
    )


def _with_files(values: dict[str, str]) -> dict[str, str]:
    """Replace each …_FILE variable by the content of the file it names, as container secrets need."""
    for name in _IN_FILES:
        path = values.pop(f"{name}_FILE", None)
        if path is None:
            continue
        if name in values:
            raise SettingsError(f"{name} and {name}_FILE are both set; keep one")
        try:
            values[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise SettingsError(f"{name}_FILE: {path} cannot be read ({why})") from error
    return values


def environment(env: Mapping[str, str], dotenv: Path = Path(".env")) -> dict[str, str]:
    """Merge `env` over the `.env` file (python-dotenv's syntax, no `${...}` in values).

    Raises `SettingsError` with the line of what is no NAME=value.
    """
    values: dict[str, str] = {}
    if dotenv.is_file():
        with dotenv.open(encoding="utf-8") as lines:
            for found in parse_stream(lines):
                if found.error or (found.key is not None and found.value is None):
                    raise SettingsError(f"{dotenv}, line {found.original.line}: expected NAME=value")
                if found.key is not None and found.value is not None:
                    # `NAME= # words`: python-dotenv would take the comment for the value.
                    commented = found.original.string.partition("=")[2].lstrip().startswith("#")
                    values[found.key] = "" if commented else found.value
    return {**values, **env}


def unknown(env: Mapping[str, str]) -> list[str]:
    """Names that begin with ALERTS_ but are not settings: most likely misspelt."""
    return sorted(name for name in env if name.startswith("ALERTS_") and name not in _NAMES)


def _database_file(url: str) -> Path | None:
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return Path(unquote(url.removeprefix("sqlite:///").partition("?")[0]))
    if url.startswith(("postgresql://", "postgres://")):
        return None
    raise SettingsError("ALERTS_DATABASE_URL: expected sqlite:///relative.db, sqlite:////absolute.db or postgresql://…")


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    try:
        well = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is not a number
        well = False
    if not well or parts.query or parts.fragment or parts.username:
        raise SettingsError("ALERTS_PUBLIC_URL: expected http(s)://host[:port][/path], without anything after it")
    if text.isascii():
        return text.rstrip("/")
    try:
        host = to_ascii(parts.hostname or "")
    except ValueError:
        raise SettingsError("ALERTS_PUBLIC_URL: the host's name cannot be written in the DNS") from None
    netloc = f"{host}:{parts.port}" if parts.port else host
    # Links stand in headers of e-mails, which are ASCII.
    return parts._replace(netloc=netloc, path=quote(parts.path, safe="/%")).geturl().rstrip("/")


def _sender(text: str) -> str:
    address = parseaddr(text)[1]
    if address.count("@") != 1 or not all(address.split("@")) or any(c in text for c in "\r\n"):
        raise SettingsError("ALERTS_FROM: expected `Name <address@host>`")
    plain = mailbox_to_ascii(address)
    if not plain.isascii():
        raise SettingsError("ALERTS_FROM: expected an address that every mail server takes, in ASCII before the @")
    return text.replace(address, plain)


def _subject(text: str) -> str:
    """Validate the VAPID subject (RFC 8292, 2.1)."""
    if not re.fullmatch(r"mailto:[^@\s]+@[^@\s]+|https://[^/\s]+\S*", text):
        raise ValueError("expected mailto:you@example.org or an https: address, for push services to write to")
    return mailbox_to_ascii(text) if text.startswith("mailto:") else text


def _hosts(text: str) -> tuple[str, ...]:
    named = tuple(words(text))
    if not all(re.fullmatch(r"(\*\.)?[a-zA-Z0-9._-]+", host) for host in named):
        raise ValueError("expected host names such as push.example.org or *.example.org, separated by commas")
    return named or BROWSER_PUSH_HOSTS


def _read(values: Mapping[str, str], name: str, parse: Callable[[str], T], default: T) -> T:
    """Parse one variable; the message of a ValueError becomes that of the SettingsError."""
    if name not in values:
        return default
    try:
        return parse(values[name])
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from error


def _boolean(text: str) -> bool:
    word = text.lower()
    if word not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError("expected true or false")
    return word in ("true", "1", "yes")


def _host_names(text: str) -> frozenset[str]:
    return frozenset(host.strip().lower().rstrip(".") for host in text.split(",") if host.strip())


def _at_least(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdigit() or int(text) < least:
            raise ValueError(f"expected a whole number of at least {least}")
        return int(text)

    return parse


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e7:
        raise ValueError("expected a number greater than 0")
    return value


def _schedule(text: str) -> dict[Channel, tuple[float, ...]]:
    steps = tuple(_seconds(word) for word in words(text))
    return dict.fromkeys(CHANNELS, steps)


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (OSError, ValueError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("expected a name such as Europe/London") from error
    return text


def _language(text: str) -> str:
    parts = text.split("-")
    if not (2 <= len(parts[0]) <= 3 and parts[0].isalpha() and all(p.isalnum() and len(p) <= 8 for p in parts)):
        raise ValueError("expected a language tag such as en or cy")
    return text


def _one_of(words: object) -> Callable[[str], Any]:
    choices = get_args(words)

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text

    return parse
