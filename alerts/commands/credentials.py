"""Secrets for programs: long random ones, so that a plain hash is enough to keep."""

from __future__ import annotations

import base64
import hashlib
import secrets


def new_api_key() -> str:
    """`ak_` and 256 random bits."""
    return f"ak_{secrets.token_urlsafe(32)}"


def new_source_secret() -> str:
    """`whsec_` and 256 random bits in base64, as Standard Webhooks wants it; as it stands it is the bearer too."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def hash_secret(secret: str) -> str:
    """What is kept of an API key: SHA-256 in hex (`KeyState.secret_hash`)."""
    return hashlib.sha256(secret.encode()).hexdigest()
