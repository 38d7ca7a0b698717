"""What is peculiar to our own protocol: slow readers, idle connections, requests behind one another."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from line import Records, a_call, a_house, rails_to
from patience import PATIENCE
from turnout.api.asgi import hot_over_asgi
from turnout.api.chat import ChatSurface
from turnout.api.plane import DataPlane, ServerLimits
from turnout.api.reply import Heads
from turnout.app.server import DrainingServer, make_server
from turnout.domain.provider import Timeouts
from upstream import Script, Upstream, Wire, reply, upstream

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def answer(content: str) -> bytes:
    return reply(json.dumps({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}).encode())


def event(content: str) -> bytes:
    return b"data: %b\n\n" % json.dumps({"choices": [{"delta": {"content": content}}]}).encode()


def always(*parts: bytes, gap: float = 0.0) -> Script:
    async def script(wire: Wire) -> None:
        while True:
            await wire.request()
            await wire.send(*parts, gap=gap)

    return script


class Place:
    """A gateway in this process."""

    def __init__(
        self,
        port: int,
        upstream_server: Upstream,
        records: Records,
        server: DrainingServer,
        running: asyncio.Future[None],
    ) -> None:
        self.port = port
        self.upstream = upstream_server
        self.records = records
        self.server = server
        self.running = running


@asynccontextmanager
async def place(script: Script, **limits: Any) -> AsyncIterator[Place]:  # noqa: ANN401 - of a server
    async with upstream(script) as provider:
        house, records = a_house(rails_to({"p0": provider.base_url}, timeouts=Timeouts(first_byte=3.0, idle=3.0)))
        plane = DataPlane(house, {b"/v1/chat/completions": ChatSurface()}, Heads(cors=True), ServerLimits(**limits))
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        started = asyncio.Event()
        server = make_server(plane, hot_over_asgi(plane, _nothing), 5.0, started.set)
        running = asyncio.ensure_future(server.serve(sockets=[listening]))
        await started.wait()
        try:
            yield Place(listening.getsockname()[1], provider, records, server, running)
        finally:
            server.should_exit = True
            await running
        assert house.tally.open_requests == 0


async def _nothing(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def asking(**fields: Any) -> bytes:  # noqa: ANN401 - any field of a request
    body = json.dumps({"model": "acme/tiny", "messages": [{"role": "user", "content": "x"}]} | fields).encode()
    key = a_call(None).authorization or b""  # type: ignore[arg-type]  # nothing is answered on it
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (key, len(body)) + body


class Client:
    """A client that reads no faster than it is told: its buffers are small."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self._socket.connect(("127.0.0.1", port))
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._socket, data)

    async def read(self, size: int, seconds: float = PATIENCE) -> bytes:
        """Up to *size* bytes; empty at the end of the connection."""
        async with asyncio.timeout(seconds):
            try:
                return await self._loop.sock_recv(self._socket, size)
            except ConnectionResetError:
                return b""

    async def read_until(self, mark: bytes) -> bytes:
        data = b""
        while mark not in data:
            piece = await self.read(65_536)
            assert piece, data[-300:]
            data += piece
        return data

    async def answer(self) -> bytes:
        """The body of one answer with a length."""
        data = await self.read_until(b"\r\n\r\n")
        head, _, body = data.partition(b"\r\n\r\n")
        size = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        while len(body) < size:
            piece = await self.read(65_536)
            assert piece
            body += piece
        return body

    def close(self) -> None:
        self._socket.close()


async def test_a_slow_but_steady_reader_gets_its_whole_answer() -> None:
    size = 12 * 2**20
    async with place(always(answer("x" * size)), write_stall_seconds=0.8, keep_alive_seconds=0.8) as here:
        client = Client(here.port)
        await client.send(asking())
        received = 0
        while received < size:
            piece = await client.read(2**18)
            assert piece, f"cut off after {received} bytes"
            received += len(piece)
            await asyncio.sleep(0.02)
        client.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_reader_that_stops_is_dropped(stream: bool) -> None:  # noqa: FBT001 - a column
    script = always(HEAD, *[event("x" * 2**20)] * 30) if stream else always(answer("x" * 30 * 2**20))
    async with place(script, write_stall_seconds=0.3, keep_alive_seconds=0.3) as here:
        client = Client(here.port)
        await client.send(asking(stream=stream))
        await asyncio.wait_for(_dropped(here), PATIENCE)
        client.close()
        if stream:
            await asyncio.wait_for(here.upstream.wires[0].gone.wait(), PATIENCE)
            assert here.records.only.outcome == "cancelled"


async def _dropped(here: Place) -> None:
    while not here.server.server_state.connections:  # noqa: ASYNC110 - the other side sets no event
        await asyncio.sleep(0.02)
    while here.server.server_state.connections:  # noqa: ASYNC110 - the same
        await asyncio.sleep(0.02)


async def test_a_client_that_asks_and_asks_and_never_reads_does_not_fill_the_memory() -> None:
    size, asked = 2**20, 30
    async with place(always(answer("x" * size)), write_stall_seconds=1.5, keep_alive_seconds=1.5) as here:
        client = Client(here.port)
        largest = 0
        for _ in range(asked):
            await client.send(asking())
            await asyncio.sleep(0.03)
            waiting = [one.transport.get_write_buffer_size() for one in here.server.server_state.connections]
            largest = max([largest, *waiting])
        assert largest < 4 * size
        assert len(here.records.generations) < asked
        await asyncio.wait_for(_dropped(here), PATIENCE)
        client.close()


async def test_a_client_that_asks_ahead_and_reads_later_gets_every_answer() -> None:
    size, asked = 2**20, 12
    async with place(always(answer("x" * size))) as here:
        client = Client(here.port)
        for _ in range(asked):
            await client.send(asking())
            await asyncio.sleep(0.02)
        received = b""
        while received.count(b"x" * size) < asked:
            piece = await client.read(2**20)
            assert piece
            received += piece
        client.close()


async def test_a_slow_reader_of_a_stream_stops_the_provider_and_loses_nothing() -> None:
    pieces, sent = 100, 0

    async def script(wire: Wire) -> None:
        nonlocal sent
        await wire.request()
        await wire.send(HEAD)
        for _ in range(pieces):
            await wire.send(event("x" * 2**17))
            sent += 1
        await wire.send(b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')

    async with place(script) as here:
        client = Client(here.port)
        await client.send(asking(stream=True))
        await asyncio.sleep(0.7)
        assert sent < pieces
        data = await client.read_until(b"[DONE]")
        assert data.count(b"x" * 2**17) == pieces
        client.close()


async def test_a_connection_that_was_read_slowly_still_ends_when_it_is_idle() -> None:
    async with place(always(answer("x" * 4 * 2**20)), keep_alive_seconds=0.4) as here:
        client = Client(here.port)
        await client.send(asking())
        await asyncio.sleep(0.1)
        await client.answer()
        assert await client.read(1) == b""
        client.close()


async def test_an_answer_that_is_still_being_read_does_not_pause_the_next_one() -> None:
    size = 2 * 2**20
    async with place(always(answer("x" * size))) as here:
        slow, quick = Client(here.port), Client(here.port)
        await slow.send(asking())
        await asyncio.sleep(1.0)
        await quick.send(asking())
        assert len(await quick.answer()) > size
        assert len(await slow.answer()) > size
        assert len(here.upstream.wires) == 1
        slow.close()
        quick.close()


async def test_requests_behind_one_another_are_answered_in_their_order() -> None:
    async def script(wire: Wire) -> None:
        while True:
            body = json.loads(await wire.request())
            await asyncio.sleep(0.05)
            await wire.send(answer(body["x_number"]))

    async with place(script) as here:
        client = Client(here.port)
        await client.send(b"".join(asking(x_number=str(number)) for number in range(5)))
        found = b""
        while found.count(b'"content":') < 5:
            found += await client.read(65_536)
        order = [found.index(b'"content":"%d"' % number) for number in range(5)]
        assert order == sorted(order)
        client.close()


async def test_a_request_that_arrives_in_parts_behind_another_does_not_disturb_it() -> None:
    async def script(wire: Wire) -> None:
        while True:
            await wire.request()
            await asyncio.sleep(1.2)
            await wire.send(answer("hi"))

    async with place(script, header_seconds=0.8, body_seconds=0.8) as here:
        client = Client(here.port)
        second = asking()
        await client.send(asking() + second[:-10])
        assert b"hi" in await client.answer()
        await client.send(second[-10:])
        assert b"hi" in await client.answer()
        client.close()


async def test_a_stop_waits_for_an_answer_that_is_still_being_read() -> None:
    size = 24 * 2**20
    async with place(always(answer("x" * size))) as here:
        client = Client(here.port)
        await client.send(asking())
        received = read_at_stop = len(await client.read(1_000))
        here.server.should_exit = True
        while piece := await client.read(2**20):
            received += len(piece)
            read_at_stop = read_at_stop if here.running.done() else received
            await asyncio.sleep(0.001)
        assert received > size
        assert read_at_stop > size - 8 * 2**20  # what the system's own buffers hold
        client.close()
