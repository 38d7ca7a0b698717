"""What a key may use, as plans read it."""

from __future__ import annotations

from functools import lru_cache

from turnout.domain.account import Key, KeyRules
from turnout.domain.routing import NO_BOUNDS, Bounds

__all__ = ["bounds_of"]


def bounds_of(key: Key) -> Bounds:
    """The bounds of *key*; ``NO_BOUNDS`` itself for one that may use everything."""
    rules, guard = key.rules, key.guard
    if rules.models is None and rules.providers is None and guard is None:
        return NO_BOUNDS
    return _bounds(rules, () if guard is None else guard.bounds)


@lru_cache(4096)
def _bounds(rules: KeyRules, also: tuple[Bounds, ...]) -> Bounds:
    return Bounds(
        also=also,
        models=rules.models,
        providers=None if rules.providers is None else frozenset(name.lower() for name in rules.providers),
    )
