"""Models and the endpoints that serve them, as one immutable snapshot."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from turnout.domain.provider import Policy, Provider
from turnout.domain.usage import Pricing

__all__ = ["CatalogSnapshot", "Endpoint", "Model"]


class Endpoint(Struct, frozen=True, kw_only=True):
    """One provider's offer of one model. Lengths are in tokens; ``supported_parameters`` None means all."""

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

    @property
    def id(self) -> str:
        """The stable id: ``model|provider|tag``."""
        return f"{self.model_id}|{self.provider}|{self.tag}"


class Model(Struct, frozen=True, kw_only=True):
    """What is asked for. ``created`` is in unix seconds; ``aliases`` are other names that resolve to ``id``."""

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
    aliases: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()


class CatalogSnapshot(Struct, frozen=True, kw_only=True):
    """Everything that routing may know of models. A refresh makes a new one; requests keep theirs.

    Attributes:
        models: by id.
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

    def find(self, name: str) -> Model | None:
        """The model of that id or alias, compared without regard to case."""
        model = self.models.get(name)
        if model is None:
            lowered = name.lower()
            model = self.models.get(self.names.get(lowered, lowered))
        return model
