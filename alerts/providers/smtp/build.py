"""Builds the e-mail provider from the settings."""

from __future__ import annotations

from alerts.providers.resources import BuiltProvider, ProviderResources
from alerts.providers.smtp.provider import Signs, SmtpProvider
from alerts.settings import Settings


def build(resources: ProviderResources) -> BuiltProvider | None:
    """See `BuildProvider`."""
    settings = resources.settings
    if not settings.smtp:
        return None
    connections = settings.smtp_connections
    provider = SmtpProvider(settings.smtp, connections=connections, signer=_signer(settings))
    return BuiltProvider(provider, connections * len(settings.smtp))


def _signer(settings: Settings) -> Signs | None:
    """DKIM signer, if a key is set."""
    if settings.dkim is None:
        return None
    from alerts.net.dkim import DkimSigner  # here, since most processes need nothing of what it imports

    return DkimSigner(settings.dkim.domain, settings.dkim.selector, settings.dkim.key)
