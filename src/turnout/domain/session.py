"""A browser that is signed in, and what leads there: a ticket that is used once, a person who is known elsewhere."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["Identity", "Session", "Ticket"]


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


class Ticket(Struct, frozen=True, kw_only=True):
    """Something that may be done once, by whoever brings a secret and can prove who it was given to.

    Attributes:
        hash: SHA-256 of the secret.
        kind: what may be done: ``app`` gets a key, ``oidc`` signs somebody in.
        proof: what the bearer must be able to show besides.
        account_id: whose it is; empty where that is not known yet.
        content: JSON, nothing secret.
        created, expires: unix seconds.
    """

    hash: str
    kind: str
    proof: str
    account_id: str
    content: str
    created: float
    expires: float


class Identity(Struct, frozen=True, kw_only=True):
    """A person whom an OpenID provider knows, and the account that is theirs here.

    Attributes:
        issuer, subject: the provider, and its own name for the person.
        key_hash: the management key that their sessions stand on.
        email: as the provider says, for people to read.
        created: unix seconds.
    """

    issuer: str
    subject: str
    account_id: str
    key_hash: str
    email: str | None
    created: float
