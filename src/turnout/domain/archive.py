"""Completions of voters as they are kept: what was asked, what came of it, and what turned out to be true."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["ArchivedCompletion", "CompletionKind", "ListedCompletion"]

CompletionKind = Literal["chat", "query", "score", "multichat"]


class ArchivedCompletion(Struct, frozen=True, kw_only=True):
    """One completion. Texts hold JSON, moments are unix seconds.

    Attributes:
        model: id of the model.
        preview: the beginning of what was asked.
        request: as it was sent.
        response: as it was answered.
        ballot: who voted for what, under which seed, on which prompt; what training tables learn from.
        published: everybody who has a key may read it.
        truth: the right answer, once somebody has told it: a confidence id, or a share for each choice.
        truth_modified: when that was.
    """

    id: str
    kind: CompletionKind
    account_id: str
    created: float
    model: str
    preview: str
    request: str
    response: str
    ballot: str = "{}"
    published: bool = False
    truth: str | None = None
    truth_modified: float | None = None


class ListedCompletion(Struct, frozen=True, kw_only=True):
    """An entry of a list of completions."""

    id: str
    created: float
    preview: str
