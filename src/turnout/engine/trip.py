"""The candidates of one request, tried in turn, and what becomes of their failures."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any, Protocol

from msgspec import Struct

from turnout.base.errors import UpstreamError
from turnout.contracts.provider import Adapter
from turnout.contracts.surface import Encoder
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Completion
from turnout.domain.routing import Candidate, Plan
from turnout.domain.usage import Usage
from turnout.engine.auto_signs import Outcome
from turnout.engine.contents import Transcript
from turnout.engine.draft import Draft
from turnout.engine.house import Call, House, Rails
from turnout.engine.pace import put_right
from turnout.engine.plugins import Chain
from turnout.engine.rack import is_tight
from turnout.engine.recall import Thoughts
from turnout.engine.relay import Whole
from turnout.engine.rounds import Rounds
from turnout.engine.sending import send
from turnout.engine.sticky import Session
from turnout.engine.why import metadata, routing_stages

__all__ = ["Trip"]

_OK = 200
_NO_STATUS = 502
"""Stands for failures without a status of the provider's."""
_DOUBTFUL = frozenset({400, 415, 422})
_DOUBTFUL_TYPES = frozenset({"invalid_request", "unprocessable"})
"""What one provider refuses as wrong may be right for another one, which is asked once."""
_CODES = {"rate_limit_exceeded": "capacity_exhausted", "not_found": "model_unavailable_upstream"}


class Progress(Protocol):
    """An answer that is on its way to the client."""

    def usage_so_far(self) -> Usage:
        """What has reached it."""
        ...


class Trip(Struct, eq=False):
    """One accepted request on its way: what the steps before the attempts have made.

    ``paced``: the tokens that were counted against the key's limits per minute, None without such limits.
    ``told``: why the plan is as it is, for a client that wants to know how it was routed. ``chain``: the plugins that
    work on it, if any do. ``rounds``: tools of the gateway that the model may call while it answers. ``transcript``:
    what is said, for a key that wants it kept.
    """

    call: Call
    house: House
    rails: Rails
    request: ChatRequest
    plan: Plan
    draft: Draft
    encoder: Encoder
    session: Session | None = None
    paced: int | None = None
    told: dict[str, object] | None = None
    relay: Progress | None = None
    chain: Chain | None = None
    rounds: Rounds | None = None
    transcript: Transcript | None = None
    _failures: tuple[tuple[Candidate, UpstreamError], ...] = ()
    _attempts: tuple[tuple[Candidate, int], ...] = ()
    _doubted_models: frozenset[str] = frozenset()
    _spoiled_models: frozenset[str] = frozenset()
    _over: bool = False

    def candidates(self) -> Iterator[Candidate]:
        """The plan's candidates in their order, without those that a failure has ruled out meanwhile."""
        for candidate in self.plan.candidates:
            if self._over:
                return
            if candidate.model.id in self._spoiled_models:
                continue
            if self.rounds is not None and self.rounds.model not in {None, candidate.model.id}:
                continue  # what another model has begun
            self.draft.attempt(candidate)
            yield candidate
            while self.rounds is not None and self.rounds.due:
                self.rounds.due = False
                self.draft.attempt(candidate)
                yield candidate

    def send(self, candidate: Candidate, sink: Whole) -> Coroutine[Any, Any, Adapter]:
        """One upstream call; returns when its answer is complete in *sink*.

        Raises:
            UpstreamError: it failed.
        """
        rails, request = self.rails, self.request
        if self.chain is not None or request.squeezed or candidate.endpoint.provider in rails.recalling:
            return self._send_changed(candidate, sink)
        return send(self.house, rails, request, candidate, sink)

    async def _send_changed(self, candidate: Candidate, sink: Whole) -> Adapter:
        """The same, with what plugins and the memory of reasoning make of the request for *candidate*."""
        request = self.request
        if self.chain is not None or request.squeezed:
            request = await self._fitted(request, candidate)
        if candidate.endpoint.provider in self.rails.recalling and self.house.recall is not None:
            request = await self.house.recall.restored(self.draft.account_id, request)
        return await send(self.house, self.rails, request, candidate, sink)

    async def _fitted(self, request: ChatRequest, candidate: Candidate) -> ChatRequest:
        """What *candidate* gets: where it is small and the prompt is long, though nobody asked for a plugin."""
        if self.chain is None:
            if candidate.room is None or candidate.room > request.squeezed or not is_tight(candidate, request):
                return request
            chosen = self.rails.rack.of_themselves()
            self.chain = Chain(chosen, self.house, self.rails, self.draft, request)
        return await self.chain.fit(request, candidate)

    def listen(self) -> None:
        """Write down what is said, if the key wants it kept."""
        if self.draft.key.rules.store_content and self.request.wants == "text":
            self.encoder = self.transcript = Transcript(self.encoder)

    def keep_content(self) -> None:
        """It is over: keep what was written down, unless no model was ever asked."""
        contents, draft = self.house.contents, self.draft
        if self.transcript is not None and contents is not None and draft.begun:
            contents.take(draft.key, draft.id, draft.created, self.request, self.transcript)

    def learn(self) -> None:
        """It is over: note what it may tell of the auto router's choice, or of an earlier one."""
        signs, draft, request = self.house.signs, self.draft, self.request
        routed = self.plan.routed
        if signs is None or not (routed is not None or signs.awake) or request.wants != "text":
            return
        model = draft.answered_by
        if model is not None:
            sound = None if draft.tool_calls is None else draft.tool_calls.sound()
            healed = self.chain is not None and self.chain.noted("response-healing", "healed")
            clock = self.house.clock
            signs.heard(
                Outcome(
                    draft.account_id, draft.key.hash, draft.id, request, model, routed, sound, healed,
                    clock.monotonic(), clock.wall(),
                )
            )  # fmt: skip

    def take_up(self, rounds: Rounds | None, chain: Chain) -> None:
        """What the model says in all *rounds*, if there may be some, is one answer. *chain* has the tools."""
        if rounds is not None:
            self.rounds, self.encoder = rounds, rounds.begin(chain, self.encoder)

    async def goes_on(self, candidate: Candidate, usage: Usage, completion: Completion | None = None) -> bool:
        """Whether the answer of *candidate* (*completion*, or the stream that has just ended) asks for tools of the
        gateway. Then they have been run, and *candidate* comes again, with what they gave.

        Raises:
            TurnoutError: a budget does not afford it, or the answer makes no sense.
        """
        rounds = self.rounds
        if rounds is None or not rounds.wanted(completion):
            return False
        self.relay = None
        rounds.model = candidate.model.id
        self.request = await rounds.another(self.draft, usage, Plan((), (candidate,)), self.request)
        return True

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
        self._attempts += ((candidate, error.upstream_status or _NO_STATUS),)
        model = candidate.model.id
        if error.elsewhere == "model":
            doubtful = error.upstream_status in _DOUBTFUL and error.error_type in _DOUBTFUL_TYPES
            if not doubtful or model in self._doubted_models:
                self._spoiled_models |= {model}
            self._doubted_models |= {model}
        elif error.elsewhere == "nowhere":
            self._over = True

    async def put_pace_right(self, usage: Usage) -> None:
        """Count what the answer has used against the limits of the key, instead of what was estimated."""
        pace = self.house.pace
        if pace is not None and self.paced is not None:
            await put_right(pace, self.draft.key, self.paced, usage, self.draft.created)

    def stay(self, candidate: Candidate, usage: Usage) -> None:
        """*candidate* has answered: the next request of this conversation may go there."""
        if self.session is not None:
            now = self.house.clock.monotonic()
            self.session.answered(candidate, usage, now)
            if self.plan.routed is not None:
                self.session.chosen(self.plan.routed.router, candidate.model.id, now)

    def metadata(self, answered: Candidate | None) -> dict[str, object]:
        """How this request was routed, so far; *answered* is who gave the answer."""
        attempts = self._attempts if answered is None else (*self._attempts, (answered, _OK))
        found = metadata(self.plan, self.told or {}, attempts, answered)
        pipeline = routing_stages(self.plan) + ([] if self.chain is None else self.chain.pipeline())
        return found | {"pipeline": pipeline} if pipeline or self.chain is not None else found

    def exhausted(self) -> UpstreamError:
        """The error that the client gets once nothing is left to try: the last one, with all before it.

        But where one provider refused the request as wrong and another one of the same model failed, the refusal is
        told: the client can do something about it.
        """
        failures = list(self._failures)
        candidate, error = failures[-1]
        if error.elsewhere == "endpoint" and candidate.model.id in self._doubted_models:
            doubts = [one for one in failures if one[0].model is candidate.model and one[1].elsewhere == "model"]
            failures.remove(doubts[0])
            failures.append(doubts[0])
            candidate, error = doubts[0]
        hints = [failure.retry_after for _, failure in self._failures if failure.retry_after is not None]
        error.retry_after = min(hints) if hints else None
        error.metadata["provider_name"] = candidate.provider.name
        if error.provider_code is not None:
            error.metadata["provider_code"] = error.provider_code
        if error.raw is not None:
            error.metadata["raw"] = error.raw
        if len(failures) > 1:
            error.metadata["previous_errors"] = [_summary(*failure) for failure in failures[:-1]]
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
