"""DKIM signer: signs outgoing e-mail for the sender's domain (RFC 6376; Ed25519 by RFC 8463).

Fast path: dkimpy parses and canonicalises; the signature itself is made by `cryptography` from a key that is parsed
once. dkimpy's own RSA is Python arithmetic: 7.7 ms a message with the GIL held, against 0.3 ms without it (RSA, 2048
bits). Delete it once dkimpy signs at that speed.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from time import time

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, utils
from dkim import rfc822_parse
from dkim.canonicalization import Relaxed

from alerts.kernel.domain_names import to_ascii

ONCE = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)
"""Fields that occur once in a message. They are signed once more than they occur, so that none can be added in transit.

RFC 8058, 4: both fields of the one-click pair must be signed.
"""
SIGNED = (
    *ONCE,
    b"list-id",
    b"references",
    b"auto-submitted",
    b"content-language",
    b"content-transfer-encoding",
    b"importance",
)
"""Fields signed where they occur: all that matter to a reader or a mail program (RFC 6376, 5.4.1)."""
LEAST_BITS = 1024
"""Minimum size of an RSA key in bits; verifiers accept no smaller one (RFC 8301, 3.2)."""
_LINE = 76
_DIGESTED = utils.Prehashed(hashes.SHA256())


class DkimSigner:
    """Signs for one domain with one key. Thread-safe."""

    def __init__(self, domain: str, selector: str, key: bytes, *, now: Callable[[], float] = time) -> None:
        """Parse `key`, a private key in PEM (RSA or Ed25519). `now` returns seconds since 1970.

        Raises ValueError with a message for the operator.
        """
        try:
            self.domain = to_ascii(domain)
        except ValueError as error:
            raise ValueError(f"{domain} is no domain name that mail could be signed for") from error
        if not all(0 < len(label) < 64 for label in self.domain.split(".")):
            raise ValueError(f"{domain} is no domain name that mail could be signed for")
        self.selector, self._now = selector, now
        self._key = _private(key)
        self._algorithm = "rsa" if isinstance(self._key, rsa.RSAPrivateKey) else "ed25519"

    @property
    def name(self) -> str:
        """DNS name at which verifiers look up the public key."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """Value of the TXT record for `name` (RFC 6376, 3.6.1; for Ed25519 the bare key, RFC 8463, 4)."""
        encoding, form = serialization.Encoding, serialization.PublicFormat
        public = self._key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            raw = public.public_bytes(encoding.DER, form.SubjectPublicKeyInfo)
        else:
            raw = public.public_bytes(encoding.Raw, form.Raw)
        return f"v=DKIM1; k={self._algorithm}; p={base64.b64encode(raw).decode()}"

    def signed(self, message: bytes) -> bytes:
        """Prepend the DKIM-Signature to `message` (RFC 5322 bytes with CRLF).

        The result must not be modified afterwards.
        """
        head, _, body = message.partition(b"\r\n\r\n")
        fields = dict[bytes, list[bytes]]()
        for name, value in Relaxed.canonicalize_headers(rfc822_parse(head + b"\r\n\r\n")[0]):
            fields.setdefault(name, []).append(value)
        named = list[bytes]()
        digest = hashlib.sha256()
        for name in SIGNED:
            values = fields.get(name, [])
            named += [name] * (len(values) + (name in ONCE))
            for value in reversed(values):  # of repeated fields, the last is signed first (RFC 6376, 5.4.2)
                digest.update(name + b":" + value)
        tags = self._tags(named, hashlib.sha256(_relaxed(body)).digest())
        digest.update(b"dkim-signature:" + re.sub(rb"\s+", b" ", tags))
        signature = b"\r\n ".join(_chunks(base64.b64encode(self._sign(digest.digest()))))
        return b"".join((b"DKIM-Signature: ", tags, signature, b"\r\n", message))

    def _tags(self, named: list[bytes], body: bytes) -> bytes:
        """Header value up to and including the empty b=, folded."""
        h = b"h="
        for name in named:
            room = len(h) - h.rfind(b"\n") + len(name) <= _LINE
            h += name + b":" if room else b"\r\n  " + name + b":"
        about = f"v=1; a={self._algorithm}-sha256; c=relaxed/relaxed; t={int(self._now())}"
        owner = f"d={self.domain}; s={self.selector}"
        lines = (about.encode(), owner.encode(), h[:-1], b"bh=" + base64.b64encode(body), b"b=")
        return b";\r\n ".join(lines)

    def _sign(self, digest: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(digest, padding.PKCS1v15(), _DIGESTED)
        return self._key.sign(digest)


def _private(key: bytes) -> rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    try:
        private = serialization.load_pem_private_key(key, None)
    except TypeError as error:  # it is encrypted
        raise ValueError("the private key is protected by a passphrase; write it without one, mode 0600") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("this is no private key in PEM that can be read") from error
    if isinstance(private, rsa.RSAPrivateKey):
        if private.key_size < LEAST_BITS:
            raise ValueError(f"an RSA key of {private.key_size} bits is too small: make one of 2048 bits")
        return private
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise ValueError("e-mail is signed with an RSA or an Ed25519 key; this is another kind")
    return private


def _relaxed(body: bytes) -> bytes:
    """Canonicalise a body (relaxed).

    Most bodies are already in this form, and the check costs a tenth of the rewrite.
    """
    if (
        body.endswith(b"\r\n")
        and not body.endswith(b"\r\n\r\n")
        and len(body) > 2
        and b"\t" not in body
        and b"  " not in body
        and b" \r\n" not in body
    ):
        return body
    canonical: bytes = Relaxed.canonicalize_body(body)
    return canonical


def _chunks(text: bytes) -> Iterator[bytes]:
    for at in range(0, len(text), _LINE - 4):
        yield text[at : at + _LINE - 4]
