import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import pytest
from openai import AsyncOpenAI

from fake_wire import ask, body_of, chat, payloads
from patience import PATIENCE
from turnout.providers.fake import MODELS, FakeProvider

OPTIONS = "Which?\nA) tea\nB) coffee"


@pytest.fixture
async def client(fake: FakeProvider) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=fake.base_url, api_key="canary", max_retries=0) as made:
        yield made


def content_of(events: list[Any]) -> list[str]:
    deltas = [event["choices"][0]["delta"] for event in events if isinstance(event, dict) and event.get("choices")]
    return [delta["content"] for delta in deltas if delta.get("content")]


async def test_openai_client_gets_an_echo(client: AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(model="fake/echo", messages=[{"role": "user", "content": "a b c"}])
    assert reply.choices[0].message.content == "a b c"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (2, 3, 5)


async def test_openai_client_gets_a_stream_of_words_and_usage_when_asked(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="echo",
        messages=[{"role": "user", "content": "a b c"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.content for chunk in chunks[1:4]] == ["a", " b", " c"]
    assert chunks[4].choices[0].finish_reason == "stop"
    assert chunks[5].choices == []
    assert chunks[5].usage is not None
    assert chunks[5].usage.completion_tokens == 3


async def test_openai_client_gets_logprobs_of_a_vote(client: AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(
        model="vote-0.8", messages=[{"role": "user", "content": OPTIONS}], seed=3, logprobs=True, top_logprobs=5
    )
    logprobs = reply.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert {top.token for top in logprobs.content[0].top_logprobs} == {"A", "B"}
    assert logprobs.content[0].token == reply.choices[0].message.content


async def test_openai_client_gets_embeddings_models_and_legacy_completions(client: AsyncOpenAI) -> None:
    vectors = await client.embeddings.create(model="embed-8", input=["a", "b"])
    assert [len(row.embedding) for row in vectors.data] == [8, 8]
    assert [model.id async for model in client.models.list()] == list(MODELS)
    assert (await client.models.retrieve("lorem-9")).id == "lorem-9"
    legacy = await client.completions.create(model="echo", prompt="x y")
    assert legacy.choices[0].text == "x y"
    stream = await client.completions.create(model="echo", prompt="x y", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == "x y"


async def test_tool_arguments_come_in_fragments(fake: FakeProvider) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "weather", "parameters": schema}}
    events = payloads(await chat(fake.port, "tools", stream=True, tools=[tool]))
    calls = [event["choices"][0]["delta"].get("tool_calls") for event in events[:-1]]
    functions = [call[0]["function"] for call in calls if call]
    assert functions[0]["name"] == "weather"
    assert len(functions) > 3
    assert json.loads("".join(function["arguments"] for function in functions)) == {"city": "text"}
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"


async def test_reasoning_comes_before_content(fake: FakeProvider) -> None:
    message = (await chat(fake.port, "reason")).json["choices"][0]["message"]
    assert message["reasoning_content"].startswith("The user wrote 3 words")
    events = payloads(await chat(fake.port, "reason", stream=True))
    kinds = ["reasoning_content" in event["choices"][0]["delta"] for event in events[1:-2]]
    assert kinds == sorted(kinds, reverse=True)
    assert any(kinds)


async def test_usage_is_not_streamed_unasked_and_never_with_no_usage(fake: FakeProvider) -> None:
    asked: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    assert b'"usage":' not in (await chat(fake.port, "echo", stream=True)).body
    assert b'"usage":' not in (await chat(fake.port, "no-usage", **asked)).body
    assert b'"usage":' not in (await chat(fake.port, "no-usage")).body
    twice = [event for event in payloads(await chat(fake.port, "usage-twice", **asked)) if "usage" in event]
    assert [event["usage"]["completion_tokens"] for event in twice] == [3, 1]
    assert b'"prompt_tokens":NaN' in (await chat(fake.port, "usage-nan", **asked)).body


async def test_seeded_replies_are_equal_to_the_byte(fake: FakeProvider) -> None:
    first, second = [(await chat(fake.port, "vote-0.5", OPTIONS, seed=7, stream=True)).body for _ in range(2)]
    assert first == second
    assert (await chat(fake.port, "echo")).json["id"] != (await chat(fake.port, "echo")).json["id"]


@pytest.mark.parametrize(("status", "retry_after"), [(400, None), (401, None), (429, "2"), (503, "2"), (529, None)])
async def test_status_words_answer_with_that_status(fake: FakeProvider, status: int, retry_after: str | None) -> None:
    for stream in (False, True):
        reply = await chat(fake.port, f"status-{status}", stream=stream)
        assert (reply.status, reply.headers.get("retry-after")) == (status, retry_after)
        assert str(status) in reply.json["error"]["message"]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(204, "complete"), (205, "complete"), (304, "complete"), (101, "stalled"), (103, "stalled")],
)
async def test_bodyless_statuses_have_no_body_and_interim_ones_no_end(
    fake: FakeProvider, status: int, outcome: str
) -> None:
    reply = await ask(fake.port, body_of(f"status-{status}"), linger=0.03)
    assert (reply.status, reply.body, reply.rest) == (status, b"", b"")
    await _eventually(lambda: fake.entries[-1]["t"] == "end")
    assert fake.entries[-1]["outcome"] == outcome


async def test_unknown_words_paths_methods_and_bodies_are_refused(fake: FakeProvider) -> None:
    assert (await chat(fake.port, "gpt-5")).json["error"]["code"] == "model_not_found"
    assert (await ask(fake.port, b"{}", "/v2/none")).status == 404
    for body in (b"", b"[]", b"{", b'{"model":1}', body_of("echo", n=0), b'{"model":"echo","messages":[5]}'):
        assert (await ask(fake.port, body)).status == 400


async def test_flap_fails_by_turns_without_a_seed_and_by_seed_with_one(fake: FakeProvider) -> None:
    turns = [(await chat(fake.port, "flap-30")).status for _ in range(20)]
    assert turns.count(503) == 6
    seeded = [(await chat(fake.port, "flap-30", seed=seed)).status for seed in range(100)]
    assert 15 < seeded.count(503) < 45
    assert seeded[:5] == [(await chat(fake.port, "flap-30", seed=seed)).status for seed in range(5)]


async def test_slow_and_gap_take_their_time(fake: FakeProvider) -> None:
    clock = asyncio.get_running_loop().time
    begun = clock()
    await chat(fake.port, "slow-60")
    assert clock() - begun >= 0.06
    begun = clock()
    await chat(fake.port, "gap-15", stream=True)
    assert clock() - begun >= 0.015 * 5
    begun = clock()
    assert (await chat(fake.port, "gap-15")).json["choices"]
    assert clock() - begun >= 0.015 * 3


@pytest.mark.parametrize("stream", [False, True])
async def test_hang_says_nothing_and_notes_that_it_was_left(fake: FakeProvider, stream: bool) -> None:  # noqa: FBT001  # a parameter of the test
    reply = await chat(fake.port, "hang", stream=stream, wait=0.3)
    assert (reply.status, reply.broken) == (0, "TimeoutError")
    await _eventually(lambda: len(fake.entries) == 3)
    _, left, end = fake.entries
    assert left["t"] == "left"
    assert 90 < float(str(left["after_ms"])) < 1000 * PATIENCE
    assert (end["outcome"], end["sent"]) == ("hung", 0)


@pytest.mark.parametrize("stream", [False, True])
async def test_reset_drops_the_connection_before_any_byte(fake: FakeProvider, stream: bool) -> None:  # noqa: FBT001  # a parameter of the test
    reply = await chat(fake.port, "reset", stream=stream)
    assert (reply.status, reply.broken) == (0, "ConnectionResetError")
    assert fake.entries[-1]["outcome"] == "reset"


async def test_reset_after_sends_that_many_content_chunks_first(fake: FakeProvider) -> None:
    reply = await chat(fake.port, "reset-after-3", stream=True)
    assert (reply.status, reply.broken) == (200, "ConnectionResetError")
    assert len(content_of(payloads(reply))) == 3
    whole = await chat(fake.port, "reset-after-3")
    assert (whole.status, whole.broken) == (200, "ConnectionResetError")
    assert 0 < len(whole.body) < int(whole.headers["content-length"])


async def test_stall_after_sends_that_many_content_chunks_and_then_nothing(fake: FakeProvider) -> None:
    reply = await chat(fake.port, "stall-after-3", stream=True, wait=0.5)
    assert (len(content_of(payloads(reply))), reply.broken) == (3, "TimeoutError")
    whole = await chat(fake.port, "stall-after-3", wait=0.5)
    assert 0 < len(whole.body) < int(whole.headers["content-length"])
    ends = await _eventually(lambda: [entry["outcome"] for entry in fake.entries if entry["t"] == "end"][1:])
    assert ends == ["stalled"]


async def test_malformed_breaks_the_json(fake: FakeProvider) -> None:
    with pytest.raises(json.JSONDecodeError):
        _ = (await chat(fake.port, "malformed")).json
    events = payloads(await chat(fake.port, "malformed", stream=True))
    assert [isinstance(event, bytes) for event in events[:4]] == [False, False, True, False]
    assert isinstance(payloads(await chat(fake.port, "malformed-0", stream=True))[0], bytes)


async def test_error_in_stream_ends_the_stream_after_some_content(fake: FakeProvider) -> None:
    events = payloads(await chat(fake.port, "error-in-stream", stream=True))
    assert len(content_of(events)) == 2
    assert events[-1]["error"]["code"] == "server_error"
    assert len(payloads(await chat(fake.port, "error-in-stream-0", stream=True))) == 1
    whole = await chat(fake.port, "error-in-stream")
    assert (whole.status, list(whole.json)) == (200, ["error"])


async def test_empty_finishes_without_content(fake: FakeProvider) -> None:
    events = payloads(await chat(fake.port, "empty", stream=True))
    assert content_of(events) == []
    assert events[-2]["choices"][0]["finish_reason"] == "stop"
    assert (await chat(fake.port, "empty")).json["choices"][0]["message"]["content"] == ""


@pytest.mark.parametrize("stream", [False, True])
async def test_endless_goes_on_until_the_client_leaves(fake: FakeProvider, stream: bool) -> None:  # noqa: FBT001  # a parameter of the test
    reply = await chat(fake.port, "endless-gap-0", stream=stream, wait=0.5, max_tokens=1)
    assert (reply.status, reply.broken) == (200, "TimeoutError")
    assert len(reply.chunks) > 20
    await _eventually(lambda: fake.entries[-1]["t"] == "end")
    assert fake.entries[-1]["outcome"] == "client_left"


async def test_a_client_that_does_not_read_is_waited_for(fake: FakeProvider) -> None:
    body = body_of("endless-gap-0", stream=True)
    _, writer = await asyncio.open_connection("127.0.0.1", fake.port, limit=1024)
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    (connection,) = await _eventually(lambda: list(fake._connections))
    await _eventually(lambda: not connection._writable.is_set())
    assert connection._transport.get_write_buffer_size() < 1 << 20
    writer.transport.abort()
    await _eventually(lambda: fake.entries[-1]["t"] == "end")


_T = TypeVar("_T")


async def _eventually(holds: Callable[[], _T]) -> _T:
    async with asyncio.timeout(PATIENCE):
        while not (value := holds()):  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.01)
    return value


async def test_streams_may_lack_their_end(fake: FakeProvider) -> None:
    events = payloads(await chat(fake.port, "no-done", stream=True))
    assert events[-1]["choices"][0]["finish_reason"] == "stop"
    events = payloads(await chat(fake.port, "no-finish", stream=True, stream_options={"include_usage": True}))
    assert events[-1]["choices"][0]["delta"] == {"content": " three"}
    assert (await chat(fake.port, "no-finish")).json["choices"][0]["finish_reason"] is None


@pytest.mark.parametrize("words", ["crlf", "cr", "bom", "fields", "comments", "slices", "bom-crlf-fields-comments"])
async def test_unusual_but_legal_streams_carry_the_same_events(fake: FakeProvider, words: str) -> None:
    plain = payloads(await chat(fake.port, "echo", stream=True, seed=1))
    unusual = await chat(fake.port, f"echo-{words}", stream=True, seed=1)
    events = payloads(unusual)
    assert content_of(events) == content_of(plain) == ["one", " two", " three"]
    assert len(events) == len(plain)
    assert {len(chunk) for chunk in unusual.chunks} == {1} or words != "slices"


async def test_gzip_is_sent_unasked(fake: FakeProvider) -> None:
    whole = await chat(fake.port, "echo-gzip")
    assert whole.headers["content-encoding"] == "gzip"
    assert whole.json["choices"][0]["message"]["content"] == "one two three"
    stream = await chat(fake.port, "echo-gzip", stream=True)
    assert zlib.decompress(stream.body, 31).endswith(b"data: [DONE]\n\n")


async def test_html_redirect_surplus_and_short(fake: FakeProvider) -> None:
    assert (await chat(fake.port, "html", stream=True)).headers["content-type"].startswith("text/html")
    redirect = await chat(fake.port, "redirect-81")
    assert (redirect.status, redirect.headers["location"]) == (302, "http://127.0.0.1:81/v1/redirected")
    for stream in (False, True):
        surplus = await ask(fake.port, body_of("surplus", stream=stream), linger=PATIENCE)
        assert surplus.rest == b'{"surplus": true}'
        short = await chat(fake.port, "short", stream=stream)
        assert (short.whole, short.broken) in {(False, "EOFError"), (False, "IncompleteReadError")}
        assert fake.entries[-1]["outcome"] == "closed"


async def test_big_comes_as_one_event(fake: FakeProvider) -> None:
    reply = await chat(fake.port, "big-300000", stream=True)
    assert [len(text) for text in content_of(payloads(reply))] == [300_000]


async def test_several_choices_stream_side_by_side(fake: FakeProvider) -> None:
    events = payloads(await chat(fake.port, "echo", "a b", n=2, stream=True))
    assert [event["choices"][0]["index"] for event in events[:-1]] == [0, 1] * 4


async def test_journal_tells_what_was_asked_and_what_was_sent(fake: FakeProvider) -> None:
    for stream in (False, True):
        reply = await chat(fake.port, "echo", stream=stream)
        request, end = fake.entries[-2:]
        assert request["authorization"] == sha256(b"canary").hexdigest()
        assert request["body_sha256"] == sha256(str(request["body"]).encode()).hexdigest()
        assert (request["t"], request["model"], request["stream"]) == ("request", "echo", stream)
        assert (end["t"], end["n"], end["outcome"]) == ("end", request["n"], "complete")
        assert (end["sent"], end["sha256"]) == (len(reply.body), sha256(reply.body).hexdigest())
        assert end["answer"] == reply.body.decode()


async def test_journal_notes_a_client_that_leaves_in_the_middle(fake: FakeProvider) -> None:
    await chat(fake.port, "gap-500", stream=True, wait=0.3)
    await _eventually(lambda: fake.entries[-1]["t"] == "end")
    assert [entry["t"] for entry in fake.entries] == ["request", "left", "end"]
    assert fake.entries[-1]["outcome"] == "client_left"


async def test_journal_file_has_a_line_per_entry_and_bodies_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with FakeProvider(path) as fake:
        await chat(fake.port, "echo")
        hanging = asyncio.create_task(chat(fake.port, "hang"))
        await _eventually(lambda: len(fake.entries) == 3)
    await hanging
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == fake.entries
    assert [line.get("outcome") for line in lines] == [None, "complete", None, "shutdown"]
    assert "one two three" not in path.read_text()


async def test_pipelined_requests_are_answered_in_order_on_one_connection(fake: FakeProvider) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", fake.port)
    bodies = [body_of("echo-slow-5" if number % 2 else "echo", f"number {number}") for number in range(100)]
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b"
    writer.write(b"".join(head % (len(body), body) for body in bodies))
    for number in range(100):
        lines = await reader.readuntil(b"\r\n\r\n")
        length = int(lines.split(b"content-length: ")[1].split(b"\r\n")[0])
        reply = json.loads(await reader.readexactly(length))
        assert reply["choices"][0]["message"]["content"] == f"number {number}"
    writer.close()
    await writer.wait_closed()


async def test_a_bug_of_ours_is_a_500_and_a_journal_entry(fake: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.providers.fake.server.deliver", lambda _: (1 / 0 for _ in "x"))
    assert (await chat(fake.port, "echo")).status == 500
    await _eventually(lambda: fake.entries[-1]["t"] == "end")
    assert fake.entries[-1]["outcome"] == "broken"


async def test_connection_close_and_garbage_end_the_connection(fake: FakeProvider) -> None:
    for sent in (b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"\x16\x03\x01 hello\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", fake.port)
        writer.write(sent)
        assert b"HTTP/1.1 " in await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        await writer.wait_closed()


async def test_a_waiting_body_is_asked_for(fake: FakeProvider) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", fake.port)
    body = body_of("echo")
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n"
        % len(body)
    )
    assert b" 100 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    writer.write(body)
    assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    writer.close()
    await writer.wait_closed()
