"""The record of a request while it is being served."""

from __future__ import annotations

from typing import NamedTuple, final

from msgspec.structs import replace

from turnout.base.errors import TurnoutError, UpstreamError
from turnout.base.money import Pico
from turnout.domain.account import AttemptRecord, Generation, Key, Outcome
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Chunk, Completion
from turnout.domain.routed import Routed
from turnout.domain.routing import Candidate
from turnout.domain.usage import NO_USAGE, Cost, Pricing, Usage, added, cost, effective
from turnout.engine.house import Call, House
from turnout.engine.tool_calls import ToolCalls
from turnout.ledger.ledger import Ledger
from turnout.ledger.purse import Reservation

__all__ = ["Draft"]

_NO_PRICING = Pricing()
_NOTHING = Pico(0)
_MAX_HEADER = 256
_BYTES_PER_TOKEN = 4
_MANY_DELTAS, _SPARE_DELTAS = 1_000_000, 1_000
_OF_CREDENTIALS = frozenset({401, 402, 403, 404, 429})
"""Statuses that speak of who asks."""


class _Failure(NamedTuple):
    """What is kept of an error; the error itself would keep the frames that it passed, and the answer in them."""

    status: int | None
    error_type: str
    may_be_billed: bool


@final
class Draft:
    """Collects what becomes of one request, and settles it exactly once.

    Settling writes the generation to the journal; whatever ends the request calls it, and only the first call
    counts.
    """

    __slots__ = (
        "_asides",
        "_began",
        "_call",
        "_candidate",
        "_cost",
        "_earlier",
        "_elsewhere",
        "_ended",
        "_failure",
        "_house",
        "_more_held",
        "_more_than_held",
        "_now",
        "_own",
        "_pricing",
        "_request",
        "_rounds",
        "_searches",
        "_settled",
        "_turn",
        "_usage",
        "answered_by",
        "aside_cost",
        "created",
        "echoes",
        "finish_reason",
        "first_byte_at",
        "held",
        "held_own",
        "id",
        "key",
        "mending_seconds",
        "native_finish_reason",
        "routed",
        "service_tier",
        "tool_calls",
        "tools_executed",
        "tools_requested",
        "upstream_id",
    )

    def __init__(
        self, call: Call, key: Key, request: ChatRequest, house: House, held: Reservation | None = None
    ) -> None:
        """*held* is what the request's budgets keep for it: it ends with the draft.

        ``aside_cost`` is what plugins have spent so far, in pico-dollars; ``mending_seconds`` is how long they have
        worked on the answer, which is no fault of the provider's. ``tools_requested`` and ``tools_executed`` count
        calls of the gateway's own tools. ``answered_by`` is the model that has answered in full, ``routed`` how
        the auto router came to it.
        """
        self.created = house.clock.wall() if held is None else held.made
        self.id = house.ids.next(self.created)
        self.first_byte_at: float | None = None
        self.finish_reason: str | None = None
        self.native_finish_reason: str | None = None
        self.service_tier: str | None = None
        self.upstream_id: str | None = None
        self.echoes: tuple[Chunk, ...] = ()
        tools = request.parameters.tools
        self.tool_calls = ToolCalls(tools) if tools else None
        self._call = call
        self.key = key
        self._request = request
        self._house = house
        self.held = held
        self.held_own: Reservation | None = None
        self.routed: Routed | None = None
        self.answered_by: str | None = None
        self._now = house.clock.monotonic
        self.mending_seconds = 0.0
        self._more_held: tuple[Reservation, ...] = ()
        self._more_than_held = self.tools_requested = self.tools_executed = 0
        self._turn: Cost | None = None
        self._rounds: tuple[tuple[Usage, Cost], ...] = ()
        self._asides: tuple[AttemptRecord, ...] = ()
        self.aside_cost = self._searches = 0
        self._earlier: tuple[AttemptRecord, ...] = ()
        self._candidate: Candidate | None = None
        self._began = self._ended = self._elsewhere = 0.0
        self._usage = NO_USAGE
        self._cost = _NOTHING
        self._pricing = _NO_PRICING
        self._own = 0
        self._failure: _Failure | None = None
        self._settled = False
        house.tally.open_requests += 1

    @property
    def usage(self) -> Usage:
        """What the answer used, with all its rounds, and the tools and searches of plugins."""
        usage = added([*(used for used, _ in self._rounds), self._usage]) if self._rounds else self._usage
        if self._searches or self.tools_requested:
            usage = replace(
                usage,
                web_searches=usage.web_searches + self._searches,
                tools_requested=self.tools_requested,
                tools_executed=self.tools_executed,
            )
        if self._own:
            usage = replace(usage, own=Pico(self._own), own_limited=self.key.include_byok_in_limit)
        return usage

    @property
    def spent(self) -> int:
        """Pico-dollars that went into attempts that are over, and into plugins."""
        return self._cost + self.aside_cost

    @property
    def begun(self) -> bool:
        """Whether an upstream call has begun."""
        return self._candidate is not None

    @property
    def account_id(self) -> str:
        """Whose request it is."""
        return self.key.account_id

    def hold(self, more: Reservation) -> None:
        """Plugins may cost more than was held before; it ends with the draft too."""
        self._more_held += (more,)

    async def grow(self, due: int) -> None:
        """The request may cost *due* (pico-dollars) in all, if that is more than is held. What asides hold is apart.

        Raises:
            PaymentRequired: a budget does not afford the difference.
            Unavailable: the store cannot be asked.
        """
        held, ledger = self.held, self._house.ledger
        if held is None or ledger is None:
            return
        more = due - held.amount - self._more_than_held
        if more > 0:
            self.hold(await ledger.reserve(held.claims, more, held.made))
            self._more_than_held += more

    def aside(self, record: AttemptRecord, searches: int = 0) -> None:
        """A plugin has called a model or bought something, beside the answer: it is charged with it."""
        self._asides += (record,)
        self.aside_cost += record.cost
        self._searches += searches

    def charge_aside(self, candidate: Candidate, price: Pico) -> Pico:
        """What of *price* is charged for a call beside the answer: nothing where the account's provider bills it."""
        if candidate.credential is None:
            return price
        self._own += price
        return _NOTHING

    def since_arrival(self, moment: float) -> float:
        """Milliseconds from the arrival of the request to *moment* (monotonic)."""
        return _ms(moment - self._call.arrived)

    def attempt(self, candidate: Candidate) -> None:
        """An upstream call begins; the one before it, if any, has failed, or was a round of several."""
        if self._candidate is not None:
            if self._turn is None:
                self._earlier += (self._earlier_attempt(self._candidate, "failed"),)
            else:
                self._end_round(self._candidate, self._turn)
            self.first_byte_at = self.finish_reason = self.native_finish_reason = None
            self.upstream_id = self._failure = None
            self._ended = 0.0
            if self.tool_calls is not None:
                self.tool_calls = ToolCalls(self._request.parameters.tools or ())
        self._candidate = candidate
        self.service_tier = candidate.endpoint.service_tier  # until the provider says which one it was
        self._pricing = candidate.endpoint.pricing
        self._began = self._now()
        health = self._house.health
        if health.ailing:
            health.tried(candidate.endpoint_id, self._began)

    def note(self, completion: Completion) -> None:
        """What a whole answer says of itself; with several choices, the first speaks for all."""
        first = completion.choices[0]
        self.finish_reason, self.native_finish_reason = first.finish_reason, first.native_finish_reason
        self.upstream_id = completion.upstream_id
        completion.service_tier = self.service_tier = completion.service_tier or self.service_tier
        if self.tool_calls is not None:
            for choice in completion.choices:
                self.tool_calls.message(choice.message)

    def overhead_ms(self) -> float:
        """Milliseconds since the request arrived that were not spent waiting for the answering provider."""
        now = self._now()
        before = self._began - self._call.arrived - self._elsewhere
        return (before + now - (self.first_byte_at or now)) * 1000

    def prompt_estimate(self) -> int:
        """Tokens of the prompt by our own count, four bytes to a token."""
        return -(-self._request.prompt_bytes // _BYTES_PER_TOKEN)

    def completion_estimate(self, size: int) -> int:
        """Tokens of *size* bytes of answers by that count; a provider that goes on and on is not paid for it."""
        tokens = -(-size // _BYTES_PER_TOKEN)
        most = self._most_tokens()
        return tokens if most is None else min(tokens, most)

    def most_deltas(self) -> int:
        """In how many pieces a stream may come that keeps to what it was asked for; few send single letters."""
        most = self._most_tokens()
        return _MANY_DELTAS if most is None else 4 * most + _SPARE_DELTAS

    def _most_tokens(self) -> int | None:
        most = self._request.max_tokens
        return most if most is None else most * (self._request.parameters.n or 1)

    def failed(self, error: UpstreamError, delivered: Usage = NO_USAGE) -> None:
        """The present attempt failed; *delivered* is what had reached the client by then, and is charged."""
        candidate = self._candidate
        assert candidate is not None  # noqa: S101 - an attempt fails only after it began
        now = self.note_failure(candidate, error)
        self._failure = _Failure(error.upstream_status, error.error_type, error.may_be_billed)
        self._end(now, delivered)

    def note_failure(self, candidate: Candidate, error: UpstreamError) -> float:
        """*candidate* has failed: count that, and let health know. The monotonic time, for what is done next."""
        error.provider = candidate.provider.name
        error.conceal(candidate.provider.secrets)
        now = self._now()
        self._house.tally.provider(candidate.provider.slug).failed += 1
        if candidate.credential is None or error.upstream_status not in _OF_CREDENTIALS:
            self._note_failure(candidate.endpoint_id, error, now)
        else:  # one account's credential says nothing of the endpoint that others use
            self._house.health.ignored(candidate.endpoint_id, now)
        return now

    def turned(self, usage: Usage) -> None:
        """The present attempt asked for tools of the gateway: it is counted and priced, and another one follows."""
        candidate = self._candidate
        assert candidate is not None  # noqa: S101 - an attempt answers only after it began
        self._turn = self._count_answer(candidate, usage)

    def follow(self, request: ChatRequest) -> None:
        """*request* is what the next attempts send."""
        self._request = request

    def stumbled(self, delivered: Usage) -> None:
        """A mistake of ours ends the request: the attempt that was under way, if any, is recorded and charged."""
        if self._candidate is not None and not self._ended:
            self._end(self._now(), delivered)

    def answered(self, usage: Usage) -> Cost:
        """The present attempt answered in full: count, price and settle it. All that was spent is in the price."""
        candidate = self._candidate
        assert candidate is not None  # noqa: S101 - an attempt answers only after it began
        price = self._count_answer(candidate, usage)
        self.answered_by = candidate.model.id
        self._settle("answered")
        return self._whole_price(price) if self.aside_cost else price

    def _count_answer(self, candidate: Candidate, usage: Usage) -> Cost:
        """The price of what *candidate* answered, which is counted everywhere."""
        house = self._house
        now = self._now()
        price = self._charge(candidate, usage)
        tokens = usage.completion_tokens
        self._note_answer(candidate.endpoint_id, tokens, now)
        counts = house.tally.provider(candidate.provider.slug)
        counts.answered += 1
        counts.prompt_tokens += usage.prompt_tokens
        counts.completion_tokens += tokens
        counts.cost_pico += price.total
        counts.duration.observe(now - self._began)
        if self.first_byte_at is not None and self._request.parameters.stream:  # else it comes with the last one
            counts.first_byte.observe(self.first_byte_at - self._began)
        self._ended, self._usage, self._cost = now, usage, price.total
        return price

    def _end_round(self, candidate: Candidate, price: Cost) -> None:
        """The present attempt is one of several that make the answer: it gets its row, and another one begins."""
        self.aside(replace(self._earlier_attempt(candidate, "answered"), usage=self._usage, cost=price.total))
        self._rounds += ((self._usage, price),)
        self._usage, self._cost, self._turn = NO_USAGE, _NOTHING, None
        self._elsewhere += self._now() - self._began

    def _whole_price(self, price: Cost) -> Cost:
        """*price* with that of the rounds before it, and with what plugins have spent."""
        prices = [price, *(paid for _, paid in self._rounds)]
        prompt, completion = sum(one.prompt for one in prices), sum(one.completion for one in prices)
        total = price.total + self.aside_cost
        own = None if price.own is None else Pico(self._own)
        return Cost(Pico(prompt), Pico(completion), Pico(total - prompt - completion), Pico(total), own)

    def broke(self, error: TurnoutError) -> None:
        """The request ends in *error*, and with it the attempt that was under way: what could not even be sent."""
        self.stumbled(NO_USAGE)
        self._house.tally.refused(error.error_type)
        self._settle("failed", error.error_type)

    def cancelled(self, delivered: Usage = NO_USAGE) -> None:
        """The client left, or the gateway had to stop; *delivered* is charged."""
        if self._settled:
            return
        if self._candidate is not None:
            self._house.tally.provider(self._candidate.provider.slug).cancelled += 1
            if self._turn is None:  # else the client left while a tool ran
                self._end(self._now(), delivered)
        self._settle("cancelled")

    def _note_failure(self, endpoint_id: str, error: UpstreamError, now: float) -> None:
        """Let health know what kind of failure it was."""
        health = self._house.health
        if error.health == "error":
            reached = error.upstream_status is not None or error.may_be_billed
            health.failed(endpoint_id, now, "error" if reached else "unreachable")
        elif error.health == "rate_limited":
            health.limited(endpoint_id, now, error.retry_after)
        else:
            health.ignored(endpoint_id, now)

    def _note_answer(self, endpoint_id: str, tokens: int, now: float) -> None:
        """Let health know how fast *tokens* came. What ends in an error has failed, though the client got it."""
        health, took = self._house.health, now - self._began - self.mending_seconds
        if self.finish_reason == "error":
            health.failed(endpoint_id, now, "error")
            return
        rate = tokens / took if tokens and took > 0 else None
        if self._request.parameters.stream:
            first = self.first_byte_at
            health.answered(endpoint_id, now, None if first is None else first - self._began, None, rate)
        else:
            health.answered(endpoint_id, now, None, took, rate)
        if self.finish_reason == "tool_calls" and self.tool_calls is not None:
            sound = self.tool_calls.sound()
            if sound is not None:
                health.tool_calls(endpoint_id, now, ok=sound)

    def _end(self, now: float, delivered: Usage) -> None:
        """The present attempt is over; what it delivered is charged."""
        candidate = self._candidate
        assert candidate is not None  # noqa: S101 - there is nothing to end before an attempt
        self._ended, self._usage = now, delivered
        self._cost = self._charge(candidate, delivered).total if delivered is not NO_USAGE else _NOTHING

    def _charge(self, candidate: Candidate, usage: Usage) -> Cost:
        """The price of *usage*; where prices depend on its length or on the hour, the row that holds is kept."""
        pricing = candidate.endpoint.pricing
        if pricing.overrides:
            pricing = self._pricing = effective(pricing, usage.prompt_tokens, self.created)
        price = cost(usage, pricing)
        if candidate.credential is None:
            return price
        self._own += price.total
        return Cost(price.prompt, price.completion, _NOTHING, _NOTHING, price.total)

    def _in_order(self) -> tuple[AttemptRecord, ...]:
        """All but the present attempt, as they began."""
        if not self._asides:
            return self._earlier
        return tuple(sorted(self._earlier + self._asides, key=lambda one: one.started_ms))

    def _earlier_attempt(self, candidate: Candidate, outcome: Outcome) -> AttemptRecord:
        """The record of an attempt that another one follows: it failed, or was a round of several."""
        arrived, first, failure = self._call.arrived, self.first_byte_at, self._failure
        return AttemptRecord(
            endpoint_id=candidate.endpoint_id,
            model=candidate.model.id,
            provider=candidate.endpoint.provider,
            provider_name=candidate.provider.name,
            outcome=outcome,
            started_ms=_ms(self._began - arrived),
            first_byte_ms=None if first is None else _ms(first - arrived),
            ended_ms=_ms(self._ended - arrived),
            status=self._status(),
            error_type=None if failure is None else failure.error_type,
            may_be_billed=outcome == "failed" and self._may_be_billed(),
            upstream_id=self.upstream_id,
            credential_id=_credential(candidate),
        )

    def _status(self) -> int | None:
        if self._failure is not None:
            return self._failure.status
        return None if self.first_byte_at is None else 200

    def _may_be_billed(self) -> bool:
        return self.first_byte_at is not None if self._failure is None else self._failure.may_be_billed

    def _settle(self, outcome: Outcome, error_type: str | None = None) -> None:
        if self._settled:
            return
        self._settled = True
        usage = self.usage
        house, call, request, candidate = self._house, self._call, self._request, self._candidate
        house.tally.open_requests -= 1
        house.tally.request(outcome)
        parameters, headers, first = request.parameters, call.headers, self.first_byte_at
        arrived, held = call.arrived, self.held
        if held is not None and house.ledger is not None:
            self._settle_held(house.ledger, held)
        house.outbox.wake()
        house.recorder.add(
            Generation(  # in the order of its fields: with that many names, the call would take twice as long
                self.id,
                self.key.account_id,
                self.key.hash,
                self.created,
                outcome,
                candidate.model.id if candidate is not None else "",
                candidate.endpoint.provider if candidate is not None else None,
                parameters.user,
                Pico(self._cost + self.aside_cost),
                usage,
                () if held is None else held.budget_ids,
                call.surface.name,
                parameters.model or (parameters.models or [""])[0],
                None,  # parent_id
                candidate.endpoint_id if candidate is not None else None,
                candidate.provider.name if candidate is not None else None,
                self.upstream_id,
                parameters.stream is True,
                outcome == "cancelled",
                "error" if outcome == "failed" else self.finish_reason,
                self.native_finish_reason,
                error_type,
                self.service_tier,
                self._pricing,
                self._status(),
                self._may_be_billed(),
                _ms(self._began - arrived) if candidate is not None else 0.0,
                None if first is None else _ms(first - self._began),
                _ms(self._ended - arrived) if candidate is not None else 0.0,
                parameters.session_id or _text(headers.get(b"x-session-id")),
                _text(headers.get(b"http-referer") or headers.get(b"referer")),
                _text(headers.get(b"x-openrouter-title") or headers.get(b"x-title")),
                _text(headers.get(b"user-agent")),
                self._in_order(),
                Pico(self.aside_cost),
                self._usage if self._rounds else None,
                None,  # source_id
                None if request.preset is None else request.preset.id,
                _credential(candidate),
                self.routed,
            )
        )

    def _settle_held(self, ledger: Ledger, held: Reservation) -> None:
        """Charge the budgets, and let go of all that was held on them."""
        ledger.settle(held, self._cost + self.aside_cost)
        for more in self._more_held:
            ledger.settle(more, 0)
        if self.held_own is not None:
            ledger.settle(self.held_own, self._own)


def _credential(candidate: Candidate | None) -> str | None:
    """The account's own credential by which *candidate* was reached."""
    return None if candidate is None or candidate.credential is None else candidate.credential.id


def _ms(seconds: float) -> float:
    """Milliseconds with three digits: a record needs no more, and `round` costs three times as much."""
    return int(seconds * 1e6) / 1e3


def _text(value: bytes | None) -> str | None:
    return value.decode("latin-1")[:_MAX_HEADER] if value else None
