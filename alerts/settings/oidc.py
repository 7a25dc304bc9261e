"""Setting of an identity provider (OpenID Connect) for the team's sign-in. Without it none is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from alerts.net.loopback import is_loopback
from alerts.settings.key_files import SettingsError


class IdentityProvider(NamedTuple):
    """Provider with what it knows this instance by. `name` stands on the button."""

    issuer: str
    client_id: str
    client_secret: str
    name: str

    def __repr__(self) -> str:
        return f"IdentityProvider({self.issuer})"


def identity_provider(values: Mapping[str, str]) -> IdentityProvider | None:
    """Return the provider; None if there is none. Raises SettingsError."""
    issuer = values.get("ALERTS_OIDC_ISSUER", "").rstrip("/")
    if not issuer:
        return None
    parts = urlsplit(issuer)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))):
        raise SettingsError("ALERTS_OIDC_ISSUER: expected the provider's https address, such as https://id.example.org")
    client_id = values.get("ALERTS_OIDC_CLIENT_ID", "")
    secret = values.get("ALERTS_OIDC_CLIENT_SECRET", "")
    if not client_id or not secret:
        raise SettingsError(
            "ALERTS_OIDC_CLIENT_ID and ALERTS_OIDC_CLIENT_SECRET: set both as the provider gave them; the address to "
            "come back to is {public URL}/console/sign-in/provider"
        )
    return IdentityProvider(issuer, client_id, secret, values.get("ALERTS_OIDC_NAME", "") or parts.hostname)
