"""The journal of what changed in the catalog: lines of JSON that feeds read, bounded in size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from turnout.catalog.whole_file import write_whole
from turnout.domain.catalog_event import CatalogEvent

__all__ = ["FILE", "MAX_EVENTS", "append", "read"]

FILE: Final = "catalog/events.jsonl"
"""Where the journal stands within the data directory."""

MAX_EVENTS: Final = 5_000
"""As many are kept; older ones go first."""

_MOST_BYTES: Final = 4 * 2**20
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(CatalogEvent)


def append(path: Path, events: Sequence[CatalogEvent]) -> None:
    """Add *events*, oldest first, to the journal at *path*, with one write.

    Raises:
        OSError: the file cannot be written.
    """
    if not events:
        return
    content = _encoder.encode_lines(events)
    if path.exists() and path.stat().st_size + len(content) > _MOST_BYTES:
        kept = [*reversed(read(path, MAX_EVENTS)), *events][-MAX_EVENTS // 2 :]
        write_whole(path, _encoder.encode_lines(kept))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # The leading line break ends a line that a kill has left half-written.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, b"\n" + content)
    finally:
        os.close(descriptor)


def read(path: Path, limit: int = 500) -> list[CatalogEvent]:
    """The last *limit* events, newest first; none when there is no journal. Lines that are no events are left out."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    events: list[CatalogEvent] = []
    for line in reversed(lines):
        if len(events) == limit:
            break
        try:
            events.append(_decoder.decode(line))
        except msgspec.DecodeError:
            continue
    return events
