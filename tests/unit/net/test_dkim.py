"""DKIM: what we sign is verified by dkimpy, as a receiver would, with a DNS of the test's own."""

from __future__ import annotations

import base64
import re
from time import time
from typing import Any

import dkim
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from dkim.canonicalization import Relaxed
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerts.channels.renderer import Renderer
from alerts.net.dkim import DkimSigner, _relaxed

_RSA = rsa.generate_private_key(65537, 2048)


def pem(key: Any, passphrase: bytes = b"") -> bytes:
    how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    found: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
    return found


SIGNER = DkimSigner("town.example", "mail.2026", pem(_RSA))


def verified(message: bytes, signer: DkimSigner = SIGNER) -> bool:
    def dns(name: bytes, timeout: float = 5) -> bytes | None:
        return signer.record.encode() if name == f"{signer.name}.".encode() else None

    return bool(dkim.verify(message, dnsfunc=dns))


@pytest.fixture
def notice(renderer: Renderer, words: Any, reader: Any) -> bytes:
    """A notice for one reader, spliced."""
    data: bytes = renderer.prepare(words(title="Gas leak in Caf\xe9 Street  "), "email").message(reader()).data
    return data


def test_a_receiver_finds_what_left_signed(notice: bytes) -> None:
    signed = SIGNER.signed(notice)
    assert signed.endswith(notice) and signed.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;")
    assert verified(signed)
    assert max(map(len, signed.partition(b"\r\nTo:")[0].split(b"\r\n"))) <= 78
    assert f"t={int(time())}"[:8].encode() in signed


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        (b"Stay indoors", b"Go outside  "),
        (b"Subject: ", b"Subject: not "),
        (b"https://town.example/unsubscribe/s>", b"https://evil.example/unsubscribe/s>"),
        (b"One-Click", b"Two-Click"),
        (b"List-Id: <alerts", b"List-Id: <others"),
        (b"aaaa7777@", b"aaaa7778@"),
        (b"amina@", b"anna@"),
        (b"From: ", b"From: Somebody else <else@evil.example>\r\nFrom: "),
        (b"Subject: ", b"Subject: doubled\r\nSubject: "),
        (b"List-Unsubscribe: ", b"List-Unsubscribe: <https://evil.example/>\r\nList-Unsubscribe: "),
        (b"d=town.example", b"d=own.example"),
    ],
)
def test_whatever_is_changed_on_the_way_shows(notice: bytes, what: bytes, instead: bytes) -> None:
    signed = SIGNER.signed(notice)
    changed = signed.replace(what, instead, 1)
    assert changed != signed
    assert not verified(changed)


def test_what_mail_servers_may_change_does_no_harm(notice: bytes) -> None:
    signed = SIGNER.signed(notice)
    travelled = b"Received: from a by b; today\r\n" + signed.replace(b"Subject: ", b"SUBJECT:\t ") + b"\r\n\r\n"
    assert verified(travelled)


def test_transactional_mail_is_signed_too(renderer: Renderer) -> None:
    asked = renderer.confirmation("email", "en", "j\xf6rg@b.example", "d1", "https://town.example/confirm/x")
    assert verified(SIGNER.signed(asked.data))


def test_an_ed25519_key_signs_by_rfc_8463(notice: bytes) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    signer = DkimSigner("town.example", "e", pem(key))
    signed = signer.signed(notice)
    assert b"a=ed25519-sha256" in signed
    published = base64.b64decode(signer.record.removeprefix("v=DKIM1; k=ed25519; p="))
    assert len(published) == 32  # the bare key, no SubjectPublicKeyInfo around it
    public = ed25519.Ed25519PublicKey.from_public_bytes(published)

    class Key:
        """As dkimpy uses PyNaCl's."""

        def verify(self, digest: bytes, signature: bytes) -> None:
            public.verify(signature, digest)

    def receives(message: bytes) -> bool:
        receiver = dkim.DKIM(message)
        sig, fields, headers = receiver.verify_headerprep()
        receiver.pk, receiver.ktag, receiver.keysize = Key(), b"ed25519", 256
        return bool(receiver.verify_sig_process(sig, fields, headers[0], None))

    assert receives(signed)
    # dkimpy itself names PyNaCl's exception only where a signature is wrong
    with pytest.raises((InvalidSignature, NameError)):
        receives(signed.replace(b"Subject: ", b"Subject: not "))


def test_a_domain_of_other_letters_is_named_as_dns_knows_it(notice: bytes) -> None:
    signer = DkimSigner("b\xfccher.example", "alerts", pem(_RSA))
    assert signer.name == "alerts._domainkey.xn--bcher-kva.example"
    assert verified(signer.signed(notice), signer)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (b"", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "RSA or an Ed25519"),
        (pem(_RSA, b"secret"), "passphrase"),
    ],
)
def test_a_key_that_cannot_sign_is_refused_with_words(key: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DkimSigner("town.example", "alerts", key)


_PIECES = st.sampled_from([b"a", b"bc", b" ", b"  ", b"\t", b"\r\n", b"\r\n\r\n", b" \r\n", b"=20"])


@settings(max_examples=100)
@given(st.lists(_PIECES, max_size=12).map(b"".join))
@example(b"")
@example(b"\r\n")
@example(b" \r\n")
def test_the_quick_look_at_a_body_changes_nothing(body: bytes) -> None:
    assert _relaxed(body) == Relaxed.canonicalize_body(body)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(_PIECES, max_size=12).map(b"".join),
    st.lists(st.sampled_from([b"List-Id", b"X-Other", b"To", b"Subject", b"references"]), max_size=6),
    st.binary(max_size=30).map(lambda value: re.sub(rb"[\r\n\x00]", b"", value)),
)
def test_any_message_is_verified_as_it_left(body: bytes, names: list[bytes], value: bytes) -> None:
    more = b"".join(name + b": " + value + b"\r\n folded  on\r\n" for name in names)
    message = b"From: a@town.example\r\n" + more + b"\r\n" + body
    assert verified(SIGNER.signed(message))
