"""The two keys of an instance: from the settings, or created once beside the embedded database (mode 0600)."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from pathlib import Path


class SettingsError(Exception):
    """A setting cannot be used. `str(error)` names the variable and the remedy."""


def new_master_key() -> str:
    """Generate a master key: 32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


SECRET_FILE, PREVIOUS_FILE, MASTER_FILE = "secret.key", "secret.key.previous", "master.key"
"""Names of the key files in the data folder."""


class KeyFiles:
    """Loads the two keys: from a variable, from a file it names, or (SQLite) created once in the data folder."""

    def __init__(self, values: Mapping[str, str], folder: Path, *, made: bool) -> None:
        self._values, self._folder, self._made = values, folder, made

    def secret(self) -> bytes:
        return _long_enough("ALERTS_SECRET_KEY", self._text("ALERTS_SECRET_KEY", SECRET_FILE))

    def previous_secret(self) -> bytes:
        """Return the secret before the last renewal, b"" if none is configured."""
        name = "ALERTS_SECRET_KEY_PREVIOUS"
        configured = any(self._values.get(key) for key in (name, f"{name}_FILE"))
        own_secret = not any(self._values.get(key) for key in ("ALERTS_SECRET_KEY", "ALERTS_SECRET_KEY_FILE"))
        if not configured and not (own_secret and (self._folder / PREVIOUS_FILE).exists()):
            return b""
        return _long_enough(name, self._text(name, PREVIOUS_FILE))

    def master(self) -> bytes:
        text = self._text("ALERTS_MASTER_KEY", MASTER_FILE)
        try:
            raw = base64.b64decode(text, validate=True)
        except binascii.Error:
            raw = b""
        if len(raw) != 32:
            raise SettingsError("ALERTS_MASTER_KEY: expected 32 bytes in base64; `alerts keys master` makes one")
        return raw

    def _text(self, name: str, file: str) -> str:
        given, path = self._values.get(name), self._values.get(f"{name}_FILE")
        if given and path:
            raise SettingsError(f"{name} and {name}_FILE are both set; keep one")
        if given:
            return given
        if path:
            try:
                return Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(f"{name}_FILE: {path} cannot be read ({error.strerror})") from error
        own = self._folder / file
        try:
            if self._made and not own.exists():
                _write_once(own, new_master_key())
            if own.exists():
                return own.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(
                f"{name}: {own.absolute()} cannot be read or made ({error.strerror}): run as the user that the product "
                "runs as, in its folder"
            ) from error
        raise SettingsError(f"{name} is not set; set it, or {name}_FILE (`alerts keys master` makes a key)")


def _long_enough(name: str, text: str) -> bytes:
    if len(text) < 32:
        raise SettingsError(f"{name}: give at least 32 characters, made at random")
    return text.encode()


def _write_once(path: Path, text: str) -> None:
    """Write a file readable by the owner only. If two processes start together, both use the key of the first one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # the other process was first; its key is used
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # a key lost in a power failure would leave personal data unreadable
    finally:
        os.close(folder)
