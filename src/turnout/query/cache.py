"""Votes that were given before, for callers who want them again: weighing them anew then costs nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple, final

from turnout.domain.query import VoteKind

__all__ = ["KeptVote", "VoteCache"]

_MOST = 50_000


class KeptVote(NamedTuple):
    """One vote: a share for each option, the share that was withheld, and where they come from."""

    shares: tuple[float, ...]
    abstained: float
    kind: VoteKind


@final
class VoteCache:
    """Votes by account, voter and question; the oldest make room. The weight of a voter is no part of it."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, tuple[KeptVote, ...]] = OrderedDict()

    @staticmethod
    def key(account_id: str, base_id: str, question: Sequence[bytes]) -> bytes:
        """What the votes of one voter are kept by. *question* is all that it is asked, in a fixed order."""
        digest = blake2b(f"{account_id}\0{base_id}".encode(), digest_size=16)
        for part in question:
            digest.update(b"%d\0%b" % (len(part), part))
        return digest.digest()

    def get(self, key: bytes) -> tuple[KeptVote, ...] | None:
        """The votes of *key*, which become the newest."""
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
        return kept

    def put(self, key: bytes, votes: Sequence[KeptVote]) -> None:
        """Keep *votes*."""
        self._kept[key] = tuple(votes)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
