from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from line import Records, a_call, a_house, rails_to
from patience import PATIENCE, until_here
from turnout.api.asgi import hot_over_asgi
from turnout.api.chat import ChatSurface
from turnout.api.plane import DataPlane, ServerLimits
from turnout.api.reply import Heads
from turnout.domain.provider import Timeouts
from upstream import Script, Upstream, Wire, reply, upstream

Message = dict[str, Any]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def chunk(text: str) -> bytes:
    return b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % text.encode()


def once(*parts: bytes) -> Script:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(*parts)

    return script


async def stalling(wire: Wire) -> None:
    await once(HEAD + chunk("h"))(wire)
    await wire.closed()


class Server:
    """As much of an ASGI server as one request needs; *sending* may take its time."""

    def __init__(self, *messages: Message, sending: Callable[[], Awaitable[None]] | None = None) -> None:
        self.sent: list[Message] = []
        self._messages = asyncio.Queue[Message]()
        for message in messages:
            self._messages.put_nowait(message)
        self._sending = sending

    async def receive(self) -> Message:
        return await self._messages.get()

    async def send(self, message: Any) -> None:  # noqa: ANN401 - ASGI's own
        if self._sending is not None:
            await self._sending()
        self.sent.append(message)

    def leave(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


class Stage:
    def __init__(self, server: Upstream, records: Records, plane: DataPlane) -> None:
        self.upstream = server
        self.records = records
        self._application = hot_over_asgi(plane, self._rest)

    async def serve(self, server: Server, path: str = "/v1/chat/completions", method: str = "POST") -> None:
        headers = [(b"authorization", a_call(None).authorization)]  # type: ignore[arg-type]  # nothing is answered on it
        scope = {"type": "http", "path": path, "method": method, "headers": headers}
        await self._application(scope, server.receive, server.send)

    @staticmethod
    async def _rest(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own
        await send({"type": "http.response.start", "status": 299, "headers": []})


@asynccontextmanager
async def stage(script: Script, **limits: Any) -> AsyncIterator[Stage]:  # noqa: ANN401 - of a server
    async with upstream(script) as server:
        house, records = a_house(rails_to({"p0": server.base_url}, timeouts=Timeouts(idle=0.9)))
        plane = DataPlane(house, {b"/v1/chat/completions": ChatSurface()}, Heads(cors=True), ServerLimits(**limits))
        yield Stage(server, records, plane)
        assert house.tally.open_requests == 0


def asking(*, more: bool = False, **fields: Any) -> Message:  # noqa: ANN401 - any field of a request
    body = {"model": "acme/tiny", "messages": [{"role": "user", "content": "x"}]} | fields
    return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": more}


async def test_a_whole_answer_is_sent_with_its_length() -> None:
    answer = reply(b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}')
    async with stage(once(answer)) as scene:
        server = Server(asking())
        await scene.serve(server)
    headers = dict(server.sent[0]["headers"])
    assert server.status == 200
    assert int(headers[b"content-length"]) == len(server.body)
    assert headers[b"x-generation-id"].decode() == scene.records.only.id
    assert json.loads(server.body)["choices"][0]["message"]["content"] == "hi"


async def test_a_body_may_come_in_pieces() -> None:
    answer = reply(b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}')
    whole = asking()["body"]
    async with stage(once(answer)) as scene:
        parts = [
            {"type": "http.request", "body": whole[at : at + 9], "more_body": True} for at in range(0, len(whole), 9)
        ]
        server = Server(*parts, {"type": "http.request"})
        await scene.serve(server)
    assert server.status == 200


async def test_a_stream_is_sent_piece_by_piece_and_ends() -> None:
    async with stage(once(HEAD, chunk("h"), chunk("i"), END)) as scene:
        server = Server(asking(stream=True))
        await scene.serve(server)
    assert [message["type"] for message in server.sent][:1] == ["http.response.start"]
    assert [message.get("more_body") for message in server.sent[1:]][-1] is False
    assert server.body.endswith(b"data: [DONE]\n\n")


async def test_what_is_not_hot_goes_to_the_rest() -> None:
    async with stage(once()) as scene:
        for path, method in (
            ("/v1/chat/completions", "GET"),
            ("/v1/models", "POST"),
            ("/v1/chat/completions/", "POST"),
        ):
            server = Server(asking())
            await scene.serve(server, path, method)
            assert server.status == 299


async def test_a_body_beyond_the_cap_is_refused_before_it_is_whole() -> None:
    async with stage(once(), body_bytes=100) as scene:
        server = Server({"type": "http.request", "body": b"x" * 101, "more_body": True})
        await scene.serve(server)
        assert server.status == 413
        assert scene.records.generations == []


async def test_a_client_that_leaves_before_its_request_is_whole_is_forgotten() -> None:
    async with stage(once()) as scene:
        server = Server(asking(more=True))
        server.leave()
        await scene.serve(server)
        assert server.sent == []
        assert scene.records.generations == []


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_is_no_mistake_of_the_application_and_stops_the_provider(stream: bool) -> None:  # noqa: FBT001 - a column
    async with stage(stalling) as scene:
        server = Server(asking(stream=stream))
        running = asyncio.ensure_future(scene.serve(server))
        await until_here(lambda: scene.upstream.wires)
        await asyncio.sleep(0.1)
        server.leave()
        await asyncio.wait_for(running, PATIENCE)
        await asyncio.wait_for(scene.upstream.wires[0].gone.wait(), PATIENCE)
        assert scene.records.only.outcome == "cancelled"
        assert not any(message.get("more_body") is False for message in server.sent)


async def test_a_server_that_stops_the_application_stops_the_line_with_it() -> None:
    async with stage(stalling) as scene:
        running = asyncio.ensure_future(scene.serve(Server(asking(stream=True))))
        await until_here(lambda: scene.upstream.wires)
        await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await asyncio.wait_for(scene.upstream.wires[0].gone.wait(), PATIENCE)
        assert scene.records.only.outcome == "cancelled"


async def test_a_client_that_reads_slowly_slows_the_provider_down_and_loses_nothing() -> None:
    pieces, sent = 300, 0
    reading = asyncio.Event()

    async def script(wire: Wire) -> None:
        nonlocal sent
        await wire.request()
        await wire.send(HEAD)
        for _ in range(pieces):
            await wire.send(chunk("x" * 65_536))
            sent += 1
        await wire.send(END)

    async def slowly() -> None:
        await reading.wait()

    async with stage(script) as scene:
        server = Server(asking(stream=True), sending=slowly)
        running = asyncio.ensure_future(scene.serve(server))
        await asyncio.sleep(1.3)
        assert sent < pieces
        reading.set()
        await asyncio.wait_for(running, PATIENCE)
    assert server.body.count(b"x" * 65_536) == pieces
