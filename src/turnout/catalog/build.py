"""Rows of all sources, and what the operator declares, to one catalog snapshot. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from turnout.catalog.authors import AUTHOR_OF_PROVIDER, RESELLERS
from turnout.catalog.compose import Offer, model_of
from turnout.catalog.declared import DeclaredModel
from turnout.catalog.identity import Identity, Spellings, identify, is_model_id
from turnout.catalog.rows import SAMPLE, Row
from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.domain.provider import Provider

__all__ = ["adhoc_model", "build", "merged_rows", "open_providers"]

_LONGEST_NAME = 256


def build(
    rows: Iterable[Row],
    declared: Sequence[DeclaredModel],
    providers: Mapping[str, Provider],
    *,
    built: float,
    generation: int = 0,
) -> CatalogSnapshot:
    """One snapshot of everything that *providers* serve.

    *rows* come in order of trust, the most trusted first: for each provider's model the first row that states a fact
    wins. What the operator declares wins over all of them, field by field, and its endpoints come first. Rows of
    providers that are not in *providers* are left out: nothing is known of where they are reached. So are rows
    without a price: it would be taken for a gift. But a provider that lists its models and has no price for any is the
    operator's own server; its models keep its slug and its names (``ollama/llama3.1:8b``), so that nobody gets other
    weights, or another address, under a public model's name.

    *built* is wall-clock time in unix seconds.
    """
    kept = [row for row in merged_rows(rows) if row.provider in providers]
    priced = {row.provider for row in kept if row.pricing is not None}
    offers = _grouped([row for row in kept if row.pricing is not None and row.source != SAMPLE], providers)
    for row in kept:
        if row.source == SAMPLE or (row.listed and row.provider not in priced):
            own = f"{row.provider}/{row.upstream_model}"
            offers.setdefault(own, []).append(Offer(row, Identity(own)))
    by_id = {model.id: model for model in declared}
    models = {
        model_id: model_of(model_id, offers.get(model_id, ()), by_id.get(model_id), providers)
        for model_id in sorted(offers.keys() | by_id.keys())
    }
    models, names = _named(models, {alias.lower(): model.id for model in declared for alias in model.aliases})
    return CatalogSnapshot(models=models, names=names, providers=dict(providers), built=built, generation=generation)


def merged_rows(rows: Iterable[Row]) -> list[Row]:
    """One row for each provider's model, in order of first appearance; facts from the first row that states them."""
    merged: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row.provider, row.upstream_model.lower())
        first = merged.get(key)
        merged[key] = row if first is None else _filled(first, row)
    return list(merged.values())


def open_providers(snapshot: CatalogSnapshot) -> dict[str, Provider]:
    """The providers whose models are asked for by any name: usable ones of which the snapshot knows no model.

    Those are servers of the operator's own whose listing has not been read. The fake provider is always among them:
    its names are made up by who asks.
    """
    known = {endpoint.provider for model in snapshot.models.values() for endpoint in model.endpoints}
    return {
        slug: provider
        for slug, provider in snapshot.providers.items()
        if provider.usable and (provider.dialect == "fake" or slug not in known)
    }


def adhoc_model(name: str, providers: Mapping[str, Provider]) -> Model | None:
    """An unpriced model with one endpoint for ``slug/rest`` when *slug* is one of *providers*, else None.

    *rest* goes upstream as it is written, colons and slashes included. Use :func:`open_providers` for *providers*.
    """
    slug, _, rest = name.partition("/")
    provider = providers.get(slug) or providers.get(slug.lower())
    if provider is None or not rest or len(name) > _LONGEST_NAME or not rest.isprintable():
        return None
    model_id = f"{provider.slug}/{rest}"
    row = Row(source="request", provider=provider.slug, upstream_model=rest, name=f"{provider.name}: {rest}")
    return model_of(model_id, (Offer(row, Identity(model_id)),), None, {provider.slug: provider})


class _Claim(NamedTuple):
    """A row with the model it is first taken for."""

    row: Row
    identity: Identity


def _filled(first: Row, later: Row) -> Row:
    gaps = {
        name: value
        for name in Row.__struct_fields__
        if getattr(first, name) is None and (value := getattr(later, name)) is not None
    }
    if not gaps:
        return first
    if "pricing" in gaps:
        gaps["rounded"] = later.rounded
    return msgspec.structs.replace(first, **gaps)


def _grouped(rows: Sequence[Row], providers: Mapping[str, Provider]) -> dict[str, list[Offer]]:
    """Offers by model id: dates stripped where they only say when, kept where they tell snapshots apart."""
    spellings = Spellings(
        row.upstream_model.lower() for row in rows if row.provider == "openrouter" and is_model_id(row.upstream_model)
    )
    by_base: defaultdict[str, list[_Claim]] = defaultdict(list)
    for row in rows:
        if (identity := _identity(row, spellings)) is not None:
            by_base[identity.id].append(_Claim(row, identity))
    offers: defaultdict[str, list[Offer]] = defaultdict(list)
    for base, claims in by_base.items():
        newest = _release(claims)
        for row, identity in claims:
            own = identity.dated is not None and identity.stamp != newest
            offers[identity.dated if own and identity.dated else base].append(Offer(row, identity))
    chosen = {model_id: _one_each(found) for model_id, found in offers.items()}
    return {model_id: found for model_id, found in chosen.items() if _corroborated(model_id, found, providers)}


def _identity(row: Row, spellings: Spellings) -> Identity | None:
    if row.provider == "openrouter" and is_model_id(row.upstream_model.lower()):
        return Identity(row.upstream_model.lower())
    identity = identify(row.provider, row.upstream_model)
    if identity is None or not is_model_id(identity.id):
        return None
    established = spellings.established(identity.id)
    if established == identity.id:
        return identity
    return msgspec.structs.replace(identity, id=established, aliases=(*identity.aliases, identity.id))


def _release(claims: Sequence[_Claim]) -> str:
    """The date that goes without saying: the newest one, unless it names a snapshot beside an undated model."""
    dated = [claim.identity for claim in claims if claim.identity.stamp]
    if any(not claim.identity.stamp for claim in claims):
        dated = [identity for identity in dated if not identity.snapshot]
    return max((identity.stamp for identity in dated), default="")


def _one_each(offers: Sequence[Offer]) -> list[Offer]:
    """One offer for each provider and quantization, under its steadiest name; the others' names become aliases."""
    best: dict[tuple[str, str | None], Offer] = {}
    for offer in offers:
        key = (offer.row.provider, offer.quantization)
        rival = best.get(key)
        if rival is None:
            best[key] = offer
        else:
            first, second = sorted((offer, rival), key=_unsteadiness)
            names = {*first.identity.aliases, *second.identity.aliases}
            best[key] = first._replace(identity=msgspec.structs.replace(first.identity, aliases=tuple(sorted(names))))
    return list(best.values())


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


def _named(models: Mapping[str, Model], stated: Mapping[str, str]) -> tuple[dict[str, Model], dict[str, str]]:
    """The models with those aliases that are theirs alone, and all names to ids. Ids win over aliases."""
    names = {model_id.lower(): model_id for model_id in models if model_id != model_id.lower()}
    names.update((alias, model_id) for alias, model_id in stated.items() if alias not in models)
    for model in models.values():
        for alias in (model.canonical_slug, *model.aliases):
            if alias not in models:
                names.setdefault(alias, model.id)
    kept = {}
    for model_id, model in models.items():
        own = tuple(alias for alias in model.aliases if names.get(alias) == model_id)
        slug = model.canonical_slug if names.get(model.canonical_slug) == model_id else model_id
        changed = own != model.aliases or slug != model.canonical_slug
        kept[model_id] = msgspec.structs.replace(model, aliases=own, canonical_slug=slug) if changed else model
    return kept, names
