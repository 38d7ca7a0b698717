"""The presets that were used lately, ready to be put under requests."""

from __future__ import annotations

from typing import final

from msgspec import Struct

from turnout.base.errors import NotFound
from turnout.base.jsons import decode_fields, encode, reader
from turnout.contracts.presets import Presets
from turnout.domain.preset import AppliedPreset, Recipe

__all__ = ["PresetBook"]

_MAX_KNOWN = 10_000


class _Caching(Struct):
    cache_enabled: bool | None = None
    cache_ttl_seconds: int | None = None


_read_caching = reader(_Caching)
_CACHING = _Caching.__struct_fields__


@final
class PresetBook:
    """Recipes by account and slug, asked of the store once. All is forgotten when what accounts own changes.

    Presets that do not exist are remembered too, so that asking for one again costs no look-up.
    """

    __slots__ = ("_epoch", "_known", "_store")

    def __init__(self, store: Presets) -> None:
        self._store = store
        self._known: dict[tuple[str, str], Recipe | str] = {}
        self._epoch = 0

    async def find(self, account_id: str, slug: str) -> Recipe:
        """The recipe of a preset of *account_id*.

        Raises:
            NotFound: it has none of that name, or it is switched off.
            Unavailable: it is not at hand, and the store cannot be asked.
        """
        known = self._known.get((account_id, slug))
        if known is None:
            epoch = self._epoch
            known = await self._look_up(account_id, slug)
            if epoch == self._epoch:
                if len(self._known) >= _MAX_KNOWN:
                    del self._known[next(iter(self._known))]
                self._known[account_id, slug] = known
        if isinstance(known, str):
            raise NotFound(known)
        return known

    def forget(self) -> None:
        """Ask the store anew for every preset."""
        self._epoch += 1
        self._known.clear()

    async def _look_up(self, account_id: str, slug: str) -> Recipe | str:
        """The recipe, or why there is none."""
        found = await self._store.preset(account_id, slug)
        if found is None:
            return f"There is no preset {slug[:128]}"
        preset, version = found
        if preset.status != "active":
            return f"The preset {slug} is {preset.status}"
        fields = decode_fields(version.config.encode())
        caching = _read_caching(encode({name: fields.pop(name) for name in _CACHING if name in fields}))
        applied = AppliedPreset(preset.id, slug, caching.cache_enabled, caching.cache_ttl_seconds)
        return Recipe(applied, fields, version.system_prompt)
