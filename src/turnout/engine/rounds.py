"""Tools that the gateway runs while a model answers: offered as functions, called in rounds, one answer for the client.

The line goes on as without them: it tries candidates. But when an attempt has ended in calls of such tools only,
:func:`another` prices it as a round, runs them, puts the conversation on, and the same candidate is tried again. What
the model says in all rounds is one answer (:mod:`turnout.engine.turns`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.base.limits import MAX_TOOL_CALLS
from turnout.base.money import PICO_PER_DOLLAR
from turnout.contracts.plugin import Tool
from turnout.contracts.surface import Encoder
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL, Completion
from turnout.domain.routing import Candidate, Plan
from turnout.domain.usage import Usage
from turnout.engine.afford import exposure
from turnout.engine.draft import Draft
from turnout.engine.plugins import Chain
from turnout.engine.rack import Chosen, Rack
from turnout.engine.turns import Conversation, Window

__all__ = ["Rounds", "offer"]

_SHOWN = 64  # characters of a condition
_MOST_RESULT = 2**20  # characters of what one call gives
_SPENT = "No more tools can be used in this conversation. Answer with what you have."
_NONE = Raw(b'"none"')
_STEERING = ("max_tool_calls", "stop_server_tools_when")


class _Stop(Struct, frozen=True):
    """A condition of ``stop_server_tools_when``."""

    type: str
    step_count: int | None = None
    tool_name: str | None = None
    max_tokens: int | None = None
    max_cost_in_dollars: float | None = None
    reason: str | None = None


class _Entry(Struct):
    """As much of an entry of ``tools``, or of ``tool_choice``, as is judged."""

    type: str = ""
    function: Raw = NULL


class _Function(Struct):
    name: str = ""


_NEEDED = {
    "step_count_is": "step_count",
    "has_tool_call": "tool_name",
    "max_tokens_used": "max_tokens",
    "max_cost": "max_cost_in_dollars",
    "finish_reason_is": "reason",
}
_read_entry = reader(_Entry)
_read_function = reader(_Function)
_read_stops = reader(list[_Stop])
_read_most = reader(int)


@final
class Rounds:
    """The rounds of one request. ``due``: another one follows. ``model`` is the one that has had a round."""

    def __init__(self, tools: dict[str, Chosen], own: Sequence[Raw], most: int, stops: Sequence[_Stop]) -> None:
        """*tools* are ours by the names of their functions, *own* is the client's; *most* calls are run."""
        self.due = False
        self.model: str | None = None
        self.conversation = Conversation(tools.keys(), self._annotations)
        self._tools = tools
        self._kinds = {name: one.tool.kind for name, one in tools.items() if one.tool is not None}
        self._own = own
        self._most = most
        self._stops = stops
        self._steps = 0
        self._chain: Chain | None = None

    def begin(self, chain: Chain, encoder: Encoder) -> Encoder:
        """*chain* has the tools; what stands in place of *encoder*."""
        self._chain = chain
        return Window(encoder, self.conversation)

    def wanted(self, completion: Completion | None) -> bool:
        """Whether the round that has just ended, *completion* or a stream, asks for tools: then :meth:`another`
        follows. Raises UpstreamError: it makes no sense.
        """
        if completion is not None:
            self.conversation.read(completion)
        return bool(self.conversation.calls)

    async def another(self, draft: Draft, usage: Usage, plan: Plan, request: ChatRequest) -> ChatRequest:
        """The attempt that used *usage* has asked for tools: what they give, and the request of the next round. *plan*
        is where that goes.

        Raises:
            PaymentRequired: a budget does not afford it.
            Unavailable: the store cannot be asked.
        """
        conversation = self.conversation
        calls = conversation.calls
        draft.turned(usage)  # first of all: should the client leave while a tool runs, this much is charged
        self._steps += 1
        draft.tools_requested += len(calls)
        stopped = self._is_spent(draft)
        room = 0 if stopped else self._most - draft.tools_executed
        wanted = [call["function"] for call in calls[:room]]
        draft.tools_executed += len(wanted)
        await draft.grow(draft.spent + sum(self._tools[one["name"]].most for one in wanted))
        results = await self._run(wanted)
        results += [encode({"error": _SPENT}).decode()] * (len(calls) - len(results))
        conversation.over = stopped or draft.tools_executed >= self._most or self._ends(calls)
        request = self._continued(request, results)
        draft.follow(request)
        await draft.grow(draft.spent + exposure(plan, request).cost)
        self.due = True
        return request

    async def _run(self, wanted: Sequence[dict[str, Any]]) -> list[str]:
        """What the calls give, several at once."""
        chain = self._chain
        assert chain is not None  # noqa: S101 - begin() comes first
        tasks = [asyncio.ensure_future(chain.call(self._kinds[one["name"]], one["arguments"])) for one in wanted]
        try:
            return [text[:_MOST_RESULT] for text in await asyncio.gather(*tasks)]
        finally:  # where one ends the request, the others tell what they have spent before it is settled
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _continued(self, request: ChatRequest, results: Sequence[str]) -> ChatRequest:
        """*request* with what the model said, and what its calls gave."""
        conversation = self.conversation
        calls, reasoned = conversation.calls, conversation.reasoned
        added = [conversation.begin()]
        added += [
            encode({"role": "tool", "tool_call_id": call.get("id"), "content": text})
            for call, text in zip(calls, results, strict=True)
        ]
        before = bytes(request.fields["messages"]).rstrip()[:-1]
        messages = Raw(b"%b,%b]" % (before, b",".join(added)))
        fields = request.fields | {"messages": messages}
        fields.pop("tool_choice", None)  # it held for the first turn: who must call a tool for ever never answers
        if conversation.over:
            if self._own:
                fields["tools"] = Raw(encode(self._own))
            else:
                fields["tool_choice"] = _NONE  # some providers read no calls in messages without their tools
        return replace(
            request,
            fields=fields,
            prompt_bytes=len(memoryview(messages)),
            traits=replace(request.traits, reasoning=request.traits.reasoning or reasoned),
        )

    def _is_spent(self, draft: Draft) -> bool:
        """A limit of money or tokens is reached: not even the calls that are asked for are run."""
        usage = draft.usage
        tokens = usage.prompt_tokens + usage.completion_tokens
        return any(
            (one.type == "max_cost" and draft.spent >= (one.max_cost_in_dollars or 0) * PICO_PER_DOLLAR)
            or (one.type == "max_tokens_used" and tokens >= (one.max_tokens or 0))
            for one in self._stops
        )

    def _ends(self, calls: Sequence[Any]) -> bool:
        """Another condition holds: the next round is the last."""
        called = {call["function"]["name"] for call in calls}
        called |= {self._kinds[name] for name in called}
        return any(
            (one.type == "step_count_is" and self._steps >= (one.step_count or 0) - 1)
            or (one.type == "has_tool_call" and one.tool_name in called)
            or (one.type == "finish_reason_is" and one.reason == self.conversation.finish_reason)
            for one in self._stops
        )

    def _annotations(self, text: str) -> Sequence[Any]:
        return [] if self._chain is None else self._chain.cite(text)


def offer(
    rack: Rack, request: ChatRequest, chosen: tuple[Chosen, ...], candidates: Sequence[Candidate]
) -> tuple[ChatRequest, tuple[Chosen, ...], Rounds | None]:
    """*request*, planned for *candidates*, with the functions that stand for the tools it names; all that works on it;
    and the rounds, None where no tool may be called.

    Raises:
        BadRequest: an entry names no tool, stands twice, or says what its tool does not know.
    """
    own, ours = _sorted(rack, request, chosen, candidates)
    chosen = tuple(one for one in chosen if one.tool is None)
    if not ours:
        return request, chosen, None
    if (request.parameters.n or 1) > 1:
        raise BadRequest("`n` must be 1 with tools that the gateway runs")
    stops, most = _stops(request), MAX_TOOL_CALLS
    try:
        if not stops and "max_tool_calls" in request.fields:
            most = max(0, min(most, _read_most(request.fields["max_tool_calls"])))
    except BadJSON as error:
        raise BadRequest(f"`max_tool_calls`: {error}") from None
    fields = {name: value for name, value in request.fields.items() if name not in _STEERING}
    if not most or any(one.step_count == 1 for one in stops):
        return _with_tools(request, fields, own), chosen, None
    taken = {_name_of(raw) for raw in own}
    named = {tool.name if tool.name not in taken else f"server_{tool.name}": tool for tool in ours}
    offered = [Raw(_declared(name, tool)) for name, tool in named.items()]
    if "tool_choice" in fields:
        fields["tool_choice"] = _choice(fields["tool_choice"], named)
    tools = {name: ours[tool] for name, tool in named.items()}
    request = _with_tools(request, fields, [*own, *offered])
    return request, (*chosen, *ours.values()), Rounds(tools, own, most, stops)


def _sorted(
    rack: Rack, request: ChatRequest, chosen: Sequence[Chosen], candidates: Sequence[Candidate]
) -> tuple[list[Raw], dict[Tool, Chosen]]:
    """The client's own tools, and ours; those that plugins offer come last."""
    own: list[Raw] = []
    ours: dict[Tool, Chosen] = {}
    for place, raw in enumerate(request.parameters.tools or ()):
        try:
            found = rack.tool(_read_entry(raw).type, raw, candidates)
        except BadJSON as error:
            raise BadRequest(f"`tools[{place}]`: {error}") from None
        if found is None or found.tool is None:
            own.append(raw)
        elif found.tool in ours:
            raise BadRequest(f"`tools`: {found.tool.kind} stands twice")
        else:
            ours[found.tool] = found
    return own, {one.tool: one for one in chosen if one.tool is not None} | ours


@lru_cache(64)
def _declared(name: str, tool: Tool) -> bytes:
    """The function that a model is told of."""
    _, schemas = msgspec.json.schema_components([tool.arguments])
    schema = {key: value for key, value in schemas[tool.arguments.__name__].items() if key != "title"}
    return encode(
        {"type": "function", "function": {"name": name, "description": tool.description, "parameters": schema}}
    )


def _with_tools(request: ChatRequest, fields: dict[str, Raw], tools: list[Raw]) -> ChatRequest:
    if tools:
        fields["tools"] = Raw(encode(tools))
    else:
        fields.pop("tools", None)
        fields.pop("tool_choice", None)
    parameters = replace(request.parameters, tools=tools or None)
    original = request.original  # its encoder still reads it, though it goes nowhere as it is
    if original is not None:
        original = replace(original, peculiar="")
    return replace(request, fields=fields, parameters=parameters, original=original)


def _choice(raw: Raw, named: dict[str, Tool]) -> Raw:
    """``tool_choice``, where it names one of ours by its type, with its function."""
    if bytes(raw)[:1] != b"{":
        return raw
    try:
        kind = _read_entry(raw).type
    except BadJSON as error:
        raise BadRequest(f"`tool_choice`: {error}") from None
    found = [name for name, tool in named.items() if kind == tool.kind or kind in tool.aliases]
    return Raw(encode({"type": "function", "function": {"name": found[0]}})) if found else raw


def _stops(request: ChatRequest) -> Sequence[_Stop]:
    raw = request.fields.get("stop_server_tools_when", NULL)
    if bytes(raw) == b"null":
        return ()
    try:
        stops: Sequence[_Stop] = _read_stops(raw)
    except BadJSON as error:
        raise BadRequest(f"`stop_server_tools_when`: {error}") from None
    for stop in stops:
        needed = _NEEDED.get(stop.type)
        if needed is None:
            raise BadRequest(f"`stop_server_tools_when`: there is no {stop.type[:_SHOWN]!r}")
        if getattr(stop, needed) is None:
            raise BadRequest(f"`stop_server_tools_when`: {stop.type} needs `{needed}`")
    return stops


def _name_of(tool: Raw) -> str:
    try:
        return _read_function(_read_entry(tool).function).name
    except BadJSON:  # whoever sends it finds the right words for it
        return ""
