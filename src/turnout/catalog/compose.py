"""One model of the catalog out of the offers of all its providers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from msgspec.structs import replace

from turnout.catalog.authors import AUTHOR_OF_PROVIDER, RESELLERS, tokenizer_of
from turnout.catalog.declared import DeclaredModel
from turnout.catalog.describe import description_of, name_of, said_of
from turnout.catalog.endpoints import Offer, endpoint_of, said_to_be_free, tag_of, with_stated
from turnout.catalog.facts import chosen, fitting, is_day
from turnout.catalog.identity import is_model_id
from turnout.catalog.kinds import outputs_by_name
from turnout.catalog.known import Known
from turnout.catalog.rows import BUNDLED, PARAMETERS, Row, trust
from turnout.catalog.weights import hugging_face_id, is_repository
from turnout.domain.catalog import Benchmarks, Endpoint, Model
from turnout.domain.provider import Provider
from turnout.domain.usage import Pricing

__all__ = ["MODEL_FACTS", "best_fact", "by_authority", "model_of"]

MODEL_FACTS: Final = (
    "name", "description", "created", "context_length", "max_completion_tokens", "input_modalities",
    "output_modalities", "tokenizer", "instruct_type", "reasoning", "reasoning_support", "knowledge_cutoff",
    "expiration_date", "hugging_face_id", "distillable", "benchmarks", "canonical_slug",
    "supported_voices",
)  # fmt: skip
"""Fields of a model that say something of it and have an origin."""

_STATED_ELSEWHERE: Final = 7  # what a provider says of a model that another one makes: less than any catalog


def model_of(
    model_id: str,
    offers: Sequence[Offer],
    stated: DeclaredModel | None,
    providers: Mapping[str, Provider],
    known: Known,
) -> Model:
    """The model *model_id* with an endpoint for each of *offers* and for each one that the operator has *stated*.

    A stated endpoint takes the place of an offer with the same provider and tag. Order: stated ones as they stand,
    then the model's own maker, then others by price, then resellers by price; then those that are said to cost nothing
    while others cost something; service tiers after all. Facts come from the most trusted source, see
    :func:`best_fact`.
    """
    stated = stated or DeclaredModel(id=model_id)
    ranked = _ranked(model_id, offers)
    endpoints = _endpoints(model_id, ranked, stated, providers, known)
    rows = [offer.row for offer in by_authority(model_id, ranked)]

    def fact(name: str) -> Any:  # noqa: ANN401 - fields of any type
        mine = getattr(stated, name, None)
        if mine is not None:
            return mine
        found = best_fact(model_id, rows, name)
        return None if found is None else found[0]

    outputs = fact("output_modalities") or outputs_by_name(model_id)
    assumed, outputs = outputs is None, outputs or ("text",)
    reasoning = bool(fact("reasoning"))
    model = Model(
        id=model_id,
        canonical_slug=fitting(fact("canonical_slug"), is_model_id)
        or max((o.identity.dated or "" for o in ranked), default="")
        or model_id,
        name=stated.name or name_of(model_id, fact("name")),
        created=fact("created") or max((_day(o.identity.stamp) for o in ranked), default=0),
        context_length=chosen(stated.context_length, _largest(e.context_length for e in endpoints)),
        max_completion_tokens=_largest(e.max_completion_tokens for e in endpoints),
        input_modalities=fact("input_modalities") or ("text",),
        assumed_inputs=fact("input_modalities") is None,
        output_modalities=outputs,
        assumed_outputs=assumed,
        supported_voices=fact("supported_voices"),
        tokenizer=fact("tokenizer") or tokenizer_of(model_id),
        instruct_type=fact("instruct_type"),
        supported_parameters=_union(e.supported_parameters for e in endpoints) if "text" in outputs else (),
        reasoning=reasoning,
        reasoning_support=fact("reasoning_support") or (known.reasoning_of(model_id) if reasoning else None),
        knowledge_cutoff=fact("knowledge_cutoff"),
        expiration_date=fitting(fact("expiration_date"), is_day),
        hugging_face_id=fitting(fact("hugging_face_id"), is_repository) or hugging_face_id(model_id, rows),
        distillable=chosen(fact("distillable"), known.distillable_of(model_id)),
        benchmarks=_measured(stated.benchmarks, known.benchmarks.get(model_id), fact("benchmarks")),
        aliases=_aliases(model_id, ranked, stated),
        endpoints=tuple(endpoints),
    )
    said = said_of(fact("description"))
    if said:
        return replace(model, description=said)
    return replace(
        model, description=description_of(model, open_weights=bool(fact("open_weights"))), generated_description=True
    )


def by_authority(model_id: str, offers: Sequence[Offer]) -> list[Offer]:
    """*offers* with the model's own maker first, then OpenRouter, then the others in their order."""
    return sorted(offers, key=lambda offer: _authority(model_id, offer))


def best_fact(model_id: str, rows: Sequence[Row], name: str) -> tuple[Any, Row] | None:
    """The value of the field *name* and the row that has it: the most trusted source's, among equals the first row's.

    What a provider itself lists counts most when it makes the model, and least when it does not: it then says how the
    model is offered there, not what it is.
    """
    best: tuple[int, Any, Row] | None = None
    for row in rows:
        value = getattr(row, name)
        if value is None:
            continue
        rank = trust(row.origin_of(name)[0])
        if rank == 1 and not _made_by(model_id, row.provider):
            rank = _STATED_ELSEWHERE
        if best is None or rank < best[0]:
            best = (rank, value, row)
    return None if best is None else best[1:]


def _ranked(model_id: str, offers: Sequence[Offer]) -> list[Offer]:
    sold = any(offer.row.pricing is not None and not offer.row.pricing.free for offer in offers)
    return sorted(offers, key=lambda offer: _rank(model_id, offer, sold=sold))


def _endpoints(
    model_id: str, offers: Sequence[Offer], stated: DeclaredModel, providers: Mapping[str, Provider], known: Known
) -> list[Endpoint]:
    derived = [endpoint_of(model_id, offer, providers[offer.row.provider]) for offer in offers]
    if (length := known.contexts.get(model_id)) is not None and all(_is_bundled(offer.row) for offer in offers):
        derived = [replace(endpoint, context_length=length) for endpoint in derived]
    return with_stated(model_id, derived, stated, providers)


def _is_bundled(row: Row) -> bool:
    return row.context_length is None or trust(row.origin_of("context_length")[0]) == BUNDLED


def _rank(model_id: str, offer: Offer, *, sold: bool) -> tuple[bool, bool, bool, bool, bool, int, str, str]:
    pricing = offer.row.pricing or Pricing()
    slug = offer.row.provider
    return (
        offer.row.service_tier is not None,
        bool(offer.row.deprecated and not offer.row.listed),
        sold and said_to_be_free(offer.row),
        not _made_by(model_id, slug),
        slug in RESELLERS,
        pricing.prompt + pricing.completion,
        slug,
        tag_of(offer),
    )


def _authority(model_id: str, offer: Offer) -> tuple[bool, bool]:
    slug = offer.row.provider
    return not _made_by(model_id, slug), slug != "openrouter"


def _made_by(model_id: str, provider: str) -> bool:
    return AUTHOR_OF_PROVIDER.get(provider) == model_id.partition("/")[0]


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


def _day(stamp: str) -> int:
    """Unix seconds of ``YYYYMMDD``, 0 for none."""
    try:
        return int(datetime.strptime(stamp, "%Y%m%d").replace(tzinfo=UTC).timestamp()) if stamp else 0
    except ValueError:
        return 0


def _measured(*sources: Benchmarks | None) -> Benchmarks | None:
    """Each figure from the first of *sources* that has it."""
    found = [source for source in sources if source is not None]
    if len(found) <= 1:
        return found[0] if found else None
    return Benchmarks(
        intelligence_index=chosen(*(one.intelligence_index for one in found)),
        coding_index=chosen(*(one.coding_index for one in found)),
        agentic_index=chosen(*(one.agentic_index for one in found)),
        design_arena=next((one.design_arena for one in found if one.design_arena), ()),
    )
