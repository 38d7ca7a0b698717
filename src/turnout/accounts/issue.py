"""Keys made and found again on the operator's word."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from turnout.accounts.first_start import FIRST_ACCOUNT
from turnout.base.clock import Clock
from turnout.base.errors import BadRequest, NotFound
from turnout.base.ids import digest_of_key, label_of_key, new_key, well_formed_key
from turnout.base.secrets import Secret
from turnout.contracts.store import Store
from turnout.domain.account import Account, Key

__all__ = ["find_key", "issue_key"]

_SHORTEST_HASH = 6


async def issue_key(  # noqa: PLR0913 - all by keyword
    store: Store,
    name: str,
    clock: Clock,
    *,
    account_id: str = FIRST_ACCOUNT,
    management: bool = False,
    expires: float | None = None,
    change: Callable[[Key], Key] | None = None,
) -> tuple[Secret, Key]:
    """A new key of an account, and its secret, which is kept nowhere. *expires* in unix seconds.

    *change* makes of it what is to be kept. The first account is made too where nothing has been served yet.

    Raises:
        NotFound: there is no such account.
        Unavailable: the store cannot be reached.
    """
    secret = new_key()
    key = Key(
        hash=digest_of_key(secret),
        account_id=account_id,
        name=name,
        label=label_of_key(secret),
        management=management,
        created=clock.wall(),
        expires=expires,
    )
    if change is not None:
        key = change(key)
    try:
        await store.put_key(key)
    except NotFound:
        if account_id != FIRST_ACCOUNT:
            raise
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
