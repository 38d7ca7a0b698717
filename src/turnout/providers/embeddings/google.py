"""Embeddings of Google: the Gemini API's batches, and Vertex's two calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, final

from msgspec import Raw, Struct

from turnout.base.errors import UpstreamError
from turnout.base.jsons import BadJSON, encode, reader
from turnout.contracts.provider import Batch, Outgoing, PrepareEmbedding
from turnout.domain.catalog import Endpoint
from turnout.domain.completion import NULL, Completion
from turnout.domain.embedding import EmbeddingRequest
from turnout.domain.usage import Usage
from turnout.providers.conversation import Message, Text
from turnout.providers.embeddings.words import completion_of, messages_in, purpose_of, texts_in
from turnout.providers.failures import nonsense, retry_after_seconds
from turnout.providers.gemini.failures import gemini_failure
from turnout.providers.gemini.media import media_part
from turnout.providers.gemini.usage import read_gemini_usage
from turnout.providers.usage import count_of

__all__ = ["Call", "GoogleEmbedder"]

Call = Literal["batchEmbedContents", "embedContent", "predict"]
HeadOf = Callable[[str, Call], bytes]

_TASKS: Final[Mapping[str, str]] = {
    "search_query": "RETRIEVAL_QUERY",
    "search_document": "RETRIEVAL_DOCUMENT",
    "similarity": "SEMANTIC_SIMILARITY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
    "question_answering": "QUESTION_ANSWERING",
    "fact_verification": "FACT_VERIFICATION",
    "code_retrieval_query": "CODE_RETRIEVAL_QUERY",
}
_PROMPTS: Final[Mapping[str, str]] = {
    "search_query": "task: search result | query: ",
    "search_document": "title: none | text: ",
    "similarity": "task: sentence similarity | query: ",
    "classification": "task: classification | query: ",
    "clustering": "task: clustering | query: ",
    "question_answering": "task: question answering | query: ",
    "fact_verification": "task: fact checking | query: ",
    "code_retrieval_query": "task: code retrieval | query: ",
}
"""How a model that knows no task types is told of the task, in the text itself."""
_BATCH: Final = Batch(100)
_ONE: Final = Batch(1)
_PREDICTIONS: Final = Batch(250, 20_000)


class _Vector(Struct):
    values: Raw


class _Counts(Struct):
    token_count: object = None


class _PredictedVector(Struct):
    values: Raw
    statistics: _Counts | None = None


class _Prediction(Struct):
    embeddings: _PredictedVector


class _Answer(Struct, rename="camel"):
    embeddings: list[_Vector] | None = None
    embedding: _Vector | None = None
    predictions: list[_Prediction] | None = None
    usage_metadata: Raw = NULL


_read_answer = reader(_Answer)


@final
class GoogleEmbedder:
    """Gemini's embeddings. *head* makes the head of a call of a model, up to the value of ``Content-Length``.

    Source: Gemini API, "Embeddings"; Vertex AI, "Text embeddings API" and "Gemini Embedding 2".
    """

    def __init__(
        self, head: HeadOf, wall: Callable[[], float], *, prepare: PrepareEmbedding | None, vertex: bool = False
    ) -> None:
        self.prepare = prepare
        self._head = head
        self._wall = wall
        self._vertex = vertex

    def batch(self, endpoint: Endpoint, request: EmbeddingRequest) -> Batch:  # noqa: ARG002 - of one shape
        """A hundred; on Vertex one, but for its older models."""
        if not self._vertex:
            return _BATCH
        older = self._call(endpoint) == "predict" and "gemini" not in endpoint.upstream_model
        return _PREDICTIONS if older else _ONE

    def outgoing(self, request: EmbeddingRequest, part: slice, endpoint: Endpoint) -> Outgoing:
        """The inputs in *part* as contents, or as instances. Raises UpstreamError: they are tokens."""
        call = self._call(endpoint)
        purpose = purpose_of(request)
        dropped = ("user",) if "user" in request.fields else ()
        prompted = _is_prompted(endpoint.upstream_model)
        words: Mapping[str, str] = _PROMPTS if prompted else _TASKS
        word = None if purpose is None else words.get(purpose)
        if purpose is not None and word is None:
            dropped = ("input_type", *dropped)
        settings: dict[str, Any] = {} if word is None or prompted else {"taskType": word}
        if request.dimensions is not None:
            settings["outputDimensionality"] = request.dimensions
        body: dict[str, Any]
        if call == "predict":
            body = _instances(texts_in(request, part), word, request.dimensions)
        else:
            messages = messages_in(request, part)
            contents = [_content(one, word if prompted and word else "") for one in messages]
            body = self._contents(call, contents, settings, endpoint.upstream_model)
        return Outgoing(self._head(endpoint.upstream_model, call), encode(body), dropped)

    def vectors(self, body: bytes, headers: Mapping[bytes, bytes]) -> Completion:  # noqa: ARG002 - of one shape
        """The vectors of any of the calls. Raises UpstreamError: the body is no answer of theirs."""
        try:
            answer = _read_answer(body)
        except BadJSON:
            raise nonsense() from None
        if answer.predictions:
            return completion_of([one.embeddings.values for one in answer.predictions], _counted(answer.predictions))
        found = answer.embeddings or ([answer.embedding] if answer.embedding is not None else [])
        if not found:
            raise nonsense()
        usage = None if answer.usage_metadata is NULL else read_gemini_usage(answer.usage_metadata)
        return completion_of([one.values for one in found], usage)

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""
        return gemini_failure(status, body, retry_after_seconds(retry_after, self._wall()))

    def _call(self, endpoint: Endpoint) -> Call:
        if not self._vertex:
            return "batchEmbedContents"
        return "embedContent" if "gemini-embedding-2" in endpoint.upstream_model else "predict"

    def _contents(
        self, call: Call, contents: list[dict[str, Any]], settings: dict[str, Any], model: str
    ) -> dict[str, Any]:
        if call == "embedContent":
            return {"content": contents[0]} | settings
        named = {"model": model if "/" in model else f"models/{model}"} | settings
        return {"requests": [{"content": content} | named for content in contents]}


def _is_prompted(model: str) -> bool:
    """Whether the task is told in the text: the first preview of the model still knew task types."""
    return "gemini-embedding-2" in model and "preview" not in model


def _content(message: Message, prompt: str) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    for one in message.parts:
        if isinstance(one, Text):
            parts.append({"text": prompt + one.text})
            prompt = ""
        else:
            parts.append(media_part(one))
    return {"parts": parts}


def _instances(texts: Sequence[str], task: str | None, dimensions: int | None) -> dict[str, Any]:
    instance: dict[str, Any] = {} if task is None else {"task_type": task}
    body: dict[str, Any] = {"instances": [{"content": text} | instance for text in texts]}
    if dimensions is not None:
        body["parameters"] = {"outputDimensionality": dimensions}
    return body


def _counted(predictions: Sequence[_Prediction]) -> Usage | None:
    """The sum of what each prediction counts; None where one does not."""
    total = 0
    for one in predictions:
        statistics = one.embeddings.statistics
        count = None if statistics is None else count_of(statistics.token_count)
        if count is None:
            return None
        total += count
    return Usage(fresh=total)
