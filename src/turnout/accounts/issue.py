"""Keys made and found again on the operator's word."""

from __future__ import annotations

from collections.abc import Iterable

from turnout.accounts.first_start import FIRST_ACCOUNT
from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, NotFound
from turnout.base.ids import digest_of_key, label_of_key, new_key, well_formed_key
from turnout.base.secrets import Secret
from turnout.contracts.store import Store
from turnout.domain.account import Account, Key

__all__ = ["find_key", "issue_key"]

_SHORTEST_HASH = 6


async def issue_key(
    store: Store, name: str, clock: Clock, *, management: bool = False, expires: float | None = None
) -> tuple[Secret, Key]:
    """A new key of the first account, and its secret, which is kept nowhere. *expires* in unix seconds.

    Makes the account too where nothing has been served yet.

    Raises:
        Unavailable: the store cannot be reached.
    """
    secret = new_key()
    key = Key(
        hash=digest_of_key(secret),
        account_id=FIRST_ACCOUNT,
        name=name,
        label=label_of_key(secret),
        management=management,
        created=clock.wall(),
        expires=expires,
    )
    try:
        await store.put_key(key)
    except NotFound:
        await store.put_account(Account(id=FIRST_ACCOUNT, name="Default", admin=True, created=clock.wall()))
        await store.put_key(key)
    return Secret(secret), key


def find_key(keys: Iterable[Key], wanted: str) -> Key:
    """The one of *keys* that *wanted* means: by its name, label, secret, hash or the first digits of its hash.

    Raises:
        NotFound: there is none.
        BadRequest: it might be several.
    """
    digest = digest_of_key(wanted) if well_formed_key(wanted) else wanted
    every = list(keys)
    exact = [key for key in every if digest in {key.hash, key.name, key.label}]
    begun = [key for key in every if len(digest) >= _SHORTEST_HASH and key.hash.startswith(digest.lower())]
    found = exact or begun
    if not found:
        raise NotFound("There is no such key")
    if len(found) > 1:
        hashes = ", ".join(key.hash[: 2 * _SHORTEST_HASH] for key in found)
        raise BadRequest(f"Several keys are meant by that; say one by its hash: {hashes}")
    return found[0]
