"""Secrets for programs: 256 random bits, so that a plain hash is safe to store."""

from __future__ import annotations

import base64
import hashlib
import secrets


def new_api_key() -> str:
    """Generate an API key: `ak_` and 256 random bits."""
    return f"ak_{secrets.token_urlsafe(32)}"


def new_source_secret() -> str:
    """Generate a webhook secret: `whsec_` and 256 random bits in base64 (Standard Webhooks).

    It also works as a bearer token as it is.
    """
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def hash_secret(secret: str) -> str:
    """Hash an API key for storage: SHA-256 in hex (`KeyState.secret_hash`)."""
    return hashlib.sha256(secret.encode()).hexdigest()
