"""The ids of definitions: hashes of their canonical form in the Query and in the Score dialect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from turnout.domain.query import (
    LLM,
    STATIC,
    EmbeddingsModelWeight,
    QueryLLM,
    QueryModel,
    Roster,
    ScoreLLM,
    ScoreModel,
    StaticWeight,
    TaughtModelWeight,
    TrainingTableWeight,
    Voter,
    VotingModel,
)
from turnout.query.canonical import canonical_json, content_id, through_decimal

__all__ = [
    "base_id_of",
    "canonical_llm",
    "canonical_model",
    "canonical_model_weight",
    "llm_id",
    "multichat_id_of",
    "multichat_of",
    "plain",
    "roster_of",
    "training_table_id_of",
]


def llm_id(llm: LLM) -> str:
    """The id of *llm*: a hash of all its parameters. In the Query dialect it is called its name."""
    return content_id(canonical_llm(llm))


def base_id_of(llm: LLM) -> str:
    """The id that *llm* has with a static weight of 1: the same for all weights."""
    return llm_id(replace(llm, weight=STATIC))


def training_table_id_of(llm: LLM) -> str | None:
    """The id of the training table of *llm*; None where the weight is static."""
    return base_id_of(llm) if isinstance(llm.weight, TrainingTableWeight) else None


def multichat_of(llm: ScoreLLM) -> ScoreLLM:
    """*llm* without all that concerns votes: what it is when it only answers."""
    return replace(llm, weight=STATIC, output_mode="instruction", synthetic_reasoning=None, top_logprobs=None)


def multichat_id_of(llm: ScoreLLM) -> str:
    """The id of *llm* as one that only answers."""
    return llm_id(multichat_of(llm))


def canonical_llm(llm: LLM) -> str:
    """What is hashed of an LLM."""
    weight = llm.weight
    if isinstance(weight, StaticWeight):
        weight = StaticWeight(through_decimal(weight.weight))
    else:
        weights = (weight.base_weight, weight.min_weight, weight.max_weight)
        weight = TrainingTableWeight(*map(through_decimal, weights))
    return canonical_json(plain(replace(llm, weight=weight)))


def canonical_model_weight(model: VotingModel) -> str:
    """What is hashed of a model besides its LLMs."""
    return canonical_json(plain(model.weight))


def plain(definition: object) -> Any:  # noqa: ANN401 - JSON
    """A definition as plain JSON values, fields in their order, those left out that say nothing."""
    return msgspec.to_builtins(definition)


def roster_of(model: VotingModel) -> Roster:
    """The ids of *model* and of its LLMs, which are sorted by id: the order in which they were sent means nothing.

    An id of a model is a hash of its weight and of the ids of its LLMs, repeated ones included.
    """
    llms: Sequence[LLM] = model.models if isinstance(model, QueryModel) else model.llms
    listed = sorted((_named(llm) for llm in llms), key=lambda one: one.id)
    tables = _places([one.table for one in listed])
    multichats = _places([one.multichat for one in listed])
    voters = tuple(
        Voter(
            index=index,
            id=one.id,
            base_id=one.base,
            llm=one.llm,
            training_table_id=one.table,
            training_table_index=tables.get(index),
            multichat_id=one.multichat,
            multichat_index=multichats.get(index),
        )
        for index, one in enumerate(listed)
    )
    return Roster(
        id=content_id(_head(model) + "".join(one.id for one in listed)),
        model=model,
        voters=voters,
        training_table_id=_table_of(model, listed),
        multichat_id=_multichat_of(model, listed),
    )


def canonical_model(roster: Roster) -> str:
    """What is hashed of a model."""
    return _head(roster.model) + "".join(voter.id for voter in roster.voters)


class _Named(NamedTuple):
    id: str
    base: str
    table: str | None
    multichat: str | None
    llm: LLM


def _named(llm: LLM) -> _Named:
    base = base_id_of(llm)
    taught = isinstance(llm.weight, TrainingTableWeight)
    multichat = None if isinstance(llm, QueryLLM) else multichat_id_of(llm)
    return _Named(
        llm_id(llm) if taught or llm.weight != STATIC else base, base, base if taught else None, multichat, llm
    )


def _places(ids: Sequence[str | None]) -> dict[int, int]:
    """The place of each one when they are sorted by these ids."""
    order = sorted((key, index) for index, key in enumerate(ids) if key is not None)
    return {index: place for place, (_, index) in enumerate(order)}


def _head(model: VotingModel) -> str:
    """The weight, and what else tells two models of the same LLMs apart."""
    seen = isinstance(model, QueryModel) and model.select_generated_reasoning
    return canonical_model_weight(model) + ('{"select_generated_reasoning":true}' if seen else "")


def _table_of(model: VotingModel, listed: Sequence[_Named]) -> str | None:
    """Rows can be shared by what has the same LLMs and embeddings, however many rows are looked at."""
    match model.weight:
        case EmbeddingsModelWeight(embeddings=embeddings):
            head = canonical_json(plain(embeddings))
        case TaughtModelWeight(embeddings_model=name):
            head = canonical_json({"model": name})
        case _:
            return None
    return content_id(head + "".join(one.table or "" for one in listed))


def _multichat_of(model: VotingModel, listed: Sequence[_Named]) -> str | None:
    """Ids stand twice in it, as in the published service, but always sorted: the order there was that of other ids."""
    if not isinstance(model, ScoreModel):
        return None
    return content_id("".join(sorted(one.multichat or "" for one in listed)) * 2)
