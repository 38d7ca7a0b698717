"""The candidates of one request, tried in turn, and what becomes of their failures."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from turnout.base.errors import UpstreamError
from turnout.contracts.provider import Adapter
from turnout.contracts.surface import Encoder
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Completion
from turnout.domain.routing import Candidate, Plan
from turnout.engine.draft import Draft
from turnout.engine.house import Call, House, Rails
from turnout.engine.recall import Thoughts
from turnout.engine.relay import Relay, Whole

__all__ = ["Trip"]

_CODES = {"rate_limit_exceeded": "capacity_exhausted", "not_found": "model_unavailable_upstream"}


class Trip(Struct, eq=False):
    """One accepted request on its way: what the steps before the attempts have made."""

    call: Call
    house: House
    rails: Rails
    request: ChatRequest
    plan: Plan
    draft: Draft
    encoder: Encoder
    relay: Relay | None = None
    _failures: tuple[tuple[Candidate, UpstreamError], ...] = ()
    _spoiled_models: frozenset[str] = frozenset()
    _over: bool = False

    def candidates(self) -> Iterator[Candidate]:
        """The plan's candidates in their order, without those that a failure has ruled out meanwhile."""
        for candidate in self.plan.candidates:
            if self._over:
                return
            if candidate.model.id not in self._spoiled_models:
                self.draft.attempt(candidate)
                yield candidate

    async def send(self, candidate: Candidate, sink: Whole) -> Adapter:
        """One upstream call; returns when its answer is complete in *sink*.

        Raises:
            UpstreamError: it failed.
        """
        provider = candidate.endpoint.provider
        adapter = self.rails.adapters[provider]
        request = self.request
        if provider in self.rails.recalling and self.house.recall is not None:
            request = await self.house.recall.restored(self.draft.account_id, request)
        if adapter.prepare is not None:
            request = await adapter.prepare(request, candidate.endpoint)
        outgoing = adapter.outgoing(request, candidate.endpoint)
        sink.announce(",".join(outgoing.dropped))
        body = outgoing.body
        message = b"%b%d\r\n\r\n%b" % (outgoing.head, len(body), body)
        timeouts = candidate.provider.timeouts
        first_byte = timeouts.first_byte if self.request.stream else timeouts.whole
        await self.house.client.exchange(self.rails.origins[provider], message, sink, timeouts, first_byte)
        return adapter

    def thoughts(self, candidate: Candidate) -> Thoughts | None:
        """Where a stream's reasoning is collected, if it may have to be remembered."""
        wanted = candidate.endpoint.provider in self.rails.recalling and self.request.parameters.tools
        return Thoughts() if wanted else None

    async def remember(self, answer: Completion | Thoughts) -> None:
        """Keep the reasoning that led to tool calls, should the client not bring it back."""
        recall = self.house.recall
        if recall is None:
            return
        if isinstance(answer, Thoughts):
            await recall.remember_stream(self.draft.account_id, answer)
        else:
            await recall.remember(self.draft.account_id, answer)

    def failed(self, candidate: Candidate, error: UpstreamError) -> None:
        """Remember a failure that the client has not seen yet; it decides what is tried next."""
        self.draft.failed(error)
        error.__traceback__ = error.__context__ = None  # their frames would keep the request and the answer for long
        self._failures += ((candidate, error),)
        if error.elsewhere == "model":
            self._spoiled_models |= {candidate.model.id}
        elif error.elsewhere == "nowhere":
            self._over = True

    def exhausted(self) -> UpstreamError:
        """The error that the client gets once nothing is left to try: the last one, with all before it."""
        candidate, error = self._failures[-1]
        hints = [failure.retry_after for _, failure in self._failures if failure.retry_after is not None]
        error.retry_after = min(hints) if hints else None
        error.metadata["provider_name"] = candidate.provider.name
        if error.provider_code is not None:
            error.metadata["provider_code"] = error.provider_code
        if error.raw is not None:
            error.metadata["raw"] = error.raw
        if len(self._failures) > 1:
            error.metadata["previous_errors"] = [_summary(*failure) for failure in self._failures[:-1]]
        if error.elsewhere == "endpoint":
            error.availability = {
                "code": _CODES.get(error.error_type, "temporarily_unavailable"),
                "retryable": error.error_type != "not_found",
                "requested_models": list(self.plan.requested),
                "affected_providers": list(dict.fromkeys(c.provider.name for c, _ in self._failures)),
            }
        self._failures = ()  # else the error, raised here, and this trip would keep each other
        return error


def _summary(candidate: Candidate, error: UpstreamError) -> dict[str, object]:
    return {
        "provider": candidate.provider.name,
        "model": candidate.model.id,
        "code": error.provider_code,
        "status": error.upstream_status,
        "error_type": error.error_type,
    }
