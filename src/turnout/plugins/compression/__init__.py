"""The plugin that makes long conversations fit small endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, final

from msgspec import Struct, field
from msgspec.structs import replace

from turnout.base.tokens import Count, at_most, exact
from turnout.contracts.plugin import Plugin, Work
from turnout.domain.chat import ChatRequest
from turnout.domain.routing import Candidate
from turnout.plugins.compression.squeeze import squeeze

__all__ = ["PLUGIN", "Parameters", "Settings"]

_OVERHEAD = ("tools", "response_format")
"""Fields that a model reads beside the messages."""
_ANSWER_SHARE, _LONGEST_ANSWER = 4, 4_096
"""What is left for an answer of which nobody says how long it may be."""
_LEAST_BYTES_PER_TOKEN = 1.2
_LEAST_MESSAGE = len('{"role":"user","content":""},')
_ENDLESS = 2**62


class Parameters(Struct, frozen=True, forbid_unknown_fields=True):
    """``engine``: what stays of the middle: nothing, or what has to do with the last question."""

    engine: Literal["middle-out", "relevance"] = "middle-out"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """``tokens``: how they are counted; ``exact`` needs the extra ``tokens``. ``most_messages``: of conversations, by
    the dialect of the provider or the author of the model.
    """

    tokens: Literal["estimate", "exact"] = "estimate"
    most_messages: Mapping[str, int] = field(default_factory=lambda: {"anthropic": 1000})

    def __post_init__(self) -> None:
        """Load the vocabulary now: no request waits for it. Raises ValueError where it is not installed."""
        if self.tokens == "exact":
            try:
                exact()
            except ImportError:
                raise ValueError('"exact" needs an extra: pip install turnout[tokens]') from None


@final
class Compression(Work):
    """One request's compression: only for those endpoints that it does not fit."""

    async def fit(self, request: ChatRequest, candidate: Candidate) -> ChatRequest:
        """*request* in the room of *candidate*."""
        if candidate.model.output_modalities == ("image",):
            return request
        settings = self.job.settings
        author = candidate.model.id.partition("/")[0]
        most = settings.most_messages.get(candidate.provider.dialect) or settings.most_messages.get(author)
        count: Count = exact() if settings.tokens == "exact" else at_most
        room = _room(request, candidate, count)
        many = most is not None and request.prompt_bytes > most * _LEAST_MESSAGE
        if room is None and not many:
            return request
        if room is not None and not many and request.prompt_bytes < room * _LEAST_BYTES_PER_TOKEN:
            return request
        parameters = self.job.parameters
        found = squeeze(
            request.fields["messages"],
            _ENDLESS if room is None else room,
            count,
            most=most,
            relevance=parameters.engine == "relevance",
        )
        if not found.changed:
            return request
        self.job.note(
            engine=parameters.engine,
            tokens_before=found.before,
            tokens_after=found.after,
            messages_removed=found.removed,
            messages_shortened=found.shortened,
            attachments_removed=found.attachments,
        )
        self.job.warn(
            f"The prompt was compressed from about {found.before} to {found.after} tokens: {found.removed} messages "
            f"were left out and {found.shortened} shortened."
        )
        size = len(memoryview(found.messages))
        return replace(request, fields=request.fields | {"messages": found.messages}, prompt_bytes=size)


def _room(request: ChatRequest, candidate: Candidate, count: Count) -> int | None:
    """Tokens that the messages may have; None where nobody knows."""
    context, prompt = candidate.endpoint.context_length, candidate.endpoint.max_prompt_tokens
    rooms = [] if prompt is None else [prompt]
    if context is not None:
        answer = request.max_tokens or min(context // _ANSWER_SHARE, _LONGEST_ANSWER)
        rooms.append(context - min(answer, context // 2))
    if not rooms:
        return None
    beside = sum(count(bytes(request.fields[name])) for name in _OVERHEAD if name in request.fields)
    return max(0, min(rooms) - beside)


PLUGIN: Final = Plugin(
    id="context-compression",
    work=Compression,
    phases=frozenset({"candidate"}),
    parameters=Parameters,
    settings=Settings,
    rank=80,
    fits=True,
    unasked=8_192,
    on_failure="skip",
    stage="context_compression",
)
