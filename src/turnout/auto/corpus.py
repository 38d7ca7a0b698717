"""Reads scored prompts for training and evaluation: a folder of ours, JSON lines, or RouteLLM's CSV files."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from turnout.auto.features import phrase_hashes
from turnout.auto.table import Floats
from turnout.base.errors import BadRequest

__all__ = ["Corpus", "ModelFacts", "chosen", "family", "groups_of", "read_corpus"]

_SHINGLE = 8
_COMMON = 12
_FAMILIES = re.compile(r"mmlu|gsm|math|mbpp|human_?eval|(?<![a-z])arc(?![a-z])")
_TRUTHS = {"true": 1.0, "false": 0.0}
_NO_MODELS = ("unnamed", "index", "id", "ground_truth", "label", "answer", "target")
"""Columns of CSV files that begin so hold no scores of a model."""


class ModelFacts(NamedTuple):
    """What is known of a model beside its scores: dollars per million tokens, and a benchmark from 0 to 100."""

    price_in: float
    price_out: float
    benchmark: float


class Corpus(NamedTuple):
    """Scored prompts. Arrays are (prompts, models), NaN where nothing is known.

    Attributes:
        texts: the prompts.
        datasets: where each comes from.
        models: names.
        scores: 0 to 1.
        tokens_in, tokens_out: counts.
        costs: dollars, where the source reports them.
        facts: by name of model.
    """

    texts: Sequence[str]
    datasets: NDArray[np.str_]
    models: tuple[str, ...]
    scores: Floats
    tokens_in: Floats
    tokens_out: Floats
    costs: Floats
    facts: Mapping[str, ModelFacts]


class _Row(NamedTuple):
    prompt: str
    dataset: str
    text: str
    model: str
    score: float
    tokens_in: float
    tokens_out: float
    cost: float


def read_corpus(path: Path) -> Corpus:
    """The scored prompts in a folder with ``prompts.jsonl`` and ``scores.csv``, in JSON lines, or in CSV files.

    Each file may be compressed (``.gz``). A row without a score says nothing.

    A line of JSON has ``prompt``, ``model``, ``score`` and optionally ``dataset``, ``input_tokens``, ``output_tokens``
    and ``cost``. A CSV file of RouteLLM's has a column ``prompt`` and one for each model, with truths or numbers.

    Raises:
        BadRequest: there is nothing of the kind.
        OSError: it cannot be read.
    """
    facts: Mapping[str, ModelFacts] = {}
    try:
        if path.is_dir() and any(_either(path / name).exists() for name in ("prompts.jsonl", "scores.csv")):
            facts = _facts(_either(path / "models.csv"))
            return _gathered(_folder(path), facts)
        if path.is_dir():
            return _gathered((row for one in sorted(path.rglob("*.csv")) for row in _table(one)), facts)
        return _gathered(_table(path) if path.suffix == ".csv" else _lines(path), facts)
    except BadRequest as error:
        raise BadRequest(f"{path}: {error.message}") from None
    except KeyError as error:
        raise BadRequest(f"{path}: a row lacks {error}") from error
    except (ValueError, TypeError, AttributeError, EOFError, gzip.BadGzipFile, csv.Error) as error:
        raise BadRequest(f"{path}: not the expected rows: {error}") from error


def chosen(corpus: Corpus, beginnings: Sequence[str]) -> Corpus:
    """The prompts of data sets whose names begin with one of *beginnings*, and the models that answered any of them.

    Raises:
        BadRequest: there are none.
    """
    rows = np.flatnonzero([name.startswith(tuple(beginnings)) for name in corpus.datasets.tolist()])
    if not len(rows):
        raise BadRequest(f"no data set begins with {' or '.join(beginnings)}")
    columns = np.flatnonzero(np.isfinite(corpus.scores[rows]).any(0))
    cells = np.ix_(rows, columns)
    arrays = (array[cells] for array in (corpus.scores, corpus.tokens_in, corpus.tokens_out, corpus.costs))
    names = tuple(corpus.models[column] for column in columns)
    scores, tokens_in, tokens_out, costs = arrays
    texts = [corpus.texts[row] for row in rows.tolist()]
    return Corpus(texts, corpus.datasets[rows], names, scores, tokens_in, tokens_out, costs, corpus.facts)


def _gathered(rows: Iterable[_Row], facts: Mapping[str, ModelFacts]) -> Corpus:
    prompts: dict[str, int] = {}
    models: dict[str, int] = {}
    texts: list[str] = []
    datasets: list[str] = []
    cells = []
    for row in rows:
        place = prompts.setdefault(row.prompt, len(prompts))
        if place == len(texts):
            texts.append(row.text)
            datasets.append(row.dataset)
        model = models.setdefault(row.model, len(models))
        cells.append((place, model, row.score, row.tokens_in, row.tokens_out, row.cost))
    if not cells:
        raise BadRequest("there are no scored prompts")
    flat = np.array(cells)
    where = flat[:, 0].astype(int), flat[:, 1].astype(int)
    if not ((flat[:, 2] >= 0) & (flat[:, 2] <= 1)).all():
        raise BadRequest("scores are numbers from 0 to 1")
    arrays = []
    for column in range(2, 6):
        array = np.full((len(texts), len(models)), np.nan, np.float32)
        array[where] = flat[:, column]
        arrays.append(array)
    scores, tokens_in, tokens_out, costs = arrays
    return Corpus(texts, np.array(datasets), tuple(models), scores, tokens_in, tokens_out, costs, facts)


def _either(path: Path) -> Path:
    """*path*, or where it is not there: the compressed one."""
    return path if path.exists() else path.with_name(path.name + ".gz")


def _opened(path: Path) -> TextIO:
    if not path.exists():
        raise BadRequest(f"there is no {path.name.removesuffix('.gz')}")
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _folder(path: Path) -> Iterator[_Row]:
    with _opened(_either(path / "prompts.jsonl")) as lines:
        prompts = {str(row["prompt_id"]): row for row in map(json.loads, filter(str.strip, lines))}
    with _opened(_either(path / "scores.csv")) as lines:
        for row in csv.DictReader(lines):
            if not (row["score"] or "").strip():
                continue
            prompt = prompts.get(row["prompt_id"])
            if prompt is None:
                raise BadRequest(f"a score is of a prompt that is not there: {row['prompt_id']}")
            counts = (_number(row.get(name)) for name in ("input_tokens", "output_tokens", "cost_usd"))
            dataset, text = str(prompt.get("dataset") or "own"), str(prompt["prompt"])
            yield _Row(row["prompt_id"], dataset, text, row["model"], float(row["score"]), *counts)


def _lines(path: Path) -> Iterator[_Row]:
    with _opened(path) as lines:
        for row in map(json.loads, filter(str.strip, lines)):
            counts = (_number(row.get(name)) for name in ("input_tokens", "output_tokens", "cost"))
            text = str(row["prompt"])
            yield _Row(text, str(row.get("dataset", "own")), text, str(row["model"]), float(row["score"]), *counts)


def _table(path: Path) -> Iterator[_Row]:
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        if "prompt" not in (reader.fieldnames or ()):
            return
        dataset = path.stem.split("_")[0].lower()
        for row in reader:
            for model, said in row.items():
                score = _TRUTHS.get(str(said).strip().lower(), _number(said))
                if model and model != "prompt" and 0 <= score <= 1 and not model.lower().startswith(_NO_MODELS):
                    yield _Row(f"{dataset} {row['prompt']}", dataset, row["prompt"], model, score, *[float("nan")] * 3)


def _facts(path: Path) -> Mapping[str, ModelFacts]:
    if not path.exists():
        return {}
    with _opened(path) as lines:
        names = ("price_in_usd_per_mtok", "price_out_usd_per_mtok", "mmlu_redux_acc")
        return {row["model"]: ModelFacts(*(_number(row.get(name)) for name in names)) for row in csv.DictReader(lines)}


def _number(said: Any) -> float:  # noqa: ANN401 - a cell of a file
    try:
        return float(said)
    except (TypeError, ValueError):
        return float("nan")


def family(dataset: str) -> str:
    """Data sets of one family share questions: leaving out one leaves out all."""
    lowered = dataset.lower()
    found = _FAMILIES.search(lowered)
    return (found[0] if found else lowered).replace("_", "")


def groups_of(texts: Sequence[str]) -> NDArray[np.int64]:
    """For each text the number of its group: texts are grouped that share half of the eight-word runs of the shorter.

    Runs that more than a dozen texts share are an introduction, and do not count.
    """
    runs = [_runs(text) for text in texts]
    holders: dict[int, list[int]] = defaultdict(list)
    for place, own in enumerate(runs):
        for run in own:
            holders[run].append(place)
    counted = [{run for run in own if len(holders[run]) <= _COMMON} for own in runs]
    leader = list(range(len(texts)))

    def led(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    for place, own in enumerate(counted):
        shared = Counter(other for run in own for other in holders[run] if other > place)
        for other, count in shared.items():
            if 2 * count >= min(len(own), len(counted[other])):
                leader[led(other)] = led(place)
    return np.array([led(place) for place in range(len(texts))])


def _runs(text: str) -> set[int]:
    runs = phrase_hashes(text, _SHINGLE)
    return set((runs if len(runs) else phrase_hashes(text)).tolist())
