"""Checks that need more than one value: names that must differ, names that must exist."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from turnout.base.slugs import InvalidModelName, parse_model_name
from turnout.config.keys import Key, dotted
from turnout.config.mistakes import Complaint, nearest

__all__ = ["cross_check", "is_name"]


def cross_check(
    tree: Mapping[str, Any], known_providers: Collection[str], known_dialects: Collection[str]
) -> list[Complaint]:
    """Complaints about *tree*, the merged layers before validation; values of wrong type are passed over.

    *known_providers* are the slugs that exist without being declared.
    """
    declared = tree.get("providers")
    known = {"fake", *known_providers, *(declared if isinstance(declared, Mapping) else ())}
    models = [(at, model) for at, model in _tables(tree.get("models"))]
    return [
        *_repeated_ids(models),
        *_clashing_aliases(models),
        *(complaint for at, model in models for complaint in _endpoints(at, model, known)),
        *_unknown_dialects(declared, known_dialects),
    ]


def _unknown_dialects(declared: object, known: Collection[str]) -> Iterator[Complaint]:
    for slug, provider in declared.items() if isinstance(declared, Mapping) else ():
        dialect = provider.get("dialect") if isinstance(provider, Mapping) else None
        if isinstance(dialect, str) and dialect not in known:
            yield ("providers", slug, "dialect"), f"must be {', '.join(known)}, or one that an installed package adds"


def _tables(value: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if isinstance(value, list):
        yield from ((at, item) for at, item in enumerate(value) if isinstance(item, Mapping))


def _names(value: object) -> Iterator[tuple[int, str]]:
    if isinstance(value, list):
        yield from ((at, item) for at, item in enumerate(value) if is_name(item))


def is_name(value: object) -> bool:
    """Whether *value* has the form of a model's name, so that it may be quoted in a message."""
    try:
        return isinstance(value, str) and "/" in parse_model_name(value).base
    except InvalidModelName:
        return False


def _repeated_ids(models: list[tuple[int, Mapping[str, Any]]]) -> Iterator[Complaint]:
    first: dict[str, int] = {}
    for at, model in models:
        if is_name(model.get("id")):
            earlier = first.setdefault(model["id"].lower(), at)
            if earlier != at:
                yield ("models", at, "id"), f"the same id as models[{earlier}]: {model['id']}"


def _clashing_aliases(models: list[tuple[int, Mapping[str, Any]]]) -> Iterator[Complaint]:
    ids: dict[str, int] = {}
    for at, model in models:
        if is_name(model.get("id")):
            ids.setdefault(model["id"].lower(), at)
    first: dict[str, Key] = {}
    shadowed: dict[int, list[int]] = {}
    """Which models claim the name of a model: its position to theirs."""
    for at, model in models:
        for position, alias in _names(model.get("aliases")):
            key: Key = ("models", at, "aliases", position)
            earlier = first.setdefault(alias.lower(), key)
            owner = ids.get(alias.lower())
            if earlier != key:
                yield key, f"the same alias as {dotted(earlier)}: {alias}"
            elif owner == at:
                yield key, f"the model's own id: {alias}"
            elif owner is not None:
                shadowed.setdefault(owner, []).append(at)
                yield key, f"the id of models[{owner}]: {alias}"
    names = {at: str(model.get("id")) for at, model in models}
    for cycle in _cycles(shadowed):
        path = " -> ".join(names[at] for at in (*cycle, cycle[0]))
        yield ("models", cycle[0], "aliases"), f"alias cycle: {path}"


def _cycles(edges: Mapping[int, list[int]]) -> Iterator[list[int]]:
    """Each node's first way back to itself over *edges*, every node reported at most once."""
    done: set[int] = set()
    for start in edges:
        if start in done:
            continue
        came_from: dict[int, int] = {}
        waiting = [start]
        while waiting and start not in came_from:
            node = waiting.pop()
            for following in edges.get(node, ()):
                if following not in came_from:
                    came_from[following] = node
                    waiting.append(following)
        if start in came_from:
            cycle = [start]
            while (before := came_from[cycle[-1]]) != start:
                cycle.append(before)
            cycle[1:] = reversed(cycle[1:])
            done.update(cycle)
            yield cycle


def _endpoints(at: int, model: Mapping[str, Any], known: Collection[str]) -> Iterator[Complaint]:
    first: dict[tuple[str, str], int] = {}
    for position, endpoint in _tables(model.get("endpoints")):
        key: Key = ("models", at, "endpoints", position)
        provider, tag = endpoint.get("provider"), endpoint.get("tag", endpoint.get("provider"))
        if not isinstance(provider, str) or not isinstance(tag, str):
            continue
        if provider not in known:
            meant = nearest(provider, known)
            yield (*key, "provider"), f"no such provider; did you mean {meant}?" if meant else "no such provider"
        elif tag != provider and not tag.startswith(f"{provider}/"):
            yield (*key, "tag"), f"must be {provider}, or begin with {provider}/"
        earlier = first.setdefault((provider, tag), position)
        if earlier != position:
            yield (*key, "tag"), f"the same provider and tag as endpoints[{earlier}]"
