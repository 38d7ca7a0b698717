"""Presets and their versions, on every SQL database alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import uuid4

from msgspec.structs import asdict, replace
from sqlalchemy import Connection, delete, insert, select, update

from turnout.domain.preset import Preset, PresetVersion
from turnout.stores.dialects import insert_into
from turnout.stores.owners import keys_have_changed
from turnout.stores.part import StorePart
from turnout.stores.rows import one_row
from turnout.stores.schema import PRESET_VERSIONS, PRESETS

__all__ = ["SQLPresets"]


class SQLPresets(StorePart):
    """The part of a store that implements ``contracts.presets.Presets``. Every change makes caches elsewhere forget."""

    async def add_preset_version(
        self, account_id: str, slug: str, creator: str, config: str, system_prompt: str | None
    ) -> tuple[Preset, PresetVersion]:
        """Add the next version and make it the designated one; the first makes the preset."""
        now = self._clock.wall()
        fresh = Preset(id=str(uuid4()), account_id=account_id, slug=slug, name=slug, created=now, updated=now)

        def add(connection: Connection) -> tuple[Preset, PresetVersion]:
            connection.execute(insert_into(PRESETS, connection).values(asdict(fresh)).on_conflict_do_nothing())
            before = _locked(connection, account_id, slug)
            assert before is not None  # noqa: S101 - it was inserted if it was not there
            number = before.versions + 1
            version = PresetVersion(
                preset_id=before.id, version=number, creator=creator, config=config, created=now,
                system_prompt=system_prompt,
            )  # fmt: skip
            connection.execute(insert(PRESET_VERSIONS).values(asdict(version)))
            return _put(connection, replace(before, version=number, versions=number, updated=now)), version

        return await self._write_of_account(add)

    async def preset(self, account_id: str, slug: str) -> tuple[Preset, PresetVersion] | None:
        """A preset with its designated version."""

        def find(connection: Connection) -> tuple[Preset, PresetVersion] | None:
            preset = _preset(connection, account_id, slug)
            if preset is None:
                return None
            version = PRESET_VERSIONS.c
            query = select(PRESET_VERSIONS).where(version.preset_id == preset.id, version.version == preset.version)
            return preset, PresetVersion(**connection.execute(query).mappings().one())

        return await self._read(find)

    async def presets(self, account_id: str) -> Sequence[Preset]:
        """The presets of an account, the one changed last first."""
        query = select(PRESETS).where(PRESETS.c.account_id == account_id)
        query = query.order_by(PRESETS.c.updated.desc(), PRESETS.c.slug)
        return await self._all(Preset, query)

    async def preset_versions(self, preset_id: str, *, count: int = 100, offset: int = 0) -> Sequence[PresetVersion]:
        """The versions of a preset, oldest first."""
        query = select(PRESET_VERSIONS).where(PRESET_VERSIONS.c.preset_id == preset_id)
        query = query.order_by(PRESET_VERSIONS.c.version).limit(count).offset(offset)
        return await self._all(PresetVersion, query)

    async def change_preset(self, account_id: str, slug: str, change: Callable[[Preset], Preset]) -> Preset | None:
        """Put what *change* makes of a preset in its place; None when there is none."""

        def put(connection: Connection) -> Preset | None:
            before = _locked(connection, account_id, slug)
            return None if before is None else _put(connection, change(before))

        return await self._write(put)

    async def delete_preset(self, account_id: str, slug: str) -> bool:
        """Remove a preset with all its versions; False when there is none."""

        def remove(connection: Connection) -> bool:
            preset = _locked(connection, account_id, slug)
            if preset is None:
                return False
            connection.execute(delete(PRESET_VERSIONS).where(PRESET_VERSIONS.c.preset_id == preset.id))
            connection.execute(delete(PRESETS).where(PRESETS.c.id == preset.id))
            keys_have_changed(connection)
            return True

        return await self._write(remove)


def _preset(connection: Connection, account_id: str, slug: str) -> Preset | None:
    query = select(PRESETS).where(PRESETS.c.account_id == account_id, PRESETS.c.slug == slug)
    return one_row(connection, Preset, query)


def _locked(connection: Connection, account_id: str, slug: str) -> Preset | None:
    """The preset, which nobody else changes meanwhile."""
    here = (PRESETS.c.account_id == account_id) & (PRESETS.c.slug == slug)
    connection.execute(select(PRESETS.c.id).where(here).with_for_update())
    return _preset(connection, account_id, slug)


def _put(connection: Connection, preset: Preset) -> Preset:
    connection.execute(update(PRESETS).where(PRESETS.c.id == preset.id).values(asdict(preset)))
    keys_have_changed(connection)
    return preset
