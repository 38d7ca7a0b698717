"""The listing of one snapshot: entries made once, orders kept, and the replies that are put together from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, final

import msgspec

from turnout.base.slugs import VIRTUAL_VARIANTS, InvalidModelName, parse_model_name
from turnout.catalog.entries import Entry, PriceWeights, entries_of, figures_of
from turnout.catalog.filters import kept
from turnout.catalog.prices_now import next_change
from turnout.catalog.query import Query, next_page
from turnout.catalog.render import endpoints_object, model_object, ranks_of
from turnout.catalog.sorts import SORTS, ordered
from turnout.contracts.measured import Measured
from turnout.domain.catalog import CatalogSnapshot, Model

__all__ = ["MEASURED_SECONDS", "Listing"]

MEASURED_SECONDS: Final = 5.0
"""How long figures that are measured stand, and orders by them."""

_VARIANTS: Final = VIRTUAL_VARIANTS | {"free", "thinking", "extended", "beta", "batch"}
_encoder = msgspec.json.Encoder()


@final
class Listing:
    """What the catalog API answers from. Making one takes a while and touches nothing shared: do it in a thread.

    Attributes:
        snapshot: what it shows.
        entries: all listed models, in their default order.
        wall: the unix second whose prices are shown.
        until: the unix second at which the next shown price changes; infinite where none does.
    """

    def __init__(self, snapshot: CatalogSnapshot, measured: Measured, weights: PriceWeights, wall: float) -> None:
        self.snapshot = snapshot
        self.entries = entries_of(snapshot, weights, wall)
        self.wall = wall
        self.until = next_change(snapshot, wall)
        self._by_id = {entry.model.id: entry for entry in self.entries}
        self._measured = measured
        self._orders: dict[str, Sequence[Entry]] = {}
        self._measured_until = 0.0

    def chosen(self, query: Query, wall: float) -> Sequence[Entry]:
        """The entries that *query* asks for, all pages of them, in its order. *wall*: unix seconds."""
        if query.measured:
            self._measure(wall)
        return kept(self._ordered(query.sort), query, wall)

    def models_reply(
        self,
        query: Query,
        wall: float,
        pairs: Sequence[tuple[str, str]] = (),
        path: str = "",
        permitted: Callable[[Model], bool] | None = None,
    ) -> bytes:
        """The body of a listing: ``{data, total_count, links}``. *pairs* and *path* make the next page's address.

        *permitted*: for callers who may not use every model.
        """
        entries = self.chosen(query, wall)
        if permitted is not None:
            entries = [entry for entry in entries if permitted(entry.model)]
        total = len(entries)
        shown = entries[query.page(total)] if query.paged else entries
        following = _encoder.encode(next_page(pairs, path, query, total))
        bodies = b",".join([entry.body for entry in shown])
        return b'{"data":[%b],"total_count":%d,"links":{"next":%b}}' % (bodies, total, following)

    def count_reply(self, query: Query, wall: float) -> bytes:
        """The body of ``GET /models/count``."""
        return b'{"data":{"count":%d}}' % len(self.chosen(query, wall))

    def model_reply(self, name: str) -> bytes | None:
        """The Model object of *name*; None when nothing is called so.

        Aliases, permanent slugs and ``~latest`` names resolve. A suffix that we know but the model has not answers with
        the model's own facts under the name that was asked for.
        """
        if (found := self.find(name)) is None:
            return None
        model, suffix = found
        if not suffix:
            entry = self._by_id.get(name.lower() if name.startswith("~") else model.id)
            if entry is not None:
                return entry.body
        shown = model_object(model, self.snapshot, wall=self.wall, ranks=ranks_of(e.model for e in self.entries))
        return _encoder.encode(shown | {"id": model.id + suffix})

    def endpoints_reply(self, name: str, *, keyed: bool) -> bytes | None:
        """The body of ``GET /models/{author}/{slug}/endpoints``; None when nothing is called so.

        Percentiles of latency and throughput are for callers with a key.
        """
        if (found := self.find(name)) is None:
            return None
        model, suffix = found
        measured = {}
        for endpoint in model.endpoints:
            if figures := self._measured.endpoint(endpoint.id):
                hidden = () if keyed else ("latency_last_30m", "throughput_last_30m")
                measured[endpoint.id] = {key: value for key, value in figures.items() if key not in hidden}
        shape = endpoints_object(model, self.snapshot, wall=self.wall, measured=measured)
        return _encoder.encode({"data": shape | {"id": model.id + suffix}})

    def find(self, name: str) -> tuple[Model, str] | None:
        """The model that *name* means, and the known suffixes after its own name."""
        try:
            parse_model_name(name)
        except InvalidModelName:
            return None
        base, suffix = name, ""
        while (model := self.snapshot.find(base)) is None:
            base, colon, variant = base.rpartition(":")
            if not colon or variant.lower() not in _VARIANTS:
                return None
            suffix = f":{variant.lower()}{suffix}"
        return model, suffix

    def _ordered(self, sort: str | None) -> Sequence[Entry]:
        if sort is None:
            return self.entries
        order = self._orders.get(sort)
        if order is None:
            wanted = SORTS[sort]
            order = self._orders[sort] = ordered(self.entries, wanted.figure, descending=wanted.descending)
        return order

    def _measure(self, wall: float) -> None:
        """Ask anew for what is measured, at most once in five seconds."""
        if wall < self._measured_until:
            return
        self._measured_until = wall + MEASURED_SECONDS
        for entry in self.entries:
            entry.figures = figures_of(entry.model, entry.target, self._measured)
        for name, sort in SORTS.items():
            if sort.measured:
                self._orders.pop(name, None)
