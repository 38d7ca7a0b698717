"""Documents put into order: Cohere, Voyage, Jina and the many servers that speak as they do."""

from __future__ import annotations

from typing import Any, Final, final

from msgspec import Raw, Struct
from msgspec.structs import replace

from turnout.base.jsons import encode, reader
from turnout.contracts.provider import Outgoing
from turnout.domain.catalog import Endpoint
from turnout.domain.completion import NULL, Choice, Completion
from turnout.domain.errand import RerankRequest
from turnout.domain.usage import Units, Usage
from turnout.providers.errands.base import Errand, Site, read_or_refuse, read_usage
from turnout.providers.failures import nonsense, refuse_error, unsaid
from turnout.providers.usage import first_count

__all__ = ["Rerank"]

_RETOLD: Final = frozenset({"top_n", "return_documents"})
"""Documents are told again by the gateway itself."""


class _Ranked(Struct):
    index: int
    relevance_score: float | None = None
    score: float | None = None


class _Billed(Struct):
    search_units: object = None
    input_tokens: object = None


class _Meta(Struct):
    billed_units: _Billed | None = None
    tokens: _Billed | None = None


class _Answer(Struct):
    results: list[_Ranked] | None = None
    data: list[_Ranked] | None = None
    usage: Raw = NULL
    meta: _Meta | None = None
    error: Raw = NULL
    id: str | None = None


_read_answer = reader(_Answer)


@final
class Rerank(Errand):
    """One provider's reranker; *texts* alone where documents cannot be objects.

    Source: the API references of Cohere (``/v2/rerank``), Voyage, Jina, Together, NVIDIA and vLLM (``/rerank``).
    """

    def __init__(self, site: Site, path: str = "/rerank", *, texts: bool = False) -> None:
        super().__init__(site)
        self.path = path
        self._texts = texts or site.habit == "voyage"

    def outgoing(self, request: RerankRequest, endpoint: Endpoint) -> Outgoing:
        """The provider's body. Raises UpstreamError: documents are more than text, and it reads nothing else."""
        documents: list[Any] = []
        for one in request.documents:
            if isinstance(one, str):
                documents.append(one)
            elif "image" not in one:
                documents.append(one["text"])
            elif self._texts:
                raise unsaid("documents with images")
            else:
                documents.append(one)
        fields: dict[str, Any] = {"query": request.query, "documents": documents}
        if request.top_n is not None:
            fields["top_k" if self.site.habit == "voyage" else "top_n"] = request.top_n
        return self.letter(request, endpoint, fields, retold=_RETOLD)

    def completion(self, body: bytes) -> Completion:
        """One choice per document, best first. Raises UpstreamError: the body is no answer, or carries an error."""
        answer: _Answer = read_or_refuse(_read_answer, body)
        refuse_error(answer.error)
        ranked = answer.results if answer.results is not None else answer.data
        if not ranked or len({one.index for one in ranked}) < len(ranked):
            raise nonsense()
        choices: list[Choice] = []
        for one in ranked:
            score = one.relevance_score if one.relevance_score is not None else one.score
            if score is None:
                raise nonsense()
            choices.append(Choice({"relevance_score": Raw(encode(score))}, one.index))
        return Completion(choices, _usage(answer), answer.id or None)


def _usage(answer: _Answer) -> Usage | None:
    meta = answer.meta
    usage = read_usage(answer.usage)
    if meta is None:
        return usage
    billed = meta.billed_units or _Billed()
    tokens = first_count(billed.input_tokens, None if meta.tokens is None else meta.tokens.input_tokens)
    searches = first_count(billed.search_units)
    if searches is None and tokens is None:
        return usage
    read = Usage(fresh=tokens) if tokens is not None else usage or Usage()
    return read if searches is None else replace(read, units=Units(searches=searches))
