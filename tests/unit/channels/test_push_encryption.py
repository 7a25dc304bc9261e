"""Encrypting for a browser: the standard's own example, and what another implementation reads."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels.providers.push_encryption import MOST, encrypt
from alerts.channels.push import PAYLOAD
from alerts.vapid import base64url, from_base64url, point, private_key

_BROWSER = private_key(b"b" * 48)
_AUTH = b"a" * 16


def test_the_example_of_the_standard() -> None:
    """RFC 8291, 5 and appendix A."""
    own = ec.derive_private_key(
        int.from_bytes(from_base64url("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big"), ec.SECP256R1()
    )
    body = encrypt(
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
        b"When I grow up, I want to be a watermelon",
        random=lambda size: from_base64url("DGv6ra1nlYgDCS1FRnbzlw")[:size],
        key=lambda: own,
    )
    assert base64url(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
        "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=MOST))
def test_a_browser_reads_what_was_written(data: bytes) -> None:
    import http_ece

    body = encrypt(base64url(point(_BROWSER)), base64url(_AUTH), data)
    assert len(body) <= 4096
    assert http_ece.decrypt(body, private_key=_BROWSER, auth_secret=_AUTH, version="aes128gcm") == data


def test_no_two_bodies_are_alike() -> None:
    keys = base64url(point(_BROWSER)), base64url(_AUTH)
    one, two = encrypt(*keys, b"x"), encrypt(*keys, b"x")
    assert one[:16] != two[:16] and one[21:86] != two[21:86]


@pytest.mark.parametrize(
    ("p256dh", "auth", "data"),
    [
        ("", base64url(_AUTH), b"x"),
        (base64url(b"\x04" + b"\x01" * 64), base64url(_AUTH), b"x"),  # not on the curve
        (base64url(point(_BROWSER))[:-2], base64url(_AUTH), b"x"),
        ("not base64url!", base64url(_AUTH), b"x"),
        (base64url(point(_BROWSER)), base64url(_AUTH[:15]), b"x"),
        (base64url(point(_BROWSER)), base64url(_AUTH), b"x" * (MOST + 1)),
    ],
)
def test_keys_that_no_browser_made_and_data_too_long_are_refused(p256dh: str, auth: str, data: bytes) -> None:
    with pytest.raises(ValueError):
        encrypt(p256dh, auth, data)


def test_a_compressed_key_is_refused() -> None:
    """Browsers give the uncompressed point, and the key derivation takes in what they gave."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    short = _BROWSER.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    with pytest.raises(ValueError):
        encrypt(base64url(short), base64url(_AUTH), b"x")


def test_every_payload_of_ours_fits() -> None:
    assert PAYLOAD <= MOST
