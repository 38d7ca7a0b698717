"""Who is calling: from the Authorization header to a key, without a database round trip for keys seen before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import blake2b, sha256
from typing import TypeVar, final

from msgspec.structs import replace

from turnout.accounts.guardrails import guard_of
from turnout.accounts.holdings import Budgets, budgets_of
from turnout.base.clock import Clock
from turnout.base.errors import Unauthenticated
from turnout.contracts.store import Store
from turnout.domain.account import Key
from turnout.domain.budget import Claim

__all__ = ["KeyRing"]

_MAX_KNOWN = 100_000
_MAX_UNKNOWN = 10_000
_INTERVAL = 0.5  # seconds
_BEARER = b"bearer"
_PLAYGROUND = b"playground"
_SCHEMES = frozenset({_BEARER, _PLAYGROUND, b"session"})
_MISSING = "This needs an API key, sent as `Authorization: Bearer <key>`"
_INVALID = "This API key is not valid"
_EXPIRED = "This API key has expired"

_log = logging.getLogger(__name__)

K = TypeVar("K")
T = TypeVar("T")


@final
class KeyRing:
    """The keys that were used lately, found by the BLAKE2 of the raw header, in half the time; secrets are not kept.

    Keys that are unknown or disabled are remembered too, so that repeating a wrong one costs no look-up. Both
    memories are bounded: the oldest entry makes room. All is forgotten when the store's keys change; ``changed`` is
    then called, if it is set.
    """

    __slots__ = ("_budgets", "_clock", "_epoch", "_known", "_look", "_store", "_unknown", "changed")

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[bytes, Key] = {}
        self._unknown: dict[bytes, None] = {}
        self._budgets: dict[str, Budgets] = {}
        self._epoch = 0
        self._look = asyncio.Event()
        self.changed: Callable[[], Awaitable[None]] | None = None

    def peek(self, authorization: bytes | None) -> Key | None:
        """The key of that header value if it is at hand and usable; None means: ask :meth:`find`."""
        if authorization is None:
            return None
        key = self._known.get(blake2b(authorization).digest())
        if key is None or (key.expires is not None and key.expires <= self._clock.wall()):
            return None
        return key

    async def find(self, authorization: bytes | None) -> Key:
        """The key of that header value: ``Bearer`` and its secret, or what the website puts there for a session.

        ``Session`` and a session's secret mean the key it signed in with, ``Playground`` the one that it spends with.

        Raises:
            Unauthenticated: there is no header, it is no bearer token, or the key is unknown, disabled or expired.
            Unavailable: the key is not at hand and the store cannot be asked.
        """
        scheme, _, token = (authorization or b"").partition(b" ")
        token = token.strip()
        if authorization is None or (scheme := scheme.lower()) not in _SCHEMES or not token:
            raise Unauthenticated(_MISSING)
        place = blake2b(authorization).digest()
        if place in self._unknown:
            raise Unauthenticated(_INVALID)
        key = self._known.get(place) or await self._look_up(place, scheme, token)
        if key is None:
            raise Unauthenticated(_INVALID)
        if key.expires is not None and key.expires <= self._clock.wall():
            raise Unauthenticated(_EXPIRED)
        return key

    def claims(self, key: Key, user: str | None, now: float) -> tuple[Claim, ...]:
        """What a request under *key* for the end user *user* at *now* (unix seconds) is charged to; mostly nothing."""
        budgets = self._budgets.get(key.hash) if self._budgets else None
        return () if budgets is None else budgets.claims(user, now)

    def look(self) -> None:
        """Keys may have changed: :meth:`watch` looks now instead of in a moment."""
        self._look.set()

    def forget(self) -> None:
        """Ask the store anew for every key."""
        self._epoch += 1
        self._known.clear()
        self._unknown.clear()
        self._budgets.clear()

    async def watch(self, interval: float = _INTERVAL) -> None:
        """Forget everything whenever a key has changed, here or in another process. Runs until cancelled.

        While the store cannot be asked, keys seen before go on working.
        """
        seen: int | None = None
        reachable = True
        while True:
            try:
                revision = await self._store.keys_revision()
                if revision != seen:
                    self.forget()
                    if self.changed is not None:
                        await self.changed()
                    seen = revision
            except Exception:  # noqa: BLE001 - a background task: revocation must work again when the store does
                if reachable:
                    _log.warning("changes of keys go unnoticed: the store cannot be asked", exc_info=True)
                reachable = False
            else:
                reachable = True
            with suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._look.wait()
            self._look.clear()

    async def _look_up(self, place: bytes, scheme: bytes, token: bytes) -> Key | None:
        """Ask the store, and remember the answer unless keys have changed meanwhile."""
        epoch = self._epoch
        key = await self._key_of(scheme, sha256(token).hexdigest())
        if key is not None and key.disabled:
            key = None
        budgets = None
        if key is not None:
            budgets = budgets_of(key, await self._store.budgets(key.account_id))
            if over := await self._store.guardrails_over(key.account_id, key.hash):
                key = replace(key, guard=guard_of(over))
        if epoch == self._epoch:
            if key is None:
                _remember(self._unknown, place, None, _MAX_UNKNOWN)
            else:
                _remember(self._known, place, key, _MAX_KNOWN)
        if key is not None and budgets is not None:  # even one that is out of date holds better than none
            _remember(self._budgets, key.hash, budgets, _MAX_KNOWN)
        return key

    async def _key_of(self, scheme: bytes, digest: str) -> Key | None:
        if scheme == _BEARER:
            return await self._store.key(digest)
        session = await self._store.session(digest)
        if session is None:
            return None
        key = await self._store.key(session.key_hash)
        if key is None or key.disabled:
            return None
        expires = session.expires if key.expires is None else min(session.expires, key.expires)
        if scheme == _PLAYGROUND and session.spending_hash != session.key_hash:
            key = await self._store.key(session.spending_hash)
        return None if key is None else replace(key, expires=min(expires, key.expires or expires))


def _remember(memory: dict[K, T], place: K, value: T, limit: int) -> None:
    if len(memory) >= limit:
        del memory[next(iter(memory))]
    memory[place] = value
