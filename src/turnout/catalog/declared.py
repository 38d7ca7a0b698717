"""What the operator declares of models: neutral values, apart from how the configuration holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from turnout.base.money import parse_price
from turnout.domain.catalog import INDEXES, Benchmarks
from turnout.domain.provider import Policy
from turnout.domain.usage import PRICES, Pricing

if TYPE_CHECKING:
    from turnout.config import settings

__all__ = ["DeclaredEndpoint", "DeclaredModel", "declared"]


class DeclaredEndpoint(Struct, frozen=True, kw_only=True):
    """An endpoint as the operator wants it. None means: as the catalog or the model has it."""

    provider: str
    upstream_model: str
    tag: str
    pricing: Pricing | None = None
    quantization: str | None = None
    context_length: int | None = None
    max_completion_tokens: int | None = None
    supported_parameters: tuple[str, ...] | None = None
    policy: Policy | None = None


class DeclaredModel(Struct, frozen=True, kw_only=True):
    """A model as the operator wants it: each field that is not None wins over the catalog's."""

    id: str
    name: str | None = None
    description: str | None = None
    created: int | None = None
    context_length: int | None = None
    input_modalities: tuple[str, ...] | None = None
    output_modalities: tuple[str, ...] | None = None
    supported_voices: tuple[str, ...] | None = None
    tokenizer: str | None = None
    benchmarks: Benchmarks | None = None
    aliases: tuple[str, ...] = ()
    endpoints: tuple[DeclaredEndpoint, ...] = ()


def declared(configuration: settings.Settings) -> tuple[DeclaredModel, ...]:
    """The ``[[models]]`` tables of the configuration, in their order.

    Raises:
        InvalidPrice: a price is none; a configuration that was loaded holds no such price.
    """
    return tuple(
        DeclaredModel(
            id=model.id,
            name=model.name,
            description=model.description,
            created=model.created,
            context_length=model.context_length,
            input_modalities=model.input_modalities,
            output_modalities=model.output_modalities,
            supported_voices=model.supported_voices,
            tokenizer=model.tokenizer,
            benchmarks=_benchmarks({str(name): score for name, score in model.benchmarks.items()}),
            aliases=model.aliases,
            endpoints=tuple(_endpoint(model.id, endpoint) for endpoint in model.endpoints),
        )
        for model in configuration.models
    )


def _benchmarks(stated: Mapping[str, float]) -> Benchmarks | None:
    """The indexes that the catalog knows; a configuration that was loaded names no others."""
    known: dict[str, Any] = {name: float(stated[name]) for name in INDEXES if name in stated}
    return Benchmarks(**known) if known else None


def _endpoint(model_id: str, endpoint: settings.DeclaredEndpoint) -> DeclaredEndpoint:
    policy = Policy(data_collection=endpoint.data_collection, zdr=endpoint.zdr, regions=tuple(endpoint.regions or ()))
    return DeclaredEndpoint(
        provider=endpoint.provider,
        upstream_model=endpoint.upstream_model or model_id.partition("/")[2],
        tag=endpoint.tag or endpoint.provider,
        pricing=_pricing(endpoint.pricing),
        quantization=endpoint.quantization,
        context_length=endpoint.context_length,
        max_completion_tokens=endpoint.max_completion_tokens,
        supported_parameters=endpoint.supported_parameters,
        policy=None if policy == Policy() else policy,
    )


def _pricing(pricing: settings.Pricing) -> Pricing | None:
    """The stated prices; None when none is stated, so that the catalog's stand."""
    stated: dict[str, Any] = {
        name: parse_price(text) for name in PRICES if (text := getattr(pricing, name, None)) is not None
    }
    return Pricing(**stated) if stated else None
