"""Where presets are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from turnout.domain.preset import Preset, PresetVersion

__all__ = ["Presets"]


class Presets(Protocol):
    """Presets by account and slug. What one account calls a preset is nothing to another."""

    async def add_preset_version(
        self, account_id: str, slug: str, creator: str, config: str, system_prompt: str | None
    ) -> tuple[Preset, PresetVersion]:
        """Add the next version and make it the designated one; the first makes the preset.

        Raises:
            NotFound: there is no such account.
        """

    async def preset(self, account_id: str, slug: str) -> tuple[Preset, PresetVersion] | None:
        """A preset with its designated version."""

    async def presets(self, account_id: str) -> Sequence[Preset]:
        """The presets of an account, the one changed last first."""

    async def preset_versions(self, preset_id: str, *, count: int = 100, offset: int = 0) -> Sequence[PresetVersion]:
        """The versions of a preset, oldest first."""

    async def change_preset(self, account_id: str, slug: str, change: Callable[[Preset], Preset]) -> Preset | None:
        """Put what *change* makes of a preset in its place; None when there is none.

        *change* runs within the transaction, in a thread; what it raises is raised here, and nothing is changed.
        """

    async def delete_preset(self, account_id: str, slug: str) -> bool:
        """Remove a preset with all its versions; False when there is none."""
