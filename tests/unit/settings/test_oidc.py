"""Settings of the identity provider."""

from __future__ import annotations

import pytest

from alerts.settings.key_files import SettingsError
from alerts.settings.oidc import identity_provider

WHOLE = {
    "ALERTS_OIDC_ISSUER": "https://id.example.org/",
    "ALERTS_OIDC_CLIENT_ID": "alerts",
    "ALERTS_OIDC_CLIENT_SECRET": "secret",
}


def test_provider_is_named_by_its_host_unless_a_name_is_given() -> None:
    assert identity_provider({}) is None
    found = identity_provider(WHOLE)
    assert found is not None and found.name == "id.example.org" and found.issuer == "https://id.example.org"
    assert "secret" not in repr(found)
    named = identity_provider({**WHOLE, "ALERTS_OIDC_NAME": "Town Hall"})
    assert named is not None and named.name == "Town Hall"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ALERTS_OIDC_ISSUER": "http://id.example.org"}, "https address"),
        ({"ALERTS_OIDC_ISSUER": "id.example.org"}, "https address"),
        ({"ALERTS_OIDC_CLIENT_ID": ""}, "set both"),
        ({"ALERTS_OIDC_CLIENT_SECRET": ""}, "set both"),
    ],
)
def test_incomplete_settings_say_what_to_set(change: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        identity_provider({**WHOLE, **change})
