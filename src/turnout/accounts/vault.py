"""Secrets at rest: sealed with a key of their own, which a master key seals.

A sealed text is ``version (1 byte), id of the master key (8), nonce (12), its own key sealed (48), nonce (12), text
sealed``, both by AES-256-GCM and bound to the row that it stands in. Another master key means sealing 32 bytes anew,
whatever the text. The master keys are never in the store: they come from the configuration, or from a file in the data
directory. docs/decisions/0032-credentials.md has the reasons.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, final

from turnout.base.errors import Unavailable
from turnout.base.secrets import Secret

__all__ = ["MASTER_KEYS", "MasterKeys", "NoMasterKey", "Vault"]

MASTER_KEYS: Final = "master-keys"
"""The file in the data directory: a key of 64 hexadecimal digits in each line, the present one first."""

_VERSION: Final = b"\x01"
_ID: Final = 8
_NONCE: Final = 12
_WRAPPED: Final = 48
_HEAD: Final = 1 + _ID + _NONCE + _WRAPPED
_DIGITS: Final = re.compile(r"[0-9a-fA-F]{64}")
_KEPT: Final = 2
"""How many keys the file holds after a rotation: what was sealed while it went on opens with the one before."""


class NoMasterKey(Unavailable):
    """What is sealed cannot be opened, or nothing can be sealed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after=60)


@final
class MasterKeys:
    """The master keys of an installation: those of the configuration, else those of the file at *path*.

    The file is read each time that a key is asked for, which is rare: other processes add to it.
    """

    def __init__(self, path: Path, configured: Secret | None = None) -> None:
        """*configured* are keys of 64 hexadecimal digits with commas between them, the present one first.

        Raises:
            ValueError: it holds something else.
        """
        self.path = path
        self.configured = None if configured is None else _keys_of(configured.reveal().replace(",", "\n"))

    def all(self) -> Mapping[bytes, bytes]:
        """The keys by their ids, the present one first; none where there are none.

        Raises:
            NoMasterKey: the file cannot be read.
        """
        if self.configured is not None:
            return self.configured
        try:
            return _keys_of(self.path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise NoMasterKey(f"The file of the master keys cannot be read ({type(error).__name__})") from None

    def make(self) -> None:
        """Make the first key, if there is none.

        Raises:
            OSError: the file cannot be written.
        """
        if self.configured is None and not self.path.exists():
            fresh = _written(self.path, [secrets.token_bytes(32)])
            with suppress(FileExistsError):  # another process was quicker
                self.path.hardlink_to(fresh)
            fresh.unlink()

    def rotate(self) -> None:
        """Put a new key before the present one in the file.

        Raises:
            ValueError: the keys come from the configuration: they are changed there.
            OSError: the file cannot be written.
        """
        if self.configured is not None:
            raise ValueError("the master keys are set by the configuration")
        kept = list(self.all().values())[: _KEPT - 1]
        _written(self.path, [secrets.token_bytes(32), *kept]).replace(self.path)


@final
class Vault:
    """Seals and opens."""

    def __init__(self, keys: MasterKeys) -> None:
        self.keys = keys

    def seal(self, secret: Secret, place: bytes) -> bytes:
        """*secret* so that it opens only at *place*.

        Raises:
            NoMasterKey: there is none.
        """
        own = secrets.token_bytes(32)
        return self._wrap(own, place) + _sealed(own, secret.reveal().encode(), place)

    def open(self, sealed: bytes, place: bytes) -> Secret:
        """What :meth:`seal` was given.

        Raises:
            NoMasterKey: its master key is not here, or it is damaged or stands at another place.
        """
        own = self._unwrap(sealed, place)
        return Secret(_opened(own, sealed[_HEAD:], place).decode())

    def reseal(self, sealed: bytes, place: bytes) -> bytes:
        """*sealed* under the present master key; its text is not opened.

        Raises:
            NoMasterKey: as :meth:`open`.
        """
        return self._wrap(self._unwrap(sealed, place), place) + sealed[_HEAD:]

    def _wrap(self, own: bytes, place: bytes) -> bytes:
        found = next(iter(self.keys.all().items()), None)
        if found is None:
            raise NoMasterKey("There is no master key, so no secret can be kept; see docs/credentials.md")
        name, key = found
        return _VERSION + name + _sealed(key, own, place)

    def _unwrap(self, sealed: bytes, place: bytes) -> bytes:
        name = sealed[1 : 1 + _ID]
        key = self.keys.all().get(name)
        if sealed[:1] != _VERSION or key is None:
            raise NoMasterKey(f"Its master key {name.hex()} is not here; see docs/credentials.md")
        return _opened(key, sealed[1 + _ID : _HEAD], place)


def _sealed(key: bytes, text: bytes, place: bytes) -> bytes:
    # Most installations keep no secrets, and the import takes a while.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - see above

    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, text, place)


def _opened(key: bytes, sealed: bytes, place: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as in _sealed
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as in _sealed

    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
    except (InvalidTag, ValueError):
        raise NoMasterKey("It is damaged, or stands where it was not put") from None


def _keys_of(text: str) -> dict[bytes, bytes]:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not all(_DIGITS.fullmatch(line) for line in lines):
        raise ValueError("a master key is 64 hexadecimal digits, as `openssl rand -hex 32` prints them")
    keys = [bytes.fromhex(line) for line in lines]
    return {sha256(b"turnout master key" + key).digest()[:_ID]: key for key in keys}


def _written(path: Path, keys: list[bytes]) -> Path:
    """A file beside *path* with *keys* in it, safely on the disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, "".join(f"{key.hex()}\n" for key in keys).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return fresh
