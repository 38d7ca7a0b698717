"""Credentials that accounts bring: where their master keys are, and what a provider becomes with one of them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from turnout import config
from turnout.accounts.credentials import read_secret
from turnout.accounts.vault import MASTER_KEYS, MasterKeys, NoMasterKey, Vault
from turnout.app.listings import listing_address, listing_headers, lists_models
from turnout.base.errors import UpstreamError
from turnout.base.secrets import Secret
from turnout.contracts.provider import Outside
from turnout.contracts.store import Store
from turnout.domain.credential import Credential
from turnout.domain.provider import Provider
from turnout.providers.dialects import find_dialect

__all__ = ["ensure_master_key", "own_provider", "rotate_master_key", "tester", "vault_of"]

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
    """Seal every credential under a new master key, or under the first one of the configuration; how many there are.

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
    return await store.reseal_credentials(lambda one: vault.reseal(one.sealed, one.place))


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


def tester(
    providers: Callable[[], Mapping[str, Provider]], outside: Outside
) -> Callable[[str, Secret], Awaitable[dict[str, object]]]:
    """What asks a provider whether it takes a secret, by its list of models: that costs nothing."""

    async def test(slug: str, secret: Secret) -> dict[str, object]:
        there = providers().get(slug)
        if there is None:
            return _verdict(None, "There is no such provider here any more")
        provider = own_provider(there, secret)
        if not provider.usable:
            return _verdict(False, "The provider needs more than this credential says, such as a region")
        if not lists_models(provider):
            return _verdict(None, "The provider has no list of models to ask for, so only a request would tell")
        try:
            status, _ = await outside.get(listing_address(provider), listing_headers(provider))
        except UpstreamError:
            return _verdict(None, "The provider cannot be reached")
        if status == _OK:
            return _verdict(True, "The provider takes the credential")
        if status in _REFUSED:
            return _verdict(False, f"The provider refuses the credential with status {status}")
        return _verdict(None, f"The provider answers with status {status}, which says nothing of the credential")

    return test


def _verdict(ok: bool | None, message: str) -> dict[str, object]:  # noqa: FBT001 - it is the verdict
    return {"ok": ok, "message": message}


def _opens(vault: Vault, credential: Credential) -> bool:
    try:
        vault.open(credential.sealed, credential.place)
    except NoMasterKey:
        return False
    return True
