"""Text that only those can read who know the name it is kept under."""

from __future__ import annotations

import os
from hashlib import blake2b, shake_256
from hmac import compare_digest
from typing import Final

__all__ = ["opened", "place_of", "sealed"]

_NONCE: Final = 16
_SEAL: Final = 16


def place_of(name: bytes) -> bytes:
    """Where the file keeps what has this *name*."""
    return blake2b(name, digest_size=16, person=b"place").digest()


def sealed(name: bytes, reasoning: bytes) -> bytes:
    """*reasoning* so that only who knows *name* can read it: nonce, seal, text."""
    nonce = os.urandom(_NONCE)
    hidden = _crossed(name, nonce, reasoning)
    return nonce + _seal(name, nonce, hidden) + hidden


def opened(name: bytes, text: bytes) -> bytes | None:
    """What *text* holds; None where it is not what was sealed."""
    nonce, seal, hidden = text[:_NONCE], text[_NONCE : _NONCE + _SEAL], text[_NONCE + _SEAL :]
    return _crossed(name, nonce, hidden) if compare_digest(seal, _seal(name, nonce, hidden)) else None


def _crossed(name: bytes, nonce: bytes, text: bytes) -> bytes:
    """*text* with the key stream of *name* and *nonce* laid over it; twice is not at all."""
    stream = shake_256(b"stream" + nonce + name).digest(len(text))
    return (int.from_bytes(text) ^ int.from_bytes(stream)).to_bytes(len(text))


def _seal(name: bytes, nonce: bytes, hidden: bytes) -> bytes:
    return blake2b(nonce + hidden, digest_size=_SEAL, key=name, person=b"seal").digest()
