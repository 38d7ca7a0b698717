"""What a request asks of the fake provider, read from its body."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct, field

__all__ = ["Asked", "BadRequest", "Message", "Tool", "dice", "read_request"]


class BadRequest(ValueError):
    """The body is no JSON, or not of the shape that the OpenAI dialect wants."""


class _Part(Struct, frozen=True):
    type: str = "text"
    text: str | None = None


class Message(Struct, frozen=True):
    """One message of the conversation; only its text matters here."""

    role: str = "user"
    content: str | list[_Part] | None = None

    @property
    def text(self) -> str:
        """The text parts, joined by line ends; images and other parts are left out."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content or () if part.text is not None)


class _Function(Struct, frozen=True):
    name: str
    parameters: dict[str, Any] | None = None


class Tool(Struct, frozen=True):
    """A tool on offer; kinds other than functions have no *function* and are never called."""

    type: str = "function"
    function: _Function | None = None


class _StreamOptions(Struct, frozen=True):
    include_usage: bool | None = None


class _JsonSchema(Struct, frozen=True):
    schema: dict[str, Any] | None = None


class _ResponseFormat(Struct, frozen=True):
    type: str = "text"
    json_schema: _JsonSchema | None = None


class Asked(Struct, frozen=True):
    """A request of any kind."""

    model: str
    messages: list[Message] = field(default_factory=list)
    prompt: str | list[Any] | None = None
    input: str | list[Any] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: _ResponseFormat | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    logprobs: bool | int | None = None
    top_logprobs: int | None = None
    dimensions: int | None = None
    encoding_format: str | None = None
    errand: dict[str, Any] | None = None
    """All fields of a request that is no conversation; the file of a form stands there as bytes."""
    digest: str = ""
    """SHA-256 of the body, hexadecimal; whatever the body says here is overwritten."""

    @property
    def conversation(self) -> tuple[Message, ...]:
        """The messages; a legacy prompt counts as one message of the user."""
        if self.messages or self.prompt is None:
            return tuple(self.messages)
        prompt = self.prompt if isinstance(self.prompt, str) else "\n".join(map(str, self.prompt))
        return (Message(content=prompt),)

    @property
    def last_user_text(self) -> str:
        """Text of the last message of the user, or of the last message when no user spoke."""
        conversation = self.conversation
        spoken = [message for message in conversation if message.role == "user"] or conversation
        return spoken[-1].text if spoken else ""

    @property
    def prompt_text(self) -> str:
        """All text of all messages, in order, one line end between two messages."""
        return "\n".join(message.text for message in self.conversation)

    @property
    def prompt_tokens(self) -> int:
        """A quarter of the characters of all texts, rounded up, at least 1."""
        characters = sum(len(message.text) for message in self.conversation)
        return max(1, -(-characters // 4))

    @property
    def token_limit(self) -> int | None:
        """Completion tokens at most, or None."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        """Strings at which an answer ends; empty ones are ignored."""
        stops = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        return tuple(stop for stop in stops if stop)

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema that the answer must fit, or None."""
        form = self.response_format
        return None if form is None or form.json_schema is None else form.json_schema.schema

    @property
    def callable_tool(self) -> _Function | None:
        """The function to call: the one that ``tool_choice`` names, else the first; None when none may be called."""
        functions = [tool.function for tool in self.tools or () if tool.function is not None]
        if self.tool_choice == "none":
            return None
        if isinstance(self.tool_choice, dict):
            named = self.tool_choice.get("function")
            wanted = named.get("name") if isinstance(named, dict) else None
            functions = [function for function in functions if function.name == wanted] or functions
        return functions[0] if functions else None

    @property
    def root(self) -> str:
        """What all chance in the answer depends on: the seed, else the whole body."""
        return self.digest if self.seed is None else f"seed {self.seed}"


_decoder = msgspec.json.Decoder(Asked)
_MOST_CHOICES = 128


def read_request(body: bytes) -> Asked:
    """The request in *body*.

    Raises:
        BadRequest: it is no JSON object, a field has the wrong type, or a number is out of range.
    """
    try:
        asked = _decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise BadRequest(str(error) or "nested too deeply") from error
    if not 1 <= (asked.n if asked.n is not None else 1) <= _MOST_CHOICES:
        raise BadRequest(f"n must be between 1 and {_MOST_CHOICES}")
    if (asked.token_limit if asked.token_limit is not None else 1) < 1:
        raise BadRequest("max_tokens must be at least 1")
    if not 1 <= (asked.dimensions if asked.dimensions is not None else 1) <= 8192:
        raise BadRequest("dimensions must be between 1 and 8192")
    return msgspec.structs.replace(asked, digest=sha256(body).hexdigest())


def dice(*parts: str) -> float:
    """A number in [0, 1) that depends on *parts* alone and looks random."""
    return int.from_bytes(_digest(parts)[:7]) / 2**56


def _digest(parts: Iterable[str]) -> bytes:
    return sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).digest()
