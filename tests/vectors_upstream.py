"""Providers of embeddings on loopback, each written from its vendor's documentation: they refuse what those refuse."""

from __future__ import annotations

import json
from array import array
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from listening import listening

__all__ = [
    "Answer",
    "Asked",
    "Refusal",
    "Scripted",
    "azure",
    "bedrock",
    "mistral",
    "scripted",
    "vector",
    "vertex",
    "voyage",
]


class Asked(NamedTuple):
    """One request: the path with its query, headers by names in lower case, the body read."""

    path: str
    headers: Mapping[str, str]
    body: Any


class Answer(NamedTuple):
    """One answer."""

    body: object
    status: int = 200
    headers: Mapping[str, str] = {}


class Refusal(Exception):
    """What the provider does not take: a status and the body that goes with it."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


Script = Callable[[Asked], Answer]


@dataclass
class Scripted:
    """A running provider. ``asked`` are all requests so far, in the order in which they came."""

    url: str
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """A provider that answers as *script* says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = Asked(self.path, {name.lower(): text for name, text in self.headers.items()}, body)
            server.asked.append(asked)
            try:
                answer = script(asked)
            except Refusal as refusal:
                answer = Answer(refusal.body, refusal.status)
            data = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self.send_error(404)

    with listening(Handler) as url:
        server = Scripted(url)
        yield server


def vector(text: str, size: int = 4) -> list[float]:
    """The vector of *text* by any of these providers: numbers that float32 holds exactly."""
    return [byte / 256 for byte in sha256(text.encode()).digest()[:size]]


def voyage(asked: Asked) -> Answer:
    """Voyage AI, "Text embedding models": at most 1,000 texts, and no fields but its own."""
    body = asked.body
    _only(
        body,
        {"input", "model", "input_type", "truncation", "output_dimension", "output_dtype", "encoding_format"},
        "detail",
    )
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    if len(texts) > 1000 or body.get("input_type") not in {None, "query", "document"}:
        raise Refusal(
            400, {"detail": "The request body is not valid JSON, or some arguments were not specified properly."}
        )
    if body.get("encoding_format") not in {None, "base64"}:
        raise Refusal(400, {"detail": "Argument 'encoding_format' is not valid."})
    numbers = [vector(text, body.get("output_dimension", 4)) for text in texts]
    packed = [b64encode(array("f", one).tobytes()).decode() for one in numbers]
    vectors: list[Any] = packed if body.get("encoding_format") == "base64" else numbers
    rows = [{"object": "embedding", "embedding": one, "index": place} for place, one in enumerate(vectors)]
    return Answer({"object": "list", "data": rows, "model": body["model"], "usage": {"total_tokens": 10 * len(texts)}})


def mistral(asked: Asked) -> Answer:
    """Mistral, "Embeddings": a field that it does not know is a 422."""
    body = asked.body
    _only(body, {"model", "input", "metadata", "output_dimension", "output_dtype", "encoding_format"}, "mistral")
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    rows = [{"object": "embedding", "embedding": vector(text), "index": place} for place, text in enumerate(texts)]
    usage = {"prompt_tokens": 7 * len(texts), "total_tokens": 7 * len(texts), "completion_tokens": 0}
    return Answer({"id": "emb-1", "object": "list", "data": rows, "model": body["model"], "usage": usage})


def bedrock(asked: Asked) -> Answer:
    """Amazon Bedrock, InvokeModel: Titan reads one text, Cohere's models at most 96."""
    body = asked.body
    if "AWS4-HMAC-SHA256" not in asked.headers["authorization"]:
        raise Refusal(403, {"message": "Missing Authentication Token"})
    if "/model/amazon.titan-embed-text-v2%3A0/invoke" in asked.path:
        _only(body, {"inputText", "dimensions", "normalize", "embeddingTypes"}, "message")
        found = vector(body["inputText"], body.get("dimensions", 4))
        return Answer({"embedding": found, "embeddingsByType": {"float": found}, "inputTextTokenCount": 5})
    if "/model/amazon.titan-embed-image-v1/invoke" in asked.path:
        _only(body, {"inputText", "inputImage", "embeddingConfig"}, "message")
        size = body.get("embeddingConfig", {}).get("outputEmbeddingLength", 4)
        return Answer({"embedding": vector(body["inputImage"], size), "inputTextTokenCount": 3})
    _only(
        body,
        {"texts", "images", "inputs", "input_type", "truncate", "embedding_types", "output_dimension", "max_tokens"},
        "message",
    )
    texts = body["texts"]
    if len(texts) > 96 or body["input_type"] not in {"search_document", "search_query", "classification", "clustering"}:
        raise Refusal(400, {"message": "Malformed input request, please reformat your input and try again."})
    found_by_type = {"float": [vector(text) for text in texts]}
    answer = {"id": "c-1", "embeddings": found_by_type, "response_type": "embeddings_by_type", "texts": texts}
    return Answer(answer, headers={"X-Amzn-Bedrock-Input-Token-Count": str(2 * len(texts))})


def vertex(asked: Asked) -> Answer:
    """Vertex AI, "Text embeddings API", and ``embedContent`` of the second Gemini Embedding."""
    body = asked.body
    if asked.path.endswith("gemini-embedding-2:embedContent"):
        _only(body, {"content", "outputDimensionality", "title", "taskType"}, "google")
        text = "".join(part["text"] for part in body["content"]["parts"])
        usage = {"promptTokenCount": 4, "totalTokenCount": 4}
        return Answer({"embedding": {"values": vector(text)}, "usageMetadata": usage})
    most = 1 if "gemini-embedding-001:predict" in asked.path else 250
    instances = body["instances"]
    if len(instances) > most:
        words = f"{len(instances)} instance(s) is not supported, at most {most}."
        raise Refusal(400, {"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}})
    size = body.get("parameters", {}).get("outputDimensionality", 4)
    statistics = {"truncated": False, "token_count": 6}
    rows = [{"embeddings": {"values": vector(one["content"], size), "statistics": statistics}} for one in instances]
    return Answer({"predictions": rows, "metadata": {"billableCharacterCount": 20}})


def azure(asked: Asked) -> Answer:
    """Azure OpenAI, "Embeddings - Create"."""
    if asked.path != "/openai/deployments/vectors/embeddings?api-version=2024-10-21":
        raise Refusal(404, {"error": {"code": "404", "message": "Resource not found"}})
    if asked.headers.get("api-key") != "sk-upstream-secret":
        raise Refusal(401, {"error": {"code": "401", "message": "Access denied"}})
    given = asked.body["input"]
    texts = [given] if isinstance(given, str) else given
    rows = [{"object": "embedding", "embedding": vector(text), "index": place} for place, text in enumerate(texts)]
    rows.reverse()
    usage = {"prompt_tokens": 3 * len(texts), "total_tokens": 3 * len(texts)}
    return Answer({"object": "list", "data": rows, "model": "text-embedding-3-small", "usage": usage})


def _only(body: Mapping[str, object], known: set[str], dialect: str) -> None:
    """Refuse fields that are not *known*, in the words of the *dialect*."""
    if unknown := sorted(body.keys() - known):
        words = f"Extra inputs are not permitted: {unknown}"
        refusals: dict[str, object] = {
            "detail": {"detail": words},
            "message": {"message": words},
            "mistral": {"detail": [{"type": "extra_forbidden", "loc": ["body", unknown[0]], "msg": words}]},
            "google": {"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}},
        }
        raise Refusal(422 if dialect == "mistral" else 400, refusals[dialect])
