"""The fake provider's server: HTTP on a loopback socket, down to the bytes that real servers would never send."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import msgspec

from turnout.providers.fake.asked import Asked, BadRequest, read_request
from turnout.providers.fake.connection import Connection, Request
from turnout.providers.fake.delivery import deliver
from turnout.providers.fake.errands import ERRANDS, read_errand
from turnout.providers.fake.journal import Exchange, Journal
from turnout.providers.fake.steps import JSON_TYPE, Call, Done, Step, head, refusal
from turnout.providers.fake.words import MODELS, UnknownWord, parse_words

__all__ = ["FakeProvider"]

_KINDS: Final = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "text",
    "/v1/embeddings": "embedding",
    "/v1/rerank": "rerank",
    "/v2/rerank": "rerank",
    "/v1/images/generations": "image",
    "/v1/images/edits": "image",
    "/v1/audio/speech": "speech",
    "/v1/audio/transcriptions": "transcribe",
    "/v1/moderations": "moderate",
}


class FakeProvider:
    """A fake provider that serves in the running loop while its ``async with`` block lasts.

    ``port`` is the port it listens on, ``base_url`` the address that clients of the OpenAI dialect want, ``entries``
    the last 10,000 journal entries, whether or not they go to a file.
    """

    def __init__(
        self,
        journal: Path | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        bodies: bool = False,
        listening: socket.socket | None = None,
    ) -> None:
        """Prepare to listen on *host* and *port* (0: any free one), or to take over the socket *listening*.

        *journal* and *bodies* as ``Journal`` has them.
        """
        self._listening = listening
        self.host = host
        self.port = port
        self._journal_path = journal
        self._bodies = bodies
        self._turns: Counter[str] = Counter()
        self._connections: set[Connection] = set()
        self._journal: Journal | None = None
        self._server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        """Base URL, version included."""
        return f"http://{self.host}:{self.port}/v1"

    @property
    def entries(self) -> list[dict[str, object]]:
        """Journal entries so far, oldest first; readable after the end too."""
        kept = None if self._journal is None else self._journal.entries
        return list(kept or ())

    async def __aenter__(self) -> Self:
        self._journal = journal = Journal(self._journal_path, bodies=self._bodies, keep=True)
        loop = asyncio.get_running_loop()
        listening = self._listening or socket.create_server((self.host, self.port), backlog=1024)
        self._server = await loop.create_server(
            lambda: Connection(self._connections, lambda request: self._answer(journal, request)), sock=listening
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        ending = [connection.stop() for connection in list(self._connections)]
        await asyncio.gather(*ending, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
        if self._journal is not None:
            self._journal.close()

    def _answer(self, journal: Journal, request: Request) -> tuple[Exchange | None, Iterator[Step]]:
        """The exchange in the journal (None for look-ups, which it leaves out) and the steps of the answer."""
        path = request.path.partition("?")[0]
        if request.method == "GET" and (path == "/v1/models" or path.startswith("/v1/models/")):
            return None, iter((_models_reply(path.removeprefix("/v1/models").lstrip("/")),))
        asked: Asked | None = None
        refused: Done | None = None
        kind = _KINDS.get(path)
        if kind is None:
            refused = refusal(404, f"The fake provider has nothing at {path[:200]}.")
        elif request.method != "POST":
            refused = refusal(405, "Only POST is understood here.")
        else:
            try:
                asked = read_errand(request.body) if kind in ERRANDS else read_request(request.body)
            except BadRequest as error:
                refused = refusal(400, f"The request cannot be read: {error}")
        exchange = journal.accept(
            path=path,
            model=None if asked is None else asked.model,
            stream=asked is not None and bool(asked.stream),
            bearer=request.bearer,
            body=request.body,
        )
        if asked is None or kind is None or refused is not None:
            return exchange, iter((refused or refusal(400, "The request cannot be read."),))
        return exchange, self._steps(asked, kind, exchange.number)

    def _steps(self, asked: Asked, kind: str, number: int) -> Iterator[Step]:
        try:
            behaviour = parse_words(asked.model)
        except UnknownWord as error:
            return iter((refusal(404, f"The model {asked.model[:200]!r} does not exist: {error}"),))
        if behaviour.flap_percent:
            self._turns[asked.model] += 1
        turn = self._turns[asked.model] if behaviour.flap_percent else 1
        call = Call(asked, behaviour, kind, number, turn, int(time.time()), self.port)
        return deliver(call)


def _models_reply(wanted: str) -> Done:
    if wanted:
        try:
            parse_words(wanted)
        except UnknownWord as error:
            return refusal(404, f"The model {wanted[:200]!r} does not exist: {error}")
    rows = [{"id": name, "object": "model", "created": 1_767_225_600, "owned_by": "fake"} for name in MODELS]
    reply = rows[0] | {"id": wanted} if wanted else {"object": "list", "data": rows}
    body = msgspec.json.encode(reply)
    return Done(head(200, JSON_TYPE, len(body)) + body, body)
