"""What is said under keys that want it kept: heard on its way, sealed, put into the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, final

import msgspec
from msgspec import Raw, Struct

from turnout.accounts.vault import NoMasterKey, Vault
from turnout.base.errors import TurnoutError, Unavailable
from turnout.base.secrets import Secret
from turnout.contracts.contents import Contents
from turnout.contracts.surface import Encoder
from turnout.domain.account import Key
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import Chunk, Completion
from turnout.domain.content import Content
from turnout.domain.usage import Cost, Usage

__all__ = ["ContentKeeper", "Said", "Transcript"]

_MOST_BYTES: Final = 4 * 2**20
"""What is longer is not kept."""
_MOST_WAITING: Final = 64 * 2**20
_GATHER_SECONDS: Final = 0.1
_RETRY_SECONDS: Final = 2.0
_MISFIT: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_log = logging.getLogger(__name__)


class _Words(Struct):
    """What a delta, or a whole message, says; other things that it may hold are left out."""

    content: str | None = None
    reasoning: str | None = None


_read = msgspec.json.Decoder(_Words).decode


class Said(Struct, frozen=True):
    """A prompt, the answer to it, and what the client was told in its place, if that was an error."""

    messages: Raw
    completion: str | None
    reasoning: str | None
    error: str | None


@final
class Transcript:
    """An encoder that listens to what another one encodes: the first choice of an answer."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self.size = 0
        self.error: str | None = None

    def served_by(self, model: str, provider_name: str) -> None:
        """Pass it on."""
        self._encoder.served_by(model, provider_name)

    def whole(self, completion: Completion, usage: Usage, price: Cost) -> bytes:
        """Listen, and encode an answer in one piece."""
        for choice in completion.choices[:1]:
            said = {name: value for name, value in choice.message.items() if name in _Words.__struct_fields__}
            self._hear(msgspec.json.encode(said))
        return self._encoder.whole(completion, usage, price)

    def chunks(self, chunks: Sequence[Chunk]) -> bytes:
        """Listen, and encode a part of a stream."""
        for chunk in chunks:
            for choice in chunk.choices:
                if choice.index == 0:
                    self._hear(choice.delta)
        return self._encoder.chunks(chunks)

    def end(self, usage: Usage, price: Cost) -> bytes:
        """Pass it on."""
        return self._encoder.end(usage, price)

    def failed(self, error: TurnoutError) -> bytes:
        """Pass it on."""
        return self._encoder.failed(error)

    def said(self, request: ChatRequest) -> Said:
        """All that was said."""
        heard = ["".join(parts) if parts else None for parts in (self._content, self._reasoning)]
        return Said(request.fields["messages"], heard[0], heard[1], self.error)

    def _hear(self, text: bytes | Raw) -> None:
        self.size += len(memoryview(text))
        if self.size > _MOST_BYTES:
            return
        with suppress(*_MISFIT):
            words = _read(text)
            if words.content:
                self._content.append(words.content)
            if words.reasoning:
                self._reasoning.append(words.reasoning)


@final
class ContentKeeper:
    """Puts what was said into the store, a little later and many at once; in clear it stands nowhere but in memory.

    What cannot be sealed is not kept. A kill may lose the last tenth of a second.
    """

    def __init__(self, store: Contents, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        self._waiting: list[tuple[Content, bytes]] = []
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._complained = False

    def take(self, key: Key, generation_id: str, created: float, request: ChatRequest, transcript: Transcript) -> None:
        """Keep what *transcript* heard of a generation; *request* is what models were asked."""
        size = transcript.size + len(memoryview(request.fields["messages"]))
        if size > _MOST_BYTES or self._bytes + size > _MOST_WAITING:
            return
        text = msgspec.json.encode(transcript.said(request))
        content = Content(
            generation_id=generation_id, account_id=key.account_id, key_hash=key.hash, created=created, sealed=b""
        )
        self._waiting.append((content, text))
        self._bytes += len(text)
        self._arrived.set()

    async def run(self) -> None:
        """Until cancelled; what waits then is still kept."""
        try:
            while True:
                await self._arrived.wait()
                await asyncio.sleep(_GATHER_SECONDS if await self._flush() else _RETRY_SECONDS)
        finally:
            await self._flush()

    async def _flush(self) -> bool:
        """Whether all that waited is kept, or cannot be."""
        batch, self._waiting, self._bytes = self._waiting, [], 0
        self._arrived.clear()
        if not batch:
            return True
        try:
            await self._store.put_contents(await asyncio.to_thread(self._sealed, batch))
        except NoMasterKey as error:
            self._complain(error)
        except Unavailable as error:
            self._complain(error)
            self._waiting = batch + self._waiting
            self._bytes += sum(len(text) for _, text in batch)
            self._arrived.set()
            return False
        else:
            self._complained = False
        return True

    def _sealed(self, batch: Sequence[tuple[Content, bytes]]) -> list[Content]:
        seal: Callable[[Secret, bytes], bytes] = self._vault.seal
        return [
            msgspec.structs.replace(content, sealed=seal(Secret(text.decode()), content.place))
            for content, text in batch
        ]

    def _complain(self, error: TurnoutError) -> None:
        if not self._complained:
            _log.warning("prompts and answers cannot be kept for now: %s", error.message)
        self._complained = True
