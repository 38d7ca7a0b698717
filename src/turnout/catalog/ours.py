"""What the sources of the catalog lack, from the file ``ours.toml`` beside this one."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from turnout.catalog.authors import tokenizer_of
from turnout.catalog.describe import description_of, name_of
from turnout.catalog.known import Known
from turnout.catalog.rows import OURS, Row, per_million_to_pico, per_unit_to_pico
from turnout.domain.catalog import Benchmarks, Model, ReasoningSupport
from turnout.domain.usage import Pricing

__all__ = ["our_facts", "our_mark", "our_rows"]

_WHOLE_DAY: Final = time(tzinfo=UTC)
_UNITS: Final = ("prompt", "completion", "audio", "audio_output", "image_token", "image_output", "input_cache_read")


class _Router(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    name: str
    description: str
    created: date
    context_length: int


class _Retired(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    name: str
    created: date
    context_length: int
    expiration_date: date
    input_modalities: tuple[str, ...] = ("text",)
    reasoning: bool = False
    aliases: tuple[str, ...] = ()
    replaced_by: str | None = None


class _Reasoning(ReasoningSupport, frozen=True, kw_only=True, forbid_unknown_fields=True):
    models: str


class _Distillable(Struct, frozen=True, forbid_unknown_fields=True):
    models: str
    allowed: bool


class _Offer(Struct, frozen=True, forbid_unknown_fields=True):
    """Prices in dollars: ``request`` for each request, the others for a million tokens."""

    outputs: tuple[str, ...]
    inputs: tuple[str, ...] = ("text",)
    model: str | None = None
    name: str | None = None
    created: date | None = None
    context: int | None = None
    unpriced: bool = False
    prompt: Decimal = Decimal(0)
    completion: Decimal = Decimal(0)
    audio: Decimal | None = None
    audio_output: Decimal | None = None
    image_token: Decimal | None = None
    image_output: Decimal | None = None
    input_cache_read: Decimal | None = None
    request: Decimal = Decimal(0)


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    routers: tuple[_Router, ...] = ()
    retired: tuple[_Retired, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    contexts: dict[str, int] = field(default_factory=dict)
    reasoning: tuple[_Reasoning, ...] = ()
    distillable: tuple[_Distillable, ...] = ()
    offers: dict[str, dict[str, _Offer]] = field(default_factory=dict)


def our_facts(
    *,
    bundled: bool = True,
    canonical: Mapping[str, str] | None = None,
    retired: Iterable[Model] = (),
    benchmarks: Mapping[str, Benchmarks] | None = None,
) -> Known:
    """What the file knows beside rows, and what the caller knows of earlier snapshots and of measurements.

    *bundled* False: the operator wants no catalog; routers are then found by name and not listed, and the file says
    nothing else of models. *canonical* has permanent slugs; *retired* models win over the file's.
    """
    stated = _known() if bundled else Known(routers=_known().routers, renamed=_known().renamed, listed_routers=False)
    earlier = tuple(retired)
    gone = {model.id for model in earlier}
    return replace(
        stated,
        canonical=canonical or {},
        retired=(*earlier, *(model for model in stated.retired if model.id not in gone)),
        benchmarks=benchmarks or {},
    )


def our_rows() -> tuple[Row, ...]:
    """Offers that no package lists; they come after those of the packages."""
    return tuple(
        _row(provider, upstream_model, offer)
        for provider, offers in _read().offers.items()
        for upstream_model, offer in offers.items()
    )


def our_mark() -> str:
    """A short hash of the file, for fingerprints."""
    return f"ours {sha256(_content()).hexdigest()[:16]}"


def _content() -> bytes:
    return files("turnout.catalog").joinpath("ours.toml").read_bytes()


@cache
def _read() -> _File:
    return msgspec.convert(tomllib.loads(_content().decode()), _File)


@cache
def _known() -> Known:
    stated = _read()
    return Known(
        routers=tuple(_router(router) for router in stated.routers),
        retired=tuple(_retired(model) for model in stated.retired),
        aliases=stated.aliases,
        renamed=stated.renamed,
        contexts=stated.contexts,
        reasoning=tuple((one.models, _support(one)) for one in stated.reasoning),
        distillable=tuple((one.models, one.allowed) for one in stated.distillable),
    )


def _router(stated: _Router) -> Model:
    return Model(
        id=stated.id,
        canonical_slug=stated.id,
        name=stated.name,
        created=_unix(stated.created),
        description=stated.description,
        context_length=stated.context_length,
        input_modalities=("text", "image", "file", "audio", "video"),
        tokenizer="Router",
        router=True,
    )


def _retired(stated: _Retired) -> Model:
    model = Model(
        id=stated.id,
        canonical_slug=stated.id,
        name=name_of(stated.id, stated.name),
        created=_unix(stated.created),
        context_length=stated.context_length,
        input_modalities=stated.input_modalities,
        tokenizer=tokenizer_of(stated.id),
        reasoning=stated.reasoning,
        expiration_date=stated.expiration_date.isoformat(),
        aliases=stated.aliases,
        generated_description=True,
    )
    successor = f" {stated.replaced_by} has taken its place." if stated.replaced_by else ""
    ended = f" It was switched off in {stated.expiration_date:%Y}.{successor}"
    return replace(model, description=description_of(model) + ended)


def _support(stated: _Reasoning) -> ReasoningSupport:
    return ReasoningSupport(**{name: getattr(stated, name) for name in ReasoningSupport.__struct_fields__})


def _row(provider: str, upstream_model: str, offer: _Offer) -> Row:
    pricing = None if offer.unpriced else _pricing(offer)
    return Row(
        source=OURS,
        provider=provider,
        upstream_model=upstream_model,
        model=offer.model,
        name=offer.name,
        created=None if offer.created is None else _unix(offer.created),
        context_length=offer.context,
        input_modalities=offer.inputs,
        output_modalities=offer.outputs,
        pricing=pricing,
    )


def _pricing(offer: _Offer) -> Pricing:
    stated: dict[str, Any] = {}
    for name in _UNITS:
        dollars = getattr(offer, name)
        if dollars is not None and (price := per_million_to_pico(dollars)) is not None:
            stated[name] = price[0]
    request = per_unit_to_pico(offer.request)
    return Pricing(**stated) if request is None else Pricing(**stated, request=request[0])


def _unix(day: date) -> int:
    return int(datetime.combine(day, _WHOLE_DAY).timestamp())
