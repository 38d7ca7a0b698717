"""The rows of a training table in memory: which of them are most similar to a prompt, and who was right on them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from turnout.domain.query import TrainingTableWeight
from turnout.query.weights import MarkedVote

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    _Floats = NDArray[np.float32]

__all__ = ["Neighbours"]

_FIRST: Final = 256
_SPARE: Final = 4
"""So many times as many rows are looked at as are wanted, because not every voter has voted on each."""
_CHUNK: Final = 64
_NEVER: Final = -2.0  # a cosine is never below -1


@final
class Neighbours:
    """Vectors of one length, and the match of each voter (by base id) on the row of each.

    ``size`` is how many there are.
    """

    def __init__(self, dimensions: int) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one product is too small to be shared among threads
        import numpy  # noqa: ICN001, PLC0415 - it takes a while, and only taught voters need it

        self._np: Any = numpy
        self.dimensions = dimensions
        self.size = 0
        self._vectors: _Floats = numpy.zeros((_FIRST, dimensions), numpy.float32)
        self._matches: dict[str, _Floats] = {}
        self._prompts: list[int] = []
        self._twins: dict[int, list[int]] = {}

    @property
    def memory(self) -> int:
        """Memory that the vectors take."""
        return int(self._vectors.nbytes)

    def add(self, vector: bytes, prompt: int, matches: Mapping[str, float]) -> int:
        """Add a row; its place. *vector* is float32; *prompt* stands for the text of it."""
        np, place = self._np, self.size
        if place == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
        self._vectors[place] = np.frombuffer(vector, "<f4")
        for voter, match in matches.items():
            column = self._column(voter)
            column[place] = match
        self._prompts.append(prompt)
        self._twins.setdefault(prompt, []).append(place)
        self.size = place + 1
        return place

    def nearest(
        self, vector: bytes, voters: Sequence[str], top: int, *, leave_out: int | None = None
    ) -> list[list[MarkedVote]]:
        """For each of *voters* the *top* most similar rows on which it voted, the most similar first.

        Rows of the prompt *leave_out* are passed over.
        """
        np = self._np
        if not self.size:
            return [[] for _ in voters]
        similarities = self._vectors[: self.size] @ np.frombuffer(vector, "<f4")
        if leave_out is not None:
            similarities[self._twins.get(leave_out, [])] = _NEVER
        order = self._order(similarities[None, :], top)[0]
        return [self._marked(similarities, order, voter, top) for voter in voters]

    def taught(
        self, places: Sequence[int], voters: Sequence[tuple[str, TrainingTableWeight]], top: int
    ) -> NDArray[np.float64]:
        """The weights of *voters* (base id and bounds) for the prompts of the rows at *places*, each without itself
        and what has the same prompt. One line for each place.
        """
        np = self._np
        weights = np.empty((len(places), len(voters)))
        for start in range(0, len(places), _CHUNK):
            some = list(places[start : start + _CHUNK])
            similarities = self._vectors[some] @ self._vectors[: self.size].T
            for line, place in enumerate(some):
                similarities[line, self._twins[self._prompts[place]]] = _NEVER
            order = self._order(similarities, top)
            near = np.clip(np.take_along_axis(similarities, order, 1), 0, None)
            for number, (voter, weight) in enumerate(voters):
                weights[start : start + len(some), number] = self._bulk(order, near, voter, weight, top)
        return weights  # type: ignore[no-any-return]  # numpy is named at run time only

    def _bulk(self, order: Any, near: Any, voter: str, weight: TrainingTableWeight, top: int) -> Any:  # noqa: ANN401 - arrays
        """The formula of ``weights.taught_weight`` for many prompts at once."""
        np = self._np
        matches = self._column(voter)[order]
        counts = ~np.isnan(matches)
        used = near * (counts & (np.cumsum(counts, 1) <= top))
        sums = used.sum(1)
        rates = np.divide((used * np.nan_to_num(matches)).sum(1), sums, out=np.full(len(sums), 0.5), where=sums > 0)
        points = (weight.min_weight, weight.base_weight, weight.max_weight)
        return np.interp(rates, (0.0, 0.5, 1.0), points)

    def _order(self, similarities: Any, top: int) -> Any:  # noqa: ANN401 - arrays
        """Places of the most similar rows, the most similar first; of equals the newest."""
        np = self._np
        wanted = min(self.size, max(_SPARE * top, top + _CHUNK))
        some = np.arange(self.size)[None, :].repeat(len(similarities), 0)
        if wanted < self.size:
            some = np.argpartition(similarities, self.size - wanted, 1)[:, self.size - wanted :]
        keys = (-some, -np.take_along_axis(similarities, some, 1))
        return np.take_along_axis(some, np.lexsort(keys, 1), 1)

    def _marked(self, similarities: Any, order: Any, voter: str, top: int) -> list[MarkedVote]:  # noqa: ANN401 - arrays
        np = self._np
        if voter not in self._matches:
            return []
        column = self._column(voter)[: self.size]
        voted = order[~np.isnan(column[order])][:top]
        if len(voted) < top and len(order) < self.size:  # it has missed many: look at all on which it voted
            all_voted = np.flatnonzero(~np.isnan(column))
            voted = all_voted[np.lexsort((-all_voted, -similarities[all_voted]))][:top]
        pairs = zip(similarities[voted].tolist(), column[voted].tolist(), strict=True)
        return [MarkedVote(min(1.0, near), match) for near, match in pairs if near > 0]

    def _column(self, voter: str) -> _Floats:
        """The matches of a voter, not a number where it has not voted."""
        np, room = self._np, len(self._vectors)
        column = self._matches.get(voter)
        if column is None or len(column) < room:
            longer = np.full(room, np.nan, np.float32)
            if column is not None:
                longer[: len(column)] = column
            column = self._matches[voter] = longer
        return column
