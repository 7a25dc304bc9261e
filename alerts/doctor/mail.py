"""E-mail checks: servers, SPF, DMARC, DKIM."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Iterator
from email.utils import parseaddr

from alerts.doctor.finding import Finding
from alerts.net.loopback import is_loopback
from alerts.settings import Settings
from alerts.settings.provider_urls import SmtpTarget

STEP_S = 3.0
SPECIAL_USE = ("localhost", "example", "test", "invalid", "local")
"""Top-level domains that never send mail (RFC 6761, RFC 6762)."""
Lookup = Callable[[str], list[str] | None]
"""DNS lookup of a name's TXT records; [] if there is none, None if the lookup failed."""


def servers(settings: Settings) -> Iterator[Finding]:
    """Check each mail server as the product uses it: connect, encrypt, sign in, MAIL FROM. No message is sent."""
    if not settings.smtp:
        if settings.inbox:
            yield Finding("ok", "e-mail", f"goes to the inbox, {settings.public_url}/inbox (loopback only)")
        else:
            yield Finding(
                "wrong", "e-mail", "no mail server: e-mails will fail with `no provider`", "set ALERTS_SMTP_URL"
            )
        return
    sender = parseaddr(settings.sender)[1]

    async def all_of_them() -> list[Finding]:
        return await asyncio.gather(*(server(target, sender) for target in settings.smtp))

    yield from asyncio.run(all_of_them())


async def server(target: SmtpTarget, sender: str) -> Finding:
    """Check one server, up to its reply to MAIL FROM."""
    import aiosmtplib

    where = f"{target.host}:{target.port}"
    local = is_loopback(target.host)
    client = aiosmtplib.SMTP(
        hostname=target.host,
        port=target.port,
        use_tls=target.tls == "implicit",
        start_tls=False,
        validate_certs=not (target.tls == "auto" and local),
        timeout=STEP_S,
    )
    try:
        async with asyncio.timeout(STEP_S + 1):
            await client.connect()
            await client.ehlo()
            offered = client.supports_extension("starttls")
            wanted = target.tls == "starttls" or (target.tls == "auto" and (offered or not local))
            if wanted and not offered:
                return Finding(
                    "wrong", "mail server", f"{where} offers no STARTTLS", "say ?tls=none if it must go unencrypted"
                )
            if wanted:
                await client.starttls()
            if target.user:
                await client.login(target.user, target.password)
            await client.mail(sender)
            await client.rset()
            await client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        return _trouble(where, error, sender)
    finally:
        client.close()
    encrypted = "encrypted" if wanted or target.tls == "implicit" else "unencrypted"
    return Finding("ok", "mail server", f"{where} takes mail from {sender} ({encrypted})")


def _trouble(where: str, error: BaseException, sender: str) -> Finding:
    import aiosmtplib

    certificate = _certificate(error)
    if certificate is not None:
        return Finding(
            "wrong",
            "mail server",
            f"{where}: its certificate is not accepted: {certificate}",
            "name the server as its certificate does, or renew it; SSL_CERT_FILE names an authority of your own",
        )
    words = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return Finding(
            "wrong",
            "mail server",
            f"{where} does not accept user and password: {words}",
            "check them in ALERTS_SMTP_URL (write @ : / , as %40 %3A %2F %2C)",
        )
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        return Finding(
            "wrong",
            "mail server",
            f"{where} does not let us send as {sender}: {words}",
            "sign in (user:password@) or allow this sender there; or set ALERTS_FROM",
        )
    if isinstance(error, TimeoutError):
        words = "no answer in time"
    return Finding("wrong", "mail server", f"{where}: {words}", "check the host, the port, tls= and the firewall")


def _certificate(error: BaseException | None) -> str | None:
    """Reason why a certificate was refused, None if that is not the cause."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        if (found := re.search(r"certificate verify failed: ([^(\]]+)", str(error))) is not None:
            return found.group(1).strip()
        error = error.__cause__
    return None


def sender(settings: Settings, lookup: Lookup | None = None) -> Iterator[Finding]:
    """Check SPF and DMARC of the sender's domain."""
    domain = parseaddr(settings.sender)[1].rpartition("@")[2].lower()
    if domain.rpartition(".")[2] in SPECIAL_USE:
        if not settings.inbox:
            yield Finding("wrong", "sender", f"{domain} is no real domain", "set ALERTS_FROM")
        return
    lookup = lookup or txt
    yield _record(
        domain, "v=spf1", lookup(domain), f'publish a TXT record at {domain}: "v=spf1 a:<your mail server> -all"'
    )
    policy = f"_dmarc.{domain}"
    yield _record(policy, "v=DMARC1", lookup(policy), f'publish a TXT record at {policy}: "v=DMARC1; p=quarantine"')


def _record(name: str, mark: str, records: list[str] | None, mend: str) -> Finding:
    what = {"v=spf1": "SPF", "v=DMARC1": "DMARC"}[mark]
    if records is None:
        return Finding("warning", what, f"{name} could not be looked up", "check from a machine with DNS")
    ours = [text for text in records if text.split(";")[0].split(" ")[0].strip().lower() == mark.lower()]
    if not ours:
        return Finding("warning", what, f"{name} has no {mark} record", mend)
    if len(ours) > 1:
        return Finding("wrong", what, f"{name} has {len(ours)} {mark} records: receivers then ignore all", "keep one")
    words = ours[0].lower().split()
    if mark == "v=spf1" and ("+all" in words or "all" in words):
        return Finding("wrong", what, f"{name}: {ours[0]} lets everybody send in your name", "end it with -all")
    if mark == "v=DMARC1" and re.search(r";\s*p\s*=\s*none\b", ours[0], re.IGNORECASE):
        return Finding(
            "warning", what, f"{name}: {ours[0]} asks for nothing", "once the reports look right, say p=quarantine"
        )
    return Finding("ok", what, f"{name}: {ours[0]}")


def signature(settings: Settings, lookup: Lookup | None = None) -> Iterator[Finding]:
    """Check that the DNS has the public half of the DKIM key."""
    if settings.dkim is None:
        if not settings.inbox:
            yield Finding(
                "warning",
                "DKIM",
                "this product does not sign: no key is set",
                "set ALERTS_DKIM_KEY_FILE, unless your mail server signs for the sender's domain",
            )
        return
    from alerts.net.dkim import DkimSigner

    try:
        signer = DkimSigner(settings.dkim.domain, settings.dkim.selector, settings.dkim.key)
    except ValueError as error:
        yield Finding("wrong", "DKIM", str(error), "see ALERTS_DKIM_KEY_FILE")
        return
    records = (lookup or txt)(signer.name)
    mend = f"publish this TXT record at {signer.name}: {signer.record}"
    if records is None:
        yield Finding("warning", "DKIM", f"{signer.name} could not be looked up", "check from a machine with DNS")
    elif not records:
        yield Finding("wrong", "DKIM", f"{signer.name} has no record: receivers cannot check the signature", mend)
    elif len(records) > 1:
        yield Finding("wrong", "DKIM", f"{signer.name} has {len(records)} records", "keep one")
    elif _tags(records[0]).get("p") == "":
        yield Finding("wrong", "DKIM", f"{signer.name} says that its key was revoked (empty p=)", mend)
    elif (_tags(records[0]).get("p"), _tags(records[0]).get("k", "rsa")) != (
        _tags(signer.record)["p"],
        _tags(signer.record)["k"],
    ):
        yield Finding("wrong", "DKIM", f"{signer.name} holds another key than ours: signatures will not verify", mend)
    elif "y" in _tags(records[0]).get("t", "").split(":"):
        yield Finding("warning", "DKIM", f"{signer.name} says t=y: receivers treat it as a test", "take t=y away")
    else:
        yield Finding("ok", "DKIM", f"{signer.name} holds the public half of our key")


def _tags(record: str) -> dict[str, str]:
    """Parse a DKIM record's tags (RFC 6376, 3.2); white space within values is ignored."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip(): re.sub(r"\s+", "", value) for name, _, value in pairs if name.strip()}


def txt(name: str) -> list[str] | None:
    """Look up TXT records in the DNS, see `Lookup`."""
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=STEP_S)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError):
        return None
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
