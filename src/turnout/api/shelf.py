"""The catalog's replies on one snapshot: some made ahead, others kept once they were asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, final

from turnout.api.office import MOUNTS
from turnout.base.stored import Stored
from turnout.catalog.listing import Listing
from turnout.catalog.offers import image_models_reply, providers_reply
from turnout.catalog.query import Query

__all__ = ["BY_LANGUAGE", "PUBLIC", "Shelf", "shelf_of"]

PUBLIC: Final = b"public, max-age=60, stale-while-revalidate=300"
"""Anybody may keep it for a minute, and serve it for five more while asking anew."""

BY_LANGUAGE: Final = b"accept-encoding, anthropic-version"
"""Lists of models have another shape for clients that speak Anthropic's language."""

_ROOM: Final = 32 * 2**20  # bytes
_MOST: Final = 2_000  # replies
_LONGEST: Final = 2_048  # bytes of a target that is kept


@final
class Shelf:
    """What is answered by target, the path and query as they stand in the request line.

    *made* stays; what :meth:`keep` adds makes room for newer replies, the oldest first. A reply that is asked for again
    is compressed by *later*, which is to run what it is given in a thread.
    """

    def __init__(
        self, listing: Listing, made: Mapping[bytes, Stored], later: Callable[[Callable[[], None]], object]
    ) -> None:
        self.listing = listing
        self._made = made
        self._kept: dict[bytes, Stored] = {}
        self._size = 0
        self._later = later

    def find(self, target: bytes, now: float) -> Stored | None:
        """The reply to *target*, unless it has to be made. *now*: seconds of the event loop's clock."""
        stored = self._made.get(target)
        if stored is not None:
            return stored
        stored = self._kept.get(target)
        if stored is None or stored.until <= now:
            return None
        if stored.compressible and not stored.compressing:
            stored.compressing = True
            self._later(stored.compress)
        return stored

    def keep(self, target: bytes, stored: Stored) -> None:
        """Remember *stored* for whoever asks the same."""
        if len(target) > _LONGEST or stored.size > _ROOM // 4:
            return
        self._forget(target)
        self._kept[target] = stored
        self._size += len(stored.body)
        while self._size > _ROOM or len(self._kept) > _MOST:
            self._forget(next(iter(self._kept)))

    def _forget(self, target: bytes) -> None:
        stored = self._kept.pop(target, None)
        if stored is not None:
            self._size -= len(stored.body)


def shelf_of(listing: Listing, later: Callable[[Callable[[], None]], object], *, cors: bool) -> Shelf:
    """A shelf with the replies that are asked for most, compressed: a tenth of a second's work for a thread."""
    wall = listing.wall
    bodies = {
        "/models": listing.models_reply(Query(), wall),
        "/models/count": listing.count_reply(Query(), wall),
        "/embeddings/models": listing.models_reply(Query(output_modalities=frozenset({"embeddings"})), wall),
        "/images/models": image_models_reply(listing.snapshot),
        "/providers": providers_reply(listing.snapshot),
    }
    made: dict[bytes, Stored] = {}
    for path, body in bodies.items():
        stored = Stored(body, cache=PUBLIC, vary=BY_LANGUAGE, cors=cors)
        if stored.compressible:
            stored.compress()
        made |= {f"{mount}{path}".encode(): stored for mount in MOUNTS}
    return Shelf(listing, made, later)
