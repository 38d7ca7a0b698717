"""The filters of listings: which models a query keeps. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from turnout.catalog.entries import Entry
from turnout.catalog.query import Query, Span

__all__ = ["kept"]

_DAY: Final = 86_400.0
_CODING: Final = "programming"

_Test = Callable[[Entry], bool]


def kept(entries: Sequence[Entry], query: Query, wall: float) -> Sequence[Entry]:
    """Those of *entries* that *query* keeps at the unix second *wall*, in the same order."""
    for test in _tests(query, wall):
        entries = [entry for entry in entries if test(entry)]
    return entries


def _tests(query: Query, wall: float) -> Iterator[_Test]:
    yield from _tests_of_kind(query)
    yield from _tests_of_origin(query)
    if (least := query.context) is not None:
        yield lambda entry: (entry.model.context_length or 0) >= least
    yield from _tests_of_figures(query, wall)
    if query.category is not None:
        yield _programs if query.category == _CODING else _never


def _tests_of_kind(query: Query) -> Iterator[_Test]:
    if (outputs := query.output_modalities) is not None:
        yield lambda entry: not outputs.isdisjoint(entry.outputs)
    if inputs := query.input_modalities:
        yield lambda entry: inputs <= entry.inputs
    if parameters := query.supported_parameters:
        yield lambda entry: parameters <= entry.parameters
    if words := query.words:
        yield lambda entry: all(word in entry.haystack for word in words)


def _tests_of_origin(query: Query) -> Iterator[_Test]:
    if architectures := query.architectures:
        yield lambda entry: entry.architecture in architectures
    if authors := query.authors:
        yield lambda entry: entry.author in authors
    if providers := query.providers:
        yield lambda entry: not providers.isdisjoint(entry.providers)
    if (distillable := query.distillable) is not None:
        yield lambda entry: entry.model.distillable is distillable
    if query.zdr:
        yield lambda entry: entry.zdr
    if (region := query.region) is not None:
        yield lambda entry: region in entry.regions


def _tests_of_figures(query: Query, wall: float) -> Iterator[_Test]:
    spans: tuple[tuple[Span, Callable[[Entry], float | None]], ...] = (
        (query.price, lambda entry: entry.prompt),
        (query.output_price, lambda entry: entry.completion),
        (query.age_days, lambda entry: (wall - entry.model.created) / _DAY if entry.model.created else None),
        (query.intelligence_index, lambda entry: entry.intelligence_index),
        (query.coding_index, lambda entry: entry.coding_index),
        (query.agentic_index, lambda entry: entry.agentic_index),
        (query.tool_success_rate, lambda entry: entry.figures.tool_success_rate),
    )
    for span, figure in spans:
        if not span.open:
            yield _lies_in(span, figure)


def _lies_in(span: Span, figure: Callable[[Entry], float | None]) -> _Test:
    return lambda entry: span.holds(figure(entry))


def _programs(entry: Entry) -> bool:
    """What a catalog can know of it: somebody has measured its code, or it can be handed the tools of an agent."""
    return entry.coding_index is not None or "tools" in entry.parameters


def _never(_entry: Entry) -> bool:
    return False
