from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator

import pytest

from exchanges import Recording, always, asked, once, refusal
from patience import PATIENCE, until_here
from turnout.base.errors import UpstreamError
from turnout.domain.provider import Timeouts
from turnout.net import client as client_module
from turnout.net.client import Client, Origin
from upstream import Script, Wire, reply, upstream


def sliced(data: bytes, size: int) -> list[bytes]:
    return [
        bytes(part)
        for part in itertools.starmap(
            bytes.__getitem__, ((data, slice(i, i + size)) for i in range(0, len(data), size))
        )
    ]


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nTrailer: t\r\n\r\n"
)
FRAMINGS = {
    "length": reply(b"hello, world"),
    "chunked": CHUNKED,
    "end of connection": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello, world",
    "old and closed": b"HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
    "after interim answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + CHUNKED,
}


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("framing", FRAMINGS)
async def test_every_framing_gives_the_same_body_however_it_is_sliced(client: Client, framing: str, size: int) -> None:
    async with upstream(once(*sliced(FRAMINGS[framing], size))) as server:
        sink = await asked(client, Origin(server.base_url))
    assert (sink.status, sink.body, sink.begun) == (200, b"hello, world", 1)


async def test_headers_that_matter_arrive_in_lower_case_and_others_do_not(client: Client) -> None:
    answer = reply(status="429 Slow", headers="Retry-After: 7\r\nContent-Type: Text/Plain\r\nSet-Cookie: a=b\r\n")
    async with upstream(always(answer)) as server:
        sink = await asked(client, Origin(server.base_url))
    assert sink.status == 429
    assert sink.headers == {b"retry-after": b"7", b"content-type": b"Text/Plain", b"content-length": b"2"}


async def test_an_answer_without_content_is_complete(client: Client) -> None:
    async with upstream(always(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        sink = await asked(client, Origin(server.base_url))
    assert (sink.status, sink.body) == (204, b"")


# -- connections are kept --


@pytest.mark.parametrize("answer", [reply(), CHUNKED], ids=["length", "chunked"])
async def test_a_connection_is_used_again(client: Client, answer: bytes) -> None:
    async with upstream(always(answer)) as server:
        origin = Origin(server.base_url)
        for _ in range(3):
            await asked(client, origin)
        assert len(server.wires) == 1


async def test_requests_at_the_same_time_have_connections_of_their_own_and_both_are_kept(client: Client) -> None:
    async with upstream(always(reply(), gap=0.05)) as server:
        origin = Origin(server.base_url)
        await asyncio.gather(asked(client, origin), asked(client, origin))
        assert len(origin.idle) == len(server.wires) == 2
        await asyncio.gather(asked(client, origin), asked(client, origin))
        assert len(server.wires) == 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(headers="Connection: close\r\n"), id="the provider says so"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", id="HTTP 1.0"),
        pytest.param(reply() + b"surplus", id="more bytes than announced"),
        pytest.param(reply() + reply(b"again"), id="a second answer"),
    ],
)
async def test_a_spoilt_connection_is_not_used_again(client: Client, answer: bytes) -> None:
    async with upstream(always(answer)) as server:
        origin = Origin(server.base_url)
        for count in (1, 2):
            assert (await asked(client, origin)).body == b"ok"
            assert not origin.idle
            assert len(server.wires) == count


async def test_bytes_that_nobody_asked_for_end_an_idle_connection(client: Client) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(reply(), gap=0.05)
        await wire.send(reply(b"poison") if wire.number == 0 else b"")
        await always(reply())(wire)

    async with upstream(script) as server:
        origin = Origin(server.base_url)
        await asked(client, origin)
        await asyncio.sleep(0.15)
        assert (await asked(client, origin)).body == b"ok"
        assert len(server.wires) == 2


async def test_a_connection_that_was_idle_for_long_is_replaced(client: Client) -> None:
    async with upstream(always(reply())) as server:
        origin = Origin(server.base_url)
        await asked(client, origin)
        origin.idle[0].deadline = 0.0
        await asyncio.sleep(0.15)
        await asked(client, origin)
        assert len(server.wires) == 2


# -- stale connections --


async def _close_when_idle(wire: Wire) -> None:
    await once(reply())(wire)


async def _close_at_the_second_request(wire: Wire) -> None:
    await once(reply())(wire)
    if wire.number == 0:
        await wire.request()


async def _reset_at_the_second_request(wire: Wire) -> None:
    await _close_at_the_second_request(wire)
    if wire.number == 0:
        wire.reset()


@pytest.mark.parametrize("script", [_close_when_idle, _close_at_the_second_request, _reset_at_the_second_request])
@pytest.mark.parametrize("pause", [0.0, 0.05])
async def test_a_stale_connection_is_replaced_without_notice(client: Client, script: Script, pause: float) -> None:
    async with upstream(script) as server:
        origin = Origin(server.base_url)
        await asked(client, origin)
        await asyncio.sleep(pause)
        sink = await asked(client, origin)
        assert (sink.status, sink.body) == (200, b"ok")
        assert len(server.wires) == 2


async def test_a_request_is_not_sent_again_when_the_provider_had_time_to_work_on_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_STALE_SECONDS", 0.2)

    async def script(wire: Wire) -> None:
        await once(reply())(wire)
        await wire.request()
        await asyncio.sleep(0.4)

    async with upstream(script) as server:
        origin = Origin(server.base_url)
        await asked(client, origin)
        with pytest.raises(UpstreamError) as caught:
            await asked(client, origin)
        assert caught.value.may_be_billed
        assert len(server.wires) == 1


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_a_fresh_connection_that_gives_no_byte_is_a_failure_that_may_be_billed(
    client: Client, ending: str
) -> None:
    async def script(wire: Wire) -> None:
        await wire.request()
        if ending == "reset":
            wire.reset()

    async with upstream(script) as server:
        error = await refusal(client, server)
        assert error.error_type == "provider_unavailable"
        assert error.may_be_billed
        assert len(server.wires) == 1


async def test_a_connection_that_is_reset_as_soon_as_it_is_made_is_a_failure(client: Client) -> None:
    async def script(wire: Wire) -> None:
        wire.reset()

    async with upstream(script) as server:
        for _ in range(20):
            assert (await refusal(client, server)).error_type == "provider_unavailable"


# -- broken answers --


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "mid-answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "mid-answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "mid-answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "mid-answer"),
        (b"SSH-2.0-OpenSSH_9.7\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk", "not HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "another protocol"),
    ],
)
async def test_a_broken_answer_is_a_failure_that_may_be_billed(client: Client, answer: bytes, words: str) -> None:
    async with upstream(once(answer)) as server:
        error = await refusal(client, server)
    assert words in error.message
    assert error.may_be_billed


async def test_an_answer_that_is_reset_halfway_is_a_failure(client: Client) -> None:
    async def script(wire: Wire) -> None:
        await once(b"HTTP/1.1 200 OK\r\n\r\nhal", gap=0.05)(wire)
        wire.reset()

    async with upstream(script) as server:
        assert "reset" in (await refusal(client, server)).message


def _many_headers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    for number in range(1_000):
        yield b"X-%d: %b\r\n" % (number, b"v" * 1_000)
    yield b"\r\n"


def _one_long_value() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nX-Long: "
    for _ in range(1_000):
        yield b"v" * 65_536


def _one_long_name() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nX"
    for _ in range(1_000):
        yield b"v" * 65_536


@pytest.mark.parametrize("bomb", [_many_headers, _one_long_value, _one_long_name])
async def test_a_head_without_bounds_is_cut_off(client: Client, bomb: Callable[[], Iterator[bytes]]) -> None:
    sent = 0

    async def script(wire: Wire) -> None:
        nonlocal sent
        await wire.request()
        for part in bomb():
            await wire.send(part)
            sent += len(part)

    async with upstream(script) as server:
        error = await refusal(client, server, first_byte=3.0)
        assert "head" in error.message
        assert sent < 16 * 2**20


async def test_what_a_sink_raises_ends_the_exchange_and_its_connection(client: Client) -> None:
    def refuse(_sink: Recording, _data: bytes) -> None:
        raise LookupError("a mistake of ours")

    async with upstream(always(reply())) as server:
        origin = Origin(server.base_url)
        with pytest.raises(LookupError):
            await asked(client, origin, Recording(refuse))
        assert not origin.idle
        await asyncio.wait_for(server.wires[0].gone.wait(), PATIENCE)


# -- deadlines --


async def _silent(wire: Wire) -> None:
    await wire.request()
    await wire.closed()


def _stalling(wire: Wire) -> Awaitable[None]:
    async def run() -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\n\r\nsome")
        await wire.closed()

    return run()


async def _dripping(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await wire.send(b"drop", gap=0.05)


def renewing(sink: Recording, _data: bytes) -> None:
    sink.exchange.renew()


@pytest.mark.parametrize(
    ("script", "limits", "words"),
    [
        (_silent, Timeouts(first_byte=0.2), "nothing in time"),
        (_stalling, Timeouts(idle=0.2), "fell silent"),
        (_dripping, Timeouts(idle=0.2, total=0.5), "total limit"),
        (_silent, Timeouts(first_byte=5.0, total=0.2), "total limit"),
    ],
    ids=["first byte", "idle", "total", "total before first byte"],
)
async def test_a_deadline_ends_the_exchange_and_closes_the_connection(
    client: Client, script: Script, limits: Timeouts, words: str
) -> None:
    async with upstream(script) as server:
        with pytest.raises(UpstreamError, match=words) as caught:
            await asked(client, Origin(server.base_url), Recording(renewing), limits, limits.first_byte)
        assert (caught.value.error_type, caught.value.may_be_billed) == ("timeout", True)
        await asyncio.wait_for(server.wires[0].gone.wait(), PATIENCE)


async def test_bytes_without_use_do_not_extend_the_first_byte_deadline(client: Client) -> None:
    async with upstream(_dripping) as server:
        error = await refusal(client, server, Timeouts(total=5.0), first_byte=0.3)
    assert "nothing in time" in error.message


# -- steering --


async def test_a_paused_exchange_stops_the_provider_and_a_resumed_one_loses_nothing(client: Client) -> None:
    size, step = 24 * 2**20, 2**16
    sent = 0

    async def script(wire: Wire) -> None:
        nonlocal sent
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // step):
            await wire.send(b"x" * step)
            sent += step

    def pause_once(sink: Recording, _data: bytes) -> None:
        if len(sink.pieces) == 1:
            sink.exchange.renew()
            sink.exchange.pause()

    async with upstream(script) as server:
        sink = Recording(pause_once)
        limits = Timeouts(idle=0.8)
        running = asyncio.ensure_future(asked(client, Origin(server.base_url), sink, limits))
        await asyncio.sleep(1.2)  # more than the idle limit, which must not count meanwhile
        held, stopped_at = len(sink.body), sent
        assert held < 2**20
        assert stopped_at < size
        sink.exchange.resume()
        await running
        assert len(sink.body) == size


async def test_pieces_that_came_with_the_pausing_one_do_not_start_the_idle_deadline(client: Client) -> None:
    def pause_first_renew_later(sink: Recording, _data: bytes) -> None:
        sink.exchange.renew()
        if len(sink.pieces) == 1:
            sink.exchange.pause()

    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def script(wire: Wire) -> None:
        await wire.request()
        await wire.send(head + b"3\r\none\r\n3\r\ntwo\r\n", gap=0.1)
        await wire.send(b"5\r\nthree\r\n0\r\n\r\n")
        await wire.closed()

    async with upstream(script) as server:
        sink = Recording(pause_first_renew_later)
        running = asyncio.ensure_future(asked(client, Origin(server.base_url), sink, Timeouts(idle=0.8)))
        await asyncio.sleep(1.2)
        sink.exchange.resume()
        await running
        assert sink.body == b"onetwothree"


async def test_a_connection_that_was_paused_by_its_last_piece_reads_again_for_the_next_request(client: Client) -> None:
    def pause(sink: Recording, _data: bytes) -> None:
        sink.exchange.pause()

    async with upstream(always(reply())) as server:
        origin = Origin(server.base_url)
        await asked(client, origin, Recording(pause))
        assert (await asked(client, origin, first_byte=PATIENCE)).body == b"ok"
        assert len(server.wires) == 1


async def test_pausing_an_exchange_that_is_over_does_not_reach_the_next_one(client: Client) -> None:
    async with upstream(always(reply())) as server:
        origin = Origin(server.base_url)
        sink = await asked(client, origin)
        sink.exchange.pause()
        assert (await asked(client, origin, first_byte=PATIENCE)).body == b"ok"


async def test_enough_ends_the_exchange_before_the_provider_does(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_DRAIN_SECONDS", 0.3)

    def take_one(sink: Recording, _data: bytes) -> None:
        sink.exchange.enough()

    async with upstream(_dripping) as server:
        origin = Origin(server.base_url)
        sink = await asyncio.wait_for(asked(client, origin, Recording(take_one)), PATIENCE)
        assert sink.pieces == [b"drop"]
        assert not origin.idle
        await asyncio.wait_for(server.wires[0].gone.wait(), PATIENCE)


async def test_enough_keeps_a_connection_whose_message_ends_soon(client: Client) -> None:
    def take_one(sink: Recording, _data: bytes) -> None:
        sink.exchange.enough()

    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with upstream(always(head + b"4\r\nlast\r\n", b"0\r\n\r\n", gap=0.05)) as server:
        origin = Origin(server.base_url)
        for _ in range(2):
            assert (await asked(client, origin, Recording(take_one))).body == b"last"
            await asyncio.sleep(0.2)
        assert len(server.wires) == 1


@pytest.mark.parametrize("script", [_silent, _stalling], ids=["before the first byte", "in mid-answer"])
async def test_cancelling_closes_the_socket(client: Client, script: Script) -> None:
    async with upstream(script) as server:
        running = asyncio.ensure_future(asked(client, Origin(server.base_url)))
        await until_here(lambda: server.wires)
        await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await asyncio.wait_for(server.wires[0].gone.wait(), PATIENCE)


async def test_leaving_an_answer_that_has_just_ended_does_not_end_the_next_one(client: Client) -> None:
    tasks: list[asyncio.Task[Recording]] = []

    def leave(_sink: Recording, _data: bytes) -> None:
        tasks.append(asyncio.ensure_future(asked(client, origin, first_byte=PATIENCE)))  # takes the connection first
        tasks[0].cancel()

    async with upstream(always(reply())) as server:
        origin = Origin(server.base_url)
        tasks.append(asyncio.ensure_future(asked(client, origin, Recording(leave))))
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        assert (await asyncio.wait_for(tasks[1], PATIENCE)).body == b"ok"
        assert len(server.wires) == 1


@pytest.mark.parametrize("address", ["ftp://x", "x.example/v1", "http://", "", "file:///etc/passwd"])
async def test_only_addresses_of_the_web_are_origins(address: str) -> None:
    with pytest.raises(ValueError, match="not an http"):
        Origin(address)
