"""Training tables: prompts of which the truth is known, with what each voter said to them."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["TrainingRow", "TrainingTable"]


class TrainingTable(Struct, frozen=True, kw_only=True):
    """What an account has taught the voters of one model, whatever they weigh.

    Attributes:
        id: hash of the embeddings model and of the voters; of a model with static weights its own id.
        query: whether its model speaks the Query dialect, else Score.
        model: id of the model that it was begun with.
        embeddings_model: who turns prompts into vectors; empty where weights are static.
        created: unix seconds.
        revision: grows with every change of the rows.
        removals: grows when rows are removed, or replaced.
        rows: how many there are.
    """

    id: str
    account_id: str
    query: bool
    model: str
    embeddings_model: str
    created: float
    revision: int = 0
    removals: int = 0
    rows: int = 0


class TrainingRow(Struct, frozen=True, kw_only=True):
    """One prompt with its truth. Texts in plural hold JSON.

    Attributes:
        id: of the completion where it comes from one.
        response_format_hash: what rows are told apart by in the Query dialect, else empty.
        completion_id: the completion that was marked.
        created: unix seconds.
        revision: of the table, when it was written.
        prompt: the conversation as one text.
        options: the texts, or confidence ids, that were to choose from.
        truth: a share for each option; all 0 where none of them is right.
        votes: pairs of a voter's base id and its shares, or null where it failed.
        embedding: of the prompt, little-endian float32, of length 1; empty where nobody made one.
    """

    id: str
    response_format_hash: str = ""
    completion_id: str | None = None
    created: float
    revision: int = 0
    prompt: str
    options: str
    truth: str
    votes: str
    embedding: bytes = b""
