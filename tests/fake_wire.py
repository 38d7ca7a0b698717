"""A plain-socket client that shows tests every byte of an answer."""

import asyncio
import contextlib
import gzip
import json
from dataclasses import dataclass, field
from typing import Any

from patience import PATIENCE

__all__ = ["Reply", "ask", "body_of", "chat", "payloads"]


@dataclass
class Reply:
    """What came back: parsed as far as it went; *broken* names the error that ended it early."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    whole: bool = False
    broken: str | None = None
    rest: bytes = b""

    @property
    def json(self) -> Any:  # noqa: ANN401  # JSON of any shape
        body = gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body
        return json.loads(body)


def body_of(model: str, text: str = "one two three", **more: Any) -> bytes:  # noqa: ANN401  # any field of a request
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more}).encode()


async def ask(
    port: int, body: bytes, path: str = "/v1/chat/completions", *, wait: float = PATIENCE, linger: float = 0
) -> Reply:
    """Send one request and read its answer until it is whole, broken, or not done after *wait* seconds.

    With *linger*, listen that many seconds more for bytes after the end.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer canary\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    reply = Reply()
    try:
        async with asyncio.timeout(wait):
            await _read(reader, reply)
        reply.whole = True
    except (TimeoutError, OSError, EOFError) as error:
        reply.broken = type(error).__name__
    if reply.whole and linger:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(linger):
                reply.rest = await reader.read(1000)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return reply


async def chat(port: int, model: str, text: str = "one two three", *, wait: float = PATIENCE, **more: Any) -> Reply:  # noqa: ANN401  # the same
    return await ask(port, body_of(model, text, **more), wait=wait)


def payloads(reply: Reply) -> list[Any]:
    """Decoded events of a stream; ``[DONE]`` stays a string, and what is no JSON is given as bytes."""
    found: list[Any] = []
    body = reply.body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removeprefix(b"\xef\xbb\xbf")
    for event in body.split(b"\n\n"):
        for line in event.split(b"\n"):
            if line.startswith(b"data: "):
                text = line[6:]
                try:
                    found.append("[DONE]" if text == b"[DONE]" else json.loads(text))
                except ValueError:
                    found.append(text)
    return found


async def _read(reader: asyncio.StreamReader, reply: Reply) -> None:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    reply.status = int(lines[0].split()[1])
    reply.headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    if reply.headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            chunk = (await reader.readexactly(size + 2))[:-2]
            reply.chunks.append(chunk)
            reply.body += chunk
        await reader.readexactly(2)
        return
    left = int(reply.headers.get("content-length", 0))
    while left:
        part = await reader.read(min(left, 65536))
        if not part:
            raise EOFError
        reply.body += part
        left -= len(part)
