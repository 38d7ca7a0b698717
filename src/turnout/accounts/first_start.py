"""The first account and its keys: what a fresh installation needs before anybody can use it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from turnout.base.clock import Clock
from turnout.base.ids import digest_of_key, label_of_key, new_key, well_formed_key
from turnout.base.secrets import Secret
from turnout.contracts.store import Store
from turnout.domain.account import Account, Key

__all__ = ["FIRST_ACCOUNT", "FirstKeys", "ensure_first_keys"]

FIRST_ACCOUNT = "default"
"""The id of the account that the management key belongs to."""

_KEY_FILE = "first-key"
_CONFIGURED = "configuration"
_FIRST = "first"
_MANAGEMENT = "management"


class FirstKeys(NamedTuple):
    """The keys that the operator is told at this start.

    ``api_key`` is the ordinary key kept in the data directory, None when the configuration gives one or the kept
    one was withdrawn; ``management_key`` is there only at the start that made it.
    """

    api_key: Secret | None
    management_key: Secret | None


async def ensure_first_keys(
    store: Store, data_dir: Path, api_key: Secret | None, management_key: Secret | None, clock: Clock
) -> FirstKeys:
    """Make the first account, and of the management key and the first ordinary key what the configuration leaves out.

    *api_key* and *management_key* are those of the configuration. They are put into the store by their hash; keys
    that an earlier configuration gave are disabled. A first key that was disabled or deleted does not come back as
    long as there are other ordinary keys. For one process at a time: the supervisor calls it before workers start.

    Raises:
        OSError: the ordinary key cannot be kept in *data_dir*.
        Unavailable: the store cannot be reached.
    """
    keys = {key.hash: key for key in await store.keys()}
    if not any(key.account_id == FIRST_ACCOUNT for key in keys.values()):
        await store.put_account(Account(id=FIRST_ACCOUNT, name="Default", admin=True, created=clock.wall()))
    wanted = [
        _key(secret, _CONFIGURED, clock, management=management)
        for secret, management in ((api_key, False), (management_key, True))
        if secret
    ]
    await _follow_configuration(store, keys, wanted)
    own = [key for key in keys.values() if key.name != _CONFIGURED]
    made_management = None
    if not management_key and not any(key.management for key in own):
        made_management = Secret(new_key())
        await store.put_key(_key(made_management, _MANAGEMENT, clock, management=True))
    first = None if api_key else await _first_key(store, data_dir / _KEY_FILE, own, clock)
    return FirstKeys(first, made_management)


async def _follow_configuration(store: Store, keys: dict[str, Key], wanted: Iterable[Key]) -> None:
    """Make the keys named after the configuration those that it gives now."""
    given = {key.hash: key for key in wanted}
    for key in given.values():
        there = keys.get(key.hash)
        if there is None or there.disabled or there.management != key.management:
            await store.put_key(key)
    for key in keys.values():
        if key.name == _CONFIGURED and key.hash not in given and not key.disabled:
            await store.disable_key(key.hash, disabled=True)


async def _first_key(store: Store, path: Path, own: Iterable[Key], clock: Clock) -> Secret | None:
    """The ordinary key kept in the file at *path*, made when there is no ordinary key at all."""
    ordinary = {key.hash: key for key in own if not key.management}
    kept = _read(path)
    if kept is not None and (key := ordinary.get(digest_of_key(kept.reveal()))) is not None:
        return None if key.disabled else kept
    if ordinary:
        return None
    made = Secret(new_key())
    _write(path, made)  # before the store: a key that nobody can read would be there for ever
    await store.put_key(_key(made, _FIRST, clock, management=False))
    return made


def _key(secret: Secret, name: str, clock: Clock, *, management: bool) -> Key:
    text = secret.reveal()
    return Key(
        hash=digest_of_key(text),
        account_id=FIRST_ACCOUNT,
        name=name,
        label=label_of_key(text) if well_formed_key(text) else _CONFIGURED,
        management=management,
        created=clock.wall(),
    )


def _read(path: Path) -> Secret | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return Secret(text) if well_formed_key(text) else None


def _write(path: Path, secret: Secret) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secret.reveal().encode() + b"\n")
    finally:
        os.close(descriptor)
    fresh.replace(path)
