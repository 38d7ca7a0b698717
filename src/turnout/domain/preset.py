"""A preset: fields of requests and a system prompt that an account keeps under a name, version by version."""

from __future__ import annotations

from typing import Literal, get_args
from uuid import UUID, uuid5

from msgspec import Raw, Struct

__all__ = ["STATUSES", "AppliedPreset", "Preset", "PresetStatus", "PresetVersion", "Recipe"]

PresetStatus = Literal["active", "disabled", "archived"]
STATUSES: tuple[PresetStatus, ...] = get_args(PresetStatus)


class Preset(Struct, frozen=True, kw_only=True):
    """What is said of a preset beside its versions, which are numbered from 1 to ``versions``.

    ``version`` is the designated one: it is what requests get. Times in unix seconds.
    """

    id: str
    account_id: str
    slug: str
    name: str
    created: float
    updated: float
    description: str | None = None
    status: PresetStatus = "active"
    status_updated: float | None = None
    version: int = 0
    versions: int = 0


class PresetVersion(Struct, frozen=True, kw_only=True):
    """One version; it is never changed. ``config`` is a JSON object of fields, ``creator`` the hash of a key."""

    preset_id: str
    version: int
    creator: str
    config: str
    created: float
    system_prompt: str | None = None

    @property
    def id(self) -> str:
        """The same for the same version for ever."""
        return str(uuid5(UUID(self.preset_id), str(self.version)))


class AppliedPreset(Struct, frozen=True):
    """The preset that a request was completed from, and what it says about cached answers."""

    id: str
    slug: str
    cache_enabled: bool | None = None
    cache_ttl_seconds: int | None = None


class Recipe(Struct, frozen=True, eq=False):
    """A designated version, ready to be put under requests: ``fields`` as JSON bytes, by name."""

    applied: AppliedPreset
    fields: dict[str, Raw]
    system_prompt: str | None
