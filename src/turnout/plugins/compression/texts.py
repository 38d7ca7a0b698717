"""Long texts made shorter: from the middle, or where they have least to do with a question."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

__all__ = ["MARK", "Scorer", "question_words", "shortened"]

MARK = "\n[…]\n"
"""Stands where something was left out."""
_WORD = re.compile(r"[^\W_]{2,}")
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "about all also and answer any are been but can could did does for from had has have her here him his how "
        "into is it its just know like list made make many may me more most much my name no not now of on one only or "
        "our out please say she should so some tell than that the their them then there these they this to us use "
        "very want was we were what when where which who whom whose why will with would you your as at be by do he if "
        "in an am ",
    )
)
_MOST_WORDS = 24
_LONGEST_STEM = 12
_PIECE, _SHORTEST = 400, 150  # characters
_ENDS = ("\n", ". ", "! ", "? ", "\u3002", "\uff01", "\uff1f")
_KEPT_AT_ENDS = 0.25

Scorer = Callable[[str], float]
"""How much a text has to do with a question: 0 is nothing."""


def question_words(question: str) -> list[str]:
    """The words by which *question* can be told from others, in lower case, without their endings."""
    found: dict[str, None] = {}
    for word in _WORD.findall(question.lower()):
        if word in _COMMON:
            continue
        for run in _IDEOGRAPHS.findall(word):
            found.update(dict.fromkeys(run[at : at + 2] for at in range(max(1, len(run) - 1))))
        if not _IDEOGRAPHS.search(word):
            found[_stem(word)] = None
    return sorted(found, key=len, reverse=True)[:_MOST_WORDS]


def shortened(text: str, keep: int, score: Callable[[Sequence[str]], Sequence[float]] | None = None) -> str:
    """*text* in about *keep* characters: its beginning and its end, and, with *score*, the best of what is between."""
    keep -= len(MARK)
    if len(text) <= keep + len(MARK):
        return text
    if keep <= 0:
        return MARK.strip()
    if score is None or keep < _SHORTEST:
        return _ends(text, keep - keep // 2, keep // 2)
    end = int(keep * _KEPT_AT_ENDS)
    middle = _pieces(text[end : len(text) - end], min(_PIECE, keep // 3))
    left = keep - 2 * end
    scores = score(middle)
    chosen: set[int] = set()
    for place in sorted(range(len(middle)), key=lambda one: (-scores[one], one)):
        size = len(middle[place]) + len(MARK)
        if size <= left and scores[place] > 0:
            chosen.add(place)
            left -= size
    start = end + left // 2
    finish = end + left - left // 2
    parts = [text[:start], text[len(text) - finish :] if finish else ""]
    between: list[str] = []
    at, last = end, None
    for place, piece in enumerate(middle):
        if place in chosen and at >= start and at + len(piece) <= len(text) - finish:
            between += [piece] if last == place - 1 else [MARK, piece]
            last = place
        at += len(piece)
    return "".join([parts[0], *between, MARK, parts[1]])


def weigher(words: Sequence[str]) -> Callable[[Sequence[str]], list[float]]:
    """Scores of texts by the words of a question that they hold; a word that few of them hold counts for more."""

    def weigh(texts: Sequence[str]) -> list[float]:
        lowered = [text.lower() for text in texts]
        whole = "\n".join(lowered)  # no word goes over a line's end, and one long text is searched faster than many
        ends = list(accumulate(len(text) + 1 for text in lowered))
        scores = [0.0] * len(texts)
        for word in words:
            holding: list[int] = []
            at = whole.find(word)
            while at >= 0:
                holding.append(bisect_right(ends, at))
                at = whole.find(word, ends[holding[-1]])
            if holding:
                worth = math.log(1 + len(texts) / len(holding))
                for place in holding:
                    scores[place] += worth
        return scores

    return weigh


def _ends(text: str, start: int, end: int) -> str:
    return text[:start] + MARK + (text[len(text) - end :] if end else "")


def _stem(word: str) -> str:
    """A word without the ending that it may have lost or got elsewhere."""
    for ending in ("ing", "ies", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)][:_LONGEST_STEM]
    return word[:_LONGEST_STEM]


def _pieces(text: str, size: int) -> list[str]:
    """*text* in pieces of up to *size* characters, that end where sentences or lines do."""
    pieces: list[str] = []
    start = 0
    while len(text) - start > size:
        last = start + size
        end = max([text.rfind(mark, start + size // 2, last) + len(mark) for mark in _ENDS])
        if end <= start + size // 2:
            end = last
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]
