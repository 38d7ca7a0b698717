"""One model of the catalog out of the offers of all its providers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

import msgspec

from turnout.catalog.authors import AUTHOR_NAMES, AUTHOR_OF_PROVIDER, RESELLERS, tokenizer_of
from turnout.catalog.declared import DeclaredEndpoint, DeclaredModel
from turnout.catalog.identity import Identity
from turnout.catalog.rows import PARAMETERS, Row
from turnout.domain.catalog import Endpoint, Model
from turnout.domain.provider import Policy, Provider
from turnout.domain.usage import Pricing

__all__ = ["Offer", "model_of"]

_T = TypeVar("_T")
_NOTHING = Policy()


class Offer(NamedTuple):
    """One provider's row, and which model it means."""

    row: Row
    identity: Identity

    @property
    def quantization(self) -> str | None:
        """Precision of the weights, as the source says, else as the name does."""
        return self.row.quantization or self.identity.quantization


def model_of(
    model_id: str, offers: Sequence[Offer], stated: DeclaredModel | None, providers: Mapping[str, Provider]
) -> Model:
    """The model *model_id* with an endpoint for each of *offers* and for each one that the operator has *stated*.

    A stated endpoint takes the place of an offer with the same provider and tag. Order: stated ones as they stand,
    then the model's own maker, then others by price, then resellers by price. Facts come from the maker's row first,
    then from OpenRouter's.
    """
    ranked = sorted(offers, key=lambda offer: _rank(model_id, offer))
    derived = [_endpoint(model_id, offer, providers[offer.row.provider]) for offer in ranked]
    stated = stated or DeclaredModel(id=model_id)
    endpoints = _with_stated(model_id, derived, stated, providers)
    rows = [offer.row for offer in sorted(ranked, key=lambda offer: _authority(model_id, offer))]
    chat = _first(rows, lambda row: row.output_modalities) or ("text",)
    outputs = stated.output_modalities or chat
    model = Model(
        id=model_id,
        canonical_slug=max((o.identity.dated or "" for o in ranked), default="") or model_id,
        name=stated.name or _name(model_id, rows),
        created=_chosen(stated.created, _first(rows, lambda row: row.created)) or 0,
        context_length=_chosen(stated.context_length, _largest(e.context_length for e in endpoints)),
        max_completion_tokens=_largest(e.max_completion_tokens for e in endpoints),
        input_modalities=stated.input_modalities or _first(rows, lambda row: row.input_modalities) or ("text",),
        output_modalities=outputs,
        tokenizer=stated.tokenizer or tokenizer_of(model_id),
        supported_parameters=_union(e.supported_parameters for e in endpoints) if "text" in outputs else (),
        reasoning=bool(_first(rows, lambda row: row.reasoning)),
        knowledge_cutoff=_first(rows, lambda row: row.knowledge_cutoff),
        expiration_date=_first(rows, lambda row: row.expiration_date),
        aliases=_aliases(model_id, ranked, stated),
        endpoints=tuple(endpoints),
    )
    said = stated.description or _first(rows, lambda row: row.description)
    return msgspec.structs.replace(model, description=said or _description(model))


def _rank(model_id: str, offer: Offer) -> tuple[bool, bool, int, str, str]:
    pricing = offer.row.pricing or Pricing()
    slug = offer.row.provider
    return (
        not _made_by(model_id, slug),
        slug in RESELLERS,
        pricing.prompt + pricing.completion,
        slug,
        offer.quantization or "",
    )


def _authority(model_id: str, offer: Offer) -> tuple[bool, bool]:
    slug = offer.row.provider
    return not _made_by(model_id, slug), slug != "openrouter"


def _made_by(model_id: str, provider: str) -> bool:
    return AUTHOR_OF_PROVIDER.get(provider) == model_id.partition("/")[0]


def _endpoint(model_id: str, offer: Offer, provider: Provider) -> Endpoint:
    row = offer.row
    chat = row.output_modalities is None or "text" in row.output_modalities
    return Endpoint(
        model_id=model_id,
        provider=row.provider,
        tag=row.provider if offer.quantization is None else f"{row.provider}/{offer.quantization}",
        upstream_model=row.upstream_model,
        pricing=row.pricing or Pricing(),
        quantization=offer.quantization,
        context_length=row.context_length,
        max_prompt_tokens=row.max_prompt_tokens,
        max_completion_tokens=row.max_completion_tokens,
        supported_parameters=_parameters(row, provider.capabilities.drop) if chat else None,
    )


def _parameters(row: Row, dropped: frozenset[str]) -> tuple[str, ...] | None:
    """What the endpoint takes: the source's own list, else all but what it is known to lack; None for all."""
    if row.supported_parameters is not None:
        return _without(row.supported_parameters, dropped)
    lacking = dropped.union(row.without or ())
    return _without(PARAMETERS, lacking) if lacking else None


@lru_cache(maxsize=4096)
def _without(names: tuple[str, ...], lacking: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in lacking)


def _with_stated(
    model_id: str, derived: Sequence[Endpoint], stated: DeclaredModel, providers: Mapping[str, Provider]
) -> list[Endpoint]:
    by_key = {(endpoint.provider, endpoint.tag): endpoint for endpoint in derived}
    first = []
    for wanted in stated.endpoints:
        known = by_key.pop((wanted.provider, wanted.tag), None)
        context = wanted.context_length or stated.context_length
        first.append(_stated_endpoint(model_id, wanted, known, context, providers.get(wanted.provider)))
    # The same provider and tag twice would be one id twice: the first one stands.
    return list({endpoint.id: endpoint for endpoint in reversed([*first, *by_key.values()])}.values())[::-1]


def _stated_endpoint(
    model_id: str, wanted: DeclaredEndpoint, known: Endpoint | None, context: int | None, provider: Provider | None
) -> Endpoint:
    base = known or Endpoint(
        model_id=model_id, provider=wanted.provider, tag=wanted.tag, upstream_model=wanted.upstream_model
    )
    return msgspec.structs.replace(
        base,
        upstream_model=wanted.upstream_model,
        pricing=wanted.pricing or base.pricing,
        quantization=wanted.quantization or base.quantization,
        context_length=context or base.context_length,
        max_completion_tokens=wanted.max_completion_tokens or base.max_completion_tokens,
        supported_parameters=_chosen(wanted.supported_parameters, base.supported_parameters),
        policy=_policy(wanted.policy, provider.policy if provider is not None else _NOTHING),
    )


def _policy(stated: Policy | None, of_provider: Policy) -> Policy | None:
    """The endpoint's own policy with the provider's facts in its gaps; None when it has none of its own."""
    if stated is None:
        return None
    return msgspec.structs.replace(
        of_provider,
        data_collection=_chosen(stated.data_collection, of_provider.data_collection),
        zdr=_chosen(stated.zdr, of_provider.zdr),
        regions=stated.regions or of_provider.regions,
    )


def _first(rows: Iterable[Row], fact: Callable[[Row], _T | None]) -> _T | None:
    return next((value for row in rows if (value := fact(row)) is not None), None)


def _chosen(*values: _T | None) -> _T | None:
    return next((value for value in values if value is not None), None)


def _largest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _union(parameters: Iterable[tuple[str, ...] | None]) -> tuple[str, ...]:
    stated = list(parameters)
    if not stated or None in stated:
        return PARAMETERS
    return _in_order(frozenset(name for names in stated for name in names or ()))


@lru_cache(maxsize=4096)
def _in_order(names: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in PARAMETERS if name in names)


def _aliases(model_id: str, offers: Sequence[Offer], stated: DeclaredModel) -> tuple[str, ...]:
    own = (alias.lower() for alias in stated.aliases)
    found = dict.fromkeys([*own, *sorted({alias for offer in offers for alias in offer.identity.aliases})])
    found.pop(model_id, None)
    return tuple(found)


def _name(model_id: str, rows: Sequence[Row]) -> str:
    author = model_id.partition("/")[0]
    said = _first(rows, lambda row: row.name)
    if said is None:
        return model_id
    said = said.removesuffix(" (latest)")
    maker = AUTHOR_NAMES.get(author, author)
    return said if said.lower().startswith(f"{maker.lower()}: ") or ": " in said else f"{maker}: {said}"


def _description(model: Model) -> str:
    """A sentence of facts, for models that nobody describes."""
    author = model.id.partition("/")[0]
    reads = ", ".join(model.input_modalities)
    writes = ", ".join(model.output_modalities)
    kind = "A reasoning model" if model.reasoning else "A model"
    length = f" with a context of {model.context_length:,} tokens" if model.context_length else ""
    return f"{kind} by {AUTHOR_NAMES.get(author, author)}{length}. It reads {reads} and writes {writes}."
