"""Claims about when a gateway of several workers says that it is ready."""

from __future__ import annotations

import asyncio
import socket

from turnout.app.supervisor import answered


async def test_ready_is_said_when_somebody_answers_not_when_somebody_could_be_asked() -> None:
    with socket.create_server(("0.0.0.0", 0)) as listening:  # noqa: S104 - as `--host 0.0.0.0` makes it
        waiting = asyncio.create_task(answered(listening))
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done

        async def hangs_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()
            server.close()

        server = await asyncio.start_server(hangs_up, sock=listening.dup())
        await server.wait_closed()  # the first who comes dies before it has answered
        assert not waiting.done()

        async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(answers, sock=listening.dup()):
            await asyncio.wait_for(waiting, 20)
