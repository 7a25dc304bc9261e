"""Restricted HTTP GET: no redirects, no proxy, no cookies, 64 kB at most, three seconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from alerts.net.bounded_read import read_at_most

STEP_S = 3.0
_MOST = 65_536


async def ask(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, Mapping[str, str], bytes]:
    """Get (status, headers, body). Raises OSError or TimeoutError, with a message without the URL."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=STEP_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(url, headers=dict(headers or {}), allow_redirects=False) as answer,
        ):
            return answer.status, answer.headers, await read_at_most(answer.content, _MOST)
    except aiohttp.ClientConnectorCertificateError as error:
        raise OSError(f"its certificate is not accepted: {error.certificate_error}") from error
    except aiohttp.ClientConnectorError as error:
        raise OSError(error.os_error.strerror or type(error.os_error).__name__) from error
    except aiohttp.ClientError as error:
        raise OSError(type(error).__name__) from error
    except TimeoutError as error:
        raise TimeoutError("no answer in time") from error


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """Time of the server's clock by its Date header, None if absent."""
    try:
        return parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return None
