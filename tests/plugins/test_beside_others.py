"""Claims about what plugins cost those who did not ask for them, and when a stream with plugins begins to speak."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from documents import slow_pdf
from gateway import API_KEY, Gateway, provider_table

_STREAMS, _CHUNKS, _GAP = 20, 60, 0.02
_FOREIGN = """
from turnout.contracts.plugin import Plugin, Work

class Raises(Work):
    async def before(self, request):
        raise RuntimeError("all is lost")

PLUGIN = Plugin(id="acme-raises", work=Raises, phases=frozenset({"request"}))
"""


class _World:
    """A provider whose words are the times at which they are said, and a search engine that is quick or hangs."""

    def __init__(self) -> None:
        self.searched_at = self.asked_at = self.spoke_at = 0.0
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(5)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET"):
                if b"hang" in head:
                    await reader.read()  # until the other side has had enough
                    return
                found = [{"url": "https://example.org/a", "title": "A", "content": "About a"}]
                self._whole(writer, {"results": found})
                self.searched_at = time.monotonic()
            else:
                size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-le"))
                await self._speak(writer, json.loads(await reader.readexactly(size)))
            await writer.drain()
        finally:
            writer.close()

    @staticmethod
    def _whole(writer: asyncio.StreamWriter, answer: object) -> None:
        body = json.dumps(answer).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    async def _speak(self, writer: asyncio.StreamWriter, asked: dict[str, Any]) -> None:
        self.asked_at = time.monotonic()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for place in range(_CHUNKS if asked["model"] == "long" else 1):
            if place:
                await asyncio.sleep(_GAP)
            self.spoke_at = time.monotonic()
            writer.write(_event({"content": f"{self.spoke_at} "}))
            await writer.drain()
        writer.write(_event({}, "stop") + b"data: [DONE]\n\n")


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    usage = {"prompt_tokens": 3, "completion_tokens": 3}
    return (
        b"data: %b\n\n" % json.dumps({"id": "c", "choices": [choice]} | ({"usage": usage} if finish else {})).encode()
    )


@pytest.fixture(scope="module")
def world() -> Iterator[_World]:
    one = _World()
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, world: _World) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("beside")
    _install(folder)
    address = f"http://127.0.0.1:{world.port}"
    toml = provider_table("acme", f"{address}/v1")
    for name in ("long", "short"):
        toml += (
            f'[[models]]\nid = "acme/{name}"\ninput_modalities = ["text"]\n[[models.endpoints]]\nprovider = "acme"\n'
        )
        toml += f'upstream_model = "{name}"\ncontext_length = 8000\npricing = {{ prompt = "0", completion = "0" }}\n'
    toml += f'[plugins.web.settings]\nengines = ["searxng"]\nurls = {{ searxng = "{address}" }}\nseconds = 1.0\n'
    toml += "[plugins.file-parser.settings]\nseconds = 0.8\nmegabytes = 4_096\n[plugins.acme-raises]\n"
    with Gateway(folder, toml, environment={"PYTHONPATH": str(folder)}) as one:
        yield one


def _install(folder: Path) -> None:
    """A package with a plugin that raises, as an installer leaves it."""
    (folder / "acme_raises.py").write_text(_FOREIGN)
    about = folder / "acme_raises-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-raises\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[turnout.plugins]\nacme-raises = acme_raises:PLUGIN\n")


class _Heard(NamedTuple):
    """A stream: its status, and when each word was said and heard (monotonic seconds)."""

    status: int
    words: list[tuple[float, float]]
    rest: bytes


async def _ask(gateway: Gateway, model: str, content: object = "Hello", **fields: object) -> _Heard:
    body = {"model": model, "messages": [{"role": "user", "content": content}], "stream": True} | fields
    sent = json.dumps(body).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"POST /api/v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
    writer.write(b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b" % (API_KEY.encode(), len(sent), sent))
    status = int((await reader.readline()).split()[1])
    words: list[tuple[float, float]] = []
    rest = b""
    async for line in reader:
        now = time.monotonic()
        if line.startswith(b"data: {") and b'"choices"' in line:
            texts = [choice["delta"].get("content") for choice in json.loads(line[6:])["choices"]]
            words += [(float(text), now) for text in texts if text]
        else:
            rest += line
    writer.close()
    await writer.wait_closed()
    return _Heard(status, words, rest)


async def _delays(gateway: Gateway) -> float:
    """How late the 99th of a hundred words comes, in seconds, with twenty streams at once."""
    heard = await asyncio.gather(*(_ask(gateway, "acme/long") for _ in range(_STREAMS)))
    late = sorted(at - said for one in heard for said, at in one.words)
    assert len(late) == _STREAMS * _CHUNKS
    return late[len(late) * 99 // 100]


def _file(data: bytes) -> list[dict[str, object]]:
    url = "data:application/pdf;base64," + base64.b64encode(data).decode()
    return [{"type": "text", "text": "Read"}, {"type": "file", "file": {"filename": "a.pdf", "file_data": url}}]


async def _trouble(gateway: Gateway, end: asyncio.Event) -> list[_Heard]:
    """A search that hangs, a paper that hangs its parser and a plugin that raises, again and again."""

    async def again(content: object, **fields: object) -> list[_Heard]:
        heard = []
        while not end.is_set():
            heard.append(await _ask(gateway, "acme/short", content, **fields))
            await asyncio.sleep(_GAP)
        return heard

    found = await asyncio.gather(
        again("hang", plugins=[{"id": "web"}]),
        again(_file(slow_pdf())),
        again("Hello", plugins=[{"id": "acme-raises"}]),
    )
    return [heard[0] for heard in found]


@pytest.mark.alone
async def test_a_search_that_hangs_a_parser_that_hangs_and_a_plugin_that_raises_hold_up_no_other_stream(
    gateway: Gateway,
) -> None:
    tries: list[tuple[float, float]] = []
    for _ in range(3):  # the quietest counts: others use this machine too
        quiet = await _delays(gateway)
        end = asyncio.Event()
        trouble = asyncio.create_task(_trouble(gateway, end))
        beside = await _delays(gateway)
        end.set()
        hung, parsed, raised = await trouble
        assert hung.status == 200
        assert len(hung.words) == 1  # without results
        assert (parsed.status, raised.status) == (400, 502)
        assert b"takes longer than 0.8 s" in parsed.rest
        assert b"The plugin acme-raises failed" in raised.rest
        assert b"all is lost" not in raised.rest
        tries.append((quiet, beside))
        if beside < quiet + 0.05:
            break
    assert any(beside < quiet + 0.05 for quiet, beside in tries), tries


@pytest.mark.alone
async def test_a_stream_with_plugins_begins_within_five_milliseconds_of_their_own_work(
    gateway: Gateway, world: _World
) -> None:
    plugins = [{"id": name} for name in ("web", "response-healing", "context-compression", "datetime", "web-fetch")]
    before: list[float] = []
    after: list[float] = []
    for _ in range(20):
        heard = await _ask(gateway, "acme/short", plugins=plugins)
        before.append(world.asked_at - world.searched_at)
        after.append(heard.words[0][1] - world.spoke_at)
    assert min(before) + min(after) < 0.005, (before, after)
