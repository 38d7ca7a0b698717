"""Credentials that accounts bring: where their master keys are, and what a provider becomes with one of them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from turnout import config
from turnout.accounts.contents import reseal_contents
from turnout.accounts.credentials import read_secret
from turnout.accounts.vault import MASTER_KEYS, MasterKeys, NoMasterKey, Vault
from turnout.app.listings import listing_address, listing_headers, lists_models
from turnout.app.outside import NOTHING_OUTSIDE, Poster
from turnout.app.providers import adapters_for, embedders_for, errands_for, providers_of
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.errors import TurnoutError, UpstreamError
from turnout.base.secrets import Secret
from turnout.contracts.provider import Outside
from turnout.contracts.store import Store
from turnout.domain.credential import Credential, Verdict
from turnout.domain.provider import Provider
from turnout.engine.ways import Reach
from turnout.net.client import Client
from turnout.net.deadlines import Deadlines
from turnout.net.outbox import Outbox
from turnout.providers.dialects import find_dialect

__all__ = ["ensure_master_key", "own_provider", "reach_by", "rotate_master_key", "tested", "tester", "vault_of"]

_AUTHORISING: Final = frozenset({"authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie"})
_OK: Final = 200
_REFUSED: Final = frozenset({401, 403})
_log = logging.getLogger(__name__)


def vault_of(settings: config.Settings) -> Vault:
    """What seals and opens the secrets of this installation.

    Raises:
        ValueError: the configured master keys are none.
    """
    try:
        return Vault(MasterKeys(Path(settings.server.data_dir) / MASTER_KEYS, settings.auth.master_key))
    except ValueError as error:
        raise ValueError(f"auth.master_key: {error}") from None


async def ensure_master_key(store: Store, settings: config.Settings) -> None:
    """Make the master key at the first start; where secrets are kept and theirs is gone, say so and make none.

    Raises:
        OSError: the data directory cannot be written.
        Unavailable: the store cannot be reached.
    """
    vault = vault_of(settings)
    kept = await store.credentials()
    if not kept:
        vault.keys.make()
        return
    lost = [one for one in kept if not _opens(vault, one)]
    if lost:
        _log.error(
            "%d of %d stored credentials cannot be opened: their master key is neither in %s nor in auth.master_key;"
            " everything else is served. Put the key back, or delete the credentials: docs/credentials.md",
            len(lost), len(kept), vault.keys.path,
        )  # fmt: skip


async def rotate_master_key(store: Store, vault: Vault) -> int:
    """Seal every credential, and all prompts and answers that are kept, under a new master key, or under the first one
    of the configuration; how many credentials there are.

    Servers go on meanwhile. The key before stays in the file until the next rotation.

    Raises:
        NoMasterKey: a credential cannot be opened; nothing is changed in the store.
        OSError: the file cannot be written.
        Unavailable: the store cannot be reached.
    """
    for one in await store.credentials():
        vault.open(one.sealed, one.place)  # before a key goes that somebody still needs
    if vault.keys.configured is None:
        vault.keys.rotate()
    count = await store.reseal_credentials(lambda one: vault.reseal(one.sealed, one.place))
    await reseal_contents(store, vault)
    return count


def own_provider(provider: Provider, secret: Secret) -> Provider:
    """*provider* as an account reaches it by a secret of its own; nothing of the operator's credentials is left.

    Raises:
        BadRequest: the secret chooses what it may not.
    """
    said = read_secret(secret)
    texts = {name: Secret(said[name]) if name in said else None for name in ("access_key_id", "secret_access_key")}
    places = {name: said[name] for name in ("region", "project", "location", "api_version") if name in said}
    own = replace(
        provider,
        credential=Secret(said["api_key"]) if "api_key" in said else None,
        session_token=Secret(said["session_token"]) if "session_token" in said else None,
        credentials_file=None,
        headers=tuple(pair for pair in provider.headers if pair[0].lower() not in _AUTHORISING),
        **texts,
        **places,
    )
    dialect = find_dialect(own.dialect)
    if dialect is not None and dialect.address is not None and (places or not own.base_url):
        own = replace(own, base_url=dialect.address(own) or own.base_url)
    usable = dialect.usable(own) if dialect is not None and dialect.usable is not None else bool(own.base_url)
    return replace(own, usable=usable)


def reach_by(provider: Provider, secret: Secret, outside: Outside) -> Reach | None:
    """*provider* as it is reached by *secret*; None when it cannot be, which is told in the log."""
    try:
        own = own_provider(provider, secret)
        here = {own.slug: own}
        errands = errands_for(here, outside).get(own.slug, {})
        return Reach(own, adapters_for(here, outside)[own.slug], embedders_for(here, outside).get(own.slug), errands)
    except (ValueError, KeyError, TurnoutError) as error:  # a KeyError: it is not usable, and so there is no adapter
        _log.warning("a stored credential of provider %s cannot be used: %s", provider.slug, type(error).__name__)
        return None


def tester(
    providers: Callable[[], Mapping[str, Provider]], outside: Outside
) -> Callable[[str, Secret], Awaitable[Verdict]]:
    """What asks a provider whether it takes a secret, by its list of models: that costs nothing."""

    async def test(slug: str, secret: Secret) -> Verdict:
        there = providers().get(slug)
        if there is None:
            return Verdict(None, "There is no such provider here any more")
        provider = own_provider(there, secret)
        if not provider.usable:
            return Verdict(False, "The provider needs more than this credential says, such as a region")
        if not lists_models(provider):
            return Verdict(None, "The provider has no list of models to ask for, so only a request would tell")
        try:
            status, _ = await outside.get(listing_address(provider), listing_headers(provider))
        except UpstreamError:
            return Verdict(None, "The provider cannot be reached")
        if status == _OK:
            return Verdict(True, "The provider takes the credential")
        if status in _REFUSED:
            return Verdict(False, f"The provider refuses the credential with status {status}")
        return Verdict(None, f"The provider answers with status {status}, which says nothing of the credential")

    return test


async def tested(
    store: Store, settings: config.Settings, which: str | None
) -> list[tuple[Credential, bool | None, str]]:
    """What providers say to every stored credential, or to that of the id or name *which*: outside of a server.

    Raises:
        Unavailable: the store cannot be asked.
    """
    loop = asyncio.get_running_loop()
    client = Client(Deadlines(loop), Outbox(loop, lambda: None))
    poster = Poster(client)
    outside = Outside(SYSTEM_CLOCK.wall, NOTHING_OUTSIDE.fetch, poster, poster.get)
    providers, _ = providers_of(settings, os.environ, "")
    test, vault = tester(lambda: providers, outside), vault_of(settings)
    found: list[tuple[Credential, bool | None, str]] = []
    for one in await store.credentials():
        if which in {None, one.id, one.name}:
            try:
                verdict = await test(one.provider, vault.open(one.sealed, one.place))
            except TurnoutError as error:
                verdict = Verdict(None, error.message)
            found.append((one, verdict.ok, verdict.message))
    return found


def _opens(vault: Vault, credential: Credential) -> bool:
    try:
        vault.open(credential.sealed, credential.place)
    except NoMasterKey:
        return False
    return True
