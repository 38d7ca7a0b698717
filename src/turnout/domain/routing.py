"""Where a request may go: preferences, candidates, and the plan with its reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import force_setattr, replace

from turnout.domain.catalog import Endpoint, Model
from turnout.domain.credential import Credential
from turnout.domain.health import Vitals
from turnout.domain.provider import Provider
from turnout.domain.routed import Routed
from turnout.domain.usage import Pricing, dearest

__all__ = [
    "NO_BOUNDS",
    "NO_WAYS",
    "UNPRICED",
    "Bounds",
    "Candidate",
    "Exclusion",
    "MaxPrice",
    "Outlook",
    "OwnWay",
    "Percentiles",
    "Plan",
    "Preferences",
    "Sort",
    "blended_price",
]

_Name = Annotated[str, Meta(max_length=128)]
_Names = Annotated[list[_Name], Meta(max_length=256)]
_SomeNames = Annotated[list[_Name], Meta(min_length=1, max_length=256)]
_Price = Annotated[float, Meta(ge=0)] | str
_Cutoff = Annotated[float, Meta(ge=0)]
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

    p50: _Cutoff | None = None
    p75: _Cutoff | None = None
    p90: _Cutoff | None = None
    p99: _Cutoff | None = None


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

    order: _SomeNames | None = None
    allow_fallbacks: bool | None = None
    only: _Names | None = None
    ignore: _Names | None = None
    require_parameters: bool | None = None
    data_collection: Literal["allow", "deny"] | None = None
    zdr: bool | None = None
    enforce_distillable_text: bool | None = None
    quantizations: list[_Quantization] | None = None
    sort: _SortKey | Sort | None = None
    preferred_min_throughput: _Cutoff | Percentiles | None = None
    preferred_max_latency: _Cutoff | Percentiles | None = None
    max_price: MaxPrice | None = None
    options: dict[str, dict[str, object]] | None = None


_READ = ("prompt", "audio", "image_token", "input_cache_write", "input_cache_write_1h")
_WRITTEN = ("completion", "internal_reasoning", "audio_output", "image_output")

UNPRICED = 2**80
"""The blended price of an endpoint without one: above every price that can be stated."""

_PROMPT_SHARE = 3
_REQUEST_SHARE = 500
_SECONDS = 60
_CHARACTERS = 1_000
"""A minute of sound and a page of text stand for a request of those that are sold by them."""


def blended_price(pricing: Pricing) -> int:
    """One number to compare prices by, in pico-dollars: of three prompt tokens, one of an answer, 1/500 of a request.

    Most traffic reads more than it writes; docs/decisions/0004-routing-rules.md has the reasons.
    """
    others = pricing.request + (pricing.output_image or 0)
    others += _SECONDS * (pricing.audio_second or 0) + _CHARACTERS * (pricing.character or 0)
    return _PROMPT_SHARE * pricing.prompt + pricing.completion + -(-others // _REQUEST_SHARE)


class Candidate(Struct, frozen=True, eq=False):
    """An endpoint that may be tried, with the provider that serves it and the model it offers. Equal is the same.

    What follows is computed once for all plans.

    Attributes:
        price: see :func:`blended_price`; ``UNPRICED`` where nobody states one.
        names: by which preferences mean it, in lower case: its provider's slug and display name, and its tag.
        tag: the last of them, which means this endpoint alone.
        parameters: those that it supports; None is all.
        room: most tokens that it can read; None is not known.
        most_per_prompt: the dearest that a token of a prompt can be, in pico-dollars.
        most_per_completion: the same of an answer.
        credential: the caller's own one, by which it is reached; None: by the gateway's.
        access: by which adapter and connections it is reached: the slug of its provider, or a way of the caller's own.
    """

    model: Model
    endpoint: Endpoint
    provider: Provider
    endpoint_id: str = ""
    price: int = 0
    names: frozenset[str] = frozenset()
    tag: str = ""
    parameters: frozenset[str] | None = None
    room: int | None = None
    most_per_prompt: int = 0
    most_per_completion: int = 0
    credential: Credential | None = None
    access: str = ""

    def __post_init__(self) -> None:
        endpoint, provider = self.endpoint, self.provider
        tag = endpoint.tag.lower()
        supported = endpoint.supported_parameters
        rooms = [room for room in (endpoint.context_length, endpoint.max_prompt_tokens) if room is not None]
        force_setattr(self, "endpoint_id", endpoint.id)
        force_setattr(self, "price", blended_price(endpoint.pricing) if endpoint.priced else UNPRICED)
        force_setattr(self, "names", frozenset((provider.slug.lower(), provider.name.lower(), tag)))
        force_setattr(self, "tag", tag)
        force_setattr(self, "parameters", None if supported is None else frozenset(supported))
        force_setattr(self, "room", min(rooms, default=None))
        force_setattr(self, "most_per_prompt", dearest(endpoint.pricing, _READ))
        force_setattr(self, "most_per_completion", dearest(endpoint.pricing, _WRITTEN))
        force_setattr(self, "access", self.access or endpoint.provider)


class OwnWay(Struct, frozen=True, eq=False):
    """A credential of the caller's own, and its provider as it is reached by it. ``copies`` remembers candidates."""

    credential: Credential
    provider: Provider
    access: str
    copies: dict[Candidate, Candidate] = field(default_factory=dict)

    def serves(self, model: Model) -> bool:
        """Whether the credential may be used for *model*."""
        allowed = self.credential.models
        return allowed is None or model.id in allowed or model.canonical_slug in allowed

    def candidate(self, shared: Candidate) -> Candidate:
        """*shared* as it is reached by this way."""
        made = self.copies.get(shared)
        if made is None:
            made = self.copies[shared] = replace(
                shared, provider=self.provider, credential=self.credential, access=self.access
            )
        return made


NO_WAYS: Mapping[str, tuple[OwnWay, ...]] = MappingProxyType({})
"""The caller has no credential of its own."""


class Exclusion(Struct, frozen=True):
    """An endpoint that is not tried, and why."""

    candidate: Candidate
    reason: str

    @property
    def endpoint_id(self) -> str:
        """The stable id of the endpoint."""
        return self.candidate.endpoint_id


class Bounds(Struct, frozen=True):
    """What an account, a key or a guardrail allows; a request can only narrow it further.

    Attributes:
        models: names or patterns with ``*``; None allows all, and so does None below.
        ignored_models: names or patterns that are not allowed, whatever *models* says.
        providers: slugs, display names or tags, in lower case.
        ignored_providers: the same, not allowed.
        regions: where data may be processed; an endpoint must name one of them.
        parameters: of a request that steer an answer.
        zdr: only endpoints that retain nothing.
        deny_collection: only endpoints that do not collect prompts.
        deny_free_training: the same of endpoints that cost nothing alone.
        deny_paid_training: the same of the others.
        zdr_groups: as *zdr*, for models of these groups of authors alone, which are ``domain.guardrail.GROUPS``.
        also: bounds that an endpoint has to keep as well.
    """

    models: tuple[str, ...] | None = None
    ignored_models: tuple[str, ...] = ()
    providers: frozenset[str] | None = None
    ignored_providers: frozenset[str] = frozenset()
    regions: frozenset[str] | None = None
    parameters: frozenset[str] | None = None
    zdr: bool = False
    deny_collection: bool = False
    deny_free_training: bool = False
    deny_paid_training: bool = False
    zdr_groups: frozenset[str] = frozenset()
    also: tuple[Bounds, ...] = ()


NO_BOUNDS = Bounds()
"""Everything is allowed."""


class Outlook(Struct, frozen=True, eq=False):
    """What a plan depends on beside the request and the catalog, at one moment.

    Attributes:
        vitals: the state of endpoints by id; what is not in it is ``UNKNOWN``.
        dice: what draws.
        now: monotonic seconds.
        wall: unix seconds, for prices that depend on the hour.
        bounds: what the caller is allowed.
        sticky: ids of endpoints to stay with, by model id; asked only where there is a choice.
        own: the ways of the caller's own, by the slugs of providers.
        account_id: whose request it is.
        entries: what its key says of plugins and routers, each a JSON object.
    """

    vitals: Mapping[str, Vitals]
    dice: Random
    now: float = 0.0
    wall: float = 0.0
    bounds: Bounds = NO_BOUNDS
    sticky: Callable[[str], str | None] | None = None
    own: Mapping[str, tuple[OwnWay, ...]] = NO_WAYS
    account_id: str = ""
    entries: tuple[str, ...] = ()


class Plan(Struct, frozen=True):
    """Candidates in the order in which they are tried, and the endpoints that are not.

    Attributes:
        requested: the names that were asked for.
        strategy: by which way the models were found, in the words of OpenRouter's ``strategy``.
        warnings: what the caller may not expect, in sentences.
        picked: what a router's choice was made from, by the router's name.
        routed: the auto router's decision, as it is recorded.
    """

    requested: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    excluded: tuple[Exclusion, ...] = ()
    strategy: str = "direct"
    warnings: tuple[str, ...] = ()
    picked: tuple[tuple[str, dict[str, object]], ...] = ()
    routed: Routed | None = None
