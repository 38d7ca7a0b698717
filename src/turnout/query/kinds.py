"""The kinds of definitions: how each is read, stored, identified and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from turnout.base.jsons import encode
from turnout.domain.archive import CompletionKind
from turnout.domain.query import (
    LLM,
    DefinitionKind,
    QueryLLM,
    QueryModel,
    Roster,
    ScoreLLM,
    ScoreModel,
    StaticModelWeight,
    StoredDefinition,
    Voter,
)
from turnout.query.canonical import content_id
from turnout.query.identity import (
    base_id_of,
    canonical_llm,
    canonical_model,
    llm_id,
    multichat_id_of,
    multichat_of,
    plain,
    roster_of,
    training_table_id_of,
)
from turnout.query.normalise import query_llm_of, query_model_of, score_llm_of, score_model_of

__all__ = ["KINDS", "VOTERS", "Defined", "Kind", "defined_by", "stored_form"]

_VOTING: Final = frozenset({"weight", "output_mode"})
"""Fields that mean nothing to a definition that only answers."""


class Defined(Struct, frozen=True):
    """A definition with its ids.

    Attributes:
        shown: as clients read it.
        canonical: what its id is a hash of.
        roster: of a model; None for an LLM.
        llm: of an LLM; None for a model.
        members: the LLMs of a model, which are registered with it.
    """

    kind: DefinitionKind
    id: str
    training_table_id: str | None
    shown: dict[str, Any]
    canonical: str
    llm: LLM | None = None
    roster: Roster | None = None
    members: tuple[Defined, ...] = ()


class Kind(Struct, frozen=True):
    """One kind of definitions.

    Attributes:
        path: where it is served.
        public: whether a caller without a key may read and register it.
        model: whether it is a set of LLMs.
        query: whether it speaks the Query dialect.
        read: from what a client sent (decoded JSON). Raises BadRequest.
    """

    path: str
    public: bool
    model: bool
    query: bool
    read: Callable[[object], Defined]


def defined_by(kind: DefinitionKind, value: object) -> Defined:
    """The definition of that *kind* that *value* (decoded JSON, as a client sends it or as it is stored) makes.

    Raises:
        BadRequest: with the field, the rule and the value.
    """
    return KINDS[kind].read(value)


def stored_form(defined: Defined, account_id: str, created: float) -> StoredDefinition:
    """The row of a definition."""
    model = None if defined.roster is None else defined.roster.model
    return StoredDefinition(
        kind=defined.kind,
        id=defined.id,
        definition=encode(plain(model if model is not None else defined.llm)).decode(),
        account_id=account_id,
        created=created,
        training_table_id=defined.training_table_id,
    )


KINDS: Final[Mapping[DefinitionKind, Kind]] = {
    "query_llm": Kind(
        "/query_llms", public=True, model=False, query=True,
        read=lambda value: _defined_llm("query_llm", query_llm_of(value)),
    ),
    "query_model": Kind(
        "/query_models", public=True, model=True, query=True,
        read=lambda value: _defined_model("query_model", roster_of(query_model_of(value))),
    ),
    "score_llm": Kind(
        "/score/llms", public=False, model=False, query=False,
        read=lambda value: _defined_llm("score_llm", score_llm_of(value)),
    ),
    "score_model": Kind(
        "/score/models", public=False, model=True, query=False,
        read=lambda value: _defined_model("score_model", roster_of(score_model_of(value))),
    ),
    "multichat_llm": Kind(
        "/multichat/llms", public=False, model=False, query=False,
        read=lambda value: _defined_llm("multichat_llm", multichat_of(score_llm_of(value))),
    ),
    "multichat_model": Kind(
        "/multichat/models", public=False, model=True, query=False,
        read=lambda value: _defined_model("multichat_model", roster_of(_answering(score_model_of(value)))),
    ),
}  # fmt: skip
VOTERS: Final[Mapping[CompletionKind, tuple[DefinitionKind, DefinitionKind]]] = {
    "chat": ("query_llm", "query_model"),
    "query": ("query_llm", "query_model"),
    "score": ("score_llm", "score_model"),
    "multichat": ("multichat_llm", "multichat_model"),
}
"""By kind of completion: what its voters are defined by, and what a set of them is."""


def _answering(model: ScoreModel) -> ScoreModel:
    """A model whose LLMs only answer."""
    return ScoreModel(llms=tuple(map(multichat_of, model.llms)), weight=StaticModelWeight())


def _defined_llm(kind: DefinitionKind, llm: LLM) -> Defined:
    table = training_table_id_of(llm)
    name = llm_id(llm)
    ids: dict[str, Any] = {"name": name, "query_llm_id": name} if isinstance(llm, QueryLLM) else {"id": name}
    ids["base_id"] = base_id_of(llm)
    if table is not None:
        ids["training_table_name" if isinstance(llm, QueryLLM) else "training_table_id"] = table
    if isinstance(llm, ScoreLLM) and kind == "score_llm":
        ids["multichat_id"] = multichat_id_of(llm)
    return Defined(kind, name, table, _fields(kind, llm) | ids, canonical_llm(llm), llm=llm)


def _defined_model(kind: DefinitionKind, roster: Roster) -> Defined:
    members = {voter.id: _defined_llm(_MEMBER_KINDS[kind], voter.llm) for voter in roster.voters}
    llms = [members[voter.id].shown | _places(kind, voter) for voter in roster.voters]
    model = roster.model
    name, canonical = roster.id, canonical_model(roster)
    shown: dict[str, Any] = {}
    if isinstance(model, QueryModel):
        shown |= {"name": name, "query_model_id": name}
        if roster.training_table_id is not None:
            shown["training_table_name"] = roster.training_table_id
        shown |= {"models": llms, "weight": plain(model.weight)}
        if model.select_generated_reasoning:
            shown["select_generated_reasoning"] = True
    elif kind == "score_model":
        shown = {"id": name, "multichat_id": roster.multichat_id}
        if roster.training_table_id is not None:
            shown["training_table_id"] = roster.training_table_id
        shown |= {"llms": llms, "weight": plain(model.weight)}
    else:  # its id is the one that a Score model tells of it
        canonical = "".join(voter.id for voter in roster.voters) * 2
        name = content_id(canonical)
        shown = {"id": name, "llms": llms}
        roster = replace(roster, id=name)
    return Defined(
        kind, name, roster.training_table_id, shown, canonical, roster=roster, members=tuple(members.values())
    )


_MEMBER_KINDS: Final[Mapping[DefinitionKind, DefinitionKind]] = {
    "query_model": "query_llm",
    "score_model": "score_llm",
    "multichat_model": "multichat_llm",
}


def _fields(kind: DefinitionKind, llm: LLM) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(llm)
    if kind == "multichat_llm":
        return {name: value for name, value in fields.items() if name not in _VOTING}
    return fields


def _places(kind: DefinitionKind, voter: Voter) -> dict[str, Any]:
    places: dict[str, Any] = {"index": voter.index}
    if kind == "score_model":
        places["multichat_index"] = voter.multichat_index
    if voter.training_table_index is not None:
        places["training_table_index"] = voter.training_table_index
    return places
