"""`alerts doctor`: what is set, what works, and how to mend what does not."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Literal

from alerts.domain.words.errors import DomainError
from alerts.settings import VARIABLES, Settings, SettingsError, environment, is_loopback, load, unknown

WAL_RESET_MENDED = (3, 51, 3)
"""Before this SQLite, a second connection that checkpoints may lose what was just written (the WAL-reset bug)."""
SPECIAL_USE = ("localhost", "example", "test", "invalid", "local")
TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    state: Literal["ok", "warning", "wrong"]
    what: str
    found: str
    mend: str = ""


def examine(*, as_json: bool) -> int:
    """Print every setting and finding; 0 if nothing is wrong, else 1."""
    values = environment(os.environ)
    settings: Settings | None = None
    findings: list[Finding] = []
    try:
        settings = load(values, make_keys=False)
    except SettingsError as error:
        if "KEY is not set" in str(error):
            findings.append(Finding("ok", "keys", "none yet; `alerts serve` makes them on SQLite"))
        else:
            findings.append(Finding("wrong", "settings", str(error), "mend this variable first"))
    findings += [
        Finding("warning", "settings", f"{name} is not a setting", "misspelt? the settings are listed above")
        for name in unknown(values)
    ]
    if settings is not None:
        findings += _checks(settings)
    listed = [(v.name, _shown(values.get(v.name, ""), secret=v.secret) or f"({v.default})") for v in VARIABLES]
    if as_json:
        print(json.dumps({"settings": dict(listed), "findings": [asdict(f) for f in findings]}))
    else:
        print("\n".join(f"{name:30} {value}" for name, value in listed) + "\n")
        for f in findings:
            print(f"{f.state:8} {f.what}: {f.found}" + (f"\n         {f.mend}" if f.mend else ""))
    return 1 if any(f.state == "wrong" for f in findings) else 0


def _checks(settings: Settings) -> Iterator[Finding]:
    checks: list[Callable[[Settings], Iterator[Finding]]] = [_database, _providers, _mail_servers, _sender, _clock]
    for check in checks:
        yield from check(settings)


def _database(settings: Settings) -> Iterator[Finding]:
    from alerts import bootstrap

    if settings.on_sqlite:
        version = bootstrap.sqlite_version()
        if version < WAL_RESET_MENDED:
            yield Finding(
                "ok",
                "SQLite",
                f"{_dotted(version)}, older than 3.51.3 (WAL-reset bug)",
                "one connection alone checkpoints here, so nothing is lost; do not open the file with other tools",
            )
        else:
            yield Finding("ok", "SQLite", _dotted(version))
        if settings.database_file is not None and not settings.database_file.exists():
            yield Finding("ok", "database", f"{settings.database_file} is not there yet; `alerts serve` makes it")
            return
    try:
        pending = bootstrap.pending_migrations(settings)
    except (DomainError, OSError) as error:
        yield Finding("wrong", "database", str(error), "check ALERTS_DATABASE_URL, and that the server is up")
        return
    if pending:
        yield Finding("warning", "schema", f"{len(pending)} migrations to apply", "run `alerts migrate`")
    elif not _opened_by(settings):
        yield Finding(
            "wrong",
            "master key",
            "this database was made with another one",
            "set ALERTS_MASTER_KEY (or ALERTS_MASTER_KEY_FILE) to the key it was made with",
        )
    else:
        yield Finding("ok", "database", "reachable, durable and up to date")


def _opened_by(settings: Settings) -> bool:
    from alerts.eventlog.database import connect
    from subscribers.vault import made_with

    keys = connect(settings.database_url, "keys", readonly=True)
    try:
        return made_with(keys, settings.master_key)
    finally:
        keys.close()


def _providers(settings: Settings) -> Iterator[Finding]:
    if settings.inbox:
        yield Finding("ok", "inbox", f"messages can be read at {settings.public_url}/inbox (loopback only)")
    elif not settings.smtp:
        yield Finding("wrong", "e-mail", "no mail server: e-mails will fail with `no provider`", "set ALERTS_SMTP_URL")
    if not settings.inbox:
        yield Finding(
            "warning", "text messages", "this version has no provider for them", "ask people for an e-mail too"
        )
    if settings.allow_private_targets:
        yield Finding(
            "warning", "targets", "private addresses are allowed as targets", "unset ALERTS_ALLOW_PRIVATE_TARGETS"
        )
    if not settings.inbox and not settings.public_url.startswith("https://"):
        yield Finding(
            "warning", "public URL", "links are not encrypted", "set ALERTS_PUBLIC_URL to an https:// address"
        )


def _mail_servers(settings: Settings) -> Iterator[Finding]:
    for server in settings.smtp:
        where = f"{server.host}:{server.port}"
        try:
            extensions = asyncio.run(_greet(server.host, server.port, implicit=server.tls == "implicit"))
        except (OSError, TimeoutError, DomainError) as error:
            yield Finding("wrong", "mail server", f"{where}: {error}", "check the host, the port and the firewall")
            continue
        plain = server.tls == "auto" and "starttls" not in extensions and not is_loopback(server.host)
        if plain:
            yield Finding(
                "wrong", "mail server", f"{where} offers no STARTTLS", "say ?tls=none if it must go unencrypted"
            )
        else:
            yield Finding("ok", "mail server", f"{where} answers")


async def _greet(host: str, port: int, *, implicit: bool) -> set[str]:
    import aiosmtplib

    client = aiosmtplib.SMTP(hostname=host, port=port, timeout=TIMEOUT_S, use_tls=implicit, start_tls=False)
    try:
        await client.connect()
        await client.ehlo()
        return set(client.esmtp_extensions)
    except aiosmtplib.SMTPException as error:
        raise DomainError(str(error) or type(error).__name__) from error
    finally:
        client.close()


def _sender(settings: Settings) -> Iterator[Finding]:
    domain = parseaddr(settings.sender)[1].rpartition("@")[2].lower()
    if domain.rpartition(".")[2] in SPECIAL_USE:
        if not settings.inbox:
            yield Finding("wrong", "sender", f"{domain} is no real domain", "set ALERTS_FROM")
        return
    for name, mark, mend in (
        (domain, "v=spf1", "publish an SPF record that names your mail servers"),
        (f"_dmarc.{domain}", "v=DMARC1", "publish a DMARC record"),
    ):
        found = _txt(name, mark)
        if found is None:
            yield Finding("warning", "DNS", f"{name} could not be looked up", "check from a machine with DNS")
        elif not found:
            yield Finding("warning", "DNS", f"{name} has no {mark} record", mend)
        else:
            yield Finding("ok", "DNS", f"{name}: {found}")
    yield Finding("ok", "DKIM", "is signed by your mail server: this product does not sign")


def _txt(name: str, mark: str) -> str | None:
    """The TXT record that begins with `mark`, "" if there is none, None if nobody answers."""
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=TIMEOUT_S)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ""
    except dns.exception.DNSException:
        return None
    texts = [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
    return next((text for text in texts if text.startswith(mark)), "")


def _clock(settings: Settings) -> Iterator[Finding]:
    now = datetime.now(UTC)
    if now.year < 2025:
        yield Finding("wrong", "clock", f"it says {now:%Y-%m-%d}", "set the clock (NTP): expiry and signatures need it")
    else:
        yield Finding("ok", "clock", f"{now:%Y-%m-%d %H:%M:%S} UTC; people's default zone is {settings.timezone}")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _shown(value: str, *, secret: bool) -> str:
    return "(set, not shown)" if secret and value else value
