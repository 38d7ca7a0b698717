"""A call of a model that a plugin makes beside the answer: planned, paid for and recorded like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import final

from turnout.base.errors import BadRequest, UpstreamError
from turnout.base.jsons import BadJSON, decode_fields, encode, reader
from turnout.base.money import Pico
from turnout.domain.account import AttemptRecord, Outcome
from turnout.domain.chat import ChatParameters, ChatRequest, Traits
from turnout.domain.completion import Completion
from turnout.domain.routing import Candidate, Plan
from turnout.domain.usage import NO_USAGE, Usage, cost, effective
from turnout.engine.afford import exposure
from turnout.engine.draft import Draft
from turnout.engine.house import House, Rails
from turnout.engine.plan import make_plan
from turnout.engine.relay import Whole, refuse_blank
from turnout.engine.sending import send

__all__ = ["Asides"]

_read_parameters = reader(ChatParameters)
_BYTES_PER_TOKEN = 4


@final
class Asides:
    """The calls of one request's plugins."""

    def __init__(self, house: House, rails: Rails, draft: Draft) -> None:
        self._house = house
        self._rails = rails
        self._draft = draft

    async def complete(
        self, fields: Mapping[str, object], candidates: Sequence[Candidate], traits: Traits
    ) -> Completion:
        """The answer of the first endpoint that gives one. *traits* are those of the messages in *fields*.

        Raises:
            UpstreamError: none does.
            TurnoutError: it leads nowhere, or a budget does not afford it.
        """
        request = _request(fields, traits)
        house, draft = self._house, self._draft
        if candidates:
            plan = Plan((), tuple(candidates))
        else:
            plan = make_plan(request, self._rails.routes, house.outlook(draft.key, rails=self._rails))
        if house.ledger is not None and (held := draft.held) is not None:
            draft.hold(await house.ledger.reserve(held.claims, exposure(plan, request).cost, held.made))
        last: UpstreamError | None = None
        for candidate in plan.candidates:
            try:
                return await self._attempt(request, candidate)
            except UpstreamError as error:
                last = error
                if error.elsewhere == "nowhere":
                    break
        raise last or UpstreamError("Nobody can be asked")

    async def _attempt(self, request: ChatRequest, candidate: Candidate) -> Completion:
        """One call, with its row. Raises UpstreamError: it failed."""
        house, draft = self._house, self._draft
        began = house.clock.monotonic()
        sink = _Sink(draft, house)
        try:
            adapter = await send(house, self._rails, request, candidate, sink)
            sink.refuse_failure(adapter)
            completion = adapter.completion(sink.body())
            refuse_blank(completion)
        except UpstreamError as error:
            draft.note_failure(candidate, error)
            self._record(candidate, sink, began, error)
            raise
        except asyncio.CancelledError:
            self._record(candidate, sink, began, None, "cancelled")
            raise
        usage = completion.usage or _estimate(request, completion)
        house.health.answered(candidate.endpoint_id, house.clock.monotonic())
        self._record(candidate, sink, began, usage=usage)
        return completion

    def _record(
        self,
        candidate: Candidate,
        sink: _Sink,
        began: float,
        error: UpstreamError | None = None,
        outcome: Outcome = "failed",
        usage: Usage | None = None,
    ) -> None:
        draft, first = self._draft, sink.first_byte_at
        price = Pico(0)
        if usage is not None:
            pricing = effective(candidate.endpoint.pricing, usage.prompt_tokens, draft.created)
            outcome, price = "answered", draft.charge_aside(candidate, cost(usage, pricing).total)
        draft.aside(
            AttemptRecord(
                endpoint_id=candidate.endpoint_id,
                model=candidate.model.id,
                provider=candidate.endpoint.provider,
                provider_name=candidate.provider.name,
                outcome=outcome,
                started_ms=draft.since_arrival(began),
                first_byte_ms=None if first is None else draft.since_arrival(first),
                ended_ms=draft.since_arrival(self._house.clock.monotonic()),
                status=sink.status or None,
                error_type=None if error is None else error.error_type,
                may_be_billed=outcome == "cancelled" or (error is not None and error.may_be_billed),
                usage=usage or NO_USAGE,
                cost=price,
                credential_id=None if candidate.credential is None else candidate.credential.id,
            )
        )


@final
class _Sink(Whole):
    """Collects the answer; when it began is noted here, for the draft has an answer of its own."""

    __slots__ = ("first_byte_at",)

    def __init__(self, draft: Draft, house: House) -> None:
        super().__init__(draft, house)
        self.first_byte_at: float | None = None

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """As its parent, but for the draft."""
        before = self._draft.first_byte_at
        super().head(status, headers)
        self.first_byte_at, self._draft.first_byte_at = self._draft.first_byte_at, before


def _request(fields: Mapping[str, object], traits: Traits) -> ChatRequest:
    """The request whose body *fields* are. Raises BadRequest: they make none."""
    body = encode({name: value for name, value in fields.items() if name not in {"plugins", "stream", "transforms"}})
    try:
        parameters, raw = _read_parameters(body), decode_fields(body)
    except BadJSON as error:
        raise BadRequest(f"A plugin's request makes no sense: {error}") from None
    if "messages" not in raw:
        raise BadRequest("A plugin's request has no messages")
    return ChatRequest(parameters, raw, len(memoryview(raw["messages"])), traits)


def _estimate(request: ChatRequest, completion: Completion) -> Usage:
    size = sum(len(memoryview(value)) for choice in completion.choices for value in choice.message.values())
    return Usage(
        fresh=-(-request.prompt_bytes // _BYTES_PER_TOKEN), completion=-(-size // _BYTES_PER_TOKEN), estimated=True
    )
