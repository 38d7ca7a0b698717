"""The data plane's part of the OpenAPI document, and the page that shows the whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response

from turnout.api.embeddings import EmbeddingParameters
from turnout.api.errands import ModerationParameters, RerankParameters
from turnout.api.images import ImageParameters
from turnout.api.query import BODIES
from turnout.api.sound import SpeechParameters, TranscriptionParameters
from turnout.base.stored import Stored
from turnout.domain.chat import ChatParameters

__all__ = ["DATA_PLANE_PATHS", "add_documents"]

_TEXT = {"type": "string"}
_BRIEFLY = b"public, max-age=60"
_METHODS = ("get", "post", "put", "patch", "delete")
_REF = "#/components/schemas/{name}"
_STATUSES = {
    "400": "The request is wrong; the message names the field.",
    "401": "No usable key.",
    "402": "No credit left.",
    "404": "Routing leads nowhere.",
    "409": "The same Idempotency-Key is still at work; see Retry-After.",
    "413": "The body is too large.",
    "422": "The Idempotency-Key was used for another request.",
    "429": "Every candidate refuses for now; see Retry-After.",
    "502": "Every candidate failed.",
    "503": "Every candidate is overloaded; see Retry-After.",
    "504": "Every candidate timed out.",
}
_INPUT: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}},
        {"type": "array", "items": {"type": "integer"}},
        {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
        {"type": "array", "items": {"type": "object", "properties": {"content": {"type": "array"}}}},
    ]
}
_ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string"},
                "metadata": {"type": "object"},
                "availability": {"type": "object"},
            },
        }
    },
}
_ASKED_HEADERS = {
    "Idempotency-Key": "The same key and body again get the same answer, charged once.",
    "X-OpenRouter-Cache": "true: take a kept answer to an equal request, else keep this one.",
    "X-OpenRouter-Cache-TTL": "Seconds to keep it, 1 to 86400; 300 unless told.",
    "X-OpenRouter-Cache-Clear": "true: take none, replace it.",
}
_TOLD_HEADERS = {
    "X-Generation-Id": "The generation, for /generation.",
    "Idempotent-Replayed": "true: this answer was given before.",
    "X-OpenRouter-Cache-Status": "HIT or MISS, where the cache was asked for.",
    "X-OpenRouter-Cache-Age": "Of a hit: seconds since the answer was kept.",
    "X-OpenRouter-Cache-TTL": "Seconds that it is kept, or is still kept.",
    "X-OpenRouter-Cache-Source-Id": "Of a hit: the generation that was paid for.",
}
_MESSAGES = {
    "type": "object",
    "required": ["model", "messages"],
    "properties": {name: {"type": kind} for name, kind in (
        ("model", "string"), ("messages", "array"), ("system", ["string", "array"]), ("max_tokens", "integer"),
        ("stream", "boolean"), ("tools", "array"), ("tool_choice", "object"), ("thinking", "object"),
        ("output_config", "object"), ("stop_sequences", "array"), ("temperature", "number"), ("top_p", "number"),
        ("top_k", "integer"), ("metadata", "object"), ("service_tier", "string"), ("cache_control", "object"),
        ("models", "array"), ("fallbacks", "array"), ("provider", "object"), ("plugins", "array"), ("preset", "string"),
        ("session_id", "string"), ("user", "string"),
    )},
}  # fmt: skip
_RESPONSES = {
    "type": "object",
    "required": ["model", "input"],
    "properties": {name: {"type": kind} for name, kind in (
        ("model", "string"), ("input", ["string", "array"]), ("instructions", "string"), ("stream", "boolean"),
        ("max_output_tokens", "integer"), ("tools", "array"), ("tool_choice", ["string", "object"]),
        ("parallel_tool_calls", "boolean"), ("max_tool_calls", "integer"), ("text", "object"), ("reasoning", "object"),
        ("include", "array"), ("temperature", "number"), ("top_p", "number"), ("top_logprobs", "integer"),
        ("truncation", "string"), ("metadata", "object"), ("user", "string"), ("safety_identifier", "string"),
        ("prompt_cache_key", "string"), ("service_tier", "string"), ("store", "boolean"), ("models", "array"),
        ("provider", "object"), ("plugins", "array"), ("preset", "string"), ("session_id", "string"),
        ("debug", "object"),
    )},
}  # fmt: skip
"""Other fields of these two reach endpoints that speak the same language."""
_SOUND: dict[str, Any] = {"type": "object", "properties": {"data": _TEXT, "format": _TEXT}}
_ITEMS: dict[str, Any] = {"type": "array", "items": {"anyOf": [_TEXT, {"type": "object"}]}, "minItems": 1}
_JUDGED: dict[str, tuple[type, dict[str, Any], str, str]] = {
    "/chat/completions": (
        ChatParameters, {"messages": {"type": "array"}}, "Chat", "Answer a conversation, whole or as a stream.",
    ),
    "/completions": (ChatParameters, {"prompt": _TEXT}, "Completion", "Continue a prompt: the legacy family."),
    "/embeddings": (EmbeddingParameters, {"input": _INPUT}, "Embeddings", "Make vectors; never as a stream."),
    "/rerank": (RerankParameters, {"documents": _ITEMS}, "Rerank", "Put documents into the order of their relevance."),
    "/images": (ImageParameters, {}, "Images", "Make images; with `stream` their drafts come first."),
    "/images/generations": (ImageParameters, {}, "Image generations", "The same under OpenAI's name."),
    "/audio/transcriptions": (TranscriptionParameters, {"input_audio": _SOUND}, "Transcription", "Write sound down."),
    "/audio/speech": (SpeechParameters, {}, "Speech", "Speak a text; the answer is sound, as it comes."),
    "/moderations": (
        ModerationParameters, {"input": {"anyOf": [_TEXT, _ITEMS]}}, "Moderation", "Judge texts and images.",
    ),
}  # fmt: skip
"""By path what is judged, what else there is, and how the operation is called."""
_OTHER_WORDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "/messages": (_MESSAGES, "Message", "Answer a conversation in Anthropic's words."),
    "/messages/count_tokens": (_MESSAGES, "Count", "Estimate the tokens of a prompt."),
    "/responses": (_RESPONSES, "Response", "Answer items in OpenAI's newer words."),
}
DATA_PLANE_PATHS = (*_JUDGED, *_OTHER_WORDS)
"""What answers POST below each mount before FastAPI is asked."""
_FORM: dict[str, Any] = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file", "model"],
            "properties": {
                "file": {"type": "string", "format": "binary"},
                **dict.fromkeys(("model", "language", "prompt", "response_format", "temperature"), _TEXT),
                "timestamp_granularities[]": {"type": "array", "items": _TEXT},
            },
        }
    }
}
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 15px/1.55 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 6rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { margin: 2.5rem 0 .5rem; text-transform: capitalize; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; }
summary { cursor: pointer; padding: .6rem .9rem; } details > div { border-top: 1px solid var(--line); padding: .3rem .9rem .9rem; }
code, .verb { font-family: ui-monospace, monospace; font-size: .92em; } .verb { display: inline-block; width: 4rem; font-weight: 700; }
table { border-collapse: collapse; width: 100%; } td { border-top: 1px solid var(--soft); padding: .25rem .5rem .25rem 0; vertical-align: top; }
.note { opacity: .75; }
"""  # noqa: E501 - a style sheet


def add_documents(app: FastAPI) -> None:
    """Add ``/openapi.json`` and ``/docs``, each made in a thread when it is first asked for."""
    _add_data_plane(app)
    documents: dict[str, asyncio.Future[Stored]] = {}

    def made(path: str) -> Stored:
        if path == "/docs":
            stored = Stored(_page(app.openapi()).encode(), kind=b"text/html; charset=utf-8", cache=_BRIEFLY)
        else:
            stored = Stored(msgspec.json.encode(app.openapi()), cache=_BRIEFLY)
        stored.compress()
        return stored

    async def answer(request: Request) -> Response:
        path = request.url.path
        if path not in documents:
            documents[path] = asyncio.get_running_loop().run_in_executor(None, made, path)
        stored = await asyncio.shield(documents[path])
        return Response(*stored.reply(request.headers))

    for path in ("/openapi.json", "/docs"):
        app.add_api_route(path, answer, methods=["GET"], include_in_schema=False, response_model=None)


def _add_data_plane(app: FastAPI) -> None:
    """Make ``app.openapi()`` one document: FastAPI's own operations and those that the data plane answers."""
    own: Callable[[], dict[str, Any]] = app.openapi

    def whole() -> dict[str, Any]:
        document = own()
        if "/api/v1/chat/completions" not in document["paths"]:
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            judged, parts = msgspec.json.schema_components(
                [kind for kind, *_ in _JUDGED.values()],
                schema_hook=lambda _kind: {"description": "Any value."},
                ref_template=_REF,
            )
            schemas |= parts | {"Error": _ERROR_SCHEMA}
            for path, (body, name, summary) in _OTHER_WORDS.items():
                document["paths"][f"/api/v1{path}"] = _operation(name, summary, body)
            for (path, (_, beside, name, summary)), body in zip(_JUDGED.items(), judged, strict=True):
                whole = {"allOf": [body, {"type": "object", "properties": beside}]} if beside else body
                document["paths"][f"/api/v1{path}"] = _operation(name, summary, whole)
            document["paths"]["/api/v1/audio/transcriptions"]["post"]["requestBody"]["content"] |= _FORM
            document["paths"]["/api/v1/audio/speech"]["post"]["responses"]["200"]["content"] = {"audio/*": {}}
            for family, body in BODIES.items():
                path = document["paths"].setdefault(f"/api/v1/{family}/completions", {})
                path |= _operation(f"{family} completion".capitalize(), "Have voters answer or choose.", body)
            document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        return document

    app.openapi = whole  # type: ignore[method-assign]  # FastAPI documents this way of extending it


def _page(document: Mapping[str, Any]) -> str:
    """The document as one HTML page that loads nothing from elsewhere."""
    sections: dict[str, list[str]] = {}
    for path, verb, operation in _operations(document):
        tag = (operation.get("tags") or ["service"])[0]
        sections.setdefault(tag, []).append(_entry(path, verb, operation, document))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(entries)}" for tag, entries in sections.items())
    info = document["info"]
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style>"
        f"<h1>{escape(info['title'])} API</h1><p class='note'>{escape(info.get('description', ''))} Version "
        f"{escape(info['version'])}. The same as <a href='/openapi.json'>OpenAPI</a>. Paths below <code>/api/v1</code> "
        f"answer below <code>/v1</code> too. Send <code>Authorization: Bearer &lt;key&gt;</code>.</p>{body}</html>"
    )


def _operation(name: str, summary: str, body: dict[str, Any]) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": _REF.format(name="Error")}}}
    responses: dict[str, Any] = {
        "200": {
            "description": "The answer; with `stream: true` server-sent events.",
            "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {}},
            "headers": {name: {"description": text, "schema": _TEXT} for name, text in _TOLD_HEADERS.items()},
        }
    }
    responses |= {status: {"description": text, "content": error} for status, text in _STATUSES.items()}
    return {
        "post": {
            "tags": ["completions"],
            "summary": name,
            "description": summary,
            "operationId": name.lower(),
            "security": [{"key": []}],
            "parameters": [
                {"name": name, "in": "header", "required": False, "description": text, "schema": _TEXT}
                for name, text in _ASKED_HEADERS.items()
            ],
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": responses,
        }
    }


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    paths = document["paths"]
    for path in sorted(paths, key=lambda one: ("completions" not in one, one)):
        for verb in _METHODS:
            if verb in paths[path]:
                yield path, verb, paths[path][verb]


def _entry(path: str, verb: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    rows = [
        (f"<code>{escape(one['name'])}</code> <span class='note'>{one['in']}</span>", _kind(one.get("schema", {})))
        for one in operation.get("parameters", ())
    ]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    rows += [
        (f"<code>{escape(name)}</code>", _kind(kind)) for name, kind in _fields(content.get("schema", {}), document)
    ]
    table = "".join(f"<tr><td>{name}<td class='note'>{kind}" for name, kind in rows)
    text = escape(operation.get("description") or operation.get("summary") or "")
    shown = f"<table>{table}</table>" if rows else ""
    return (
        f"<details><summary><span class='verb'>{verb.upper()}</span><code>{escape(path)}</code></summary>"
        f"<div><p>{text}</p>{shown}</div></details>"
    )


def _fields(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for part in schema.get("allOf", ()):
        yield from _fields(part, document)
    yield from schema.get("properties", {}).items()


def _kind(schema: Mapping[str, Any]) -> str:
    """A few words for a schema: types, references and choices."""
    if "enum" in schema:
        return escape(" | ".join(str(value) for value in schema["enum"] if value is not None))
    if "$ref" in schema:
        return escape(schema["$ref"].rpartition("/")[2])
    options = [_kind(one) for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return " or ".join(dict.fromkeys(options)) or escape(str(schema.get("type", "")))
