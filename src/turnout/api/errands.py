"""``POST /rerank`` and ``POST /moderations``, and what all errands have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, TypeVar, final

from msgspec import Meta, Raw, Struct

from turnout.api.decode import prompt_as_messages, read_fields
from turnout.api.errors import OneShape, error_body
from turnout.base.errors import BadRequest, TurnoutError
from turnout.base.jsons import BadJSON, encode, json_text, reader, refuse_duplicates
from turnout.base.money import PICO_PER_DOLLAR
from turnout.domain.chat import ChatParameters, ChatRequest
from turnout.domain.completion import Chunk, Completion
from turnout.domain.errand import ModerationRequest, RerankRequest
from turnout.domain.routing import Preferences
from turnout.domain.usage import Cost, Units, Usage

__all__ = [
    "Asked",
    "ErrandEncoder",
    "ErrandSurface",
    "ModerationParameters",
    "ModerationsSurface",
    "RerankParameters",
    "RerankSurface",
    "dollars_of",
    "messages_of",
    "parameters_of",
    "read_asked",
]

_MOST_DOCUMENTS: Final = 10_000
_PER_SEARCH: Final = 100
"""Documents that a reranker reads for the price of one search. Source: Cohere, "How does pricing work?"."""
_Text256 = Annotated[str, Meta(max_length=256)]
_S = TypeVar("_S", bound="Asked")


class Asked(Struct, frozen=True, kw_only=True):
    """The fields that a request of any kind may have beside its own."""

    model: Annotated[str, Meta(min_length=1, max_length=256)]
    provider: Preferences | None = None
    user: _Text256 | None = None
    session_id: _Text256 | None = None


class RerankParameters(Asked, frozen=True, kw_only=True):
    """The fields of a request to rerank, but for its documents. Source: OpenRouter, "Rerank"."""

    query: Annotated[str, Meta(min_length=1)]
    top_n: Annotated[int, Meta(ge=1)] | None = None


class ModerationParameters(Asked, frozen=True, kw_only=True):
    """The fields of a request for judgements, but for its input. Source: OpenAI, "Moderations"."""

    model: Annotated[str, Meta(min_length=1, max_length=256)] = "openai/omni-moderation-latest"


class _Document(Struct, forbid_unknown_fields=True, omit_defaults=True):
    text: str | None = None
    image: str | None = None


_read_rerank = reader(RerankParameters)
_read_documents = reader(list[str | _Document])
_read_moderation = reader(ModerationParameters)


def read_asked(fields: Mapping[str, Raw], read: Callable[[bytes], _S]) -> _S:
    """The judged fields of a request. Raises BadRequest: one of them is wrong; the message names it."""
    try:
        asked = read(encode(fields))
        if "provider" in fields:
            refuse_duplicates(bytes(fields["provider"]))
    except BadJSON as error:
        raise BadRequest(str(error)) from None
    return asked


def parameters_of(asked: Asked, *, stream: bool | None = None) -> ChatParameters:
    """What the line reads of *asked*."""
    return ChatParameters(
        model=asked.model, provider=asked.provider, user=asked.user, session_id=asked.session_id, stream=stream
    )


def messages_of(text: str) -> Raw:
    """What stands for *text* as messages."""
    return prompt_as_messages(Raw(encode(text)))


def dollars_of(price: Cost) -> float:
    """The price as a JSON number: what is charged, or what the account's own provider bills."""
    return price.total / PICO_PER_DOLLAR


class ErrandEncoder:
    """One answer to an errand; streams are the subclass's affair."""

    def __init__(self, generation_id: str, created: int, request: ChatRequest) -> None:
        self.id, self.created, self.request = generation_id, created, request
        self.model = self.provider = ""

    def served_by(self, model: str, provider_name: str) -> None:
        """Note who answers."""
        self.model, self.provider = model, provider_name

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:
        """The body."""
        raise NotImplementedError

    def chunks(self, chunks: Sequence[Chunk]) -> bytes:  # noqa: ARG002 - of one shape
        """Nothing."""
        return b""

    def end(self, usage: Usage, price: Cost) -> bytes:  # noqa: ARG002 - of one shape
        """Nothing."""
        return b""

    def failed(self, error: TurnoutError) -> bytes:
        """The error as one event."""
        return b"data: %b\n\n" % error_body(error)


class ErrandSurface(OneShape):
    """An API family in which one call has one result."""

    name: str
    encoding: ClassVar[type[ErrandEncoder]]

    def decode(self, body: bytes) -> ChatRequest:
        """The request in *body*. Raises BadRequest: it is none, and the message names the field."""
        raise NotImplementedError

    def encoder(self, generation_id: str, created: int, request: ChatRequest) -> ErrandEncoder:
        """A fresh encoder for one answer."""
        return self.encoding(generation_id, created, request)


@final
class _RerankEncoder(ErrandEncoder):
    """Documents by relevance, each told again beside its score."""

    request: RerankRequest

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:
        """The body."""
        documents = self.request.documents
        best = sorted(completion.choices, key=lambda one: -float(bytes(one.message["relevance_score"])))
        results: list[dict[str, Any]] = []
        for one in best[: self.request.top_n]:
            document = documents[one.index]
            shown = {"text": document} if isinstance(document, str) else document
            score = one.message["relevance_score"]
            results.append({"index": one.index, "relevance_score": score, "document": shown})
        counted: dict[str, Any] = {"cost": dollars_of(price), "total_tokens": usage.prompt_tokens}
        if usage.units is not None and usage.units.searches:
            counted["search_units"] = usage.units.searches
        return encode(
            {"id": self.id, "model": self.model, "provider": self.provider, "results": results, "usage": counted}
        )


@final
class RerankSurface(ErrandSurface):
    """Documents put into order, as OpenRouter and Cohere have it."""

    name = "rerank"
    encoding = _RerankEncoder

    def decode(self, body: bytes) -> RerankRequest:
        """The request in *body*. Raises BadRequest: it is none, and the message names the field."""
        fields = read_fields(body)
        given = fields.pop("documents", None)
        asked = read_asked(fields, _read_rerank)
        if given is None:
            raise BadRequest("`documents` is missing")
        documents = _documents(given)
        fields["documents"], fields["messages"] = given, messages_of(asked.query)
        size = len(asked.query.encode()) * len(documents) + len(memoryview(given))
        searches = Units(searches=-(-len(documents) // _PER_SEARCH))
        longest = max(len(memoryview(encode(one))) for one in documents)
        return RerankRequest(
            parameters_of(asked),
            fields,
            size,
            at_once=len(asked.query.encode()) + longest,
            units=searches,
            most_units=searches,
            most_read=size,
            places=len(documents),
            query=asked.query,
            documents=documents,
            top_n=asked.top_n,
        )


@final
class _ModerationEncoder(ErrandEncoder):
    """Judgements as the provider gave them."""

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:
        """The body."""
        counted = encode({"prompt_tokens": usage.prompt_tokens, "cost": dollars_of(price)})
        return b'{"id":%b,"model":%b,"provider":%b,"results":%b,"usage":%b}' % (
            json_text(self.id),
            json_text(self.model),
            json_text(self.provider),
            bytes(completion.choices[0].message["results"]),
            counted,
        )


@final
class ModerationsSurface(ErrandSurface):
    """Judgements, as OpenAI has them."""

    name = "moderation"
    encoding = _ModerationEncoder

    def decode(self, body: bytes) -> ModerationRequest:
        """The request in *body*. Raises BadRequest: it is none, and the message names the field."""
        fields = read_fields(body)
        given = fields.pop("input", None)
        asked = read_asked(fields, _read_moderation)
        if given is None or bytes(given)[:1] not in {b'"', b"["}:
            raise BadRequest("`input` must be a text, or a list of texts or parts")
        fields["input"], fields["messages"] = given, prompt_as_messages(given)
        size = len(memoryview(given))
        return ModerationRequest(parameters_of(asked), fields, size, most_read=size)


def _documents(given: Raw) -> list[str | Mapping[str, str]]:
    try:
        found = _read_documents(given)
    except BadJSON as error:
        raise BadRequest(f"`documents`: {str(error).replace('`$[', '`documents[')}") from None
    if not found:
        raise BadRequest("`documents` is empty")
    if len(found) > _MOST_DOCUMENTS:
        raise BadRequest(f"`documents` has more than {_MOST_DOCUMENTS} entries")
    documents: list[str | Mapping[str, str]] = []
    for place, one in enumerate(found):
        if isinstance(one, str):
            documents.append(one)
        elif one.text is None and one.image is None:
            raise BadRequest(f"`documents[{place}]` has neither `text` nor `image`")
        else:
            both = {"text": one.text, "image": one.image}
            documents.append({name: said for name, said in both.items() if said is not None})
    return documents
