"""Each filter keeps what a naive look over all models keeps, alone and together with others."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogs import NOW, PARAMETERS, Figures, figures, snapshots
from turnout.base.errors import BadRequest
from turnout.catalog.entries import PriceWeights
from turnout.catalog.listing import Listing
from turnout.catalog.query import parse_query, query_pairs
from turnout.catalog.render import default_endpoint
from turnout.domain.catalog import CatalogSnapshot, Model

_EUROPE = {"eu", "de", "eu-west"}
_STATES = {"us", "us-east-1"}


class Look:
    """One listed model as a naive filter sees it: its JSON, and its own record."""

    def __init__(self, shape: dict[str, Any], model: Model, snapshot: CatalogSnapshot, seen: Figures) -> None:
        self.shape = shape
        self.model = model
        top = default_endpoint(model, snapshot)
        self.priced = top is not None and top.priced
        self.policies = [end.policy or snapshot.providers[end.provider].policy for end in model.endpoints]
        self.servers = {end.provider for end in model.endpoints}
        self.servers |= {f"the {slug}" for slug in self.servers}
        counted = [seen.endpoints.get(end.id, {}) for end in model.endpoints]
        self.calls = sum(one.get("tool_requests", 0) for one in counted)
        self.errors = sum(one.get("tool_errors", 0) for one in counted)

    def price(self, name: str) -> Decimal | None:
        return Decimal(self.shape["pricing"][name]) * 10**6 if self.priced else None

    def index(self, name: str) -> float | None:
        found: float | None = self.shape.get("benchmarks", {}).get("artificial_analysis", {}).get(f"{name}_index")
        return found

    def age(self) -> float | None:
        return (NOW - self.model.created) / 86_400 if self.model.created else None

    def tools(self) -> float | None:
        return (self.calls - self.errors) / self.calls if self.calls else None


def _commas(words: list[str]) -> str:
    return ",".join(words)


def _within(regions: set[str]) -> Callable[[Look], bool]:
    return lambda look: any(one.lower() in regions for policy in look.policies for one in policy.regions)


def _lists(words: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=2)


Test = tuple[str, str, Callable[[Look], bool]]


def _bounds(name: str, figure: Callable[[Look], Any], values: list[str]) -> st.SearchStrategy[Test]:
    def test(side: str, text: str) -> Test:
        def keeps(look: Look) -> bool:
            value = figure(look)
            if value is None:
                return False
            return bool(value >= Decimal(text) if side == "min" else value <= Decimal(text))

        return f"{side}_{name}", text, keeps

    return st.builds(test, st.sampled_from(["min", "max"]), st.sampled_from(values))


_OUTPUT_WORDS = ["text", "image", "embeddings", "audio"]
FILTERS: dict[str, st.SearchStrategy[Test]] = {
    "output_modalities": _lists(_OUTPUT_WORDS).map(
        lambda words: (
            "output_modalities",
            _commas(words),
            lambda look: bool(set(words) & set(look.shape["architecture"]["output_modalities"])),
        )
    ),
    "input_modalities": _lists(["text", "image", "file"]).map(
        lambda words: (
            "input_modalities",
            _commas(words),
            lambda look: set(words) <= set(look.shape["architecture"]["input_modalities"]),
        )
    ),
    "supported_parameters": _lists([*PARAMETERS, "nonsense"]).map(
        lambda words: (
            "supported_parameters",
            _commas(words),
            lambda look: set(words) <= set(look.shape["supported_parameters"]),
        )
    ),
    "q": st.sampled_from(["swift", "ACME", "zeta deep", "<deep>", "-1", "nothing"]).map(
        lambda text: (
            "q",
            text,
            lambda look: all(
                word in f"{look.shape['id']} {look.shape['name']}".lower() for word in text.lower().split()
            ),
        )
    ),
    "context": st.sampled_from([1, 4096, 4097, 8192, 10**6]).map(
        lambda least: ("context", str(least), lambda look: (look.shape["context_length"] or 0) >= least)
    ),
    "price": _bounds("price", lambda look: look.price("prompt"), ["0", "0.5", "1", "1.0000001", "2.5"]),
    "output_price": _bounds("output_price", lambda look: look.price("completion"), ["0", "1", "3.999", "4"]),
    "age_days": _bounds("age_days", Look.age, ["0", "1", "10", "400"]),
    "intelligence": _bounds("intelligence_index", lambda look: look.index("intelligence"), ["0", "12.5", "31.4"]),
    "coding": _bounds("coding_index", lambda look: look.index("coding"), ["0", "31.5", "70"]),
    "agentic": _bounds("agentic_index", lambda look: look.index("agentic"), ["0", "31.5", "71"]),
    "tool_success_rate": _bounds("tool_success_rate", Look.tools, ["0", "0.5", "0.75", "1"]),
    "category": st.sampled_from(["programming", "marketing/seo"]).map(
        lambda word: (
            "category",
            word,
            lambda look: (
                word == "programming"
                and ("tools" in look.shape["supported_parameters"] or look.index("coding") is not None)
            ),
        )
    ),
    "arch": _lists(["gpt", "Claude", "none"]).map(
        lambda words: (
            "arch",
            _commas(words),
            lambda look: look.shape["architecture"]["tokenizer"].lower() in {word.lower() for word in words},
        )
    ),
    "model_authors": _lists(["acme", "OpenAI", "nobody"]).map(
        lambda words: (
            "model_authors",
            _commas(words),
            lambda look: look.shape["id"].lstrip("~").split("/")[0] in {word.lower() for word in words},
        )
    ),
    "providers": _lists(["acme", "The Groq", "nobody"]).map(
        lambda words: ("providers", _commas(words), lambda look: bool({word.lower() for word in words} & look.servers))
    ),
    "distillable": st.sampled_from(["true", "false"]).map(
        lambda word: ("distillable", word, lambda look: look.model.distillable is (word == "true"))
    ),
    "zdr": st.just(("zdr", "true", lambda look: any(policy.zdr for policy in look.policies))),
    "region": st.sampled_from(["eu", "us"]).map(
        lambda word: ("region", word, _within(_EUROPE if word == "eu" else _STATES))
    ),
}


def _listing(snapshot: CatalogSnapshot, seen: Figures) -> Listing:
    return Listing(snapshot, seen, PriceWeights(), NOW)


def _reply(listing: Listing, tests: list[tuple[str, str]]) -> Any:  # noqa: ANN401 - JSON
    query = parse_query(query_pairs(urlencode(tests)))
    reply = msgspec.json.decode(listing.models_reply(query, NOW))
    count = msgspec.json.decode(listing.count_reply(query, NOW))["data"]["count"]
    assert count == reply["total_count"] == len(reply["data"])
    assert reply["links"] == {"next": None}
    return reply["data"]


def _check(data: st.DataObject, names: list[str]) -> None:
    snapshot = data.draw(snapshots())
    seen = data.draw(figures(snapshot))
    tests = [data.draw(FILTERS[name]) for name in names]
    listing = _listing(snapshot, seen)
    everything = _reply(listing, [("output_modalities", "all")])
    looks = [
        Look(shape, snapshot.find(shape["id"]) or snapshot.models[shape["id"]], snapshot, seen) for shape in everything
    ]
    wanted = [
        look.shape
        for look in looks
        if all(keeps(look) for _, _, keeps in tests)
        and ("output_modalities" in names or "text" in look.shape["architecture"]["output_modalities"])
    ]
    assert _reply(listing, [(name, text) for name, text, _ in tests]) == wanted


@pytest.mark.parametrize("name", FILTERS)
@settings(max_examples=12)  # of each of many
@given(st.data())
def test_a_filter_keeps_what_a_naive_filter_keeps(name: str, data: st.DataObject) -> None:
    _check(data, [name])


@given(st.data())
def test_filters_combine_with_and(data: st.DataObject) -> None:
    _check(data, data.draw(st.lists(st.sampled_from(sorted(FILTERS)), min_size=2, max_size=4, unique=True)))


@given(st.data())
def test_the_default_is_models_that_write_text(data: st.DataObject) -> None:
    _check(data, [])


def test_an_unknown_kind_of_output_is_refused() -> None:
    with pytest.raises(BadRequest, match="output_modalities"):
        parse_query([("output_modalities", "text,smell")])
