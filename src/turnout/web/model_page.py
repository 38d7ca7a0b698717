"""The page of one model, and several models side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json import dumps, loads
from shlex import quote
from typing import Any, Final

import msgspec

from turnout.catalog.listing import Listing
from turnout.catalog.provenance import ModelProvenance
from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.domain.catalog_event import CatalogEvent
from turnout.web.drawing import Drawn

__all__ = ["MOST_COMPARED", "compare", "facts_of", "model_page", "nothing_called"]

MOST_COMPARED: Final = 4
_VIRTUAL: Final = {
    ":nitro": "the fastest endpoint first",
    ":floor": "the cheapest endpoint first",
    ":exacto": "the endpoints that call tools best",
    ":online": "with results of a web search",
}
_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "prompt": ("Prompt", "million tokens"),
    "completion": ("Completion", "million tokens"),
    "input_cache_read": ("Cache read", "million tokens"),
    "input_cache_write": ("Cache write", "million tokens"),
    "input_cache_write_1h": ("Cache write, 1 h", "million tokens"),
    "internal_reasoning": ("Reasoning", "million tokens"),
    "audio": ("Audio in", "million tokens"),
    "audio_output": ("Audio out", "million tokens"),
    "input_audio_cache": ("Cached audio", "million tokens"),
    "image_token": ("Image tokens in", "million tokens"),
    "image_output": ("Image tokens out", "million tokens"),
    "image": ("Image in", "image"),
    "output_image": ("Image out", "image"),
    "audio_second": ("Sound", "second"),
    "character": ("Spoken text", "character"),
    "request": ("Request", "request"),
    "web_search": ("Web search", "search"),
}


def nothing_called(name: str, listing: Listing) -> Drawn:
    """The page for a name that means nothing, with what it may have meant."""
    words = [word for word in name.lower().replace("/", "-").split("-") if len(word) > 1]
    scored = [(sum(word in entry.haystack for word in words), entry.model) for entry in listing.entries]
    near = sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], abs(len(pair[1].id) - len(name))))
    content = {"title": "There is no model of that name", "name": name, "near": [model for _, model in near[:6]]}
    return "missing.html", content, 404


def model_page(
    listing: Listing,
    model: Model,
    bodies: tuple[bytes, bytes],
    events: Sequence[CatalogEvent],
    provenance: ModelProvenance | None,
    base: str,
) -> Drawn:
    """The page of *model*. *bodies* are its Model object and the reply with its endpoints."""
    shape, endpoints = (msgspec.json.decode(body) for body in bodies)
    snapshot = listing.snapshot
    shown = [_endpoint(snapshot, model, i, one, provenance) for i, one in enumerate(endpoints["data"]["endpoints"])]
    shown.sort(key=lambda one: (not one["usable"], one["prompt"] is None, one["cents"]))  # the maker stands first
    variants = [entry.model for entry in listing.entries if entry.model.id.startswith(f"{model.id}:")]
    content = {
        "model": shape,
        "facts": facts_of(model, shape),
        "endpoints": shown,
        "usable": any(one["usable"] for one in shown),
        "slowest": max((one["latency"]["p99"] for one in shown if one["latency"]), default=0),
        "fastest": max((one["throughput"]["p50"] for one in shown if one["throughput"]), default=0),
        "parameters": shape["supported_parameters"],
        "variants": variants,
        "plain": model.id,
        "virtual": {} if ":" in model.id or model.router else _VIRTUAL,
        "aliases": model.aliases,
        "history": [event for event in events if event.model_id == model.id][:50],
        "origins": {} if provenance is None else provenance.fields,
        "snippets": _snippets(shape["id"], base, "embeddings" if "embeddings" in model.output_modalities else "chat"),
        "base": base,
    }
    return "model.html", content, 200


def facts_of(model: Model, shape: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What is known of *model*: the field, what people call it, and the value."""
    marks = shape.get("benchmarks", {}).get("artificial_analysis", {})
    support = shape.get("reasoning")
    rows = [
        ("input_modalities", "Reads", ", ".join(model.input_modalities)),
        ("output_modalities", "Writes", ", ".join(model.output_modalities)),
        ("tokenizer", "Tokenizer", model.tokenizer),
        ("reasoning", "Reasoning", "" if support is None else "always" if support.get("mandatory") else "on demand"),
        ("knowledge_cutoff", "Knowledge until", model.knowledge_cutoff or ""),
        ("expiration_date", "Goes away", model.expiration_date or ""),
        ("hugging_face_id", "Open weights", model.hugging_face_id or ""),
        ("distillable", "Others may train on it", _yes_or_no(model.distillable)),
        ("benchmarks", "Intelligence index", _mark(marks.get("intelligence_index"))),
        ("benchmarks", "Coding index", _mark(marks.get("coding_index"))),
        ("benchmarks", "Agentic index", _mark(marks.get("agentic_index"))),
    ]
    return [row for row in rows if row[2]]


def compare(listing: Listing, names: Sequence[str], bodies: Sequence[tuple[bytes, bytes]]) -> Drawn:
    """The models that *names* mean, side by side. *bodies* are of those that were found, as for :func:`model_page`."""
    columns = []
    for body, endpoints in bodies:
        shape = msgspec.json.decode(body)
        offers = msgspec.json.decode(endpoints)["data"]["endpoints"]
        found = listing.find(shape["id"])
        columns.append(
            {
                "model": shape,
                "facts": {label: value for _, label, value in (facts_of(found[0], shape) if found else [])},
                "prices": {_UNITS[unit][0]: price for unit, price in shape["pricing"].items() if unit in _UNITS},
                "providers": sorted({one["provider_name"] for one in offers}),
                "throughput": max(
                    (o["throughput_last_30m"]["p50"] for o in offers if o["throughput_last_30m"]), default=None
                ),
                "latency": min((o["latency_last_30m"]["p50"] for o in offers if o["latency_last_30m"]), default=None),
            }
        )
    content = {
        "columns": columns,
        "missing": [name for name in names if listing.find(name) is None],
        "rows": list(dict.fromkeys(label for column in columns for label in column["facts"])),
        "prices": [label for label, _ in _UNITS.values() if any(label in column["prices"] for column in columns)],
        "parameters": sorted({name for column in columns for name in column["model"]["supported_parameters"]}),
        "choices": [entry.model.id for entry in listing.entries],
        "room": MOST_COMPARED - len(columns),
    }
    return "compare.html", content, 200


def _endpoint(
    snapshot: CatalogSnapshot, model: Model, number: int, shape: Mapping[str, Any], provenance: ModelProvenance | None
) -> dict[str, Any]:
    endpoint = model.endpoints[number]
    provider = snapshot.providers.get(endpoint.provider)
    policy = endpoint.policy or (provider.policy if provider is not None else None)
    pricing = shape["pricing"]
    return {
        "name": shape["provider_name"],
        "slug": endpoint.provider,
        "tag": endpoint.tag,
        "usable": provider is not None and provider.usable,
        "priced": endpoint.priced,
        "prompt": pricing["prompt"] if endpoint.priced else None,
        "completion": pricing["completion"] if endpoint.priced else None,
        "cents": round((endpoint.pricing.prompt + endpoint.pricing.completion) / 10_000),  # for a million of each
        "others": [
            (*_UNITS[unit], price)
            for unit, price in pricing.items()
            if unit in _UNITS and unit not in {"prompt", "completion"}
        ],
        "tiers": [_tier(one) for one in pricing.get("overrides", ())],
        "context": shape["context_length"],
        "most": shape["max_completion_tokens"],
        "quantization": shape["quantization"],
        "service_tier": shape["service_tier"],
        "uptime": shape["uptime_last_1d"],
        "uptime_now": shape["uptime_last_30m"],
        "latency": shape["latency_last_30m"],
        "throughput": shape["throughput_last_30m"],
        "status": shape["status"],
        "keeps": None if policy is None else policy.data_collection,
        "zdr": policy is not None and policy.zdr,
        "regions": () if policy is None else policy.regions,
        "parameters": shape["supported_parameters"],
        "origins": {} if provenance is None else provenance.endpoints.get(endpoint.id, {}),
    }


def _tier(override: Mapping[str, Any]) -> dict[str, Any]:
    """One override as a condition in words and its prices."""
    conditions = []
    if "min_prompt_tokens" in override:
        conditions.append(f"prompts above {override['min_prompt_tokens']:,} tokens")
    if "utc_start" in override or "utc_end" in override:
        start, end = override.get("utc_start", 0), override.get("utc_end", 2400)
        conditions.append(f"{start // 100:02}:{start % 100:02} to {end // 100:02}:{end % 100:02} UTC")
    prices = [(*_UNITS[unit], price) for unit, price in override.items() if unit in _UNITS]
    return {"when": ", ".join(conditions) or "at times", "prices": prices}


def _yes_or_no(value: bool | None) -> str:  # noqa: FBT001 - that is the value
    return "" if value is None else "yes" if value else "no"


def _mark(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _snippets(model_id: str, base: str, kind: str) -> list[dict[str, str]]:
    """Code that works as pasted, once the key is set. What a name holds stays text in every language."""
    name, messages = dumps(model_id), '[{"role": "user", "content": "Hello!"}]'
    if kind == "embeddings":
        path, body = "embeddings", {"model": model_id, "input": "Hello!"}
        python = f'reply = client.embeddings.create(model={name}, input="Hello!")\nprint(len(reply.data[0].embedding))'
        script = (
            f'const reply = await client.embeddings.create({{ model: {name}, input: "Hello!" }});\n'
            "console.log(reply.data[0].embedding.length);"
        )
    else:
        path, body = "chat/completions", {"model": model_id, "messages": loads(messages)}
        python = (
            f"reply = client.chat.completions.create(\n    model={name},\n    messages={messages},\n)\n"
            "print(reply.choices[0].message.content)"
        )
        script = (
            f"const reply = await client.chat.completions.create({{\n  model: {name},\n"
            '  messages: [{ role: "user", content: "Hello!" }],\n});\nconsole.log(reply.choices[0].message.content);'
        )
    curl = (
        f'curl {base}/api/v1/{path} \\\n  -H "Authorization: Bearer $TURNOUT_API_KEY" \\\n'
        f'  -H "Content-Type: application/json" \\\n  -d {quote(dumps(body))}'
    )
    python = (
        "import os\nfrom openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{base}/api/v1", api_key=os.environ["TURNOUT_API_KEY"])\n{python}'
    )
    script = (
        f'import OpenAI from "openai";\n\nconst client = new OpenAI({{\n  baseURL: "{base}/api/v1",\n'
        f"  apiKey: process.env.TURNOUT_API_KEY,\n}});\n{script}"
    )
    return [
        {"name": "curl", "text": curl}, {"name": "Python", "text": python}, {"name": "TypeScript", "text": script},
    ]  # fmt: skip
