"""What answers in place of the line where voters are asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from turnout.api.errors import chunk_error, status_of
from turnout.api.figures import usage_json
from turnout.api.query import VotingSurface
from turnout.app.auto import votes_told
from turnout.contracts.store import Store
from turnout.contracts.surface import Surface
from turnout.engine.house import House, Line
from turnout.query.front import Voting
from turnout.query.registry import Registry
from turnout.query.shapes import Border
from turnout.query.training import Training

__all__ = ["serving_of", "voting_of", "voting_surfaces"]

_FAMILIES: Final = ("query", "score", "multichat")


def voting_of(house: House, store: Store) -> Voting:
    """The voters' front door of one worker."""
    border = Border(status_of, usage_json, chunk_error)
    registry = Registry(store, house.clock)
    training = Training(store, registry, house.clock.monotonic)
    training.told = votes_told(store)
    voting = Voting(house, registry, store, training, border)
    voting.learner = voting.training = training
    return voting


def voting_surfaces(mounts: Iterable[bytes]) -> Mapping[bytes, Surface]:
    """The routes, below each of *mounts*."""
    surfaces = {name: VotingSurface(name) for name in _FAMILIES}
    return {mount + b"/%b/completions" % name.encode(): surfaces[name] for mount in mounts for name in _FAMILIES}


def serving_of(voting: Voting) -> Mapping[str, Line]:
    """What answers, by name of the surface."""
    return {"query": voting.query, "score": voting.score, "multichat": voting.multichat}
