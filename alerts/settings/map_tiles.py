"""Setting of the map's background: tiles of a third party, with their attribution. Without it none is asked."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from alerts.net.loopback import is_loopback
from alerts.settings.key_files import SettingsError

_NEEDED = ("{z}", "{x}", "{y}")


def tiles(values: Mapping[str, str]) -> tuple[str, str]:
    """Return (template of the tiles' addresses, attribution), both "" if there are none. Raises SettingsError."""
    url, attribution = values.get("ALERTS_TILE_URL", ""), values.get("ALERTS_TILE_ATTRIBUTION", "")
    if not url:
        return "", ""
    parts = urlsplit(url)
    host = parts.hostname or ""
    well = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not well or not host or "{" in parts.netloc or not all(part in url for part in _NEEDED) or parts.username:
        raise SettingsError(
            "ALERTS_TILE_URL: expected https://host/{z}/{x}/{y}.png; the host's name holds no {s}: pages name it"
        )
    if any(c.isspace() or c in ";,'\"" for c in url):
        raise SettingsError("ALERTS_TILE_URL: no spaces, quotes, commas or semicolons")
    if not attribution:
        raise SettingsError("ALERTS_TILE_ATTRIBUTION: say whose map it is, as its licence asks; ALERTS_TILE_URL is set")
    return url, attribution


def origin(url: str) -> str:
    """Return the origin of the tiles, for the content policy; "" if there are none."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if url else ""
