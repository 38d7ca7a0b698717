"""Claims about tools that the gateway runs while a model answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from examples import a_provider
from line import Paper, Records, a_call, a_house, rails_to
from patience import until_here
from turnout.app.outside import NOTHING_OUTSIDE
from turnout.base.errors import BadRequest, PaymentRequired
from turnout.base.money import Pico
from turnout.contracts.plugin import Job, NoParameters, Plugin, Purchase, Tool, Work
from turnout.domain.provider import Capabilities
from turnout.engine.house import House
from turnout.engine.line import serve
from turnout.engine.rack import Fitted, Rack
from turnout.providers.dialects import load_dialects
from upstream import Wire, reply, upstream

_USAGE = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
_TOOLS = [{"type": "openrouter:oracle"}]
_OPEN = Capabilities(reasoning="object")
_OWN = {"type": "function", "function": {"name": "ring", "parameters": {"type": "object"}}}


class _Asked(Struct, frozen=True):
    question: Annotated[str, Meta(description="What to ask.")]


class _Parameters(Struct, frozen=True, forbid_unknown_fields=True):
    mood: str = "kind"
    engine: str | None = None


class _Oracle(Work):
    """Answers; some questions it does not take well."""

    slept = cancelled = 0

    async def call(self, arguments: Any) -> str:  # noqa: ANN401 - as its parent
        question = arguments.question
        if question == "sleep":
            type(self).slept += 1
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                type(self).cancelled += 1
                raise
        if question == "raise":
            raise RuntimeError
        if question == "refuse":
            raise BadRequest("Not that")
        if question == "broke":
            raise PaymentRequired("No money")
        now = self.job.now()
        self.job.buy(
            Purchase(service="delphi", name="Delphi", cost=Pico(500), what="oracle", began=now, ended=now, searches=1)
        )
        return f"{self.job.parameters.mood}: {question}?"

    def cite(self, text: str) -> Sequence[dict[str, Any]]:
        return [{"type": "url_citation", "url_citation": {"url": "https://delphi.example", "end_index": len(text)}}]


def _oracle(job: Job) -> _Oracle:
    return _Oracle(job)


_PLUGIN = Plugin(
    id="oracle",
    work=_oracle,
    phases=frozenset(),
    parameters=_Parameters,
    tool=Tool(
        kind="openrouter:oracle",
        name="oracle",
        description="Knows.",
        arguments=_Asked,
        aliases=frozenset({"oracle_preview"}),
        native=lambda candidate: candidate.provider.slug == "delphi",
        most=lambda _, __: 500,
    ),
)
_RACK = Rack(
    [
        Fitted(
            plugin=_PLUGIN, settings=NoParameters(), defaults={}, credentials={}, enabled=None, fixed=False,
            skips=False, seconds=0.4,
        )
    ]
)  # fmt: skip


def _call(name: str = "oracle", number: int = 0, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    function = {"name": name, "arguments": json.dumps(arguments or {"question": "why"})}
    return {"id": f"call_{name}_{number}", "type": "function", "function": function}


def _turn(text: str = "", *calls: dict[str, Any], **message: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """What the model says in one turn."""
    said: dict[str, Any] = {"role": "assistant", "content": text or None} | message
    return said | ({"tool_calls": list(calls)} if calls else {})


def _answer(turn: dict[str, Any], *, stream: bool) -> bytes:
    finish = "tool_calls" if "tool_calls" in turn else "stop"
    if not stream:
        choice = {"message": turn, "finish_reason": finish, "index": 0}
        body = json.dumps({"id": "up", "choices": [choice], "usage": _USAGE}).encode()
        return reply(body, headers="Content-Type: application/json\r\n")
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if "reasoning_details" in turn:
        deltas += [{"reasoning": d["text"], "reasoning_details": [d]} for d in turn["reasoning_details"]]
    deltas += [{"content": word} for word in (turn["content"] or "").split(" ") if word]
    for index, call in enumerate(turn.get("tool_calls", ())):
        words = call["function"]["arguments"]
        begun = call | {"index": index, "function": {"name": call["function"]["name"], "arguments": words[:5]}}
        deltas += [{"tool_calls": [begun]}, {"tool_calls": [{"index": index, "function": {"arguments": words[5:]}}]}]
    chunks: list[dict[str, Any]] = [{"id": "up", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": _USAGE})
    events = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(events)
    return head + events


class _Served:
    """What became of one request."""

    def __init__(self, paper: Paper, records: Records, asked: list[Any]) -> None:
        self.paper = paper
        self.record = records.only if records.generations else None
        self.asked = asked

    @property
    def choices(self) -> list[Any]:
        events = [event for event in self.paper.events() if event != "[DONE]"]
        return [choice for event in events for choice in event["choices"]]

    @property
    def usage(self) -> Any:  # noqa: ANN401 - JSON
        return self.paper.events()[-2]["usage"] if self.paper.started else self.paper.json()["usage"]

    @property
    def message(self) -> dict[str, Any]:
        """The message, or what a client makes of its parts."""
        if not self.paper.started:
            return dict(self.paper.json()["choices"][0]["message"])
        whole: dict[str, Any] = {}
        for choice in self.choices:
            for name, value in choice["delta"].items():
                if value is not None:
                    whole[name] = value if name == "role" else whole.get(name, type(value)()) + value
        return whole

    @property
    def finish_reason(self) -> Any:  # noqa: ANN401 - JSON
        if self.paper.started:
            return self.choices[-1]["finish_reason"]
        return self.paper.json()["choices"][0]["finish_reason"]


async def _served(
    *turns: dict[str, Any] | bytes,
    during: Callable[[House, asyncio.Task[None], list[Any]], Awaitable[None]] | None = None,
    complains: bool = True,
    provider_slug: str = "acme",
    **fields: Any,  # noqa: ANN401 - any field of a request
) -> _Served:
    """One request to a model that says *turns* one after another; the last again and again."""
    asked: list[Any] = []

    async def script(wire: Wire) -> None:
        while True:
            body = json.loads(await wire.request())
            asked.append(body)
            turn = turns[min(len(asked), len(turns)) - 1]
            await wire.send(turn if isinstance(turn, bytes) else _answer(turn, stream=bool(body.get("stream"))))

    async with upstream(script) as provider:
        house, records = a_house(replace(rails_to({provider_slug: provider.base_url}, capabilities=_OPEN), rack=_RACK))
        if not complains:
            house.report = lambda _: None
        paper = Paper()
        task = asyncio.ensure_future(serve(a_call(paper, **({"tools": _TOOLS} | fields)), house))
        if during is not None:
            await during(house, task, asked)
        await asyncio.wait([task])
    return _Served(paper, records, asked)


both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@both
async def test_the_client_sees_one_answer_of_all_rounds(stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    served = await _served(
        _turn("Let me ask.", _call()), _turn("", _call(number=1, question="who")), _turn("So it is."), stream=stream
    )
    assert served.message["content"].replace(" ", "") == "Letmeask.\n\nSoitis."
    assert "tool_calls" not in served.message
    assert served.finish_reason == "stop"
    assert served.message["role"] == "assistant"
    assert served.message["annotations"][0]["url_citation"]["end_index"] == len(served.message["content"])
    if stream:
        assert [c["finish_reason"] for c in served.choices if c["finish_reason"]] == ["stop"]
        assert sum("role" in choice["delta"] for choice in served.choices) == 1


@both
async def test_the_model_reads_what_its_calls_gave(stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    served = await _served(
        _turn("", _call(question="a"), _call(number=1, question="b")), _turn("Done."), stream=stream,
        tools=[{"type": "openrouter:oracle", "parameters": {"mood": "grim"}}], tool_choice="required",
    )  # fmt: skip
    first, second = served.asked
    assert first["tools"][0]["function"]["name"] == "oracle"
    assert first["tools"][0]["function"]["parameters"]["properties"]["question"]["description"]
    assert first["tool_choice"] == "required"
    assert "tool_choice" not in second
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "tool", "tool"]
    assert [call["id"] for call in second["messages"][1]["tool_calls"]] == ["call_oracle_0", "call_oracle_1"]
    assert [m["content"] for m in second["messages"][2:]] == ["grim: a?", "grim: b?"]
    assert [m["tool_call_id"] for m in second["messages"][2:]] == ["call_oracle_0", "call_oracle_1"]


@both
async def test_all_rounds_are_one_generation_with_one_sum(stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    served = await _served(_turn("", _call()), _turn("", _call()), _turn("Done."), stream=stream)
    record, usage = served.record, served.usage
    assert record is not None
    assert record.outcome == "answered"
    assert [attempt.outcome for attempt in record.attempts] == ["answered"] * 5
    assert sum(attempt.cost for attempt in record.attempts) == record.cost
    assert [attempt.usage.prompt_tokens for attempt in record.attempts if attempt.model == "acme/tiny"] == [10] * 3
    assert (record.usage.prompt_tokens, record.usage.completion_tokens) == (30, 6)
    assert record.cost == 3 * 12 * 1_000_000 + 2 * 500
    assert usage["cost"] == pytest.approx(record.cost / 1e12)
    assert usage["total_tokens"] == 36
    assert usage["cost_details"]["upstream_inference_prompt_cost"] == pytest.approx(30e-6)
    assert usage["server_tool_use_details"] == {
        "tool_calls_requested": 2, "tool_calls_executed": 2, "web_search_requests": 2,
    }  # fmt: skip
    assert usage["server_tool_use"] == {"web_search_requests": 2}


@both
async def test_reasoning_goes_back_to_the_model_and_on_to_the_client(stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    def thought(text: str) -> dict[str, Any]:
        return {"type": "reasoning.text", "text": text, "signature": f"of {text}", "index": 0, "format": "x"}

    served = await _served(
        _turn("", _call(), reasoning_details=[thought("hm")]), _turn("Done.", reasoning_details=[thought("ah")]),
        stream=stream,
    )  # fmt: skip
    assert served.asked[1]["messages"][1]["reasoning_details"] == [thought("hm")]
    assert served.message["reasoning_details"] == [thought("hm"), thought("ah") | {"index": 1}]


async def test_a_model_that_signs_its_thoughts_gets_them_back_before_its_calls() -> None:
    asked: list[Any] = []
    arguments = {"type": "input_json_delta"}
    block = {"type": "tool_use", "id": "toolu_1", "name": "oracle", "input": {}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "I "}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "ask."}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "signed"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": block},
        {"type": "content_block_delta", "index": 1, "delta": arguments | {"partial_json": '{"ques'}},
        {"type": "content_block_delta", "index": 1, "delta": arguments | {"partial_json": 'tion":"why"}'}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]  # fmt: skip
    last: list[dict[str, Any]] = [
        events[0],
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Done."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        events[-1],
    ]

    async def script(wire: Wire) -> None:
        while True:
            asked.append(json.loads(await wire.request()))
            said = b"".join(
                b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())
                for event in (events if len(asked) == 1 else last)
            )
            await wire.send(reply(said, headers="Content-Type: text/event-stream\r\n"))

    async with upstream(script) as provider:
        rails = rails_to({"acme": provider.base_url}, dialect="anthropic")
        adapter = load_dialects()["anthropic"].adapter(a_provider("acme", base_url=provider.base_url), NOTHING_OUTSIDE)
        house, records = a_house(replace(rails, rack=_RACK, adapters={"acme": adapter}))
        paper = Paper()
        await serve(a_call(paper, tools=_TOOLS, stream=True, max_tokens=4096, reasoning={"max_tokens": 2048}), house)
    thought, call = asked[1]["messages"][1]["content"]
    assert thought == {"type": "thinking", "thinking": "I ask.", "signature": "signed"}
    assert call == block | {"input": {"question": "why"}}
    [result] = asked[1]["messages"][2]["content"]
    assert (result["tool_use_id"], result["content"][0]["text"]) == ("toolu_1", "kind: why?")
    assert _Served(paper, records, []).message["content"] == "Done."


@both
@pytest.mark.parametrize(
    ("question", "told"), [("raise", "failed"), ("sleep", "longer than"), ("refuse", "Not that"), ([], "make no sense")]
)
async def test_a_tool_that_fails_is_told_to_the_model(stream: bool, question: object, told: str) -> None:  # noqa: FBT001 - a parameter of the test
    served = await _served(_turn("", _call(question=question)), _turn("Well."), stream=stream, complains=False)
    assert told in json.loads(served.asked[1]["messages"][2]["content"])["error"]
    assert served.message["content"] == "Well."


@both
async def test_a_call_of_the_clients_own_tool_ends_the_rounds(stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    tools = [_OWN, *_TOOLS]
    served = await _served(
        _turn("Hm.", _call()), _turn("", _call(), _call("ring", 1, bell=1), _call("ring", 2, bell=2)), stream=stream,
        tools=tools,
    )  # fmt: skip
    assert [tool["function"]["name"] for tool in served.asked[0]["tools"]] == ["ring", "oracle"]
    assert len(served.asked) == 2
    assert served.finish_reason == "tool_calls"
    assert served.record is not None
    assert len(served.record.attempts) == 3  # and nothing was asked of the oracle again
    if stream:
        pieces = [call for call in served.message["tool_calls"] if "id" in call]
        assert [(call["index"], call["id"]) for call in pieces] == [(0, "call_ring_1"), (1, "call_ring_2")]
        assert "".join(c["function"]["arguments"] for c in served.message["tool_calls"] if c["index"]) == '{"bell": 2}'
    else:
        assert served.message["tool_calls"] == [_call("ring", 1, bell=1), _call("ring", 2, bell=2)]


@pytest.mark.parametrize(
    ("fields", "rounds", "executed"),
    [
        ({"max_tool_calls": 2}, 3, 2),
        ({"stop_server_tools_when": [{"type": "step_count_is", "step_count": 3}]}, 3, 2),
        ({"stop_server_tools_when": [{"type": "has_tool_call", "tool_name": "openrouter:oracle"}]}, 2, 1),
        ({"stop_server_tools_when": [{"type": "max_tokens_used", "max_tokens": 20}]}, 3, 1),
        ({"stop_server_tools_when": [{"type": "max_cost", "max_cost_in_dollars": 0.00002}]}, 3, 1),
        ({"stop_server_tools_when": [{"type": "finish_reason_is", "reason": "tool_calls"}]}, 2, 1),
        ({}, 31, 30),
    ],
)
async def test_the_rounds_have_bounds(fields: dict[str, Any], rounds: int, executed: int) -> None:
    served = await _served(_turn("More.", _call()), **fields)
    assert len(served.asked) == rounds
    assert served.finish_reason == "stop"  # though it still calls
    assert "tool_calls" not in served.message
    assert served.usage["server_tool_use_details"]["tool_calls_executed"] == executed
    assert served.asked[-1]["tool_choice"] == "none"


@pytest.mark.parametrize(
    "fields", [{"max_tool_calls": 0}, {"stop_server_tools_when": [{"type": "step_count_is", "step_count": 1}]}]
)
async def test_where_no_call_may_be_made_none_is_offered(fields: dict[str, Any]) -> None:
    served = await _served(_turn("Well."), **fields, tool_choice="auto")
    assert not served.asked[0].keys() & {"tools", "tool_choice", "max_tool_calls", "stop_server_tools_when"}


async def test_where_the_client_has_tools_only_those_are_offered_in_the_end() -> None:
    served = await _served(_turn("", _call(), _call(number=1)), _turn("Done."), tools=[_OWN, *_TOOLS], max_tool_calls=1)
    assert served.asked[1]["tools"] == [_OWN]
    assert "tool_choice" not in served.asked[1]
    given = [message["content"] for message in served.asked[1]["messages"][2:]]
    assert given[0] == "kind: why?"
    assert "No more tools" in given[1]
    assert served.usage["server_tool_use_details"]["tool_calls_requested"] == 2


async def test_a_tool_choice_by_type_means_the_function_and_a_taken_name_is_left_to_the_client() -> None:
    own = {"type": "function", "function": {"name": "oracle"}}
    served = await _served(
        _turn("", _call("server_oracle")), _turn("Done."), tools=[own, {"type": "oracle_preview", "mood": "dark"}],
        tool_choice={"type": "openrouter:oracle"},
    )  # fmt: skip
    assert served.asked[0]["tool_choice"] == {"type": "function", "function": {"name": "server_oracle"}}
    assert served.asked[1]["messages"][2]["content"] == "dark: why?"


@both
@pytest.mark.parametrize("moment", ["tool", "round"])
async def test_a_client_that_leaves_stops_the_tool_or_the_round_and_pays_for_what_was(
    stream: bool,  # noqa: FBT001 - a parameter of the test
    moment: str,
) -> None:
    slept, before = _Oracle.slept, _Oracle.cancelled
    hung = b""  # no answer

    async def leave(_: House, task: asyncio.Task[None], asked: list[Any]) -> None:
        await until_here(lambda: _Oracle.slept > slept if moment == "tool" else len(asked) == 2)
        task.cancel()

    question = "sleep" if moment == "tool" else "why"
    served = await _served(_turn("", _call(question=question)), hung, during=leave, stream=stream)
    record = served.record
    assert record is not None
    assert record.outcome == "cancelled"
    assert record.cost == 12 * 1_000_000 + (500 if moment == "round" else 0)
    assert (record.usage.prompt_tokens, record.usage.completion_tokens) == (10, 2)
    assert _Oracle.cancelled - before == (moment == "tool")


@both
async def test_a_tool_that_cannot_be_paid_ends_the_request_and_what_was_spent_is_charged(stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    served = await _served(_turn("", _call(question="broke")), stream=stream)
    assert served.record is not None
    assert (served.record.outcome, served.record.error_type) == ("failed", "payment_required")
    assert served.record.cost == 12 * 1_000_000
    if stream:
        assert served.paper.events()[-2]["error"]["code"] == 402
    else:
        assert isinstance(served.paper.error, PaymentRequired)


async def test_a_later_round_that_breaks_is_told_and_the_earlier_ones_are_charged() -> None:
    served = await _served(_turn("Let me see.", _call()), reply(b"{}", status="500 Oh"), stream=True)
    assert served.paper.events()[-2]["error"]["metadata"]["error_type"]
    assert served.choices[-1]["finish_reason"] == "error"
    assert served.record is not None
    assert served.record.cost == 12 * 1_000_000 + 500


@both
async def test_another_endpoint_of_the_model_goes_on_when_one_fails_between_rounds(stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    asked: list[str] = []

    def speaker(name: str, *turns: dict[str, Any] | bytes) -> Callable[[Wire], Awaitable[None]]:
        left = list(turns)

        async def script(wire: Wire) -> None:
            while True:
                await wire.request()
                asked.append(name)
                turn = left.pop(0)
                await wire.send(turn if isinstance(turn, bytes) else _answer(turn, stream=stream))

        return script

    first = speaker("a", _turn("One.", _call()), reply(b"{}", status="503 Busy"))
    async with upstream(first) as a, upstream(speaker("b", _turn("Two.", _call()), _turn("Three."))) as b:
        house, records = a_house(replace(rails_to({"a": a.base_url, "b": b.base_url}), rack=_RACK))
        paper = Paper()
        await serve(a_call(paper, tools=_TOOLS, stream=stream), house)
    assert asked == ["a", "a", "b", "b"]
    assert _Served(paper, records, []).message["content"] == "One.\n\nTwo.\n\nThree."
    outcomes = [(one.provider, one.outcome) for one in records.only.attempts if one.provider != "delphi"]
    assert sorted(outcomes) == [("a", "answered"), ("a", "failed"), ("b", "answered"), ("b", "answered")]
    assert sum(one.cost for one in records.only.attempts) == records.only.cost


async def test_a_call_that_ends_the_request_stops_the_others_and_what_they_spent_is_charged() -> None:
    before = _Oracle.cancelled
    calls = [_call(question="why"), _call(number=1, question="sleep"), _call(number=2, question="broke")]
    served = await _served(_turn("", *calls))
    assert isinstance(served.paper.error, PaymentRequired)
    assert _Oracle.cancelled == before + 1
    assert served.record is not None
    assert served.record.cost == 12 * 1_000_000 + 500


async def test_annotations_of_the_provider_stay() -> None:
    served = await _served(_turn("", _call()), _turn("Done.", annotations=[{"type": "file"}]))
    assert [one["type"] for one in served.message["annotations"]] == ["file", "url_citation"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"tools": [{"type": "openrouter:teleport"}]}, "openrouter:teleport"),
        ({"tools": [{"type": "openrouter:oracle", "parameters": {"mod": 1}}]}, "mod"),
        ({"tools": [*_TOOLS, *_TOOLS]}, "twice"),
        ({"n": 2}, "`n`"),
        ({"max_tool_calls": "many"}, "max_tool_calls"),
        ({"stop_server_tools_when": [{"type": "full_moon"}]}, "full_moon"),
        ({"stop_server_tools_when": [{"type": "max_cost"}]}, "max_cost_in_dollars"),
    ],
)
async def test_what_no_tool_knows_is_refused_by_name(fields: dict[str, Any], named: str) -> None:
    served = await _served(_turn("Hi."), **fields)
    assert isinstance(served.paper.error, BadRequest)
    assert named in served.paper.error.message
    assert served.asked == []


@pytest.mark.parametrize(
    ("provider", "entry", "ours"),
    [
        ("delphi", {"type": "oracle_preview"}, False),
        ("delphi", {"type": "oracle_preview", "engine": "pythia"}, True),
        ("delphi", {"type": "openrouter:oracle"}, True),
        ("acme", {"type": "oracle_preview", "engine": "native"}, False),
        ("acme", {"type": "oracle_preview"}, True),
    ],
)
async def test_a_name_of_a_providers_own_tool_means_that_where_it_has_it(
    provider: str,
    entry: dict[str, Any],
    ours: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    served = await _served(_turn("Hi."), tools=[entry], provider_slug=provider)
    assert (served.asked[0]["tools"] != [entry]) == ours


async def test_an_entry_of_plugins_offers_a_tool_that_is_all_the_plugin_has() -> None:
    served = await _served(_turn("", _call()), _turn("Done."), tools=[_OWN], plugins=[{"id": "oracle", "mood": "odd"}])
    assert served.asked[1]["messages"][2]["content"] == "odd: why?"
