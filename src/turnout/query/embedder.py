"""The built-in embeddings model: words, pairs of words and parts of words, hashed into 256 dimensions.

It knows no meanings: texts are similar as far as they share words, or words share parts. It needs no network, costs
nothing, and gives the same vector everywhere.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from math import log, sqrt
from typing import Final

from xxhash import xxh3_64_intdigest

__all__ = ["DIMENSIONS", "HASHED", "hashed_embedding"]

HASHED: Final = "turnout/hash-256"
"""Its name, where an embeddings model is asked for."""

DIMENSIONS: Final = 256

_LONGEST: Final = 20_000
"""Of a longer text so many characters count, one half from each end."""
_WORD: Final = re.compile(r"\w+")
_USUAL: Final = 4  # characters: of most languages the words that say little are shorter
_SHORT, _PAIR, _PART = 0.35, 0.5, 0.4  # beside 1 for a word
_PLACES: Final = 3
"""Of each feature: two that meet in one place still differ in the others."""

_Place = tuple[int, float]


def hashed_embedding(text: str) -> array[float]:
    """The vector of *text*: float32, of length 1, or 0 throughout where there is no word in it.

    Each distinct feature counts 1 + ln(how often it occurs), times its weight: 1 for a word, 0.35 for one of fewer
    than four characters, 0.5 for two words in a row, 0.4 for three characters of a word and its bounds.
    """
    if len(text) > _LONGEST:
        text = text[: _LONGEST // 2] + " " + text[-_LONGEST // 2 :]
    words = _WORD.findall(text.casefold())
    sums = [0.0] * DIMENSIONS
    for word, times in _counted(words):
        for place, amount in _of_word(word):
            sums[place] += times * amount
    for pair, times in _counted([f"{one} {other}" for one, other in pairwise(words)]):
        for place, amount in _places("pair " + pair, _PAIR):
            sums[place] += times * amount
    length = sqrt(sum(one * one for one in sums))
    return array("f", [one / length for one in sums] if length else sums)


def _counted(features: Sequence[str]) -> Iterator[tuple[str, float]]:
    counts: dict[str, int] = {}
    for feature in features:
        counts[feature] = counts.get(feature, 0) + 1
    for feature, count in counts.items():
        yield feature, 1 + log(count)


@lru_cache(maxsize=1 << 14)
def _of_word(word: str) -> tuple[_Place, ...]:
    """Where a word and its parts go."""
    places = list(_places("word " + word, 1.0 if len(word) >= _USUAL else _SHORT))
    if len(word) >= _USUAL:
        bounded = f" {word} "
        for start in range(len(bounded) - 2):
            places += _places("part " + bounded[start : start + 3], _PART)
    return tuple(places)


def _places(feature: str, weight: float) -> Iterator[_Place]:
    """Places and signs of a feature, from the bits of one hash: eight for the place, one for the sign, each time."""
    bits = xxh3_64_intdigest(feature.encode("utf-8", "surrogatepass"))
    amount = weight / sqrt(_PLACES)
    for _ in range(_PLACES):
        yield bits & 255, amount if bits & 256 else -amount
        bits >>= 9
