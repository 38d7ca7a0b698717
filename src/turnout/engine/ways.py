"""The credentials that a key may use, and how candidates are reached by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, final

from turnout.accounts.credentials import CredentialBook
from turnout.accounts.standing import workspace_of
from turnout.base.secrets import Secret
from turnout.contracts.provider import Adapter, Embedder
from turnout.domain.account import Key
from turnout.domain.credential import Credential, OwnCredential
from turnout.domain.provider import Provider
from turnout.domain.routing import NO_WAYS, OwnWay
from turnout.engine.rails import Rails
from turnout.net.client import Origin

__all__ = ["Reach", "Ways"]

_MAX_KNOWN: Final = 10_000


class Reach(NamedTuple):
    """A provider as it is reached by one credential."""

    provider: Provider
    adapter: Adapter
    embedder: Embedder | None
    errands: Mapping[str, Adapter] = MappingProxyType({})


@final
class Ways:
    """Makes adapters for the credentials of a book, each once for the rails that are laid.

    What was made stays with its rails, so that requests under way end as they began. ``reach`` gives None for a
    credential that its provider cannot be called with.
    """

    def __init__(self, book: CredentialBook, reach: Callable[[Provider, Secret], Reach | None]) -> None:
        self.book = book
        self._reach = reach
        self._rails: Rails | None = None
        self._own: object = None
        self._made: dict[OwnCredential, OwnWay | None] = {}
        self._by_key: dict[str, Mapping[str, tuple[OwnWay, ...]]] = {}
        self._count = 0

    def of(self, rails: Rails, key: Key) -> Mapping[str, tuple[OwnWay, ...]]:
        """The ways that are open to *key*, by the slugs of providers; mostly there are none."""
        owned = self.book.own.get(key.account_id)
        if owned is None:
            return NO_WAYS
        if rails is not self._rails:
            self._rails, self._made = rails, {}
            self._by_key.clear()
        if self._own is not self.book.own:
            self._own = self.book.own
            used = {one for own in self.book.own.values() for one in own}
            self._made = {one: way for one, way in self._made.items() if one in used}
            self._by_key.clear()
        found = self._by_key.get(key.hash)
        if found is None:
            if len(self._by_key) >= _MAX_KNOWN:
                self._by_key.clear()
            found = self._by_key[key.hash] = self._open_to(rails, key, owned)
        return found

    def _open_to(self, rails: Rails, key: Key, owned: tuple[OwnCredential, ...]) -> Mapping[str, tuple[OwnWay, ...]]:
        ways: dict[str, tuple[OwnWay, ...]] = {}
        for own in owned:
            if _may_use(own.credential, key):
                if own not in self._made:
                    self._made[own] = self._make(rails, own)
                if (way := self._made[own]) is not None:
                    slug = own.credential.provider
                    ways[slug] = (*ways.get(slug, ()), way)
        return ways or NO_WAYS

    def _make(self, rails: Rails, own: OwnCredential) -> OwnWay | None:
        slug = own.credential.provider
        provider = rails.routes.snapshot.providers.get(slug)
        reached = None if provider is None else self._reach(provider, own.secret)
        if reached is None:
            return None
        self._count += 1
        access = f"{slug}#{own.credential.id}#{self._count}"
        rails.adapters[access] = reached.adapter
        rails.origins[access] = Origin(reached.provider.base_url)
        if reached.embedder is not None:
            rails.embedders[access] = reached.embedder
        rails.errands[access] = reached.errands
        return OwnWay(own.credential, reached.provider, access)


def _may_use(credential: Credential, key: Key) -> bool:
    """Whether *key*, of the same account, may use *credential*. An account is the only user that there is."""
    users = credential.user_ids
    if users is not None and key.account_id not in users and workspace_of(key.account_id) not in users:
        return False
    return credential.key_hashes is None or key.hash in credential.key_hashes
