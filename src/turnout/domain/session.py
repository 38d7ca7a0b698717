"""A browser that is signed in."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["Session"]


class Session(Struct, frozen=True, kw_only=True):
    """One sign-in of one browser.

    Attributes:
        hash: SHA-256 of the secret that the browser's cookie holds.
        key_hash: the key that it signed in with: what that key may do is what it may do.
        spending_hash: the key that its playground spends with; the same one, or the account's key named `website`.
        created, expires: unix seconds.
    """

    hash: str
    account_id: str
    key_hash: str
    spending_hash: str
    created: float
    expires: float
