"""What a prompt asks for: one of some thirty kinds of work, told by cues and by examples."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from turnout.auto.features import chained, cut, phrase_hashes
from turnout.auto.table import Floats

__all__ = ["TASKS", "Task", "Tasks", "shared_tasks"]

_HERE = resources.files("turnout.auto")
_CUES: Mapping[str, Any] = tomllib.loads((_HERE / "cues.toml").read_text(encoding="utf-8"))
_SETS: Mapping[str, str] = _CUES["sets"]

TASKS: tuple[str, ...] = tuple(name for name in _CUES if name != "sets")
"""The kinds of work that are told apart."""

_OPENING, _ENDING = 60, 40
_EARLY, _EARLY_FACTOR = 8, 1.4
_LEARNED_SHARE = 0.5
_SOFTNESS = 1.2


_LETTERED = (
    *((f"\nA{end}", f"\nB{end}", f"\nC{end}") for end in (".", ")", ":")),
    *(
        (f"{mark[0]}A{mark[1:]}", f"{mark[0]}B{mark[1:]}", f"{mark[0]}C{mark[1:]}")
        for mark in (" )", "()", " . ", " :")
    ),
    ("\na)", "\nb)", "\nc)"),
    *((f"{mark[0]}1{mark[1:]}", f"{mark[0]}2{mark[1:]}", f"{mark[0]}3{mark[1:]}") for mark in ("()", " ) ", "\n)")),
)
"""How answers to choose from are marked."""
_CODE_MARKS = ("{", "}", ";", "()", "def ", "=>", "==", "import ", "return ", "```", "</", "+=", "](", "):")
_CODE_TASKS = tuple(
    f"code:{kind}" for kind in ("debugging", "explanation", "review", "refactoring", "generation", "testing")
)
_PLACE_OF = {task: place for place, task in enumerate(TASKS)}
_CODE_PLACES = [_PLACE_OF[task] for task in _CODE_TASKS]
_TECH_WEIGHT = 1.2
_AMOUNTS = re.compile(
    r"\d[\d.,]*|\b(?:two|three|four|five|six|seven|eight|nine|ten|twelve|dozen|twice|half|third|quarter)\b",
    re.IGNORECASE,
)
_ASKS_AMOUNT = re.compile(r"\bhow (?:many|much|long|far|old|fast)\b|\bwhat (?:is|was|are|percent)", re.IGNORECASE)
_OPENS_QUESTION = re.compile(
    r"\s*(?:who|what|when|where|which|whose|why|how|in what|in which|is|are|does|did)\b", re.IGNORECASE
)


class Task(NamedTuple):
    """The kind of work, how sure that is (0 to 1), and the share of each of :data:`TASKS`."""

    name: str
    certainty: float
    shares: Floats


@final
class Tasks:
    """Tells kinds of work apart. Made once; takes some milliseconds."""

    def __init__(self) -> None:
        """Read the cues and the examples that the package brings."""
        cues: dict[int, Floats] = {}
        for place, task in enumerate(TASKS):
            for cue in _CUES[task].split():
                phrase, _, weight = cue.rpartition(":")
                for said in _phrases(phrase):
                    for one in phrase_hashes(said).tolist():
                        cues.setdefault(one, np.zeros(len(TASKS), np.float32))[place] = float(weight)
        for word in _SETS["TECH"].split():  # whatever is said about a tool of programmers is probably code
            cell = cues.setdefault(phrase_hashes(word).tolist()[0], np.zeros(len(TASKS), np.float32))
            cell[_CODE_PLACES] = np.maximum(cell[_CODE_PLACES], _TECH_WEIGHT)
        self._hashes = np.array(sorted(cues), np.uint64)
        self._cells = np.stack([cues[one] for one in self._hashes.tolist()])
        self._learned_hashes, self._learned = _learned()

    def task_of(self, text: str, words: NDArray[np.uint64] | None = None) -> Task:
        """The kind of work that *text* asks for; *words* are the hashes of its words, where they are known."""
        heard = phrase_hashes(cut(text), 1) if words is None else words
        if len(heard) > _OPENING + _ENDING:
            heard = np.concatenate((heard[:_OPENING], heard[-_ENDING:]))
        scores = _by_shape(cut(text))
        if len(heard):
            hashes, positions = _spoken(heard)
            scores += self._cued(hashes, (positions < _EARLY) | (len(heard) - positions < _EARLY))
            scores += self._by_examples(hashes)
        shares = np.exp((scores - scores.max()) / _SOFTNESS)
        shares /= shares.sum()
        best = int(scores.argmax())
        return Task(TASKS[best], float(shares[best]), shares)

    def _cued(self, hashes: NDArray[np.uint64], early: NDArray[np.bool_]) -> Floats:
        found, positions = _matches(self._hashes, hashes)
        # A cue counts once; those near either end, where instructions stand, count for more.
        factors = dict.fromkeys(found.tolist(), 1.0) | dict.fromkeys(found[early[positions]].tolist(), _EARLY_FACTOR)
        said: Floats = np.array([*factors.values()], np.float32) @ self._cells[[*factors]]
        return said

    def _by_examples(self, hashes: NDArray[np.uint64]) -> Floats:
        met = [*dict.fromkeys(_matches(self._learned_hashes, hashes)[0].tolist())]
        learned: Floats = self._learned[met].sum(0) * np.float32(_LEARNED_SHARE / np.sqrt(max(1, len(met))))
        return learned


def _phrases(cue: str) -> list[str]:
    """What *cue* stands for: itself, or one phrase for each word of the set that it names."""
    name = next((name for name in _SETS if name in cue), None)
    found = [cue] if name is None else [cue.replace(name, word) for word in _SETS[name].split()]
    return [one.replace("_", " ") for one in found]


@cache
def shared_tasks() -> Tasks:
    """The one of this process."""
    return Tasks()


def _matches(table: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places in the sorted *table* where *hashes* stand, and which of the hashes they are."""
    places = np.minimum(np.searchsorted(table, hashes), len(table) - 1)
    known = np.flatnonzero(table[places] == hashes)
    return places[known], known


def _spoken(words: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes of words and of runs of up to four, and where each begins."""
    runs = [chained(words, length) for length in (1, 2, 3, 4)]
    return np.concatenate(runs), np.concatenate([np.arange(len(run)) for run in runs])


def _learned() -> tuple[NDArray[np.uint64], Floats]:
    """Of the words of the examples: the logarithm of how much more often they stand in one kind than in the others."""
    lines = (_HERE / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    spoken = [np.unique(_spoken(phrase_hashes(row["prompt"], 1))[0]) for row in rows]
    hashes = np.unique(np.concatenate(spoken))
    counts = np.zeros((len(hashes), len(TASKS)), np.float32)
    for row, said in zip(rows, spoken, strict=True):
        counts[np.searchsorted(hashes, said), TASKS.index(row["task"])] += 1
    often = counts.sum(1) > 1
    hashes, counts = hashes[often], counts[often]
    share = (counts + 0.15) / (counts.sum(0) + 20)
    learned = np.log(share) - np.log(share).mean(1, keepdims=True)
    return hashes, learned.astype(np.float32)


def _by_shape(text: str) -> Floats:
    scores = np.zeros(len(TASKS), np.float32)

    def add(task: str, weight: float) -> None:
        scores[_PLACE_OF[task]] += weight

    lettered = max(sum(mark in text for mark in marks) for marks in _LETTERED)
    if lettered >= 2:
        add("multiple_choice", 5.0 + 3 * lettered)
    code = sum(mark in text for mark in _CODE_MARKS)
    for task in _CODE_TASKS if code else ():
        add(task, min(4.0, 1.0 * code))
    if any(mark in text for mark in ("^", "\\frac", "\\sqrt", "= 0", "$")) and any(one in text for one in "0123456789"):
        add("math", 1.5)
    if "def " in text and ('"""' in text or ">>>" in text):  # a function to be completed
        add("code:generation", 5.0)
    amounts = len(_AMOUNTS.findall(text[:1_500]))
    if amounts > 1 and not code and _ASKS_AMOUNT.search(text[-400:]):
        add("math", min(3.5, 1.0 + 0.5 * amounts))
    if len(text) < 200 and _OPENS_QUESTION.match(text):
        add("qa_knowledge", 0.8)
    elif len(text) < 25 and not code:
        add("conversation", 1.5)
    if not text.isascii() and sum(letter > "\u0370" for letter in text[:400]) > 8:
        add("translation", 1.5)
    return scores
