"""Catalogs for tests: drawn by Hypothesis, small and full of gaps; and the bundled one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, final

from hypothesis import strategies as st

from turnout.base.money import Pico
from turnout.catalog.build import merge
from turnout.catalog.sources.bundled import bundled_rows
from turnout.contracts.measured import Measured
from turnout.domain.catalog import ArenaScore, Benchmarks, CatalogSnapshot, Endpoint, Model
from turnout.domain.provider import Policy, Provider
from turnout.domain.usage import Pricing

__all__ = ["NOTHING_MEASURED", "NOW", "PARAMETERS", "Figures", "bundled", "figures", "snapshots"]

NOW = 1_795_000_000.0
PARAMETERS = ("max_tokens", "reasoning", "temperature", "tools")

_AUTHORS = ("acme", "zeta", "openai")
_PROVIDERS = ("acme", "groq", "north", "fake")
_OUTPUTS = ("text", "image", "embeddings", "audio", "video", "rerank", "speech", "transcription")
_INPUTS = ("text", "image", "file", "audio", "video")
_few = st.integers(0, 5)
_index = st.none() | st.sampled_from([0.0, 12.5, 31.5, 31.5, 70.25])


def _some(words: Sequence[str], least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), min_size=least, max_size=3, unique=True).map(tuple)


_policies = st.builds(
    Policy,
    zdr=st.sampled_from([None, True, False]),
    regions=_some(["eu", "us", "de", "DE", "jp", "eu-west", "us-east-1", "eus"]),
)
_pricing = st.builds(
    Pricing,
    prompt=_few.map(lambda n: Pico(n * 500_000)),
    completion=_few.map(lambda n: Pico(n * 1_000_000)),
    request=st.sampled_from([Pico(0), Pico(0), Pico(10**9)]),
    image=st.sampled_from([None, Pico(10**10)]),
    web_search=st.sampled_from([None, Pico(10**10)]),
)
_scores = st.lists(
    st.builds(
        ArenaScore,
        arena=st.sampled_from(["models", "agents"]),
        category=st.sampled_from(["website", "gamedev"]),
        elo=st.sampled_from([1000.0, 1200.5, 1200.5, 1300.0]),
        win_rate=st.just(50.0),
    ),
    max_size=2,
    unique_by=lambda score: (score.arena, score.category),
).map(tuple)
_benchmarks = st.builds(
    Benchmarks, intelligence_index=_index, coding_index=_index, agentic_index=_index, design_arena=_scores
)


@st.composite
def _endpoints(draw: st.DrawFn, model_id: str) -> tuple[Endpoint, ...]:
    return tuple(
        Endpoint(
            model_id=model_id,
            provider=provider,
            tag=provider,
            upstream_model="m",
            pricing=draw(_pricing),
            priced=draw(st.sampled_from([True, True, True, False])),
            policy=draw(st.none() | _policies),
        )
        for provider in draw(_some(_PROVIDERS))
    )


@st.composite
def _models(draw: st.DrawFn, number: int) -> Model:
    model_id = f"{draw(st.sampled_from(_AUTHORS))}/{draw(st.sampled_from(['Swift', 'deep', 'tiny']))}-{number}"
    return Model(
        id=model_id,
        canonical_slug=model_id,
        name=draw(st.sampled_from(["Acme: Swift Writer", "Zeta <Deep> & Co", "Tiny"])),
        created=draw(st.sampled_from([0, int(NOW), int(NOW) - 86_400 * 10, int(NOW) - 86_400 * 400, int(NOW) + 9])),
        context_length=draw(st.sampled_from([None, 4096, 8192, 8192, 200_000])),
        input_modalities=draw(_some(_INPUTS, 1)),
        output_modalities=draw(_some(_OUTPUTS, 1)),
        tokenizer=draw(st.sampled_from(["GPT", "Claude", "Other"])),
        supported_parameters=draw(_some(PARAMETERS)),
        distillable=draw(st.sampled_from([None, True, False])),
        benchmarks=draw(st.none() | _benchmarks),
        endpoints=draw(_endpoints(model_id)),
    )


@st.composite
def snapshots(draw: st.DrawFn) -> CatalogSnapshot:
    """Up to a dozen models; every fact may be missing, and many are equal."""
    models = [draw(_models(number)) for number in range(draw(st.integers(0, 12)))]
    providers = {
        slug: Provider(
            slug=slug,
            name=f"The {slug.title()}",
            dialect="fake" if slug == "fake" else "openai",
            usable=draw(st.booleans()),
            policy=draw(_policies),
        )
        for slug in _PROVIDERS
    }
    latest = {}
    with_latest = draw(st.booleans())
    if models and with_latest:
        latest["~acme/swift-latest"] = draw(st.sampled_from(models)).id
    return CatalogSnapshot(models={model.id: model for model in models}, providers=providers, built=NOW, latest=latest)


class Figures:
    """What a test says was measured."""

    def __init__(self, endpoints: Mapping[str, Mapping[str, Any]], tokens: Mapping[str, int]) -> None:
        self.endpoints = endpoints
        self.tokens = tokens

    def endpoint(self, endpoint_id: str, /) -> Mapping[str, Any] | None:
        return self.endpoints.get(endpoint_id)

    def tokens_last_7_days(self, model_id: str, /) -> int | None:
        return self.tokens.get(model_id)


def _spread(middle: float) -> dict[str, float]:
    return {"p50": middle, "p75": middle, "p90": middle, "p99": middle}


@st.composite
def figures(draw: st.DrawFn, snapshot: CatalogSnapshot) -> Figures:
    """Figures of some endpoints and models of *snapshot*."""
    seen: dict[str, dict[str, Any]] = {}
    for model in snapshot.models.values():
        for endpoint in model.endpoints:
            known = seen[endpoint.id] = {}
            if draw(st.booleans()):
                known["throughput_last_30m"] = _spread(draw(st.sampled_from([10.0, 20.0, 30.0])))
            if draw(st.booleans()):
                known["latency_last_30m"] = _spread(draw(st.sampled_from([100.0, 200.0, 300.0])))
            if draw(st.booleans()):
                known |= {"tool_requests": draw(st.sampled_from([0, 4])), "tool_errors": 0, "uptime_last_5m": 99.0}
                known["tool_errors"] = draw(st.integers(0, known["tool_requests"]))
    tokens = {model_id: draw(st.integers(0, 3)) for model_id in snapshot.models if draw(st.booleans())}
    return Figures({key: known for key, known in seen.items() if known}, tokens)


@cache
def bundled() -> CatalogSnapshot:
    """The catalog that comes with the packages, of providers without credentials."""
    rows = bundled_rows(NOW, {})
    providers = {row.provider: Provider(slug=row.provider, name=row.provider) for row in rows}
    return merge(rows, (), providers, built=NOW).snapshot


@final
class _Nothing:
    endpoints: Mapping[str, Mapping[str, Any]] = MappingProxyType({})

    def endpoint(self, _endpoint_id: str, /) -> Mapping[str, Any] | None:
        return None

    def tokens_last_7_days(self, _model_id: str, /) -> int | None:
        return None


NOTHING_MEASURED: Measured = _Nothing()
"""Knows nothing: for listings without a health book."""
