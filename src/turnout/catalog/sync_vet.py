"""What of a source's rows is fit for a catalog: names without markup, prices that can be, each offer once. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from turnout.base.money import PICO_PER_DOLLAR
from turnout.catalog.rows import Row
from turnout.domain.usage import PRICES, Pricing

__all__ = ["Vetted", "vetted"]

_LONGEST_ID: Final = 200
_LONGEST_NAME: Final = 200
_LONGEST_TEXT: Final = 10_000
_MARKUP: Final = frozenset("<>\"'`{}\\")
_STEPS: Final = frozenset({".", ".."})
"""Parts of a path that no name has: some providers are asked at addresses with the model's name in them."""
_MOST_PER_TOKEN: Final = PICO_PER_DOLLAR // 10
"""Ten cents for one token, a hundred times more than anybody has asked."""
_MOST_PER_ITEM: Final = 1000 * PICO_PER_DOLLAR
_PER_ITEM: Final = frozenset({"request", "image", "web_search", "output_image", "audio_second"})


class Vetted(NamedTuple):
    """Rows that may be used, and what was wrong with the others: counts by a few words for people."""

    rows: tuple[Row, ...]
    complaints: Counter[str]


def vetted(rows: Iterable[Row], earlier: Sequence[Row]) -> Vetted:
    """The fit ones of *rows*; what is no longer usable comes from *earlier*, the source's last good copy.

    That is a price, or the whole of a model whose row is a bare name.
    """
    complaints: Counter[str] = Counter()
    known = {_key(row): row for row in earlier}
    fit: dict[tuple[str, ...], Row] = {}
    for row in rows:
        if not _is_name(row.upstream_model) or not _is_name(row.model or "") or not _is_name(row.provider):
            complaints["left out: not a name"] += 1
            continue
        key = _key(row)
        if key in fit:
            complaints["left out: the same model twice"] += 1
            continue
        if row == Row(source=row.source, fetched=row.fetched, provider=row.provider, upstream_model=row.upstream_model):
            complaints["kept as it was: its entry cannot be read" if key in known else "left out: not readable"] += 1
            if key in known:
                fit[key] = known[key]
            continue
        clean = _plain_texts(row, complaints)
        if clean.pricing is not None and not _is_price_list(clean.pricing):
            complaints["price refused: absurd"] += 1
            clean = replace(clean, pricing=None)
        if clean.pricing is None and key in known and known[key].pricing is not None:
            complaints["old price kept: no usable new one"] += 1
            clean = replace(clean, pricing=known[key].pricing)
        fit[key] = clean
    return Vetted(tuple(fit.values()), complaints)


def _key(row: Row) -> tuple[str, ...]:
    return (
        row.source, row.provider, row.upstream_model, row.service_tier or "",
        *(() if row.upstream_model else (row.model or "", row.tag or "", row.quantization or "")),
    )  # fmt: skip


def _is_name(text: str) -> bool:
    plain = text.isprintable() and _MARKUP.isdisjoint(text) and text == text.strip()
    return plain and len(text) <= _LONGEST_ID and _STEPS.isdisjoint(text.split("/"))


def _plain_texts(row: Row, complaints: Counter[str]) -> Row:
    name, text = row.name, row.description
    if name is not None:
        name = " ".join(name.split()) if len(name) <= _LONGEST_NAME else ""
        if not name or not name.isprintable() or "<" in name or ">" in name:
            complaints["display name refused"] += 1
            name = None
    if text is not None:
        text = "".join(c if c.isprintable() or c == "\n" else " " for c in text[:_LONGEST_TEXT]).strip() or None
    return row if (name, text) == (row.name, row.description) else replace(row, name=name, description=text)


def _is_price_list(pricing: Pricing) -> bool:
    stated = [(name, getattr(pricing, name)) for name in PRICES]
    stated += [pair for override in pricing.overrides for pair in override.prices.items()]
    return all(
        price is None or 0 <= price <= (_MOST_PER_ITEM if name in _PER_ITEM else _MOST_PER_TOKEN)
        for name, price in stated
    )
