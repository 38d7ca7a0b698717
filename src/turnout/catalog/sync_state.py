"""What a sync leaves behind in the data directory: the last good copy of each source, and the one file that counts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from turnout import __version__
from turnout.catalog.quarantine import Hold
from turnout.catalog.rows import Row
from turnout.catalog.sync_fetch import Validators
from turnout.catalog.whole_file import write_whole
from turnout.domain.catalog import Model

__all__ = ["Copy", "SourceState", "State", "StateFolder"]

_FORMAT: Final = 1
_UNFIT: Final = re.compile(r"[^a-z0-9.-]+")


class Copy(Struct, frozen=True, kw_only=True):
    """What one source said when it was last read well.

    ``details`` are digests of single entries, for sources that are read entry by entry. ``program`` is the version
    that read it: another may see more in the same answer, so only its own validators count.
    """

    source: str
    rows: tuple[Row, ...]
    validators: Validators = Validators()
    program: str = __version__
    details: dict[str, str] = {}

    @property
    def is_of_this_program(self) -> bool:
        """Whether this version would read the same out of the same answer."""
        return self.program == __version__


class SourceState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One source as the state knows it. Times are in unix seconds.

    Attributes:
        file: name of the file with its copy; empty when it was never read well.
        fetched: when it last answered well, be it that nothing has changed.
        changed: when its copy was last another one.
        models: how many rows the copy has.
        failure: why the last try failed; empty when it did not.
        refused: digest of a copy that an operator has turned down.
    """

    file: str = ""
    fetched: float = 0.0
    changed: float = 0.0
    models: int = 0
    failure: str = ""
    refused: str = ""


class State(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that a catalog is built from besides packages and configuration; one file, replaced as a whole.

    Attributes:
        format: of the file.
        generation: counts up with each change of the catalog.
        tried: when a sync was last tried, in unix seconds.
        synced: when one last went well for at least one source.
        sources: by name.
        holds: what is quarantined.
        retired: models that were listed once and are no longer: id, names and the date of their end.
        slugs: permanent slugs by model id, so that they stay what they were.
    """

    format: int = _FORMAT
    generation: int = 0
    tried: float = 0.0
    synced: float = 0.0
    sources: dict[str, SourceState] = {}
    holds: tuple[Hold, ...] = ()
    retired: tuple[Model, ...] = ()
    slugs: dict[str, str] = {}

    @property
    def mark(self) -> str:
        """A hash over what the catalog depends on: its age belongs to it, the failures of a source do not."""
        parts = [
            self.generation,
            self.synced,
            sorted((name, one.file) for name, one in self.sources.items()),
            self.holds,
            [model.id for model in self.retired],
        ]
        return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()


class StateFolder:
    """The folder ``catalog`` of a data directory.

    Copies are files named after their content, so that a kill between any two steps leaves the old state whole: the
    state file is written last and says which copies count. Files that it does not name are removed afterwards.
    """

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "catalog"
        self.state_file = self.path / "state.json"
        self.lock_file = self.path / "lock"
        self._copies = self.path / "sources"

    def load(self) -> State:
        """The state; an empty one when there is none that can be read."""
        try:
            state = _state.decode(self.state_file.read_bytes())
        except (OSError, msgspec.DecodeError):
            return State()
        return state if state.format == _FORMAT else State()

    def save(self, state: State) -> None:
        """Make *state* the one that counts.

        Raises:
            OSError: it cannot be written; the old one then still counts.
        """
        write_whole(self.state_file, msgspec.json.format(msgspec.json.encode(state)))
        self._sweep({one.file for one in state.sources.values()} | {hold.file for hold in state.holds})

    def keep(self, copy: Copy) -> str:
        """Write *copy*, and give the name under which :meth:`copy` finds it.

        Raises:
            OSError: it cannot be written.
        """
        content = _encoder.encode(copy)
        name = f"{_UNFIT.sub('-', copy.source.lower())}-{hashlib.sha256(content).hexdigest()[:16]}.copy"
        if not (self._copies / name).exists():
            write_whole(self._copies / name, content)
        return name

    def copy(self, name: str) -> Copy | None:
        """The copy of that name; None when it is gone or broken."""
        if not name or "/" in name:
            return None
        try:
            return _copy.decode((self._copies / name).read_bytes())
        except (OSError, msgspec.DecodeError):
            return None

    def copies(self, state: State) -> Mapping[str, Copy]:
        """The copies of all sources of *state* that are there, by source."""
        found = ((name, self.copy(one.file)) for name, one in state.sources.items())
        return {name: copy for name, copy in found if copy is not None}

    def _sweep(self, wanted: set[str]) -> None:
        with suppress(OSError):
            for path in self._copies.iterdir():
                if path.name not in wanted:
                    path.unlink(missing_ok=True)


_encoder: Final = msgspec.msgpack.Encoder()
_copy: Final = msgspec.msgpack.Decoder(Copy)
_state: Final = msgspec.json.Decoder(State)
