"""Changes of prices that are too large to be believed at once: found, held back, let through or turned down. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from turnout.base.money import Pico, per_million
from turnout.catalog.rows import Row
from turnout.domain.usage import PRICES, Pricing

__all__ = ["FACTOR", "Hold", "held_rows", "judged", "size_leaps", "size_told", "source_hold", "suspicion"]

FACTOR: Final = 10
"""A price that grows or falls by this factor, or more, is not believed without a person's word."""

_FEWEST: Final = 4
"""Shorter lists may halve, or grow tenfold: it takes few models to do so."""

_Key = tuple[str, str, str]


class Hold(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change that is held back.

    Attributes:
        id: eight hexadecimal digits, for :command:`catalog diff --approve` and ``--reject``.
        kind: one endpoint's ``price``, or a whole ``source`` whose length has leapt.
        source: who says it.
        at: when it was first seen, in unix seconds.
        text: what would change, for people.
        rejected: an operator has turned it down; it is held on, and shown no more.
        provider: of the endpoint, as are the two names after it.
        old: the prices that stand, and ``old_source`` who stated them.
        new: the prices that are held back.
        file: the copy of the source that is held back.
    """

    id: str
    kind: Literal["price", "source"]
    source: str
    at: float
    text: str
    rejected: bool = False
    provider: str = ""
    upstream_model: str = ""
    service_tier: str = ""
    old: Pricing | None = None
    old_source: str = ""
    new: Pricing | None = None
    file: str = ""

    @property
    def key(self) -> _Key:
        """What it is about."""
        return self.provider, self.upstream_model, self.service_tier


def suspicion(old: Pricing, new: Pricing) -> str:
    """What is wrong with a change from *old* to *new*, for people; empty when nothing is.

    A price times ten, a tenth, or a fall to nothing is suspicious, under conditions as well. That something which was
    free costs something is not; neither are prices that only one of the two states.
    """
    odd = [
        f"{name} {_shown(before)} -> {_shown(after)}"
        for name in PRICES
        if _leaps(before := getattr(old, name), after := getattr(new, name))
    ]
    for override in new.overrides:
        if override not in old.overrides:
            odd += [
                f"{name} {_shown(before)} -> {_shown(after)} at times"
                for name, after in override.prices.items()
                if _leaps(before := getattr(old, name, None), after)
            ]
    return ", ".join(odd)


def judged(before: Iterable[Row], after: Iterable[Row], holds: Sequence[Hold], at: float) -> tuple[Hold, ...]:
    """The holds on prices, once *after* takes the place of *before*; both are merged rows, one for each offer.

    In *before* the old holds are applied already, in *after* none is. A hold stays as long as the source says the
    same; where the source has changed its mind the new price is judged anew.
    """
    earlier = {(hold.key, _digest(hold.new)): hold for hold in holds if hold.kind == "price"}
    standing = {_key(row): row for row in before if row.pricing is not None}
    found = []
    for row in after:
        old = standing.get(_key(row))
        if old is None or old.pricing is None or row.pricing is None or row.pricing == old.pricing:
            continue
        said = suspicion(old.pricing, row.pricing)
        if not said:
            continue
        known = earlier.get((_key(row), _digest(row.pricing)))
        found.append(known or _hold(old, row, said, at))
    return tuple(sorted(found, key=lambda hold: hold.key))


def held_rows(rows: Iterable[Row], holds: Sequence[Hold]) -> list[Row]:
    """*rows* of all sources with the old price wherever a held one, or one as odd, is stated."""
    by_key = {hold.key: hold for hold in holds if hold.kind == "price"}
    return [_held(row, by_key) for row in rows] if by_key else list(rows)


def size_leaps(before: int, after: int) -> bool:
    """Whether a list of *before* entries that now has *after* has lost half of them, or is ten times as long."""
    return before >= _FEWEST and (after * 2 <= before or after >= before * FACTOR)


def size_told(before: int, after: int) -> str:
    """The change of a list's length, for people."""
    return f"its list {'grew' if after > before else 'shrank'} from {before:,} to {after:,} models"


def source_hold(source: str, copy: tuple[str, str], counts: tuple[int, int], holds: Sequence[Hold], at: float) -> Hold:
    """The hold on the whole of *source*: *copy* is the file with it and a digest of what it says, *counts* how many
    models there were and are. One of *holds* goes on if it is about the same.
    """
    file, digest = copy
    identity = hashlib.sha256(f"{source} {digest}".encode()).hexdigest()[:8]
    known = next((hold for hold in holds if hold.id == identity), None)
    if known is not None:
        return replace(known, file=file)
    return Hold(id=identity, kind="source", source=source, at=at, text=f"{source}: {size_told(*counts)}", file=file)


def _held(row: Row, holds: Mapping[_Key, Hold]) -> Row:
    hold = holds.get(_key(row))
    if hold is None or hold.old is None or row.pricing is None or not suspicion(hold.old, row.pricing):
        return row
    origins = {**row.origins, "pricing": (hold.old_source or row.source, row.fetched)}
    return replace(row, pricing=hold.old, origins=origins)


def _hold(old: Row, new: Row, said: str, at: float) -> Hold:
    key = _key(new)
    return Hold(
        id=hashlib.sha256(repr((key, _digest(new.pricing))).encode()).hexdigest()[:8],
        kind="price",
        source=new.origin_of("pricing")[0],
        at=at,
        text=f"{new.provider} {new.upstream_model}: {said}",
        provider=key[0],
        upstream_model=key[1],
        service_tier=key[2],
        old=old.pricing,
        old_source=old.origin_of("pricing")[0],
        new=new.pricing,
    )


def _key(row: Row) -> _Key:
    name = row.upstream_model.lower() or f"|{row.model}|{row.tag or ''}"
    return row.provider, name, row.service_tier or ""


def _digest(pricing: Pricing | None) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(pricing)).hexdigest()


def _leaps(old: Pico | None, new: Pico | None) -> bool:
    return bool(old) and new is not None and old is not None and (new * FACTOR <= old or new >= old * FACTOR)


def _shown(price: Pico | None) -> str:
    return f"{per_million(price or Pico(0))} $/M"
