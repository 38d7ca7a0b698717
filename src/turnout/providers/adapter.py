"""What the adapters of the dialects have in common: each is made of its dialect's own functions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from turnout.base.errors import UpstreamError
from turnout.contracts.provider import ChunkDecoder, Outgoing, Outside, Prepare
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Completion
from turnout.providers.conversation import Part
from turnout.providers.failures import failure_from_status, retry_after_seconds
from turnout.providers.media import inline

__all__ = ["DialectAdapter", "every_part"]

FailureOf = Callable[[int, bytes, int | None], UpstreamError]


class DialectAdapter(ABC):
    """Reads answers with *read*, streams with *decoder*, and other statuses with *failure_of*, which is told how many
    seconds to wait. Files are put inline where *must_be_inline* says so of a part; None: the dialect sees to them.
    """

    language: ClassVar[str] = ""
    """Of a client whose request goes on as it was written, with its addresses of files; empty: no such client."""
    prepare: Prepare | None

    def __init__(
        self,
        outside: Outside,
        read: Callable[[bytes], Completion],
        decoder: Callable[[], ChunkDecoder],
        must_be_inline: Callable[[Part], bool] | None,
        failure_of: FailureOf = failure_from_status,
    ) -> None:
        self.completion = read
        self.decoder = decoder
        self.prepare = None if must_be_inline is None else self._inlined
        self._must_be_inline = must_be_inline or every_part
        self._failure_of = failure_of
        self._outside = outside

    @abstractmethod
    def outgoing(self, request: ChatRequest, endpoint: Endpoint) -> Outgoing:
        """The provider's own form of *request*.

        Raises:
            BadRequest: it makes no sense.
            UpstreamError: it holds what this provider does not take and what must not be dropped.
        """

    def failure(self, status: int, retry_after: str | None, body: bytes) -> UpstreamError:
        """What a status other than 200 means."""
        return self._failure_of(status, body, retry_after_seconds(retry_after, self._outside.wall()))

    async def _inlined(self, request: ChatRequest, endpoint: Endpoint) -> ChatRequest:  # noqa: ARG002 - of one shape
        if request.as_written(self.language) is not None:
            return request
        return await inline(request, self._must_be_inline, self._outside.fetch)


def every_part(_: Part) -> bool:
    """For providers that read no address at all."""
    return True
