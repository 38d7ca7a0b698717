"""What a delivery is made of: its steps, and the call that it answers."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from msgspec import Struct

from turnout.providers.fake.asked import Asked
from turnout.providers.fake.frames import Envelope, error_object
from turnout.providers.fake.words import Behaviour

__all__ = [
    "JSON_TYPE",
    "SURPLUS",
    "Call",
    "Done",
    "Reset",
    "Send",
    "Silence",
    "Step",
    "Wait",
    "chunked",
    "cut",
    "head",
    "refusal",
]

JSON_TYPE: Final = "application/json"
SURPLUS: Final = b'{"surplus": true}'
"""Bytes that some replies send after their end."""
_SEEDED_NOW: Final = 1_767_225_600
_DELIVERY_MS: Final = 5.0
"""Time for what was sent to be read before a reset overtakes it."""
_PHRASES: Final = {
    200: "OK",
    204: "No Content",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Send(Struct, frozen=True):
    """Write *wire*; *body* is the part of it that belongs to the body, without HTTP framing."""

    wire: bytes
    body: bytes = b""


class Wait(Struct, frozen=True):
    """Do nothing for some milliseconds."""

    milliseconds: float


class Silence(Struct, frozen=True):
    """Send nothing more, for ever; *outcome* is what the journal says once the client has left."""

    outcome: str


class Reset(Struct, frozen=True):
    """Drop the connection with a TCP reset."""


class Done(Struct, frozen=True):
    """Write the last bytes, then keep the connection or *close* it."""

    wire: bytes = b""
    body: bytes = b""
    close: bool = False
    outcome: str = "complete"


Step = Send | Wait | Silence | Reset | Done
"""Every delivery ends with ``Silence``, ``Reset`` or ``Done``, and has none of these before its end."""


class Call(Struct, frozen=True):
    """A request with all that its delivery depends on."""

    asked: Asked
    behaviour: Behaviour
    kind: str = "chat"
    """``chat``, ``text`` (legacy completion), ``embedding``, or an errand: ``rerank``, ``image``, ``speech``,
    ``transcribe``, ``moderate``."""
    number: int = 1
    """Which request of this server it is, from 1."""
    turn: int = 1
    """Which request of this model it is, from 1; a model that flaps without a seed fails by turns."""
    now: int = 0
    """Unix seconds."""
    port: int = 0

    def envelope(self) -> Envelope:
        """What all chunks of the reply share; the same for the same seed, else of its own for each request."""
        asked = self.asked
        root = f"{asked.root} {asked.model}" + ("" if asked.seed is not None else f" {self.number}")
        identity = sha256(root.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        shown = None
        if asked.logprobs is not None and asked.logprobs is not False:
            shown = asked.top_logprobs or 0
        return Envelope(
            id=f"{'chatcmpl' if self.kind == 'chat' else 'cmpl'}-{identity}",
            created=self.now if asked.seed is None else _SEEDED_NOW,
            model=asked.model,
            chat=self.kind == "chat",
            logprobs=shown,
        )


def head(status: int, content_type: str, length: int | None, extra: str = "") -> bytes:
    """Status line and header lines; *extra* lines end with CRLF each."""
    lines = f"HTTP/1.1 {status} {_PHRASES.get(status, 'Status')}\r\nserver: fake\r\n"
    if content_type:
        lines += f"content-type: {content_type}\r\n"
    if length is not None:
        lines += f"content-length: {length}\r\n"
    return f"{lines}{extra}\r\n".encode("latin-1")


def refusal(status: int, message: str, *, close: bool = False) -> Done:
    """An error reply with an OpenAI-shaped body; 429 and 503 ask for 2 seconds of patience."""
    body = error_object(status, message)
    extra = "retry-after: 2\r\n" if status in {429, 503} else ""
    if close:
        extra += "connection: close\r\n"
    return Done(head(status, JSON_TYPE, len(body), extra) + body, body, close=close)


def cut(behaviour: Behaviour) -> Iterator[Wait | Silence | Reset]:
    """The end of an answer that is cut off in its middle."""
    if behaviour.stall_after is not None:
        yield Silence("stalled")
    else:
        yield Wait(_DELIVERY_MS)
        yield Reset()


def chunked(part: bytes) -> bytes:
    """*part* as one chunk of the transfer encoding."""
    return b"%x\r\n%b\r\n" % (len(part), part)
