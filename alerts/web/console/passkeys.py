"""WebAuthn (passkeys) by the `webauthn` library: what a browser is asked, and what its answer proves.

A challenge is sealed into a token that the page sends back; it holds for five minutes, for one purpose and member.
"""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from alerts.commands.sign_in_ways import PasskeyData
from alerts.domain.reference_data import MemberState
from alerts.kernel.errors import Invalid
from alerts.kernel.sealed_values import open_value, seal_value
from alerts.settings import Settings

if TYPE_CHECKING:
    from webauthn.helpers.structs import AuthenticatorSelectionCriteria

LIFE = timedelta(minutes=5)
_REFUSED = "The passkey's answer does not hold. Try again; if it fails again, ask for a link instead."


class Challenge(msgspec.Struct, frozen=True):
    """Challenge of one ceremony."""

    value: bytes
    ends: datetime
    member: UUID | None = None


class PasskeyAnswer(msgspec.Struct, frozen=True):
    """Answer of a page's script: the ceremony's token, what the browser gave, and a name for a new passkey.

    `next`: page that a sign-in comes back to.
    """

    token: str
    credential: dict[str, Any]
    label: str = ""
    next: str = ""


class Passkeys:
    """Ceremonies for the instance's own host."""

    def __init__(self, settings: Settings) -> None:
        self._keys = settings.secret_key
        self._name = settings.sender
        parts = urlsplit(settings.public_url)
        self._host = parts.hostname or "localhost"
        self._origin = f"{parts.scheme}://{parts.netloc}"

    def to_register(self, member: MemberState, known: list[bytes], now: datetime) -> dict[str, Any]:
        """Return the options with which a browser makes a passkey, and the ceremony's token."""
        from webauthn import generate_registration_options, options_to_json
        from webauthn.helpers.structs import PublicKeyCredentialDescriptor

        challenge = Challenge(secrets.token_bytes(32), now + LIFE, member.id)
        options = generate_registration_options(
            rp_id=self._host,
            rp_name=self._host,
            user_name=member.email or "member",
            user_id=member.id.bytes,
            user_display_name=member.name or member.email or "member",
            challenge=challenge.value,
            authenticator_selection=_selection(),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        )
        return {"options": json.loads(options_to_json(options)), "token": self._seal("register", challenge)}

    def registered(self, member: MemberState, token: str, credential: Any, now: datetime) -> PasskeyData:
        """Return the passkey that a browser made. Raises Invalid."""
        from webauthn import verify_registration_response
        from webauthn.helpers.exceptions import WebAuthnException

        challenge = self._open("register", token, now)
        if challenge is None or challenge.member != member.id or not isinstance(credential, dict):
            raise Invalid.field("passkey", _REFUSED)
        try:
            found = verify_registration_response(
                credential=credential,
                expected_challenge=challenge.value,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise Invalid.field("passkey", _REFUSED) from error
        return PasskeyData(found.credential_id, found.credential_public_key, found.sign_count)

    def to_sign_in(self, now: datetime) -> dict[str, Any]:
        """Return the options with which a browser asks for any passkey of this site, and the ceremony's token."""
        from webauthn import generate_authentication_options, options_to_json
        from webauthn.helpers.structs import UserVerificationRequirement

        challenge = Challenge(secrets.token_bytes(32), now + LIFE)
        options = generate_authentication_options(
            rp_id=self._host, challenge=challenge.value, user_verification=UserVerificationRequirement.REQUIRED
        )
        return {"options": json.loads(options_to_json(options)), "token": self._seal("sign in", challenge)}

    def signed_in(self, passkey: PasskeyData, token: str, credential: Any, now: datetime) -> int:
        """Return the passkey's new counter if the answer is its own. Raises Invalid."""
        from webauthn import verify_authentication_response
        from webauthn.helpers.exceptions import WebAuthnException

        challenge = self._open("sign in", token, now)
        if challenge is None:
            raise Invalid.field("passkey", "This took longer than five minutes. Try again.")
        try:
            found = verify_authentication_response(
                credential=credential,
                expected_challenge=challenge.value,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise Invalid.field("passkey", _REFUSED) from error
        return found.new_sign_count

    def _seal(self, what: str, challenge: Challenge) -> str:
        return seal_value(self._keys, f"passkey {what}", challenge)

    def _open(self, what: str, token: str, now: datetime) -> Challenge | None:
        found = open_value(self._keys, f"passkey {what}", Challenge, token[:2_000])
        return found if found is not None and now < found.ends else None


def credential_id(credential: Any) -> bytes:
    """Return the id of a browser's answer; b"" for none."""
    from webauthn import base64url_to_bytes

    raw = credential.get("rawId") if isinstance(credential, dict) else None
    try:
        return base64url_to_bytes(raw) if isinstance(raw, str) and len(raw) < 2_000 else b""
    except ValueError:
        return b""


def _selection() -> AuthenticatorSelectionCriteria:
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    return AuthenticatorSelectionCriteria(
        resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
    )
