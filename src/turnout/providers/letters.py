"""What the bodies of requests to providers with a language of their own have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Raw, Struct

from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.domain.completion import NULL
from turnout.providers.failures import unsaid
from turnout.providers.tools import FunctionTool, Schema, ServerTool, read_schema

__all__ = [
    "ANSWER_TOOL",
    "ANY_OBJECT",
    "SAID",
    "FunctionLetter",
    "function_letters",
    "put_own",
    "structure_of",
    "take_back",
    "unknown",
]

SAID: Final = frozenset({
    "debug", "image_config", "include_reasoning", "max_completion_tokens", "max_tokens", "max_tool_calls", "messages",
    "metadata", "model", "models", "plugins", "preset", "prompt", "provider", "reasoning", "reasoning_effort",
    "response_format", "route", "session_id", "stop_server_tools_when", "stream", "stream_options", "temperature",
    "tool_choice", "tools", "top_p", "trace", "transforms", "usage",
})  # fmt: skip
"""Fields that each of these languages has words for, or that are for the gateway."""
ANSWER_TOOL: Final = "answer_in_json"
"""The tool that stands in for structured answers where there are none; its input is the answer."""
ANY_OBJECT: Final = b'{"type":"object"}'
_NO_PARAMETERS: Final = Raw(b'{"type":"object","properties":{}}')


class _Function(Struct, omit_defaults=True):
    name: str
    parameters: Raw
    description: str | None = None
    strict: bool | None = None


class FunctionLetter(Struct, tag_field="type", tag="function"):
    """A function as OpenAI writes it, for languages that have taken that over."""

    function: _Function


def unknown(request: ChatRequest, said: frozenset[str]) -> list[str]:
    """The fields of *request* that the language has no words for: they are dropped."""
    fields = request.fields
    return [name for name in fields.keys() - said if bytes(fields[name]) != b"null"]


def put_own(body: dict[str, Any], request: ChatRequest, names: Iterable[str]) -> None:
    """Put the provider's own fields into *body* as the client sent them."""
    for name in names:
        if name in request.fields and bytes(request.fields[name]) != b"null":
            body[name] = request.fields[name]


def take_back(
    body: dict[str, Any], names: Mapping[str, str], endpoint: Endpoint, unwanted: frozenset[str], dropped: list[str]
) -> None:
    """Take out of *body* what *endpoint* or the operator does without; *names* are our names and the provider's."""
    supported = endpoint.supported_parameters
    unfit = names.keys() & unwanted
    if supported is not None:
        unfit |= names.keys() - set(supported)
    dropped += [name for name in unfit if body.pop(names[name], None) is not None]


def structure_of(request: ChatRequest) -> Schema | None:
    """The schema of the answer; any object will do for ``json_object``. None: the answer is text.

    Raises:
        BadRequest: a schema that is none.
        UpstreamError: another form of answer.
    """
    wanted = request.parameters.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_schema":
        return read_schema(request)
    if wanted.type == "json_object":
        return Schema("answer", Raw(ANY_OBJECT))
    raise unsaid(f"a `response_format` of type {wanted.type}")


def function_letters(tools: Iterable[FunctionTool | ServerTool], *, strict: bool) -> list[FunctionLetter]:
    """The functions among *tools*, *strict* where the client asks for it and the language has a word for that.

    Raises:
        UpstreamError: a tool is none of the client's own.
    """
    letters: list[FunctionLetter] = []
    for tool in tools:
        if not isinstance(tool, FunctionTool):
            raise unsaid(f"a tool of type {tool.type[:40]!r}")
        parameters = tool.parameters if tool.parameters is not NULL else _NO_PARAMETERS
        function = _Function(tool.name, parameters, tool.description, tool.strict if strict else None)
        letters.append(FunctionLetter(function))
    return letters
