"""What voters learn from marked completions: their weights for a prompt, and what a confidence of theirs is worth."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, final

import msgspec
from msgspec.structs import replace

from turnout.base.errors import BadRequest, NotFound, UpstreamError
from turnout.base.jsons import encode
from turnout.contracts.training import TrainingTables
from turnout.domain.archive import ArchivedCompletion
from turnout.domain.query import (
    DefinitionKind,
    EmbeddingsModelWeight,
    Evidence,
    Message,
    ProviderChoice,
    QueryModel,
    Roster,
    StaticModelWeight,
    TrainingTableWeight,
)
from turnout.domain.training import TrainingRow, TrainingTable
from turnout.query.embedder import HASHED, hashed_embedding
from turnout.query.embedding import embed_texts
from turnout.query.kinds import Defined
from turnout.query.registry import Registry
from turnout.query.tables import Held, Judged, Shelf, prompt_key, top_of
from turnout.query.texts import answer_text, prompt_text
from turnout.query.voters import Line
from turnout.query.weighing import Weights
from turnout.query.weights import taught_weight, weight_without_table

__all__ = ["Training", "Vector", "embeddings_model_of", "packed_vector", "table_id_of", "table_of"]

_BYTES_PER_TOKEN: Final = 3  # of most texts a token is longer: better to cut a little too much than to be refused
_SWAPPED: Final = sys.byteorder == "big"


class Vector(NamedTuple):
    """A prompt's vector (float32 of length 1; empty where nobody made one), and the answer it came in."""

    packed: bytes
    answer: Mapping[str, object] | None


def table_id_of(roster: Roster) -> str:
    """Where the rows of *roster* are: with static weights under its own id."""
    return roster.training_table_id or roster.id


def embeddings_model_of(roster: Roster) -> tuple[str, int | None, ProviderChoice | None]:
    """Who makes vectors for *roster* (empty: nobody), of how many tokens at most, and the wishes for its routing."""
    weight = roster.model.weight
    if isinstance(weight, StaticModelWeight):
        return "", None, None
    if isinstance(weight, EmbeddingsModelWeight):
        return weight.embeddings.model, weight.embeddings.max_tokens, weight.embeddings.provider
    return weight.embeddings_model, None, None


def table_of(roster: Roster, account_id: str, now: float) -> TrainingTable:
    """The table of *roster*, as it begins."""
    return TrainingTable(
        id=table_id_of(roster),
        account_id=account_id,
        query=isinstance(roster.model, QueryModel),
        model=roster.id,
        embeddings_model=embeddings_model_of(roster)[0],
        created=now,
    )


def packed_vector(numbers: Sequence[float]) -> bytes:
    """*numbers* as float32 of length 1, little-endian; those of length 0 stay so."""
    length = sum(one * one for one in numbers) ** 0.5
    packed = array("f", [one / length for one in numbers] if length else numbers)
    if _SWAPPED:
        packed.byteswap()
    return packed.tobytes()


@final
class Training:
    """Weighs voters by what they got right (a ``weighing.Weigher``), and learns (a ``marking.Learner``)."""

    def __init__(self, stored: TrainingTables, registry: Registry, monotonic: Callable[[], float]) -> None:
        self.stored = stored
        self._registry = registry
        self._shelf = Shelf(stored, monotonic)
        self.told: Callable[[str, Sequence[TrainingRow], Roster], Awaitable[None]] | None = None

    async def __call__(
        self, roster: Roster, messages: Sequence[Message], response_format_hash: str | None, account_id: str, line: Line
    ) -> Weights:
        """The weights for *messages*. Where the embeddings model fails, each voter has its base weight.

        Raises:
            TurnoutError: the embeddings model cannot be asked at all.
        """
        calibrated = await self._calibrated(account_id, roster)
        if isinstance(roster.model.weight, StaticModelWeight):
            return Weights(values=_base(roster), calibrated=calibrated)
        prompt = prompt_text(messages)
        try:
            vector = await self.vector(roster, prompt, line)
        except UpstreamError as error:
            vector = Vector(b"", {"error": {"error_type": error.error_type, "message": error.message}})
        evidence = await self.evidence(roster, account_id, vector.packed, response_format_hash or "")
        return Weights(
            values=tuple(one.weight for one in evidence),
            evidence=evidence,
            embeddings=vector.answer,
            calibrated=calibrated,
        )

    async def evidence(
        self,
        roster: Roster,
        account_id: str,
        vector: bytes,
        response_format_hash: str = "",
        *,
        leave_out: str | None = None,
    ) -> tuple[Evidence, ...]:
        """The weight of each voter of *roster* for a prompt of that *vector*, and what it rests on.

        Rows of the prompt *leave_out* are passed over: so a row is judged by the others.
        """
        held = await self._shelf.find(account_id, table_id_of(roster))
        near = None if held is None else held.vectors(response_format_hash, vector)
        bounds = [voter.llm.weight for voter in roster.voters]
        if near is None:
            rows: Sequence[Sequence[Any]] = [()] * len(bounds)
        else:
            left = None if leave_out is None else prompt_key(leave_out)
            voters = [voter.base_id for voter in roster.voters]
            rows = near.nearest(vector, voters, top_of(roster), leave_out=left)
        return tuple(
            taught_weight(some, weight)
            if isinstance(weight, TrainingTableWeight)
            else Evidence(weight=weight.weight, rows_used=0, similarity_sum=0.0, match_rate=None)
            for some, weight in zip(rows, bounds, strict=True)
        )

    async def vector(self, roster: Roster, prompt: str, line: Line) -> Vector:
        """The vector of *prompt* for the table of *roster*; the model is asked over *line* unless it is the built-in.

        Raises:
            TurnoutError: it cannot be asked, or has failed.
        """
        model, most, provider = embeddings_model_of(roster)
        text = _cut(prompt, most)
        if not model or not text:
            return Vector(b"", None)
        if model == HASHED:
            numbers: Sequence[float] = hashed_embedding(text)
            usage: object = {"prompt_tokens": 0, "total_tokens": 0, "cost": 0}
            served = HASHED
        else:
            embedded = await embed_texts(line, model, [text], provider)
            numbers, tokens = embedded.vectors[0], embedded.heard.usage.prompt_tokens
            usage = {"prompt_tokens": tokens, "total_tokens": tokens}
            served = embedded.heard.model or model
        shown = [round(one, 7) for one in numbers] if model == HASHED else list(numbers)
        entry = {"object": "embedding", "index": 0, "embedding": shown}
        return Vector(packed_vector(numbers), {"object": "list", "model": served, "data": [entry], "usage": usage})

    async def held(self, account_id: str, table_id: str) -> Held | None:
        """A table in memory. Raises Unavailable: the store cannot be asked."""
        return await self._shelf.find(account_id, table_id)

    async def judged(self, account_id: str, roster: Roster) -> Judged | None:
        """How good the confidences of *roster* are on what the account has marked; None without a table."""
        if await self._shelf.find(account_id, table_id_of(roster)) is None:
            return None
        return await self._shelf.judged(account_id, table_id_of(roster), roster)

    async def put(
        self, table: TrainingTable, rows: Sequence[TrainingRow], roster: Roster | None = None
    ) -> TrainingTable:
        """Add rows, which the voters of *roster* have voted on; those of the same id are replaced."""
        put = await self.stored.put_training_rows(table, rows)
        self._shelf.changed(table.account_id, table.id)
        if self.told is not None and roster is not None:
            await self.told(table.account_id, rows, roster)
        return put

    async def remove(self, account_id: str, table_id: str, row_ids: Sequence[str]) -> int:
        """Remove rows; how many there were."""
        count = await self.stored.delete_training_rows(account_id, table_id, row_ids)
        self._shelf.changed(account_id, table_id)
        return count

    async def remove_table(self, account_id: str, table_id: str) -> bool:
        """Remove a table; False where there is none."""
        gone = await self.stored.delete_training_table(account_id, table_id)
        self._shelf.changed(account_id, table_id)
        return gone

    async def learn(self, completion: ArchivedCompletion, truth: Sequence[float]) -> None:
        """*completion* has been marked: *truth* has a share for each option of its ballot."""
        roster = await self._roster_of(completion)
        table = table_of(roster, completion.account_id, completion.created)
        await self.put(table, [_row_of(completion, truth, roster)], roster)

    async def unlearn(self, completion: ArchivedCompletion) -> None:
        """The mark of *completion* has been taken back."""
        roster = await self._roster_of(completion)
        await self.remove(completion.account_id, table_id_of(roster), [completion.id])

    async def _roster_of(self, completion: ArchivedCompletion) -> Roster:
        kind: DefinitionKind = "score_model" if completion.kind == "score" else "query_model"
        roster = (await self._registry.find(kind, completion.model)).roster
        assert roster is not None  # noqa: S101 - it is a model
        return roster

    async def roster(self, table_id: str, table: TrainingTable | None, model: str | None = None) -> Roster:
        """Voters that learn in the table of that id: of the *model* that is named, else of the one it began with.

        Raises:
            BadRequest: the model that is named learns elsewhere, or an id has not the form of one.
            NotFound: nobody has registered a model that learns there.
        """
        kinds: tuple[DefinitionKind, ...] = ("score_model", "query_model")
        wanted = model or (None if table is None else table.model)
        for kind in kinds:
            defined = await self._found(kind, table_id, wanted)
            if defined is None or defined.roster is None:
                continue
            if table_id_of(defined.roster) != table_id:
                raise BadRequest("`model` learns in another training table")
            return defined.roster
        raise NotFound("No model is registered that learns in this training table")

    async def _found(self, kind: DefinitionKind, table_id: str, model: str | None) -> Defined | None:
        try:
            return await self._registry.find(kind, model or table_id)
        except NotFound:
            if model is not None:
                return None
        stored = await self._registry.stored.definition_of_table(kind, table_id)
        return None if stored is None else await self._registry.find(kind, stored.id)

    async def _calibrated(self, account_id: str, roster: Roster) -> Callable[[float], tuple[float, int]] | None:
        judged = await self.judged(account_id, roster)
        return None if judged is None else judged.calibration


def _base(roster: Roster) -> tuple[float, ...]:
    return tuple(weight_without_table(voter.llm.weight) for voter in roster.voters)


def _cut(prompt: str, most_tokens: int | None) -> str:
    if not most_tokens or len(prompt) <= most_tokens:
        return prompt
    return prompt.encode("utf-8", "replace")[: most_tokens * _BYTES_PER_TOKEN].decode("utf-8", "ignore")


def _row_of(completion: ArchivedCompletion, truth: Sequence[float], roster: Roster) -> TrainingRow:
    """What a marked completion teaches."""
    ballot: dict[str, Any] = msgspec.json.decode(completion.ballot)
    response: dict[str, Any] = msgspec.json.decode(completion.response)
    query = completion.kind != "score"
    shape = ballot.get("response_format_hash") or ""
    choices = response.get("choices") or []
    texts = ballot.get("ids") or [answer_text(choice["message"]) for choice in choices[: len(truth)]]
    told = response.get("training_table_data" if query else "weight_data") or {}
    row = TrainingRow(
        id=completion.id,
        response_format_hash=shape if query else "",
        completion_id=completion.id,
        created=completion.created,
        prompt=ballot["prompt"],
        options=encode(texts).decode(),
        truth=encode([float(one) for one in truth]).decode(),
        votes=encode([(vote["base_id"], vote["shares"]) for vote in ballot.get("votes") or ()]).decode(),
    )
    return replace(row, embedding=_vector_in(told.get("embeddings_response"), ballot["prompt"], roster))


def _vector_in(answer: object, prompt: str, roster: Roster) -> bytes:
    """The vector that the completion was weighed by."""
    if embeddings_model_of(roster)[0] == HASHED:
        return packed_vector(hashed_embedding(_cut(prompt, embeddings_model_of(roster)[1])))
    entries = answer.get("data") if isinstance(answer, dict) else None
    vector = entries[0].get("embedding") if entries else None
    return packed_vector(vector) if isinstance(vector, list) else b""
