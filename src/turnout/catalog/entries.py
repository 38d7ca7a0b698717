"""A model as listings show it: its JSON, made once, and what filters and sorts ask of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, final

import msgspec
from msgspec import Struct

from turnout.catalog.render import (
    Ranks,
    default_endpoint,
    latest_models,
    listed_models,
    model_object,
    policy_of,
    ranks_of,
    shown_parameters,
)
from turnout.contracts.measured import Measured
from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.usage import PRICES, Pricing, effective

__all__ = ["Entry", "Figures", "PriceWeights", "entries_of", "entry_of", "figures_of"]

_COUNTRIES: Final = {
    "eu": frozenset(
        "at be bg cy cz de dk ee es fi fr gr hr hu ie it lt lu lv mt nl pl pt ro se si sk".split()  # noqa: SIM905 - a list of 27
    ),
    "us": frozenset({"us"}),
}
_encoder = msgspec.json.Encoder()


class PriceWeights(Struct, frozen=True, kw_only=True):
    """Units of each kind that the ``pricing-*`` sorts count, as in a thousand small requests."""

    prompt: int = 3_000_000
    completion: int = 1_000_000
    request: int = 1_000
    web_search: int = 10

    def average(self, pricing: Pricing) -> int | None:
        """The weighted sum in pico-dollars; the average is that by a constant. None where other units are priced."""
        total = (
            self.prompt * pricing.prompt
            + self.completion * pricing.completion
            + self.request * pricing.request
            + self.web_search * (pricing.web_search or 0)
        )
        if not total and any(getattr(pricing, name) for name in _OTHER_PRICES):
            return None  # an image that costs something is not cheapest because its tokens cost nothing
        return total


class Figures(NamedTuple):
    """What this installation has measured of a model: the best of its endpoints, and all of them together.

    ``throughput`` in tokens per second and ``latency`` in milliseconds are medians, ``tool_success_rate`` a fraction.
    """

    throughput: float | None = None
    latency: float | None = None
    tokens: int | None = None
    tool_success_rate: float | None = None


NO_FIGURES: Final = Figures()


@final
@dataclass(slots=True, eq=False)
class Entry:
    """One listed model. Everything but ``figures`` stays as it is for the life of the snapshot.

    Attributes:
        body: its Model object.
        target: the id of the model that serves it: its own, or what a ``~latest`` name means.
        haystack: where words are looked for.
        providers: slugs and display names, lower case.
        regions: ``eu`` and ``us``, where an endpoint stays within.
        prompt, completion: the shown prices in pico-dollars per token; None where nobody states any.
        weighted: what the ``pricing-*`` sorts compare.
    """

    model: Model
    body: bytes
    target: str
    author: str
    haystack: str
    architecture: str
    outputs: frozenset[str]
    inputs: frozenset[str]
    parameters: frozenset[str]
    providers: frozenset[str]
    regions: frozenset[str]
    zdr: bool
    prompt: int | None
    completion: int | None
    weighted: int | None
    intelligence_index: float | None
    coding_index: float | None
    agentic_index: float | None
    figures: Figures = NO_FIGURES


def entries_of(snapshot: CatalogSnapshot, weights: PriceWeights, wall: float) -> list[Entry]:
    """All listed models in order, then the ``~latest`` names, with the prices of *wall* (unix seconds)."""
    models = listed_models(snapshot)
    ranks = ranks_of(models)
    entries = [entry_of(model, snapshot, weights, wall, ranks) for model in models]
    listed = {model.id for model in models}
    for model, target in latest_models(snapshot):
        if target.id in listed:
            entries.append(entry_of(model, snapshot, weights, wall, ranks, target))
    return entries


def entry_of(
    model: Model,
    snapshot: CatalogSnapshot,
    weights: PriceWeights,
    wall: float,
    ranks: Ranks,
    target: Model | None = None,
) -> Entry:
    """One model as listings show it; *target* is what a ``~latest`` name means."""
    shown = default_endpoint(model, snapshot)
    if model.router:
        pricing: Pricing | None = Pricing()  # as is shown: it charges nothing itself
    else:
        pricing = effective(shown.pricing, 0, wall) if shown is not None and shown.priced else None
    benchmarks = model.benchmarks
    policies = [policy_of(endpoint, snapshot) for endpoint in model.endpoints]
    body = model_object(model, snapshot, wall=wall, ranks=ranks, target=target)
    return Entry(
        model=model,
        body=_encoder.encode(body),
        target=(target or model).id,
        author=model.id.removeprefix("~").partition("/")[0].lower(),
        haystack=f"{model.id}\n{model.name}".lower(),
        architecture=model.tokenizer.lower(),
        outputs=frozenset(model.output_modalities),
        inputs=frozenset(model.input_modalities),
        parameters=frozenset(shown_parameters(model.supported_parameters)),
        providers=_providers(model.endpoints, snapshot),
        regions=frozenset(
            region for region in _COUNTRIES if any(_within(region, policy.regions) for policy in policies)
        ),
        zdr=any(policy.zdr for policy in policies),
        prompt=None if pricing is None else pricing.prompt,
        completion=None if pricing is None else pricing.completion,
        weighted=None if pricing is None else weights.average(pricing),
        intelligence_index=benchmarks.intelligence_index if benchmarks is not None else None,
        coding_index=benchmarks.coding_index if benchmarks is not None else None,
        agentic_index=benchmarks.agentic_index if benchmarks is not None else None,
    )


def figures_of(model: Model, target: str, measured: Measured) -> Figures:
    """What *measured* knows of the model's endpoints and of the traffic of the model *target*."""
    seen = measured.endpoints
    known = [found for endpoint in model.endpoints if (found := seen.get(endpoint.id))]
    tokens = measured.tokens_last_7_days(target)
    if not known:
        return NO_FIGURES if not tokens else Figures(tokens=tokens)
    speeds = [spread["p50"] for one in known if (spread := one.get("throughput_last_30m"))]
    delays = [spread["p50"] for one in known if (spread := one.get("latency_last_30m"))]
    calls = sum(one.get("tool_requests", 0) for one in known)
    errors = sum(one.get("tool_errors", 0) for one in known)
    return Figures(
        throughput=max(speeds, default=None),
        latency=min(delays, default=None),
        tokens=tokens,
        tool_success_rate=1 - errors / calls if calls else None,
    )


_OTHER_PRICES: Final = tuple(name for name in PRICES if name not in {"prompt", "completion", "request", "web_search"})


def _providers(endpoints: Iterable[Endpoint], snapshot: CatalogSnapshot) -> frozenset[str]:
    slugs = {endpoint.provider for endpoint in endpoints}
    names = {snapshot.providers[slug].name.lower() for slug in slugs if slug in snapshot.providers}
    return frozenset(slugs | names)


def _within(region: str, stated: Iterable[str]) -> bool:
    """Whether the regions that a policy states lie within *region*; one of them is enough, as for routing."""
    return any(
        one == region or one.startswith(f"{region}-") or one in _COUNTRIES[region] for one in map(str.lower, stated)
    )
