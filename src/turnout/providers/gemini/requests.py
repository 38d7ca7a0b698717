"""A chat request as the body of ``generateContent``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from msgspec import Raw, Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.catalog import Endpoint
from turnout.domain.chat import ChatRequest
from turnout.providers.conversation import read_messages
from turnout.providers.failures import unsaid
from turnout.providers.gemini.contents import contents_of
from turnout.providers.gemini.thinking import Thinker, thinking_config
from turnout.providers.tools import (
    AllowedTools,
    FunctionTool,
    NamedTool,
    ServerTool,
    read_schema,
    read_tool_choice,
    read_tools,
)

__all__ = ["body_of"]

_GATEWAY_FIELDS = frozenset({
    "cache_control", "debug", "max_tool_calls", "messages", "metadata", "model", "models", "plugins", "preset",
    "prompt", "provider", "route", "session_id", "stop_server_tools_when", "stream", "stream_options", "trace",
    "transforms", "usage",
})  # fmt: skip
"""Read by the gateway, and nothing to a provider."""

_SAMPLING: Final = (
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
    ("n", "candidateCount"),
)
_TUNING = frozenset({
    "frequency_penalty", "include_reasoning", "logprobs", "presence_penalty", "reasoning", "reasoning_effort", "seed",
    "stop", "temperature", "top_k", "top_logprobs", "top_p",
})  # fmt: skip
"""Parameters that an endpoint without them may do without."""

_SAID = frozenset({
    "audio", "image_config", "max_completion_tokens", "max_tokens", "modalities", "n", "response_format",
    "service_tier", "tool_choice", "tools", "web_search_options", *_TUNING,
})  # fmt: skip
"""What has a place in Google's words."""

_OWN: Final = {
    "safetySettings": "safetySettings",
    "safety_settings": "safetySettings",
    "cachedContent": "cachedContent",
    "cached_content": "cachedContent",
    "labels": "labels",
}
_OWN_OBJECTS = frozenset({"generationConfig", "generation_config", "toolConfig", "tool_config"})
"""Google's own words at the top level, which go on as they are, or are the ground that ours are written on."""

_SERVER_TOOLS: Final = {
    "codeexecution": "codeExecution",
    "computeruse": "computerUse",
    "enterprisewebsearch": "enterpriseWebSearch",
    "filesearch": "fileSearch",
    "googlemaps": "googleMaps",
    "googlesearch": "googleSearch",
    "googlesearchretrieval": "googleSearchRetrieval",
    "retrieval": "retrieval",
    "urlcontext": "urlContext",
    "websearch": "googleSearch",
    "websearchpreview": "googleSearch",
}
_MODES = {"auto": "AUTO", "required": "ANY", "none": "NONE"}
_TIERS = {"default": "standard", "standard": "standard", "flex": "flex", "priority": "priority"}
_NULL = b"null"
_CHAINED_GENERATION = _COMBINING_GENERATION = 3.0
"""Since then tools of all kinds, and tools and structured answers, go together."""
_INT32 = 2**31

_T = TypeVar("_T")

_read_object = reader(dict[str, Raw])


class _ImageConfig(Struct):
    aspect_ratio: str | None = None
    image_size: str | None = None


class _AudioConfig(Struct):
    voice: str | None = None


_read_image_config = reader(_ImageConfig)
_read_audio_config = reader(_AudioConfig)


def body_of(
    request: ChatRequest, endpoint: Endpoint, thinker: Thinker, *, vertex: bool
) -> tuple[bytes, tuple[str, ...]]:
    """The body, and the parameters that the client sent and Google does not get.

    Raises:
        BadRequest: the request makes no sense.
        UpstreamError: it holds a contract that Google has no words for, such as a foreign tool.
    """
    fields = request.fields
    unsupported = frozenset[str]()
    if (supported := endpoint.supported_parameters) is not None:
        unsupported = _without_related(fields, frozenset(supported))
    body: dict[str, Any] = {}
    contents, system = contents_of(read_messages(request), thinker.generation)
    if system:
        body["systemInstruction"] = {"parts": system}
    body["contents"] = contents
    dropped = {name for name in fields if name not in _GATEWAY_FIELDS and name not in _SAID and name not in _OWN}
    dropped -= _OWN_OBJECTS
    dropped |= unsupported
    if vertex is False:
        dropped |= fields.keys() & {"labels"}
    for name in fields.keys() & _OWN.keys() - dropped:
        body[_OWN[name]] = fields[name]
    _add_tools(body, request, thinker, vertex=vertex)
    form = request.parameters.response_format
    if "tools" in body and form is not None and form.type != "text" and 0 < thinker.generation < _COMBINING_GENERATION:
        raise unsaid("a `response_format` beside tools with this model")
    if config := _generation_config(request, thinker, unsupported, dropped):
        body["generationConfig"] = config
    tier = _TIERS.get(endpoint.service_tier or request.parameters.service_tier or "")
    if tier is not None and not vertex:
        body["serviceTier"] = tier
    return encode(body), tuple(sorted(dropped))


def _without_related(fields: Mapping[str, Raw], supported: frozenset[str]) -> frozenset[str]:
    """Parameters to leave out; an endpoint that reasons takes each of the three words for it."""
    missing = (fields.keys() & _TUNING) - supported
    if supported & {"reasoning", "include_reasoning", "reasoning_effort"}:
        missing -= {"reasoning", "include_reasoning", "reasoning_effort"}
    return frozenset(missing)


def _generation_config(
    request: ChatRequest, thinker: Thinker, unsupported: frozenset[str], dropped: set[str]
) -> dict[str, Any]:
    fields, parameters = request.fields, request.parameters
    config: dict[str, Any] = {**_own_object(fields, "generationConfig", "generation_config")}
    for name, own in _SAMPLING:
        if name in fields and name not in unsupported and bytes(fields[name]) != _NULL:
            config[own] = fields[name]
    if parameters.seed is not None and "seed" not in unsupported:
        seed = parameters.seed
        config["seed"] = seed if -_INT32 <= seed < _INT32 else seed % _INT32
    if parameters.stop is not None and "stop" not in unsupported:
        config["stopSequences"] = [parameters.stop] if isinstance(parameters.stop, str) else parameters.stop
    if limit := request.max_tokens:
        config["maxOutputTokens"] = limit
    if parameters.logprobs and "logprobs" not in unsupported:
        config["responseLogprobs"] = True
        if parameters.top_logprobs and "top_logprobs" not in unsupported:
            config["logprobs"] = parameters.top_logprobs
    if not unsupported & {"reasoning", "reasoning_effort", "include_reasoning"}:
        _add_thinking(config, request, thinker, dropped)
    _add_format(config, request)
    _add_modalities(config, request)
    return config


def _add_thinking(config: dict[str, Any], request: ChatRequest, thinker: Thinker, dropped: set[str]) -> None:
    thinking = thinking_config(request, thinker)
    if thinking is not None:
        config["thinkingConfig"] = thinking
    elif thinker.style == "none":
        dropped |= request.fields.keys() & {"reasoning", "reasoning_effort"}


def _add_format(config: dict[str, Any], request: ChatRequest) -> None:
    wanted = request.parameters.response_format
    if wanted is None or wanted.type == "text":
        return
    if wanted.type not in {"json_object", "json_schema"}:
        raise unsaid(f"`response_format` of type {wanted.type}")
    config["responseMimeType"] = "application/json"
    if (schema := read_schema(request)) is not None:
        config["responseJsonSchema"] = schema.schema
        if schema.description and b'"description"' not in bytes(schema.schema):
            config["responseJsonSchema"] = _read_object(schema.schema) | {"description": schema.description}


def _add_modalities(config: dict[str, Any], request: ChatRequest) -> None:
    fields, modalities = request.fields, request.parameters.modalities
    if modalities:
        config["responseModalities"] = [one.upper() for one in modalities]
    if bytes(raw := fields.get("image_config", Raw(_NULL))) != _NULL:
        image = _judged(_read_image_config, raw, "image_config")
        wish = {"aspectRatio": image.aspect_ratio, "imageSize": image.image_size}
        config["imageConfig"] = {name: value for name, value in wish.items() if value}
    if bytes(raw := fields.get("audio", Raw(_NULL))) != _NULL:
        voice = _judged(_read_audio_config, raw, "audio").voice
        if voice:
            config["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}


def _add_tools(body: dict[str, Any], request: ChatRequest, thinker: Thinker, *, vertex: bool) -> None:
    """Declarations, Google's own tools, and what is said of calling them."""
    declared: list[dict[str, Any]] = []
    own: list[dict[str, Any]] = []
    strict = False
    for tool in read_tools(request):
        if isinstance(tool, FunctionTool):
            declared.append(_declaration(tool))
            strict = strict or tool.strict is True
        else:
            own.append(_own_tool(tool))
    if bytes(request.fields.get("web_search_options", Raw(_NULL))) != _NULL and not any(
        "googleSearch" in t for t in own
    ):
        own.append({"googleSearch": {}})
    if declared:
        own.append({"functionDeclarations": declared})
    if own:
        body["tools"] = own
    config: dict[str, Any] = {**_own_object(request.fields, "toolConfig", "tool_config")}
    if (calling := _calling(request, strict=strict and thinker.generation >= 2.5)) is not None:
        config["functionCallingConfig"] = calling
    serverside = len(own) > (1 if declared else 0)
    if serverside and thinker.generation >= _CHAINED_GENERATION and not vertex:
        config.setdefault("includeServerSideToolInvocations", True)
    if config:
        body["toolConfig"] = config


def _declaration(tool: FunctionTool) -> dict[str, Any]:
    stated: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        stated["description"] = tool.description
    if bytes(tool.parameters) != _NULL:
        stated["parametersJsonSchema"] = tool.parameters
    return stated


def _own_tool(tool: ServerTool) -> dict[str, Any]:
    """One of Google's tools, named by its ``type`` or, as Google writes it, by its only key."""
    try:
        fields = _read_object(tool.raw)
    except BadJSON:
        raise BadRequest("`tools`: an entry is no object") from None
    fields.pop("type", None)
    name = _SERVER_TOOLS.get(_plain(tool.type))
    if name is None:
        named = [key for key in fields if _plain(key) in _SERVER_TOOLS]
        if tool.type or not named:
            raise unsaid(f"a tool of type {tool.type[:40]!r}")
        return {_SERVER_TOOLS[_plain(key)]: fields[key] for key in named}
    inner = next((key for key in fields if _plain(key) in {_plain(tool.type), "parameters"}), None)
    if inner is not None:
        return {name: fields[inner]}
    return {name: {} if _plain(tool.type).startswith("websearch") else fields}


def _calling(request: ChatRequest, *, strict: bool) -> dict[str, Any] | None:
    choice = read_tool_choice(request)
    if isinstance(choice, NamedTool):
        return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
    if isinstance(choice, AllowedTools):
        mode = "ANY" if choice.mode == "required" else "VALIDATED"
        return {"mode": mode, "allowedFunctionNames": choice.names}
    if choice is None and bytes(request.fields.get("tool_choice", Raw(_NULL))) != _NULL:
        raise unsaid("such a `tool_choice`")
    if strict and choice in {None, "auto"}:
        return {"mode": "VALIDATED"}  # arguments follow the schema, as `strict` promises
    return {"mode": _MODES[choice]} if choice is not None else None


def _own_object(fields: Mapping[str, Raw], *names: str) -> dict[str, Raw]:
    """The object under the first of *names* that the client sent."""
    for name in names:
        if bytes(raw := fields.get(name, Raw(_NULL))) != _NULL:
            return _judged(_read_object, raw, name)
    return {}


def _judged(read: Callable[[Raw], _T], raw: Raw, name: str) -> _T:
    try:
        return read(raw)
    except BadJSON as error:
        raise BadRequest(f"`{name}`: {error}") from None


def _plain(word: str) -> str:
    """A name without case, underscores and versions: ``web_search_preview_2025_03_11`` is a web search."""
    return "".join(character for character in word.lower() if character.isalpha())
