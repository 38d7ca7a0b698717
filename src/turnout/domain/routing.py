"""Where a request may go: preferences, candidates, and the plan with its reasons."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from turnout.domain.catalog import Endpoint, Model
from turnout.domain.provider import Provider

__all__ = ["Candidate", "Exclusion", "MaxPrice", "Percentiles", "Plan", "Preferences", "Sort"]

_Names = Annotated[list[Annotated[str, Meta(max_length=128)]], Meta(max_length=256)]
_Price = Annotated[float, Meta(ge=0)] | str
_SortKey = Literal["price", "throughput", "latency", "exacto"]
_Quantization = Literal[
    "int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32", "unknown"
]


class Sort(Struct, frozen=True, forbid_unknown_fields=True):
    """An order for the endpoints of one model (``partition`` model) or of all models together (none)."""

    by: _SortKey | None = None
    partition: Literal["model", "none"] | None = None


class Percentiles(Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds at percentiles; tokens per second or seconds."""

    p50: float | None = None
    p75: float | None = None
    p90: float | None = None
    p99: float | None = None


class MaxPrice(Struct, frozen=True, forbid_unknown_fields=True):
    """Price caps: tokens in US dollars per million, the rest in US dollars each; ``input`` and ``output`` are
    other names of ``prompt`` and ``completion``.
    """

    prompt: _Price | None = None
    completion: _Price | None = None
    input: _Price | None = None
    output: _Price | None = None
    request: _Price | None = None
    image: _Price | None = None
    audio: _Price | None = None


class Preferences(Struct, frozen=True, forbid_unknown_fields=True):
    """The ``provider`` object of a request. Source: OpenRouter, "Provider routing"."""

    order: _Names | None = None
    allow_fallbacks: bool | None = None
    only: _Names | None = None
    ignore: _Names | None = None
    require_parameters: bool | None = None
    data_collection: Literal["allow", "deny"] | None = None
    zdr: bool | None = None
    enforce_distillable_text: bool | None = None
    quantizations: list[_Quantization] | None = None
    sort: _SortKey | Sort | None = None
    preferred_min_throughput: float | Percentiles | None = None
    preferred_max_latency: float | Percentiles | None = None
    max_price: MaxPrice | None = None
    options: dict[str, dict[str, object]] | None = None


class Candidate(Struct, frozen=True, eq=False):
    """An endpoint that may be tried, with the provider that serves it and the model it offers. Equal is the same."""

    model: Model
    endpoint: Endpoint
    provider: Provider
    endpoint_id: str = ""

    def __post_init__(self) -> None:
        force_setattr(self, "endpoint_id", self.endpoint.id)


class Exclusion(Struct, frozen=True):
    """An endpoint that is not tried, and why."""

    endpoint_id: str
    reason: str


class Plan(Struct, frozen=True):
    """Candidates in the order in which they are tried, and the endpoints that are not."""

    requested: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    excluded: tuple[Exclusion, ...] = ()
