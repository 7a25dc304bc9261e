"""Network checks: public URL, allowed targets, clock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from alerts.doctor.finding import Finding
from alerts.doctor.http import ask, date_of
from alerts.settings import Settings

OFF_S, WRONG_S = 3.0, 60.0
"""Thresholds of the clock offset in seconds.

Webhooks are refused beyond five minutes; expiry and quiet hours follow the clock exactly.
"""


def public_url(settings: Settings) -> Iterator[Finding]:
    """Check that the public URL is encrypted and leads to this instance."""
    if settings.inbox:
        yield Finding("ok", "public URL", f"{settings.public_url}: this machine alone; messages go to its inbox")
        return
    if not settings.public_url.startswith("https://"):
        yield Finding("wrong", "public URL", "links are not encrypted", "set ALERTS_PUBLIC_URL to an https:// address")
    try:
        status, _, body = asyncio.run(ask(f"{settings.public_url}/healthz"))
    except (OSError, TimeoutError) as error:
        yield Finding(
            "warning",
            "public URL",
            f"{settings.public_url} does not answer: {error}",
            "start the product and the proxy in front; some networks hide their own address from inside",
        )
        return
    if status == 200 and b'"alive"' in body:
        yield Finding("ok", "public URL", f"{settings.public_url} leads to this product")
    else:
        yield Finding(
            "wrong",
            "public URL",
            f"{settings.public_url}/healthz is answered with {status} by something else",
            "let the proxy in front pass requests on to this product",
        )


def targets(settings: Settings) -> Iterator[Finding]:
    """Warn about settings that are for tests only."""
    if settings.allow_private_targets:
        yield Finding(
            "warning", "targets", "private addresses are allowed as targets", "unset ALERTS_ALLOW_PRIVATE_TARGETS"
        )


def clock(settings: Settings) -> Iterator[Finding]:
    """Check the clock against the Date header of other web servers (RFC 9110, 6.6.1: to the second)."""
    hosts = [host for host in settings.push_hosts if not host.startswith("*.")]
    urls = [f"https://{host}/" for host in hosts]
    urls += [target.url for target in settings.sms]
    yield compared(asyncio.run(_offsets(urls)), settings.timezone)


async def _offsets(urls: list[str]) -> list[float]:
    """Offset in seconds of this clock to each server that answers; positive is ahead."""

    async def one(url: str) -> float | None:
        begun = datetime.now(UTC)
        try:
            _, headers, _ = await ask(url)
        except (OSError, TimeoutError):
            return None
        theirs, ended = date_of(headers), datetime.now(UTC)
        if theirs is None or theirs.tzinfo is None:
            return None
        # The Date is of some moment in between, truncated to the second.
        ours = begun + (ended - begun) / 2
        return (ours - theirs).total_seconds() - 0.5

    found = await asyncio.gather(*(one(url) for url in urls))
    return [offset for offset in found if offset is not None]


def compared(offsets: list[float], timezone: str) -> Finding:
    """Finding for the median offset, so that one wrong clock elsewhere has no effect."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC; people's default zone is {timezone}"
    if not offsets:
        return Finding(
            "warning", "clock", f"{now}; nobody could be asked whether that is right", "check that NTP is running"
        )
    off = sorted(offsets)[len(offsets) // 2]
    way = "ahead" if off > 0 else "behind"
    if abs(off) <= OFF_S:
        return Finding("ok", "clock", now)
    state = "wrong" if abs(off) > WRONG_S else "warning"
    mend = "set it by NTP: expiry, quiet hours and signatures follow it"
    return Finding("wrong" if state == "wrong" else "warning", "clock", f"{now}; {abs(off):.0f} s {way}", mend)
