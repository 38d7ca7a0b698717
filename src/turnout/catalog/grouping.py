"""Rows of all sources to the offers of each model. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from turnout.catalog.authors import AUTHOR_NAMES, AUTHOR_OF_PROVIDER, RESELLERS
from turnout.catalog.endpoints import Offer
from turnout.catalog.identity import Identity, Spellings, identify, is_model_id
from turnout.catalog.rows import SAMPLE, Row, filled, trust
from turnout.domain.provider import Provider

__all__ = ["grouped", "merged_rows", "unidentified"]


def merged_rows(rows: Iterable[Row]) -> list[Row]:
    """One row for each provider's model and service tier, in order of first appearance.

    Each fact comes from the most trusted row that states it, and among equals from the first; its source and day are
    kept in ``origins``.
    """
    merged: dict[tuple[str, str, str | None], Row] = {}
    for row in sorted(rows, key=_trust):
        key = (row.provider, row.upstream_model.lower() or f"|{row.model}|{row.tag}", row.service_tier)
        first = merged.get(key)
        merged[key] = row if first is None else filled(first, row)
    return list(merged.values())


def grouped(
    rows: Sequence[Row], providers: Mapping[str, Provider], renamed: Mapping[str, str]
) -> dict[str, list[Offer]]:
    """Offers by model id: dates stripped where they only say when, kept where they tell snapshots apart.

    *renamed* leads from ids that would be derived to the ones that are meant. Rows without an upstream name add
    to the offers of their provider and model, and make none.
    """
    spellings = Spellings(
        row.upstream_model.lower() for row in rows if row.provider == "openrouter" and is_model_id(row.upstream_model)
    )
    by_base: defaultdict[str, list[_Claim]] = defaultdict(list)
    additions: list[Row] = []
    for row in rows:
        if not row.upstream_model:
            additions.append(row)
        elif (identity := _identity(row, spellings, renamed)) is not None:
            by_base[identity.id].append(_Claim(row, identity))
    offers: defaultdict[str, list[Offer]] = defaultdict(list)
    for base, claims in by_base.items():
        newest = _release(claims)
        for row, identity in claims:
            own = identity.dated is not None and identity.stamp != newest
            offers[identity.dated if own and identity.dated else base].append(Offer(row, identity))
    chosen = {model_id: _one_each(found) for model_id, found in offers.items()}
    for row in additions:
        if row.model in chosen:
            chosen[row.model] = _added(chosen[row.model], row)
    return {model_id: found for model_id, found in chosen.items() if _corroborated(model_id, found, providers)}


def unidentified(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """Provider and upstream name of each row whose maker nobody knows, sorted: its id is ``provider/name``."""
    found = set()
    for row in rows:
        if row.source == SAMPLE or row.model is not None or not row.upstream_model or row.provider == "openrouter":
            continue
        if row.upstream_model.startswith("~"):
            continue  # somebody's alias
        identity = identify(row.provider, row.upstream_model)
        author = identity.id.partition("/")[0] if identity is not None else ""
        own = AUTHOR_OF_PROVIDER.get(row.provider) == author or author in AUTHOR_NAMES
        if not own and author in {"", row.provider.lower()}:
            found.add((row.provider, row.upstream_model))
    return sorted(found)


def _trust(row: Row) -> int:
    return trust(row.source)


class _Claim(NamedTuple):
    """A row with the model it is first taken for."""

    row: Row
    identity: Identity


def _identity(row: Row, spellings: Spellings, renamed: Mapping[str, str]) -> Identity | None:
    if row.model is not None and is_model_id(row.model):
        return Identity(row.model)
    if row.provider == "openrouter" and is_model_id(row.upstream_model.lower()):
        return Identity(row.upstream_model.lower())
    identity = identify(row.provider, row.upstream_model)
    if identity is None or not is_model_id(identity.id):
        return None
    established = spellings.established(renamed.get(identity.id, identity.id))
    if established == identity.id:
        return identity
    dated = identity.dated and identity.dated.replace(identity.id, established, 1)
    return replace(identity, id=established, dated=dated, aliases=(*identity.aliases, identity.id))


def _release(claims: Sequence[_Claim]) -> str:
    """The date that goes without saying: the newest one, unless it names a snapshot beside an undated model."""
    dated = [claim.identity for claim in claims if claim.identity.stamp]
    if any(not claim.identity.stamp for claim in claims):
        dated = [identity for identity in dated if not identity.snapshot]
    return max((identity.stamp for identity in dated), default="")


def _one_each(offers: Sequence[Offer]) -> list[Offer]:
    """One offer for each provider, quantization and tier, under its steadiest name; other names become aliases."""
    best: dict[tuple[str, str | None, str | None, str | None], Offer] = {}
    for offer in offers:
        key = (offer.row.provider, offer.row.tag, offer.quantization, offer.row.service_tier)
        rival = best.get(key)
        if rival is None:
            best[key] = offer
        else:
            first, second = sorted((offer, rival), key=_unsteadiness)
            names = {*first.identity.aliases, *second.identity.aliases}
            best[key] = first._replace(identity=replace(first.identity, aliases=tuple(sorted(names))))
    return list(best.values())


def _added(offers: Sequence[Offer], addition: Row) -> list[Offer]:
    """*offers* with what *addition* says of those of its provider, by trust; quantization tells several apart."""
    result = []
    for offer in offers:
        row = offer.row
        same = row.provider == addition.provider and row.service_tier == addition.service_tier
        if same and (addition.quantization is None or offer.quantization in {None, addition.quantization}):
            if trust(addition.source) < trust(row.source):
                named = replace(addition, upstream_model=row.upstream_model, model=row.model, tag=row.tag)
                kept = {"listed": row.listed, "price_list_only": row.price_list_only}
                row = replace(filled(named, row), **kept)
            else:
                row = filled(row, replace(addition, model=None, tag=None))
            offer = offer._replace(row=row)  # noqa: PLW2901 - the same offer, better known
        result.append(offer)
    return result


def _unsteadiness(offer: Offer) -> tuple[bool, bool, bool, str]:
    name = offer.row.upstream_model
    # Bedrock's names without a region are called in the region at hand.
    regional = name.startswith(("us.", "eu.", "apac.", "jp.", "au.", "ca."))
    return offer.identity.moving, regional, bool(offer.identity.stamp), name


def _corroborated(model_id: str, offers: Sequence[Offer], providers: Mapping[str, Provider]) -> bool:
    """Whether the model is worth a place in the catalog.

    A price list alone keeps names long after they are gone, and resellers make up names of their own. Both count
    when a second provider has the model, a price list also when it is the maker's, a reseller when it is OpenRouter
    or one that the operator can use.
    """
    if len({offer.row.provider for offer in offers}) > 1:
        return True
    author = model_id.partition("/")[0]
    for offer in offers:
        slug = offer.row.provider
        if AUTHOR_OF_PROVIDER.get(slug) == author:
            return True
        if not offer.row.price_list_only and (slug == "openrouter" or slug not in RESELLERS or providers[slug].usable):
            return True
    return False
