"""Models of other houses on Google's cloud: Claude speaks Anthropic's language there, open models speak OpenAI's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, final

import msgspec
from msgspec import Raw, Struct

from turnout.base.jsons import encode
from turnout.contracts.provider import ChunkDecoder
from turnout.domain.completion import NULL, Chunk

__all__ = ["House", "HouseDecoder", "as_vertex_claude", "house_of", "house_path", "house_that_spoke"]

House = Literal["google", "anthropic", "open"]

_VERSION: Final = Raw(b'"vertex-2023-10-16"')
_OWN_COLLECTIONS: Final = ("publishers/google/", "endpoints/", "google/", "models/")
_MARKS: Final[tuple[tuple[bytes, House], ...]] = (
    (b'"candidates"', "google"),
    (b'"usageMetadata"', "google"),
    (b'"promptFeedback"', "google"),
    (b"event:", "anthropic"),
    (b'"choices"', "open"),
)
"""What only one of them writes outside of texts, where quotes would be escaped."""
_LONGEST_DOUBT = 65_536  # bytes

_read_fields = msgspec.json.Decoder(dict[str, Raw]).decode


class _Spoken(Struct):
    candidates: Raw = NULL
    choices: Raw = NULL
    type: str | None = None


_read_spoken = msgspec.json.Decoder(_Spoken).decode


def house_of(upstream_model: str) -> House:
    """Whose model that is: Google's own and tuned ones, Claude, or one of another house, which is named before it."""
    name = upstream_model.removeprefix("publishers/")
    if name.startswith(("claude", "anthropic/")):
        return "anthropic"
    if "/" not in upstream_model or upstream_model.startswith(_OWN_COLLECTIONS):
        return "google"
    return "open"


def house_path(upstream_model: str, house: House, *, stream: bool) -> str:
    """The path below a project's location for a model that is not Google's."""
    if house == "open":
        return "endpoints/openapi/chat/completions"
    name = upstream_model.rpartition("/")[2]
    return f"publishers/anthropic/models/{name}:{'streamRawPredict' if stream else 'rawPredict'}"


def as_vertex_claude(body: bytes) -> bytes:
    """A body of the Messages API as Vertex takes it: the model stands in the path, the version in the body."""
    fields = _read_fields(body)
    fields.pop("model", None)
    return encode({"anthropic_version": _VERSION} | fields)


def house_that_spoke(body: bytes) -> House:
    """Whose answer *body* is; Google's where it cannot be told, as its errors are."""
    try:
        spoken = _read_spoken(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "google"
    if spoken.candidates is NULL and spoken.choices is not NULL:
        return "open"
    return "anthropic" if spoken.candidates is NULL and spoken.type in {"message", "error"} else "google"


@final
class HouseDecoder:
    """A stream of whichever house: it is held until its first words tell whose it is, and goes to its decoder then."""

    __slots__ = ("_decoder", "_decoder_of", "_held", "ended")

    def __init__(self, decoder_of: Callable[[House], ChunkDecoder]) -> None:
        self._decoder_of = decoder_of
        self._decoder: ChunkDecoder | None = None
        self._held = b""
        self.ended = False

    def feed(self, piece: bytes) -> list[Chunk]:
        """The chunks that *piece* completes. Raises UpstreamError for an error among them."""
        decoder = self._decoder
        if decoder is None:
            piece = self._held = self._held + piece
            found = [(at, house) for mark, house in _MARKS if (at := piece.find(mark)) >= 0]
            if not found and len(piece) < _LONGEST_DOUBT:
                return []
            decoder = self._decoder = self._decoder_of(min(found)[1] if found else "google")
            self._held = b""
        chunks = decoder.feed(piece)
        self.ended = decoder.ended
        return chunks

    def flush(self) -> list[Chunk]:
        """What the end of the stream completes. Raises UpstreamError for an error that was held back."""
        chunks: list[Chunk] = []
        if self._decoder is None:
            self._decoder = self._decoder_of("google")
            chunks = self._decoder.feed(self._held)
        chunks += self._decoder.flush()
        self.ended = self._decoder.ended
        return chunks
