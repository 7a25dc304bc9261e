"""Provider checks: push services, VAPID, text message providers."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

from alerts.channels.sms import home_prefixes
from alerts.doctor.finding import Finding
from alerts.doctor.http import ask
from alerts.doctor.mail import SPECIAL_USE
from alerts.kernel.errors import DomainError
from alerts.net.loopback import is_loopback
from alerts.settings import Settings
from alerts.settings.provider_urls import ANYWHERE, SmsTarget, is_webhook_secret


def push(settings: Settings) -> Iterator[Finding]:
    """Check the VAPID key, its subject, and that the push services can be reached."""
    yield from _vapid(settings)
    hosts = [host for host in settings.push_hosts if not host.startswith("*.")]

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(_reach(host) for host in hosts))

    unreached = {host: why for host, why in zip(hosts, asyncio.run(all_of_them()), strict=True) if why}
    for host, why in unreached.items():
        yield Finding(
            "warning", "push", f"{host} cannot be reached: {why}", "let this machine reach it by https (port 443)"
        )
    if not unreached:
        yield Finding("ok", "push", f"{', '.join(hosts) or 'no host by name'} can be reached")


def _vapid(settings: Settings) -> Iterator[Finding]:
    domain = settings.vapid_subject.rpartition("@")[2].rpartition("/")[2].lower()
    if not settings.vapid_subject.startswith(("mailto:", "https:")):
        yield Finding(
            "wrong", "push", "ALERTS_VAPID_SUBJECT is neither mailto: nor https:", "say mailto:you@your.domain"
        )
    elif domain.rpartition(".")[2] in SPECIAL_USE and not settings.inbox:
        yield Finding(
            "wrong",
            "push",
            f"{settings.vapid_subject} is nobody's address: Apple refuses such a subject",
            "set ALERTS_VAPID_SUBJECT, or ALERTS_FROM",
        )
    if settings.database_file is not None and not settings.database_file.exists():
        return
    from alerts.app import schema

    try:
        if schema.pending_migrations(settings):
            return  # no key is there before the schema is
        there = _has_key(settings)
    except (DomainError, OSError):
        return  # reported by the database check
    words = "the VAPID key pair is there" if there else "the VAPID key pair is made when it is first needed"
    yield Finding("ok", "push", words)


def _has_key(settings: Settings) -> bool:
    from alerts.storage.connect import connect

    keys = connect(settings.database_url, "keys", readonly=True)
    try:
        with keys.read() as tx:
            return bool(tx.execute("SELECT 1 FROM purpose_keys WHERE purpose = ?", ("secret vapid",)))
    finally:
        keys.close()


async def _reach(host: str) -> str:
    """Reason why a push service cannot be reached, "" if it answers with any status."""
    from alerts.net.safe_client import ConnectFailed, ReplyLost, SafeHttpClient, TargetRefused

    client = SafeHttpClient(connect_s=3.0, total_s=4.0)
    try:
        await client.post(f"https://{host}/", b"", {})
    except (TargetRefused, ConnectFailed, ReplyLost) as error:
        return str(error) or type(error).__name__
    finally:
        await client.close()
    return ""


def texts(settings: Settings) -> Iterator[Finding]:
    """Check each text message provider: reachable, and (Twilio) account valid. No text is sent."""
    if not settings.sms:
        if settings.inbox:
            yield Finding("ok", "text messages", f"go to the inbox, {settings.public_url}/inbox (loopback only)")
        else:
            yield Finding(
                "warning",
                "text messages",
                "no provider: texts will fail with `no provider`",
                "set ALERTS_SMS_URL, or leave text messages out",
            )
        return

    async def all_of_them() -> list[Finding]:
        return await asyncio.gather(*(provider(target) for target in settings.sms))

    yield from asyncio.run(all_of_them())
    for target in settings.sms:
        yield from _settings_of(target)
    if not (settings.sms_prefixes or home_prefixes(settings.timezone)) or settings.sms_prefixes == ANYWHERE:
        yield Finding(
            "warning",
            "text messages",
            "they may go to any country, at any price",
            "set ALERTS_SMS_PREFIXES, such as +44,+353",
        )
    if settings.sms_budget == 0:
        yield Finding("wrong", "text messages", "the budget is 0: none will leave", "set ALERTS_SMS_BUDGET")


async def provider(target: SmsTarget) -> Finding:
    """Check one provider: for Twilio the state of the account, for others only that it answers."""
    where = f"{target.kind} {urlsplit(target.url).netloc}"
    twilio = target.kind == "twilio"
    url, headers = target.url, {}
    if twilio:
        url = f"{target.url}/2010-04-01/Accounts/{quote(target.account, safe='')}.json"
        basic = base64.b64encode(f"{target.account}:{target.token}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
    elif target.token:
        headers = {"Authorization": f"Bearer {target.token}"}
    try:
        status, _, body = await ask(url, headers)
    except (OSError, TimeoutError) as error:
        return Finding("wrong", "text messages", f"{where}: {error}", "check the host, the port and the firewall")
    if not twilio and status == 401:
        return Finding("wrong", "text messages", f"{where} does not accept our token (401)", "check ALERTS_SMS_URL")
    if not twilio:
        return Finding("ok", "text messages", f"{where} answers; whether it knows our token the first text shows")
    if status in (401, 403, 404):
        return Finding(
            "wrong", "text messages", f"{where} does not know us ({status})", "check SID and token in ALERTS_SMS_URL"
        )
    state = _account_state(body)
    if status != 200 or state not in ("active", ""):
        return Finding("wrong", "text messages", f"{where}: {status}, account {state or 'unknown'}", "see its console")
    return Finding("ok", "text messages", f"{where} knows the account")


def _account_state(body: bytes) -> str:
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    state = found.get("status") if isinstance(found, dict) else None
    return state[:40] if isinstance(state, str) and state.isprintable() else ""


def _settings_of(target: SmsTarget) -> Iterator[Finding]:
    parts = urlsplit(target.url)
    where = f"{target.kind} {parts.netloc}"
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        yield Finding(
            "warning", "text messages", f"{where} is spoken to unencrypted", "use https+json, or leave tls=off out"
        )
    if target.kind == "http-json" and target.secret and not is_webhook_secret(target.secret):
        yield Finding(
            "wrong",
            "text messages",
            f"{where}: its secret is no base64, so no receipt and no STOP can be signed with it",
            "set secret=whsec_ and base64 (Standard Webhooks) in ALERTS_SMS_URL, the same as at the provider",
        )
    if target.kind == "http-json" and not target.secret:
        yield Finding(
            "warning",
            "text messages",
            f"{where}: receipts and STOP are refused, since nothing signs them",
            "add ?secret=whsec_… and tell it to the provider",
        )
