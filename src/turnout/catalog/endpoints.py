"""One provider's offer of a model, and the endpoint that it makes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from msgspec.structs import replace

from turnout.catalog.declared import DeclaredEndpoint, DeclaredModel
from turnout.catalog.facts import chosen, fitting, is_day
from turnout.catalog.identity import Identity
from turnout.catalog.rows import PARAMETERS, SERVICE_TIERS, Row, trust
from turnout.domain.catalog import Endpoint
from turnout.domain.provider import Policy, Provider
from turnout.domain.usage import Pricing

__all__ = ["ENDPOINT_FACTS", "Offer", "endpoint_of", "said_to_be_free", "tag_of", "with_stated"]

ENDPOINT_FACTS: Final = (
    "upstream_model", "pricing", "quantization", "context_length", "max_prompt_tokens", "max_completion_tokens",
    "supported_parameters", "implicit_caching", "expiration_date",
)  # fmt: skip
"""Fields of an endpoint that say something of it and have an origin."""

_BY_TOKEN: Final = frozenset({"text", "embeddings", "rerank"})
_NOTHING: Final = Policy()


class Offer(NamedTuple):
    """One provider's row, and which model it means."""

    row: Row
    identity: Identity

    @property
    def quantization(self) -> str | None:
        """Precision of the weights, as the source says, else as the name does."""
        return self.row.quantization or self.identity.quantization


def endpoint_of(model_id: str, offer: Offer, provider: Provider) -> Endpoint:
    """The endpoint of *model_id* that *provider* offers."""
    row = offer.row
    chat = row.output_modalities is None or "text" in row.output_modalities
    return Endpoint(
        model_id=model_id,
        provider=row.provider,
        tag=tag_of(offer),
        upstream_model=row.upstream_model,
        pricing=row.pricing or Pricing(),
        quantization=offer.quantization,
        context_length=row.context_length,
        max_prompt_tokens=row.max_prompt_tokens,
        max_completion_tokens=row.max_completion_tokens,
        supported_parameters=_parameters(row, provider.capabilities.drop) if chat else None,
        priced=_has_price(row) or provider.dialect == "fake",
        service_tier=row.service_tier,
        implicit_caching=row.implicit_caching,
        expiration_date=fitting(row.expiration_date, is_day),
    )


def with_stated(
    model_id: str, derived: Sequence[Endpoint], stated: DeclaredModel, providers: Mapping[str, Provider]
) -> list[Endpoint]:
    """*derived* behind the endpoints that the operator has stated; those win where provider and tag are the same."""
    by_key = {(endpoint.provider, endpoint.tag): endpoint for endpoint in derived}
    first = []
    for wanted in stated.endpoints:
        known = by_key.pop((wanted.provider, wanted.tag), None)
        context = wanted.context_length or stated.context_length
        first.append(_stated_endpoint(model_id, wanted, known, context, providers.get(wanted.provider)))
    # The same provider and tag twice would be one id twice: the first one stands.
    return list({endpoint.id: endpoint for endpoint in reversed([*first, *by_key.values()])}.values())[::-1]


def tag_of(offer: Offer) -> str:
    """The tag of the offer's endpoint: the provider's slug, then variant or quantization, then service tier."""
    parts = (offer.row.provider, offer.row.tag or offer.quantization, offer.row.service_tier)
    return "/".join(part for part in parts if part)


def said_to_be_free(row: Row) -> bool:
    """Whether others than the provider say that it charges nothing: a trial at best, often a gap in their list."""
    free = row.pricing is None or row.pricing.free
    return free and trust(row.origin_of("pricing")[0]) > 1


def _has_price(row: Row) -> bool:
    """Whether the row's price can be believed: images, films and speech are not sold by the token, so that a list
    which knows no other unit says zero.
    """
    if row.pricing is None:
        return False
    by_other_units = row.output_modalities is not None and _BY_TOKEN.isdisjoint(row.output_modalities)
    return not (by_other_units and said_to_be_free(row))


def _parameters(row: Row, dropped: frozenset[str]) -> tuple[str, ...] | None:
    """What the endpoint takes: the source's own list, else all but what it is known to lack; None for all."""
    if row.supported_parameters is not None:
        return _without(row.supported_parameters, dropped)
    lacking = dropped.union(row.without or ())
    return _without(PARAMETERS, lacking) if lacking else None


@lru_cache(maxsize=4096)
def _without(names: tuple[str, ...], lacking: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in lacking)


def _stated_endpoint(
    model_id: str, wanted: DeclaredEndpoint, known: Endpoint | None, context: int | None, provider: Provider | None
) -> Endpoint:
    fake = provider is not None and provider.dialect == "fake"
    last = wanted.tag.lower().rpartition("/")[2]
    base = known or Endpoint(
        model_id=model_id,
        provider=wanted.provider,
        tag=wanted.tag,
        upstream_model=wanted.upstream_model,
        priced=fake,
        service_tier=last if "/" in wanted.tag and last in SERVICE_TIERS else None,
    )
    return replace(
        base,
        upstream_model=wanted.upstream_model,
        pricing=wanted.pricing or base.pricing,
        priced=wanted.pricing is not None or base.priced,
        quantization=wanted.quantization or base.quantization,
        context_length=context or base.context_length,
        max_completion_tokens=wanted.max_completion_tokens or base.max_completion_tokens,
        supported_parameters=chosen(wanted.supported_parameters, base.supported_parameters),
        policy=_policy(wanted.policy, provider.policy if provider is not None else _NOTHING),
    )


def _policy(stated: Policy | None, of_provider: Policy) -> Policy | None:
    """The endpoint's own policy with the provider's facts in its gaps; None when it has none of its own."""
    if stated is None:
        return None
    return replace(
        of_provider,
        data_collection=chosen(stated.data_collection, of_provider.data_collection),
        zdr=chosen(stated.zdr, of_provider.zdr),
        regions=stated.regions or of_provider.regions,
    )
