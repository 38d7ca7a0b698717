"""Where the line runs plugins: before the plan, before each attempt, over a whole answer, over a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, final

import msgspec

from turnout.base.errors import BadRequest, TurnoutError, UpstreamError
from turnout.base.jsons import encode
from turnout.base.money import PICO_PER_DOLLAR
from turnout.base.secrets import Secret
from turnout.contracts.plugin import Phase, PluginFailed, Purchase, StreamFilter, Work
from turnout.contracts.provider import Outside
from turnout.domain.account import AttemptRecord
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Chunk, Completion
from turnout.domain.routing import Candidate
from turnout.engine.aside import Asides
from turnout.engine.draft import Draft
from turnout.engine.house import House, Rails
from turnout.engine.rack import Chosen

__all__ = ["Chain", "Filters"]

T = TypeVar("T")
_Attempt = Callable[["_Stage", Callable[[], list[Chunk] | None], None], list[Chunk] | None]


@final
class Chain:
    """The plugins that work on one request, in their order."""

    def __init__(
        self, chosen: Sequence[Chosen], house: House, rails: Rails, draft: Draft, request: ChatRequest
    ) -> None:
        asides = Asides(house, rails, draft)
        self._house = house
        self._draft = draft
        self._stages = [_Stage(one, _Job(one, house, draft, asides, request)) for one in chosen]
        self.most = sum(one.most for one in chosen if one.tool is None)

    def works(self, phase: Phase) -> bool:
        """Whether any of them is asked in *phase*."""
        return any(phase in stage.phases for stage in self._stages)

    async def before(self, request: ChatRequest, candidates: Sequence[Candidate] = ()) -> ChatRequest:
        """What is planned and sent in place of *request*, for which *candidates* are planned so far.

        Raises:
            TurnoutError: a plugin refuses the request, or has failed and may not be left out.
        """
        for stage in self._stages:
            if "request" in stage.phases:
                stage.job.candidates = candidates
                request = await self._run(stage, stage.work.before(request), request)
        return request

    async def fit(self, request: ChatRequest, candidate: Candidate) -> ChatRequest:
        """What *candidate* gets in place of *request*. Raises as :meth:`before`."""
        for stage in self._stages:
            if "candidate" in stage.phases and stage.minds(candidate):
                request = await self._run(stage, stage.work.fit(request, candidate), request)
        return request

    async def mend(self, completion: Completion, request: ChatRequest, candidate: Candidate) -> Completion:
        """What the client gets in place of *completion*. Raises as :meth:`before`."""
        now = self._house.clock.monotonic
        began = now()
        for stage in self._stages:
            if "answer" in stage.phases:
                completion = await self._run(stage, stage.work.mend(completion, request, candidate), completion)
        self._draft.mending_seconds = now() - began
        return completion

    def watch(self, request: ChatRequest, candidate: Candidate) -> Filters | None:
        """What the chunks of *candidate* go through; None: nothing. Raises as :meth:`before`."""
        filters: list[_Filter] = []
        for stage in self._stages:
            if "stream" in stage.phases:
                made = self._try(stage, partial(stage.work.watch, request, candidate), None)
                if made is not None:
                    filters.append(_Filter(self._try, stage, made))
        return Filters(filters) if filters else None

    def left_over(self) -> dict[str, object]:
        """What they tell in the error that ends the request."""
        return {name: value for stage in self._stages for name, value in stage.work.left_over().items()}

    async def call(self, tool: str, arguments: str) -> str:
        """What the model reads of a call of the tool of that kind with *arguments*, which should be a JSON object. What
        goes wrong is told to the model.

        Raises:
            TurnoutError: it could not be paid, or the like.
        """
        stage = next(one for one in self._stages if one.chosen.tool is not None and one.chosen.tool.kind == tool)
        assert stage.chosen.tool is not None  # noqa: S101 - as above
        counts = stage.job.facts
        counts["calls"] = int(str(counts.get("calls", 0))) + 1
        try:
            taken = msgspec.json.decode(arguments or "{}", type=stage.chosen.tool.arguments, strict=False)
            async with asyncio.timeout(stage.seconds):
                return await stage.work.call(taken)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            how = f"The arguments make no sense: {error}"
        except TimeoutError:
            how = f"The tool took longer than {stage.seconds:g} s"
        except (BadRequest, UpstreamError) as error:
            how = error.message
        except TurnoutError:
            raise
        except Exception as error:  # noqa: BLE001 - the border of plugins, as below
            self._house.mistake(error)
            how = "The tool has failed"
        stage.job.note(failed=how)
        return encode({"error": how}).decode()

    def cite(self, text: str) -> list[Mapping[str, Any]]:
        """The annotations that the tools have for an answer with *text*."""
        nothing: Sequence[Mapping[str, Any]] = ()
        tools = [stage for stage in self._stages if stage.chosen.tool is not None]
        return [one for stage in tools for one in self._try(stage, partial(stage.work.cite, text), nothing)]

    def noted(self, plugin_id: str, fact: str) -> bool:
        """Whether that plugin has noted that, true or false."""
        return any(stage.chosen.fitted.plugin.id == plugin_id and fact in stage.job.facts for stage in self._stages)

    def pipeline(self) -> list[dict[str, object]]:
        """What the plugins did, for ``openrouter_metadata``."""
        quiet = [stage for stage in self._stages if stage.chosen.most_room is not None or stage.chosen.tool is not None]
        return [stage.told() for stage in self._stages if stage.job.facts or stage not in quiet]

    async def _run(self, stage: _Stage, step: Awaitable[T], otherwise: T) -> T:
        """What *step* gives; *otherwise* when the plugin fails and the request can go on without it."""
        try:
            async with asyncio.timeout(stage.seconds):
                return await step
        except TimeoutError:
            return self._failed(stage, otherwise, f"took longer than {stage.seconds:g} s", None)
        except Exception as error:  # noqa: BLE001 - the border of plugins: foreign code must not kill the request unheard
            return self._failed(stage, otherwise, "failed", error)

    def _try(self, stage: _Stage, step: Callable[[], T], otherwise: T) -> T:
        """The same of a step that does not wait."""
        try:
            return step()
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed(stage, otherwise, "failed", error)

    def _failed(self, stage: _Stage, otherwise: T, how: str, error: Exception | None) -> T:
        if isinstance(error, TurnoutError) and not isinstance(error, UpstreamError):
            raise error
        plugin = stage.chosen.fitted.plugin.id
        if isinstance(error, UpstreamError):
            how = f"failed: {error.message}"
        elif error is not None:
            self._house.mistake(error)
        stage.job.note(failed=how)
        if stage.chosen.fitted.skips:
            return otherwise
        raise PluginFailed(plugin, f"The plugin {plugin} {how}") from None


@final
class Filters:
    """The filters of one stream, as one."""

    def __init__(self, filters: Sequence[_Filter]) -> None:
        self._filters = filters

    def take(self, chunks: list[Chunk]) -> list[Chunk]:
        """What may go on. Raises TurnoutError when a plugin has failed and may not be left out."""
        for one in self._filters:
            chunks = one.take(chunks)
        return chunks

    def flush(self) -> list[Chunk]:
        """All that is still held. Raises as :meth:`take`."""
        chunks: list[Chunk] = []
        for one in self._filters:
            chunks = one.take(chunks) + one.flush()
        return chunks


@final
class _Stage:
    """One plugin at work."""

    def __init__(self, chosen: Chosen, job: _Job) -> None:
        self.chosen = chosen
        self.job = job
        plugin, tool = chosen.fitted.plugin, chosen.tool
        self.phases = plugin.phases if tool is None else frozenset()
        self.seconds = chosen.fitted.seconds
        self.work: Work = (plugin.work if tool is None or tool.work is None else tool.work)(job)

    def minds(self, candidate: Candidate) -> bool:
        most = self.chosen.most_room
        return most is None or (candidate.room is not None and candidate.room <= most)

    def told(self) -> dict[str, object]:
        plugin, job = self.chosen.fitted.plugin, self.job
        kind = plugin.stage if self.chosen.tool is None else "server_tools"
        found: dict[str, object] = {"type": kind, "name": plugin.id, "data": job.facts}
        if job.warnings:
            found["summary"] = " ".join(job.warnings)
        if job.spent:
            found["cost_usd"] = job.spent / PICO_PER_DOLLAR
        return found


@final
class _Job:
    """See :class:`turnout.contracts.plugin.Job`."""

    def __init__(self, chosen: Chosen, house: House, draft: Draft, asides: Asides, request: ChatRequest) -> None:
        self.parameters: Any = chosen.parameters
        self.settings: Any = chosen.fitted.settings
        self.credentials: Mapping[str, Secret] = chosen.fitted.credentials
        self.request = request
        self.account_id = draft.account_id
        self.generation_id = draft.id
        self.now = house.clock.monotonic
        self.facts: dict[str, object] = {}
        self.warnings: list[str] = []
        self.spent = 0
        self.candidates: Sequence[Candidate] = ()
        self._house = house
        self._draft = draft
        self._asides = asides

    @property
    def outside(self) -> Outside:
        """What it may reach."""
        assert self._house.outside is not None  # noqa: S101 - every worker sets it
        return self._house.outside

    async def complete(self, fields: Mapping[str, object], candidates: Sequence[Candidate] = ()) -> Completion:
        """A whole answer to another request."""
        before = self._draft.aside_cost
        try:
            return await self._asides.complete(fields, candidates, self.request.traits)
        finally:
            self.spent += self._draft.aside_cost - before

    async def afford(self, cost: int) -> None:
        """Hold so much more. Raises PaymentRequired when a budget does not afford it."""
        held, ledger = self._draft.held, self._house.ledger
        if cost and held is not None and ledger is not None:
            self._draft.hold(await ledger.reserve(held.claims, cost, held.made))

    def buy(self, purchase: Purchase) -> None:
        """Record what was bought."""
        draft = self._draft
        self.spent += purchase.cost
        draft.aside(
            AttemptRecord(
                endpoint_id=f"{purchase.what}|{purchase.service}|{purchase.service}",
                model=purchase.what,
                provider=purchase.service,
                provider_name=purchase.name,
                outcome="answered" if purchase.ok else "failed",
                started_ms=draft.since_arrival(purchase.began),
                ended_ms=draft.since_arrival(purchase.ended),
                status=purchase.status,
                usage=purchase.usage,
                cost=purchase.cost,
            ),
            purchase.searches,
        )

    def note(self, **facts: object) -> None:
        """Add to this plugin's stage."""
        self.facts |= facts

    def warn(self, sentence: str) -> None:
        """Tell the client something."""
        self.warnings.append(sentence)


@final
class _Filter:
    """One plugin's filter; when it fails and may be left out, what it held is let go as it came."""

    def __init__(self, attempt: _Attempt, stage: _Stage, inner: StreamFilter) -> None:
        self._attempt = attempt
        self._stage = stage
        self._inner: StreamFilter | None = inner
        self._held: list[Chunk] = []

    def take(self, chunks: list[Chunk]) -> list[Chunk]:
        """What may go on."""
        inner = self._inner
        if inner is None:
            return chunks
        self._held += chunks
        passed = self._guarded(lambda: inner.take(chunks))
        if passed and self._inner is not None:
            self._held = []
        return passed

    def flush(self) -> list[Chunk]:
        """All that is still held."""
        inner = self._inner
        return [] if inner is None else self._guarded(inner.flush)

    def _guarded(self, step: Callable[[], list[Chunk]]) -> list[Chunk]:
        """What *step* gives; when it fails, all that has come since it last gave something."""
        passed = self._attempt(self._stage, step, None)
        if passed is None:
            self._inner, passed = None, self._held
        return passed
