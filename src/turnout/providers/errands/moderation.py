"""Texts and images judged: OpenAI's moderations and their relatives."""

from __future__ import annotations

from typing import final

from msgspec import Raw, Struct

from turnout.base.jsons import reader
from turnout.contracts.provider import Outgoing
from turnout.domain.catalog import Endpoint
from turnout.domain.completion import NULL, Choice, Completion
from turnout.domain.errand import ModerationRequest
from turnout.domain.usage import NO_USAGE
from turnout.providers.errands.base import Errand, read_or_refuse, read_usage
from turnout.providers.failures import nonsense, refuse_error

__all__ = ["Moderation"]


class _Result(Struct):
    categories: dict[str, bool | None]


class _Answer(Struct):
    results: Raw = NULL
    usage: Raw = NULL
    error: Raw = NULL
    id: str | None = None


_read_answer = reader(_Answer)
_read_results = reader(list[_Result])


@final
class Moderation(Errand):
    """One provider that judges."""

    path = "/moderations"

    def outgoing(self, request: ModerationRequest, endpoint: Endpoint) -> Outgoing:
        """The body as it came, with the provider's name of the model."""
        return self.letter(request, endpoint, {"input": request.fields["input"]})

    def completion(self, body: bytes) -> Completion:
        """The judgements as they came. Raises UpstreamError: the body is no answer, or carries an error."""
        answer: _Answer = read_or_refuse(_read_answer, body)
        refuse_error(answer.error)
        if answer.results is NULL or not read_or_refuse(_read_results, bytes(answer.results)):
            raise nonsense()
        return Completion(
            [Choice({"results": answer.results})], read_usage(answer.usage) or NO_USAGE, answer.id or None
        )
