"""The plan: which endpoints are tried, in which order, and why the others are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import final

from turnout.base.errors import BadRequest, ModelNotFound, NoEndpoints
from turnout.base.slugs import InvalidModelName, ModelName, parse_model_name
from turnout.contracts.strategy import Strategy
from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.domain.chat import ChatRequest
from turnout.domain.provider import Provider
from turnout.domain.routing import Candidate, Exclusion, Plan, Sort
from turnout.engine.filters import exclusion, is_named

__all__ = ["Routes", "make_plan"]

_MAX_REMEMBERED = 10_000


@final
class Routes:
    """A catalog snapshot as plans read it: each name resolved once, with the candidates behind it."""

    def __init__(
        self,
        snapshot: CatalogSnapshot,
        adhoc: Callable[[str, Mapping[str, Provider]], Model | None],
        strategies: Mapping[str, Strategy],
    ) -> None:
        """*adhoc* makes a model of a name that no catalog lists, such as one of a local server's."""
        self.snapshot = snapshot
        self.strategies = strategies
        self._adhoc = adhoc
        self._found: dict[str, tuple[ModelName, tuple[Candidate, ...]]] = {}

    def find(self, name: str) -> tuple[ModelName, tuple[Candidate, ...]]:
        """The parsed name and every endpoint of the model, callable or not.

        Raises:
            ModelNotFound: there is no such model.
        """
        found = self._found.get(name)
        if found is None:
            found = self._resolve(name)
            if len(self._found) < _MAX_REMEMBERED:
                self._found[name] = found
        return found

    def _resolve(self, name: str) -> tuple[ModelName, tuple[Candidate, ...]]:
        try:
            parsed = parse_model_name(name)
        except InvalidModelName:
            raise _unknown(name) from None
        providers = self.snapshot.providers
        model = self.snapshot.find(parsed.base) or self._adhoc(parsed.base, providers)
        if model is None:
            raise _unknown(name)
        candidates = tuple(
            Candidate(model, endpoint, providers[endpoint.provider])
            for endpoint in model.endpoints
            if endpoint.provider in providers
        )
        return parsed, candidates


def make_plan(request: ChatRequest, routes: Routes, ailing: Callable[[Candidate], bool], dice: Random) -> Plan:
    """Candidates for *request*: model after model, each model's endpoints filtered and ordered.

    Pure: *ailing* tells of outages, *dice* draws; nothing else is read.

    Raises:
        BadRequest: no model is named, or a preference makes no sense.
        ModelNotFound: a named model does not exist.
        NoEndpoints: no endpoint is left; the error names what excluded them.
    """
    names = _names(request)
    allowed: list[Candidate] = []
    excluded: list[Exclusion] = []
    met: set[str] = set()
    for name in names:
        parsed, candidates = routes.find(name)
        if not candidates or candidates[0].model.id in met:  # the same model by another name
            continue
        met.add(candidates[0].model.id)
        usable: list[Candidate] = []
        for candidate in candidates:
            reason = exclusion(candidate, request)
            if reason is None:
                usable.append(candidate)
            else:
                excluded.append(Exclusion(candidate.endpoint_id, reason))
        allowed += _ordered(usable, parsed, request, routes, ailing, dice)
    if not allowed:
        raise _dead_end(names, excluded)
    preferences = request.parameters.provider
    if preferences is not None and preferences.allow_fallbacks is False and not preferences.order:
        first = _first_of_each_model(allowed)
        excluded += [Exclusion(one.endpoint_id, "allow_fallbacks") for one in allowed if one not in first]
        allowed = first
    return Plan(names, tuple(allowed), tuple(excluded))


def _names(request: ChatRequest) -> tuple[str, ...]:
    parameters = request.parameters
    if parameters.models is None and parameters.model is not None:
        return (parameters.model,)
    named = ([parameters.model] if parameters.model else []) + (parameters.models or [])
    if not named:
        raise BadRequest("`model` is missing")
    return tuple(dict.fromkeys(named))


def _ordered(
    candidates: list[Candidate],
    name: ModelName,
    request: ChatRequest,
    routes: Routes,
    ailing: Callable[[Candidate], bool],
    dice: Random,
) -> Sequence[Candidate]:
    """One model's endpoints, best first: an explicit order, else an explicit or implied sort, else balancing."""
    if len(candidates) <= 1:
        return candidates
    preferences = request.parameters.provider
    sort = preferences.sort if preferences is not None else None
    by = sort.by if isinstance(sort, Sort) else sort
    if by is None and "floor" in name.virtual:
        by = "price"
    strategy = routes.strategies.get(by or "balanced", routes.strategies["balanced"])
    ordered = strategy(candidates, ailing, dice)
    if preferences is not None and preferences.order:
        wanted = preferences.order
        first = [c for name in wanted for c in ordered if is_named(c, name)]
        ordered = list(dict.fromkeys([*first, *ordered]))
    return ordered


def _first_of_each_model(candidates: Sequence[Candidate]) -> list[Candidate]:
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        first.setdefault(candidate.model.id, candidate)
    return list(first.values())


def _unknown(name: str) -> ModelNotFound:
    availability = {"code": "model_not_found", "retryable": False, "requested_models": [name[:128]]}
    return ModelNotFound(f"{name[:128]} is not a valid model ID", availability=availability)


def _dead_end(names: tuple[str, ...], excluded: Sequence[Exclusion]) -> NoEndpoints:
    reasons = list(dict.fromkeys(entry.reason for entry in excluded))
    listed = ", ".join(names)
    if reasons == ["no_credential"]:
        providers = ", ".join(dict.fromkeys(entry.endpoint_id.split("|")[1] for entry in excluded))
        message = f"No provider of {listed} has a credential here. Configure one of: {providers}"
    elif reasons:
        message = f"No endpoints of {listed} are left for this request. Excluded by: {', '.join(reasons)}"
    else:
        message = f"No endpoints found for {listed}"
    availability: dict[str, object] = {
        "code": "constraint_filtered" if set(reasons) - {"no_credential"} else "no_endpoints",
        "retryable": False,
        "requested_models": list(names),
        "excluded_by": reasons,
    }
    return NoEndpoints(message, availability=availability)
