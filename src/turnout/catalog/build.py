"""Rows of all sources, and what the operator declares, to one catalog snapshot. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from turnout.catalog.compose import model_of
from turnout.catalog.declared import DeclaredModel
from turnout.catalog.endpoints import Offer
from turnout.catalog.grouping import grouped, merged_rows
from turnout.catalog.identity import Identity
from turnout.catalog.known import NOTHING, Known
from turnout.catalog.latest import latest_aliases
from turnout.catalog.provenance import Provenance, provenance_of
from turnout.catalog.rows import OURS, SAMPLE, Row
from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.domain.provider import Provider

__all__ = ["Merge", "adhoc_model", "adhoc_models", "canonical_slugs", "merge", "open_providers"]

_LONGEST_NAME = 256


class Merge:
    """A snapshot together with what it was made of, for whoever asks where a value comes from."""

    def __init__(
        self, snapshot: CatalogSnapshot, offers: Mapping[str, Sequence[Offer]], declared: Mapping[str, DeclaredModel]
    ) -> None:
        self.snapshot = snapshot
        self._offers = offers
        self._declared = declared

    def provenance(self) -> Provenance:
        """Source and day of every field of every model and endpoint; takes some 0.1 s."""
        return Provenance(
            {
                model_id: provenance_of(model, self._offers.get(model_id, ()), self._declared.get(model_id))
                for model_id, model in self.snapshot.models.items()
            }
        )


def merge(
    rows: Iterable[Row],
    declared: Sequence[DeclaredModel],
    providers: Mapping[str, Provider],
    *,
    built: float,
    generation: int = 0,
    known: Known = NOTHING,
) -> Merge:
    """One snapshot of everything that *providers* serve.

    For each provider's model the most trusted row that states a fact wins (:func:`turnout.catalog.rows.trust`), among
    equals the first. What the operator declares wins over all of them, field by field, and its endpoints come first.
    Rows of providers that are not in *providers* are left out: nothing is known of where they are reached. So are rows
    without a price: it would be taken for a gift. But a provider that lists its models and has no price for any is the
    operator's own server; its models keep its slug and its names (``ollama/llama3.1:8b``), so that nobody gets other
    weights, or another address, under a public model's name.

    *built* is wall-clock time in unix seconds. *known* has what no source says, and permanent slugs of earlier
    snapshots.
    """
    offers = _offers(rows, providers, known)
    by_id = {model.id: model for model in declared}
    routers = {router.id: router for router in known.routers if router.id not in by_id}
    shown, hidden = (routers, {}) if known.listed_routers else ({}, routers)
    models = {
        model_id: routers.get(model_id)
        or model_of(model_id, offers.get(model_id, ()), by_id.get(model_id), providers, known)
        for model_id in sorted({*offers, *by_id, *shown})
    }
    gone = {model.id: model for model in (*known.retired, *hidden.values()) if model.id not in models}
    ended = [model_id for model_id in models if model_id not in by_id and _ended(offers.get(model_id, ()))]
    unlisted = {model_id: _with_end(models.pop(model_id), offers[model_id], built) for model_id in ended} | gone
    stated = {alias.lower(): model.id for model in declared for alias in model.aliases}
    models, names = _named(models, stated, known.canonical)
    _add_names(names, models, unlisted, known.aliases)
    snapshot = CatalogSnapshot(
        models=models,
        names=names,
        providers=dict(providers),
        built=built,
        generation=generation,
        unlisted=unlisted,
        latest=latest_aliases(models.values()),
        latest_callable=latest_aliases(model for model in models.values() if _is_callable(model, providers)),
    )
    return Merge(snapshot, offers, by_id)


def canonical_slugs(snapshot: CatalogSnapshot) -> dict[str, str]:
    """The permanent slug of each model, to be kept and given to the next merge in ``Known.canonical``."""
    return {model.id: model.canonical_slug for model in snapshot.models.values()}


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


def adhoc_models(snapshot: CatalogSnapshot) -> Callable[[str], Model | None]:
    """What finds a model of one of the open providers of *snapshot* by any name; see :func:`adhoc_model`."""
    unlisted = open_providers(snapshot)
    return lambda name: adhoc_model(name, unlisted)


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
    return model_of(model_id, (Offer(row, Identity(model_id)),), None, {provider.slug: provider}, NOTHING)


def _offers(rows: Iterable[Row], providers: Mapping[str, Provider], known: Known) -> dict[str, list[Offer]]:
    """What *providers* serve, by the model's id."""
    kept = [row for row in merged_rows(rows) if row.provider in providers]
    priced = {row.provider for row in kept if row.pricing is not None and row.upstream_model}
    taken = [row for row in kept if row.source != SAMPLE and (row.pricing is not None or not _is_a_gift(row))]
    offers = grouped(taken, providers, known.renamed)
    for row in kept:
        if row.source == SAMPLE or (row.listed and row.provider not in priced):
            own = f"{row.provider}/{row.upstream_model}"
            offers.setdefault(own, []).append(Offer(row, Identity(own)))
    return offers


def _is_a_gift(row: Row) -> bool:
    """Whether a row without a price would seem free: all do, but additions to others and what we ship as unpriced."""
    return bool(row.upstream_model) and row.source != OURS


def _is_callable(model: Model, providers: Mapping[str, Provider]) -> bool:
    return any(endpoint.provider in providers and providers[endpoint.provider].usable for endpoint in model.endpoints)


def _ended(offers: Sequence[Offer]) -> bool:
    """Whether every provider has announced the end of the model and none still lists it."""
    return bool(offers) and all(offer.row.deprecated and not offer.row.listed for offer in offers)


def _with_end(model: Model, offers: Sequence[Offer], built: float) -> Model:
    """The day is not known; the one on which a source said that it is over bounds it."""
    said = min((day for offer in offers if (day := offer.row.origin_of("deprecated")[1])), default=None)
    today = datetime.fromtimestamp(built, UTC).date().isoformat()
    return model if model.expiration_date else replace(model, expiration_date=said or today)


def _add_names(
    names: dict[str, str], models: Mapping[str, Model], unlisted: Mapping[str, Model], aliases: Mapping[str, str]
) -> None:
    """Names of what is not listed, then *aliases*; neither takes a name that already means something."""
    for model in unlisted.values():
        for name in (model.canonical_slug, *model.aliases):
            if name not in models and name not in unlisted:
                names.setdefault(name, model.id)
    for alias, target in aliases.items():
        meant = names.get(target, target)
        if alias not in models and alias not in unlisted and (meant in models or meant in unlisted):
            names.setdefault(alias, meant)


def _named(
    models: Mapping[str, Model], stated: Mapping[str, str], canonical: Mapping[str, str]
) -> tuple[dict[str, Model], dict[str, str]]:
    """The models with those aliases that are theirs alone, and all names to ids. Ids win over aliases.

    A permanent slug that was given before stays; the one that would be given now becomes an alias.
    """
    names = {model_id.lower(): model_id for model_id in models if model_id != model_id.lower()}
    names.update((alias, model_id) for alias, model_id in stated.items() if alias not in models)
    for model_id, slug in canonical.items():
        if model_id in models and (slug == model_id or slug not in models):
            names.setdefault(slug, model_id)
    for model in models.values():
        for alias in (model.canonical_slug, *model.aliases):
            if alias not in models:
                names.setdefault(alias, model.id)
    kept = {}
    for model_id, model in models.items():
        earlier = canonical.get(model_id)
        slug = earlier if earlier and names.get(earlier) == model_id else model.canonical_slug
        slug = slug if names.get(slug) == model_id else model_id
        others = dict.fromkeys((*model.aliases, *([model.canonical_slug] if slug != model.canonical_slug else ())))
        own = tuple(alias for alias in others if names.get(alias) == model_id)
        changed = own != model.aliases or slug != model.canonical_slug
        kept[model_id] = replace(model, aliases=own, canonical_slug=slug) if changed else model
    return kept, names
