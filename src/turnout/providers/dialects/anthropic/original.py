"""A request that its client wrote in the words of the Messages API, passed on as it is."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Raw
from msgspec.structs import replace

from turnout.base.jsons import encode, json_text
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest, Original
from turnout.providers.claude_manners import manners_of
from turnout.providers.dialects.anthropic.request import OWN_FIELDS, Letter, betas_of
from turnout.providers.tools import ServerTool, read_tools

__all__ = ["pass_on", "with_own_words"]

_FOR_THE_GATEWAY: Final = frozenset({
    "debug", "fallbacks", "models", "plugins", "preset", "provider", "route", "session_id", "stop_server_tools_when",
    "trace", "transforms", "usage", "user",
})  # fmt: skip
_KEPT_WORDS: Final = (*OWN_FIELDS, "thinking", "output_config")
_NAMES: Final = {"stop": "stop_sequences", "user": "metadata"}
_BETA: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MOST_BETAS: Final = 32


def pass_on(original: Original, request: ChatRequest, endpoint: Endpoint, unwanted: frozenset[str]) -> Letter:
    """The body of *original* with the provider's name of the model.

    What is for the gateway is left out, and so are *unwanted* parameters, by the names that they have in a chat. Beta
    features are those that the client names, and those that its tools need.
    """
    fields = {name: value for name, value in original.fields.items() if name not in _FOR_THE_GATEWAY}
    fields["model"] = Raw(json_text(endpoint.upstream_model))
    if "max_tokens" not in fields or bytes(fields["max_tokens"]) == b"null":
        limit = request.max_tokens or endpoint.max_completion_tokens or manners_of(endpoint.upstream_model).limit
        fields["max_tokens"] = Raw(b"%d" % limit)
    dropped = [name for name in unwanted if fields.pop(_NAMES.get(name, name), None) is not None]
    betas = _betas_of(original, request)
    return Letter(encode(fields), betas, tuple(sorted(dropped)))


def with_own_words(request: ChatRequest, language: str) -> ChatRequest:
    """*request*, of which something has been changed since it was written, with the words that no chat has."""
    original = request.original
    if original is None or original.language != language:
        return request
    own = {name: original.fields[name] for name in _KEPT_WORDS if name in original.fields}
    return replace(request, fields=request.fields | own) if own else request


def _betas_of(original: Original, request: ChatRequest) -> frozenset[str]:
    fields = original.fields
    found: frozenset[str] = frozenset()
    if original.peculiar or "mcp_servers" in fields or "context_management" in fields:
        kinds = {tool.type for tool in read_tools(request) if isinstance(tool, ServerTool)}
        found = betas_of(kinds, fields, files=b'"file_id"' in bytes(fields["messages"]))
    named = original.headers.get(b"anthropic-beta")
    if not named:
        return found
    listed = [one.strip() for one in named.decode("latin-1").split(",")[:_MOST_BETAS]]
    return found | {one for one in listed if _BETA.fullmatch(one)}
