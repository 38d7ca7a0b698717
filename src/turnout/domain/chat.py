"""A chat request: the fields that are judged, and all fields as they were sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Raw, Struct, field

from turnout.base.limits import MAX_MODELS_IN_REQUEST, MAX_TOKENS
from turnout.domain.preset import AppliedPreset
from turnout.domain.routing import Preferences

__all__ = ["ChatParameters", "ChatRequest", "Debug", "Original", "PluginEntry", "Reasoning", "ResponseFormat", "Traits"]

_Effort = Literal["max", "xhigh", "high", "medium", "low", "minimal", "none"]
_Count = Annotated[int, Meta(ge=1, le=MAX_TOKENS)]
_Fraction = Annotated[float, Meta(ge=0, le=1)]
_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Model = Annotated[str, Meta(min_length=1, max_length=256)]
_Text64 = Annotated[str, Meta(max_length=64)]
_Text512 = Annotated[str, Meta(max_length=512)]


class Reasoning(Struct, frozen=True):
    """How much a model should think, and whether that is shown."""

    effort: _Effort | None = None
    max_tokens: Annotated[int, Meta(ge=0, le=MAX_TOKENS)] | None = None
    exclude: bool | None = None
    enabled: bool | None = None
    summary: str | None = None


class Debug(Struct, frozen=True):
    """What a client wants to see of the way to the provider."""

    echo_upstream_body: bool | None = None


class PluginEntry(Struct, frozen=True):
    """One entry of ``plugins``; its other keys are read by the plugin."""

    id: str
    enabled: bool | None = None


class ResponseFormat(Struct, frozen=True):
    """The kind of answer; the schema itself stays bytes."""

    type: Literal["text", "json_object", "json_schema", "grammar", "python"]


class ChatParameters(Struct, frozen=True, kw_only=True, gc=False):
    """The fields of a chat request that the gateway reads or judges. None: not sent, and not sent on."""

    model: _Model | None = None
    models: Annotated[list[_Model], Meta(max_length=MAX_MODELS_IN_REQUEST)] | None = None
    route: Literal["fallback", "sort"] | None = None
    preset: str | None = None
    provider: Preferences | None = None
    plugins: list[PluginEntry] | None = None
    stream: bool | None = None
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: _Fraction | None = None
    top_k: Annotated[int, Meta(ge=0, le=MAX_TOKENS)] | None = None
    min_p: _Fraction | None = None
    top_a: _Fraction | None = None
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None
    repetition_penalty: Annotated[float, Meta(ge=0, le=2)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    tools: list[Raw] | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning: Reasoning | None = None
    reasoning_effort: Literal["max", "xhigh", "high", "medium", "low", "minimal", "none", "default"] | None = None
    include_reasoning: bool | None = None
    verbosity: Literal["max", "xhigh", "high", "medium", "low"] | None = None
    modalities: list[Literal["text", "image", "audio"]] | None = None
    service_tier: str | None = None
    user: Annotated[str, Meta(max_length=256)] | None = None
    session_id: Annotated[str, Meta(max_length=256)] | None = None
    metadata: Annotated[dict[_Text64, _Text512], Meta(max_length=16)] | None = None
    debug: Debug | None = None


class Traits(Struct, frozen=True):
    """What the messages hold that not every provider takes: found once, while they are checked."""

    developer: bool = False
    reasoning: bool = False
    cache_marks: bool = False
    rich_results: bool = False
    """Results of tools that hold more than a text, or say that the tool has failed."""
    files: bool = False
    """Files, or what an earlier answer has told of files."""
    signed: bool = False
    """Messages that name the model that wrote them: that is for the auto router, and no provider."""


class Original(Struct, frozen=True):
    """A request as its client wrote it in a provider's own language, for endpoints that speak it.

    Attributes:
        language: the dialect's name.
        fields: the top level of the body as sent, values as JSON bytes.
        retold: the chat fields that were made of it.
        peculiar: what only this language and its ``kin`` (dialects) say; endpoints of others refuse it. Empty: nothing.
        headers: those that came with it; a dialect reads the few that belong to its language.
        unsaid: names of what no chat can say; endpoints of other languages do without it.
    """

    language: str
    fields: dict[str, Raw]
    retold: dict[str, Raw]
    peculiar: str = ""
    kin: frozenset[str] = frozenset()
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    unsaid: tuple[str, ...] = ()


class ChatRequest(Struct, frozen=True):
    """One request in the middle of the line, whichever API family it came by.

    Attributes:
        parameters: what was judged.
        fields: the top level of the body as sent, values as JSON bytes; unknown fields included. ``messages`` is
            always there.
        prompt_bytes: size of the messages, the measure for estimates.
        traits: what the messages hold.
        at_once: most bytes that a model reads at once, where that is less than all of them; None is all.
        squeezed: endpoints of at most so many tokens are not ruled out when the prompt does not fit: it is made to.
        preset: what it was completed from.
        original: what the client wrote, where that was in a provider's own language.
    """

    wants: ClassVar[str] = "text"
    """What is asked for: ``text`` of a conversation, ``embeddings``, or one of the errands."""

    parameters: ChatParameters
    fields: dict[str, Raw]
    prompt_bytes: int
    traits: Traits = Traits()
    at_once: int | None = None
    squeezed: int = 0
    preset: AppliedPreset | None = None
    original: Original | None = None

    @property
    def stream(self) -> bool:
        """Whether the client wants the answer in pieces."""
        return self.parameters.stream is True

    @property
    def max_tokens(self) -> int | None:
        """The output limit under its new or its old name."""
        parameters = self.parameters
        return parameters.max_completion_tokens or parameters.max_tokens

    def as_written(self, language: str) -> Original | None:
        """What the client wrote, if that was in *language* and nobody has changed a field of it since."""
        own = self.original
        return own if own is not None and own.language == language and own.retold is self.fields else None
