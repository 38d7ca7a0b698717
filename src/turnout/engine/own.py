"""The caller's own credentials in a plan: what they open, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from turnout.domain.routing import Candidate, Exclusion, OwnWay

__all__ = ["BYOK_ONLY", "admitted_by_own", "owned", "reachable"]

BYOK_ONLY = "byok_only"
"""Why an endpoint of the gateway's is left out: the caller wants its own credential used, or none."""

_Ways = Mapping[str, tuple[OwnWay, ...]]


def admitted_by_own(unusable: Sequence[Exclusion], own: _Ways, excluded: list[Exclusion]) -> list[Candidate]:
    """Of endpoints that the gateway has no credential for, those that *own* opens; they leave *excluded*."""
    opened = [
        entry for entry in unusable if entry.candidate.endpoint.service_tier is None and _ways(own, entry.candidate)
    ]
    if opened:
        excluded[:] = [entry for entry in excluded if entry not in opened]
    return [entry.candidate for entry in opened]


def owned(candidates: Sequence[Candidate], own: _Ways, excluded: list[Exclusion], *, together: bool) -> list[Candidate]:
    """*candidates*, which are in order, with those that *own* reaches: of each model (of all *together*) first the
    prioritised ones, then the gateway's, then the fallbacks. What a credential shuts out goes to *excluded*.

    Source: OpenRouter, "Bring your own API keys", key priority and fallback.
    """
    groups = [list(candidates)]
    if not together:
        groups = [list(group) for _, group in groupby(candidates, key=lambda one: one.model.id)]
    found: list[Candidate] = []
    for group in groups:
        first: list[Candidate] = []
        shared: list[Candidate] = []
        last: list[Candidate] = []
        for one in group:
            for way in _ways(own, one):
                (last if way.credential.fallback else first).append(way.candidate(one))
            if _shut(own, one):
                excluded.append(Exclusion(one, BYOK_ONLY))
            elif one.provider.usable:
                shared.append(one)
        found += first + shared + last
    return found


def reachable(one: Candidate, own: _Ways) -> bool:
    """Whether the caller gets to *one* by a way of its *own*, or by the gateway's that its credentials leave open."""
    return bool(_ways(own, one)) or (one.provider.usable and not _shut(own, one))


def _ways(own: _Ways, one: Candidate) -> list[OwnWay]:
    return [way for way in own.get(one.provider.slug, ()) if way.serves(one.model)]


def _shut(own: _Ways, one: Candidate) -> bool:
    """Whether a credential keeps the gateway's own way to the endpoint shut."""
    return any(
        way.credential.byok_only or (way.credential.required and way.serves(one.model))
        for way in own.get(one.provider.slug, ())
    )
