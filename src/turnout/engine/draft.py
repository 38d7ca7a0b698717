"""The record of a request while it is being served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from turnout.base.errors import TurnoutError, UpstreamError
from turnout.base.money import Pico
from turnout.domain.account import AttemptRecord, Generation, Key, Outcome
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Completion
from turnout.domain.routing import Candidate
from turnout.domain.usage import NO_USAGE, Cost, Pricing, Usage, cost
from turnout.engine.house import Call, House

__all__ = ["Draft"]

_NO_PRICING = Pricing()
_NOTHING = Pico(0)
_MAX_HEADER = 256
_BYTES_PER_TOKEN = 4


@final
class Draft:
    """Collects what becomes of one request, and settles it exactly once.

    Settling writes the generation to the journal; whatever ends the request calls it, and only the first call
    counts.
    """

    __slots__ = (
        "_attempts",
        "_began",
        "_call",
        "_candidate",
        "_house",
        "_key",
        "_now",
        "_request",
        "_settled",
        "created",
        "finish_reason",
        "first_byte_at",
        "id",
        "native_finish_reason",
        "service_tier",
        "upstream_id",
    )

    def __init__(self, call: Call, key: Key, request: ChatRequest, house: House) -> None:
        self.created = house.clock.wall()
        self.id = house.ids.next(self.created)
        self.first_byte_at: float | None = None
        self.finish_reason: str | None = None
        self.native_finish_reason: str | None = None
        self.service_tier: str | None = None
        self.upstream_id: str | None = None
        self._call = call
        self._key = key
        self._request = request
        self._house = house
        self._now = house.clock.monotonic
        self._attempts: list[AttemptRecord] = []
        self._candidate: Candidate | None = None
        self._began = 0.0
        self._settled = False
        house.tally.open_requests += 1

    def attempt(self, candidate: Candidate) -> None:
        """An upstream call begins."""
        self._candidate = candidate
        self._began = self._now()
        self.first_byte_at = self.finish_reason = self.native_finish_reason = None
        self.service_tier = self.upstream_id = None

    def note(self, completion: Completion) -> None:
        """What a whole answer says of itself; with several choices, the first speaks for all."""
        first = completion.choices[0]
        self.finish_reason, self.native_finish_reason = first.finish_reason, first.native_finish_reason
        self.upstream_id, self.service_tier = completion.upstream_id, completion.service_tier

    def overhead_ms(self) -> float:
        """Milliseconds since the request arrived that were not spent waiting for the answering provider."""
        now = self._now()
        return (self._began - self._call.arrived + now - (self.first_byte_at or now)) * 1000

    def prompt_estimate(self) -> int:
        """Tokens of the prompt by our own count, four bytes to a token."""
        return -(-self._request.prompt_bytes // _BYTES_PER_TOKEN)

    def failed(self, error: UpstreamError, delivered: Usage = NO_USAGE) -> None:
        """The present attempt failed; *delivered* is what had reached the client by then, and is charged."""
        candidate = self._candidate
        assert candidate is not None  # noqa: S101 - an attempt fails only after it began
        error.provider = candidate.provider.name
        error.conceal(candidate.provider.secrets)
        house = self._house
        now = self._now()
        house.tally.provider(candidate.provider.slug).failed += 1
        if error.health == "error":
            reached = error.upstream_status is not None or error.may_be_billed
            house.health.failed(candidate.endpoint_id, now, "error" if reached else "unreachable")
        self._add("failed", now, usage=delivered, error=error)

    def stumbled(self, delivered: Usage) -> None:
        """A mistake of ours ends the request: the attempt that was under way, if any, is recorded and charged."""
        candidate = self._candidate
        last = self._attempts[-1].endpoint_id if self._attempts else None
        if candidate is not None and last != candidate.endpoint_id:  # each endpoint is tried once
            self._add("failed", self._now(), usage=delivered)

    def answered(self, usage: Usage) -> Cost:
        """The present attempt answered in full: count, price and settle it."""
        candidate = self._candidate
        assert candidate is not None  # noqa: S101 - an attempt answers only after it began
        house = self._house
        now = self._now()
        price = cost(usage, candidate.endpoint.pricing)
        house.health.answered(candidate.endpoint_id, now)
        counts = house.tally.provider(candidate.provider.slug)
        counts.answered += 1
        counts.prompt_tokens += usage.prompt_tokens
        counts.completion_tokens += usage.completion_tokens
        counts.cost_pico += price.total
        counts.duration.observe(now - self._began)
        if self.first_byte_at is not None:
            counts.first_byte.observe(self.first_byte_at - self._began)
        self._add("answered", now, usage=usage, total=price.total)
        self._settle("answered", now)
        return price

    def broke(self, error: TurnoutError) -> None:
        """The request ends in *error*."""
        self._house.tally.refused(error.error_type)
        self._settle("failed", self._now(), error.error_type)

    def cancelled(self, delivered: Usage = NO_USAGE) -> None:
        """The client left, or the gateway had to stop; *delivered* is charged."""
        if self._settled:
            return
        now = self._now()
        if self._candidate is not None:
            self._house.tally.provider(self._candidate.provider.slug).cancelled += 1
            self._add("cancelled", now, usage=delivered)
        self._settle("cancelled", now)

    def _add(
        self,
        outcome: Outcome,
        now: float,
        *,
        usage: Usage,
        total: Pico | None = None,
        error: UpstreamError | None = None,
    ) -> None:
        candidate = self._candidate
        assert candidate is not None  # noqa: S101 - there is nothing to record before an attempt
        arrived = self._call.arrived
        endpoint = candidate.endpoint
        first = self.first_byte_at
        if total is None:
            total = cost(usage, endpoint.pricing).total if usage is not NO_USAGE else _NOTHING
        self._attempts.append(
            AttemptRecord(
                endpoint_id=candidate.endpoint_id,
                model=candidate.model.id,
                provider=endpoint.provider,
                provider_name=candidate.provider.name,
                outcome=outcome,
                started_ms=_ms(self._began - arrived),
                first_byte_ms=None if first is None else _ms(first - arrived),
                ended_ms=_ms(now - arrived),
                status=error.upstream_status if error is not None else 200 if first is not None else None,
                error_type=error.error_type if error is not None else None,
                may_be_billed=error.may_be_billed if error is not None else first is not None,
                upstream_id=self.upstream_id,
                usage=usage,
                cost=total,
            )
        )

    def _settle(self, outcome: Outcome, now: float, error_type: str | None = None) -> None:
        if self._settled:
            return
        self._settled = True
        house, call, request, candidate = self._house, self._call, self._request, self._candidate
        house.tally.open_requests -= 1
        house.tally.request(outcome)
        parameters, headers, first = request.parameters, call.headers, self.first_byte_at
        last = self._attempts[-1] if self._attempts else None
        house.outbox.wake()
        house.recorder.add(
            Generation(
                id=self.id,
                account_id=self._key.account_id,
                key_hash=self._key.hash,
                created=self.created,
                api=call.surface.name,
                requested_model=parameters.model or (parameters.models or [""])[0],
                outcome=outcome,
                model=candidate.model.id if candidate is not None else "",
                endpoint_id=candidate.endpoint_id if candidate is not None else None,
                provider=candidate.endpoint.provider if candidate is not None else None,
                provider_name=candidate.provider.name if candidate is not None else None,
                upstream_id=self.upstream_id,
                streamed=request.stream,
                cancelled=outcome == "cancelled",
                finish_reason="error" if outcome == "failed" else self.finish_reason,
                native_finish_reason=self.native_finish_reason,
                error_type=error_type,
                service_tier=self.service_tier,
                usage=last.usage if last is not None else NO_USAGE,
                pricing=candidate.endpoint.pricing if candidate is not None else _NO_PRICING,
                cost=last.cost if last is not None else _NOTHING,
                latency_ms=None if first is None else _ms(first - self._began),
                generation_ms=None if first is None else _ms(now - self._began),
                user=parameters.user,
                session_id=parameters.session_id or _header(headers, b"x-session-id"),
                referer=_header(headers, b"http-referer") or _header(headers, b"referer"),
                title=_header(headers, b"x-openrouter-title") or _header(headers, b"x-title"),
                user_agent=_header(headers, b"user-agent"),
                attempts=tuple(self._attempts),
            )
        )


def _ms(seconds: float) -> float:
    """Milliseconds with three digits: a record needs no more, and `round` costs three times as much."""
    return int(seconds * 1e6) / 1e3


def _header(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return value.decode("latin-1")[:_MAX_HEADER] if value else None
