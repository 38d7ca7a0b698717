"""A prompt as numbers: hashed words and hand-made signals, the same on every machine, quickly."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["BUCKETS", "HAND", "Features", "chained", "cut", "features_of", "phrase_hashes"]

BUCKETS = 1 << 15
"""Words and pairs of neighbours are counted in so many buckets."""

_HEAD, _TAIL = 2_500, 1_000
_ROOM = 4 * (_HEAD + _TAIL) + 16
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)
_SHIFT = np.uint64(64 - 15)
_HALF = np.uint64(32)

_FAMILIES: dict[str, str] = {
    "asks": "what which who whom whose when where why how",
    "denies": "not except no never false incorrect least cannot without neither nor",
    "sums": (
        "sum total how many much per each times twice half double percent average remaining left cost costs price "
        "dollars cents hours minutes days weeks miles"
    ),
    "proves": (
        "prove proof theorem lemma integer integers polynomial matrix vector derivative integral equation function "
        "prime modulo group ring field probability triangle circle angle radius graph finite infinite let suppose"
    ),
    "codes": (
        "code function def return class import python java javascript rust sql list array string int print assert "
        "test tests bug error exception loop variable method api json html css compile implement"
    ),
    "writes": "write story poem essay email letter article blog creative describe draft compose",
    "judges": "best most likely true following statement correct according should would could",
    "knows": (
        "country city capital president war century born king film movie song album book author team river year won "
        "name named called"
    ),
    "measures": (
        "mass energy force velocity temperature pressure volume current voltage heat density mol gas acid ion cell"
    ),
    "laws": "law court plaintiff defendant contract statute evidence trial property liable crime murder constitution",
    "heals": (
        "patient disease treatment symptoms blood clinical drug doctor syndrome pain diagnosis infection muscle nerve"
    ),
    "trades": "market firm price demand supply inflation rate interest tax stock bond capital income profit bank money",
    "moral": "moral wrong ethical right rights argue philosophy believes kant utilitarian duty virtue",
    "steps": "step steps first then next finally explain reason reasoning think show detail",
}

_SIGNS = ("?", "!", "{}", "()", "[]", "=<>", "+-*/^", "\\", "$", "`", "\"'", ",", ".", ":;", "%", "_", "\n", "|")

HAND: tuple[str, ...] = (
    "log_chars", "log_words", "log_lines", "word_length", "digits", "capitals", "foreign", "numbers", "distinct",
    "options", "blanks", "long_words", "line_length",
    *(f"sign {sign!r}" for sign in _SIGNS),
    *_FAMILIES,
)  # fmt: skip
"""The names of the hand-made signals, in their order."""


class Features(NamedTuple):
    """Buckets that a text fills, how strongly each, its hand-made signals, and hashes of its words in their order."""

    buckets: NDArray[np.int64]
    counts: NDArray[np.float32]
    hand: NDArray[np.float32]
    words: NDArray[np.uint64]


def cut(text: str) -> str:
    """The beginning and the end of a long *text*: where instructions stand."""
    return text if len(text) <= _HEAD + _TAIL else text[:_HEAD] + "\n" + text[-_TAIL:]


def _powers() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Powers of an odd number modulo 2**64, and their inverses: what makes the hash of every slice a difference."""
    inverse = pow(int(_PRIME), -1, 1 << 64)
    forth, back = np.empty(_ROOM, np.uint64), np.empty(_ROOM, np.uint64)
    up = down = 1
    for place in range(_ROOM):
        forth[place], back[place] = up, down
        up, down = up * int(_PRIME) % (1 << 64), down * inverse % (1 << 64)
    return forth, back


_FORTH, _BACK = _powers()
_WORD = np.zeros(256, np.bool_)
_WORD[[*range(48, 58), *range(97, 123), *range(128, 256)]] = True


def _sign_table() -> NDArray[np.float32]:
    table = np.zeros((256, len(_SIGNS) + 3), np.float32)
    for column, signs in enumerate(_SIGNS):
        table[[ord(sign) for sign in signs], column] = 1
    table[48:58, -3] = 1
    table[65:91, -2] = 1
    table[128:, -1] = 1
    return table


_SIGN_TABLE = _sign_table()


def _scrambled(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = hashes * _MIX
    return (mixed ^ (mixed >> _HALF)) * _PAIR


def _prefixes(lowered: NDArray[np.uint8]) -> NDArray[np.uint64]:
    sums = np.zeros(len(lowered) + 1, np.uint64)
    np.cumsum((lowered.astype(np.uint64) + np.uint64(1)) * _FORTH[: len(lowered)], out=sums[1:])
    return sums


def _words(lowered: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where words begin and end."""
    inside = np.zeros(len(lowered) + 2, np.int8)
    inside[1:-1] = _WORD[lowered]
    edges = np.diff(inside)
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def phrase_hashes(text: str, length: int = 0) -> NDArray[np.uint64]:
    """One number for each run of *length* words of *text*, in order; 0: for the run of all of them."""
    words = _word_hashes(text)
    return chained(words, length or len(words))


def chained(words: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """One number for each run of *length* words."""
    if not 0 < length <= len(words):
        return words[:0]
    runs = words[: len(words) - length + 1]
    for step in range(1, length):
        runs = _scrambled(runs * _PAIR + words[step : len(words) - length + 1 + step])
    return runs


def _word_hashes(text: str) -> NDArray[np.uint64]:
    lowered = np.frombuffer(cut(text).lower().encode("utf-8", "replace")[:_ROOM], np.uint8)
    starts, ends = _words(lowered)
    sums = _prefixes(lowered)
    return _scrambled((sums[ends] - sums[starts]) * _BACK[starts])


_FAMILY_OF = {int(one): place for place, words in enumerate(_FAMILIES.values()) for one in phrase_hashes(words, 1)}
_FAMILY_HASHES = np.array(sorted(_FAMILY_OF), np.uint64)
_FAMILY_PLACES = np.array([_FAMILY_OF[int(one)] for one in _FAMILY_HASHES])


def features_of(text: str) -> Features:
    """The features of *text*, of which only the first 2,500 and the last 1,000 characters are read."""
    short = cut(text)
    raw = np.frombuffer(short.encode("utf-8", "replace")[:_ROOM], np.uint8)
    lowered = np.frombuffer(short.lower().encode("utf-8", "replace")[:_ROOM], np.uint8)
    starts, ends = _words(lowered)
    sums = _prefixes(lowered)
    words = _scrambled((sums[ends] - sums[starts]) * _BACK[starts])
    pairs = chained(words, 2)
    buckets, counts = np.unique(np.concatenate((words, pairs)) >> _SHIFT, return_counts=True)
    return Features(
        buckets.astype(np.int64),
        (1 + np.log(counts)).astype(np.float32),
        _hand(short, len(text), raw, words, ends - starts),
        words,
    )


def _hand(
    short: str, whole: int, raw: NDArray[np.uint8], words: NDArray[np.uint64], lengths: NDArray[np.int64]
) -> NDArray[np.float32]:
    signs = np.bincount(raw, minlength=256).astype(np.float32) @ _SIGN_TABLE
    size, count, lines = max(1, len(raw)), max(1, len(words)), 1 + short.count("\n")
    options = sum(short.count(f"\n{letter}{mark}") for letter in "ABCDJ" for mark in ".)")
    digit_words = int(np.count_nonzero(_digit_words(raw)))
    families = np.zeros(len(_FAMILIES), np.float32)
    if len(words):
        places = np.minimum(np.searchsorted(_FAMILY_HASHES, words), len(_FAMILY_HASHES) - 1)
        hit = _FAMILY_HASHES[places] == words
        families += np.bincount(_FAMILY_PLACES[places[hit]], minlength=len(_FAMILIES))
    first: list[Any] = [
        math.log1p(whole), math.log1p(count), math.log(lines), float(lengths.sum()) / count,
        signs[-3] / size, signs[-2] / size, signs[-1] / size, math.log1p(digit_words),
        len(set(words.tolist())) / count, options, short.count("____") + short.count("___ "),
        float(np.count_nonzero(lengths > 8)) / count, math.log1p(size / lines),
    ]  # fmt: skip
    return np.concatenate(
        (
            np.array(first, np.float32),
            np.sqrt(signs[:-3] / np.float32(np.sqrt(size))),
            np.sqrt(families / np.float32(np.sqrt(count))),
        )
    )


def _digit_words(raw: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where runs of digits begin."""
    digit = (raw >= 48) & (raw <= 57)
    digit[1:] &= ~digit[:-1].copy()
    return digit
