"""Models and the endpoints that serve them, as one immutable snapshot."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from turnout.domain.provider import Policy, Provider
from turnout.domain.usage import Pricing

__all__ = ["INDEXES", "ArenaScore", "Benchmarks", "CatalogSnapshot", "Endpoint", "Model", "ReasoningSupport"]


class ReasoningSupport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a reasoning model is steered. ``supported_efforts`` None: nothing is known of them."""

    mandatory: bool = False
    supported_efforts: tuple[str, ...] | None = None
    default_effort: str | None = None
    default_enabled: bool | None = None
    supports_max_tokens: bool | None = None


class ArenaScore(Struct, frozen=True, kw_only=True):
    """One model's place in one category of an arena; the rank is computed among listed models."""

    arena: str
    category: str
    elo: float
    win_rate: float


class Benchmarks(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What third parties have measured; indexes as Artificial Analysis defines them."""

    intelligence_index: float | None = None
    coding_index: float | None = None
    agentic_index: float | None = None
    design_arena: tuple[ArenaScore, ...] = ()


INDEXES = ("intelligence_index", "coding_index", "agentic_index")
"""The single figures among :class:`Benchmarks`."""


class Endpoint(Struct, frozen=True, kw_only=True):
    """One provider's offer of one model. Lengths are in tokens; ``supported_parameters`` None means all.

    ``priced`` False: nobody states a price, and the zeros of ``pricing`` only stand in. ``service_tier`` is None, or
    the tier that this endpoint is (``flex``, ``priority``).
    """

    model_id: str
    provider: str
    tag: str
    upstream_model: str
    pricing: Pricing = Pricing()
    quantization: str | None = None
    context_length: int | None = None
    max_prompt_tokens: int | None = None
    max_completion_tokens: int | None = None
    supported_parameters: tuple[str, ...] | None = None
    policy: Policy | None = None
    priced: bool = True
    service_tier: str | None = None
    implicit_caching: bool | None = None
    expiration_date: str | None = None

    @property
    def id(self) -> str:
        """The stable id: ``model|provider|tag``."""
        return f"{self.model_id}|{self.provider}|{self.tag}"


class Model(Struct, frozen=True, kw_only=True):
    """What is asked for. ``created`` is in unix seconds; ``aliases`` are other names that resolve to ``id``.

    ``distillable``: whether its author lets others train on its answers; None is unknown. ``router``: it chooses among
    other models and has no endpoint of its own. ``assumed_inputs``, ``assumed_outputs``: nobody states what it reads or
    writes, and text stands in.
    """

    id: str
    canonical_slug: str
    name: str
    created: int = 0
    description: str = ""
    context_length: int | None = None
    max_completion_tokens: int | None = None
    input_modalities: tuple[str, ...] = ("text",)
    output_modalities: tuple[str, ...] = ("text",)
    tokenizer: str = "Other"
    instruct_type: str | None = None
    supported_parameters: tuple[str, ...] = ()
    reasoning: bool = False
    knowledge_cutoff: str | None = None
    expiration_date: str | None = None
    hugging_face_id: str | None = None
    distillable: bool | None = None
    generated_description: bool = False
    reasoning_support: ReasoningSupport | None = None
    benchmarks: Benchmarks | None = None
    router: bool = False
    assumed_inputs: bool = False
    assumed_outputs: bool = False
    supported_voices: tuple[str, ...] | None = None
    aliases: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()


class CatalogSnapshot(Struct, frozen=True, kw_only=True):
    """Everything that routing may know of models. A refresh makes a new one; requests keep theirs.

    Attributes:
        models: by id, in the order of listings; each is listed.
        unlisted: by id, models that :meth:`find` knows and listings leave out: retired ones, without endpoints and
            with an ``expiration_date`` in the past, and routers where the operator wants no catalog.
        latest: ``~author/family-latest`` to the id of the newest listed model of that family.
        latest_callable: the same for families with a model that can be called, to the newest such model.
        names: every alias and permanent slug, lower-case, to the id it means.
        providers: by slug, the configured ones and those that merely serve models.
        built: unix seconds of the merge.
        generation: counts up with each swap.
    """

    models: Mapping[str, Model]
    names: Mapping[str, str] = field(default_factory=dict)
    providers: Mapping[str, Provider] = field(default_factory=dict)
    built: float = 0.0
    generation: int = 0
    unlisted: Mapping[str, Model] = field(default_factory=dict)
    latest: Mapping[str, str] = field(default_factory=dict)
    latest_callable: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str) -> Model | None:
        """The model of that id, alias or ``~author/family-latest``, compared without regard to case.

        The newest of a family is the newest that can be called, where there is one.
        """
        model = self.models.get(name)
        if model is not None:
            return model
        lowered = name.lower()
        if lowered.startswith("~"):
            lowered = self.latest_callable.get(lowered) or self.latest.get(lowered, lowered)
        else:
            lowered = self.names.get(lowered, lowered)
        return self.models.get(lowered) or self.unlisted.get(lowered)

    def base_of(self, name: str) -> Model | None:
        """What a lookup answers for *name*: :meth:`find`, else the model without its suffixes after colons.

        For looking at models only: a request for a variant that does not exist is not served by the base model.
        """
        model = self.find(name)
        while model is None and ":" in name:
            name = name.rpartition(":")[0]
            model = self.find(name)
        return model
