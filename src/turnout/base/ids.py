"""Identifiers: generations, keys and the digests by which keys are found."""

from __future__ import annotations

import hashlib
import secrets
from random import Random
from typing import final

__all__ = ["KEY_PREFIX", "GenerationIds", "digest_of_key", "label_of_key", "new_key", "well_formed_key"]

KEY_PREFIX = "sk-to-v1-"

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_COUNTER_LIMIT = 16**8
_KEY_HEX_DIGITS = 64


@final
class GenerationIds:
    """Makes ids of the form ``gen-<unix seconds>-<20 base62>``.

    Twelve of the twenty characters are drawn once per process, eight count up in hexadecimal from a drawn start:
    unique across processes with the strength of 71 random bits, and cheap enough for every request.
    """

    __slots__ = ("_counter", "_prefix")

    def __init__(self, dice: Random) -> None:
        self._prefix = "".join(dice.choices(_BASE62, k=12))
        self._counter = dice.randrange(_COUNTER_LIMIT)

    def next(self, wall_seconds: float) -> str:
        """A new id for a request that arrived at *wall_seconds* (unix time)."""
        self._counter = count = (self._counter + 1) % _COUNTER_LIMIT
        return "gen-%d-%s%08x" % (wall_seconds, self._prefix, count)  # noqa: UP031 - in two thirds of the time


def new_key() -> str:
    """A new secret key: ``sk-to-v1-`` and 64 hexadecimal digits."""
    return KEY_PREFIX + secrets.token_hex(_KEY_HEX_DIGITS // 2)


def digest_of_key(secret: str) -> str:
    """The lowercase SHA-256 hex digest under which a key is stored and found."""
    return hashlib.sha256(secret.encode()).hexdigest()


def label_of_key(secret: str) -> str:
    """A shortened form that is safe to show: ``sk-to-v1-abc...123``."""
    return f"{secret[:12]}...{secret[-3:]}"


def well_formed_key(secret: str) -> bool:
    """Whether *secret* looks like a key that this program made."""
    return (
        secret.startswith(KEY_PREFIX)
        and len(secret) == len(KEY_PREFIX) + _KEY_HEX_DIGITS
        and set(secret[len(KEY_PREFIX) :]) <= set("0123456789abcdef")
    )
