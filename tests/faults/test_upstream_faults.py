"""Every fault of a provider, streaming or not, alone or with others to go to, ends as it should."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple

import pytest

from conservation import assert_conserved, settled
from gateway import FakeServer, Gateway, Reply, model_tables, provider_table, running
from patience import PATIENCE

Arrangement = Literal["alone", "first", "middle", "every"]
_ARRANGEMENTS: tuple[Arrangement, ...] = ("alone", "first", "middle", "every")
_PROVIDERS = ("a", "b", "c")
_HEALTHY = "lorem-5"
_HEALTHY_TEXT = "lorem ipsum dolor sit amet"
_DOWN = "status-503"
_PRICES = '{ prompt = "0.000001", completion = "0.000002" }'
_PATIENCE = 1.5
_TOTAL = 3.0


class Ending(NamedTuple):
    """How a fault ends when nobody else can help: ``answered``, ``before`` the first content, or ``amid`` it.

    *elsewhere*: another endpoint of the same model is tried for it, as long as no content has gone out; *doubtful*:
    only one other.
    """

    when: Literal["answered", "before", "amid"]
    status: int = 200
    error_type: str = ""
    elsewhere: bool = True
    doubtful: bool = False


_ANSWERED = Ending("answered")
_BROKEN = Ending("before", 502, "provider_unavailable")
_TIMEOUT = Ending("before", 504, "timeout")
_BROKEN_AMID = Ending("amid", 502, "provider_unavailable")
_TIMEOUT_AMID = Ending("amid", 504, "timeout")

# Word of the fake provider: how a stream with it ends, and how an answer in one piece.
_WORDS: Mapping[str, tuple[Ending, Ending]] = {
    "slow-50": (_ANSWERED, _ANSWERED),
    "gap-20": (_ANSWERED, _ANSWERED),
    "slow-2500": (_TIMEOUT, _TIMEOUT),
    "gap-2500": (_TIMEOUT, _TIMEOUT),
    "hang": (_TIMEOUT, _TIMEOUT),
    "reset": (_BROKEN, _BROKEN),
    "reset-after-0": (_BROKEN, _BROKEN),
    "reset-after-3": (_BROKEN_AMID, _BROKEN),
    "stall-after-0": (_TIMEOUT, _TIMEOUT),
    "stall-after-3": (_TIMEOUT_AMID, _TIMEOUT),
    "malformed-0": (_BROKEN, _BROKEN),
    "malformed-3": (_BROKEN_AMID, _BROKEN),
    "empty": (_BROKEN, _BROKEN),
    "error-in-stream-0": (_BROKEN, _BROKEN),
    "error-in-stream-3": (_BROKEN_AMID, _BROKEN),
    "endless": (_TIMEOUT_AMID, _TIMEOUT),
    "flap-100": (Ending("before", 503, "provider_overloaded"), Ending("before", 503, "provider_overloaded")),
    "html": (_BROKEN, _BROKEN),
    "gzip": (_BROKEN, _BROKEN),
    "redirect": (_BROKEN, _BROKEN),
    "lorem-5-no-finish": (_BROKEN_AMID, _ANSWERED),
    "empty-no-finish": (_BROKEN, _BROKEN),
    "lorem-5-no-done": (_ANSWERED, _ANSWERED),
    "lorem-5-surplus": (_ANSWERED, _ANSWERED),
    "lorem-5-short": (_ANSWERED, _BROKEN),
    "lorem-5-slices": (_ANSWERED, _ANSWERED),
    "lorem-5-crlf": (_ANSWERED, _ANSWERED),
    "lorem-5-cr": (_ANSWERED, _ANSWERED),
    "lorem-5-fields": (_ANSWERED, _ANSWERED),
    "lorem-5-comments": (_ANSWERED, _ANSWERED),
    "big-1000000": (_ANSWERED, _ANSWERED),
    "lorem-5-no-usage": (_ANSWERED, _ANSWERED),
    **{f"lorem-5-usage-{kind}": (_ANSWERED, _ANSWERED)
       for kind in ("negative", "huge", "float", "string", "nan", "zero", "twice")},
    **{f"lorem-5-finish-{word}": (_ANSWERED, _ANSWERED) for word in ("max_tokens", "end_turn", "nonsense")},
}  # fmt: skip

_STATUSES: Mapping[int, Ending] = {
    100: _TIMEOUT,
    101: _BROKEN,
    **dict.fromkeys((204, 205, 300, 302, 304, 305, 307, 405, 409, 410, 418, 424, 451, 499, 500, 501, 502), _BROKEN),
    **dict.fromkeys((520, 521, 599, 600, 999), _BROKEN),
    **dict.fromkeys((401, 402, 403), _BROKEN),  # our credential, not the caller's
    400: Ending("before", 400, "invalid_request", doubtful=True),
    404: Ending("before", 404, "not_found"),
    408: _TIMEOUT,
    413: Ending("before", 413, "payload_too_large", elsewhere=False),
    415: Ending("before", 400, "invalid_request", doubtful=True),
    422: Ending("before", 422, "unprocessable", doubtful=True),
    429: Ending("before", 429, "rate_limit_exceeded"),
    503: Ending("before", 503, "provider_overloaded"),
    504: _TIMEOUT,
    524: _TIMEOUT,
    529: Ending("before", 503, "provider_overloaded"),
}

_ENDINGS: Mapping[str, tuple[Ending, Ending]] = {
    **_WORDS,
    **{f"status-{status}": (ending, ending) for status, ending in _STATUSES.items()},
}


class Cell(NamedTuple):
    """One square of the matrix."""

    word: str
    arrangement: Arrangement
    stream: bool

    @property
    def model(self) -> str:
        return f"{self.arrangement}/{self.word}"

    @property
    def ending(self) -> Ending:
        in_pieces, in_one = _ENDINGS[self.word]
        return in_pieces if self.stream else in_one

    @property
    def mark(self) -> str:
        """A prompt that no other cell has."""
        return f"cell {self.word} {self.arrangement} {'stream' if self.stream else 'whole'}"


_CELLS = [
    Cell(word, arrangement, stream)
    for word in _ENDINGS
    for arrangement in _ARRANGEMENTS
    for stream in (True, False)
]  # fmt: skip


def _line_up(word: str, arrangement: Arrangement) -> dict[str, str]:
    """What each provider does: its slug to its own name of the model."""
    if arrangement == "alone":
        return {"a": word}
    if arrangement == "first":
        return {"a": word, "b": _HEALTHY}
    if arrangement == "middle":
        return {"a": _DOWN, "b": word, "c": _HEALTHY}
    return dict.fromkeys(_PROVIDERS, word)


def _asked(cell: Cell) -> list[str]:
    """The providers that must have been asked, in order."""
    line_up = list(_line_up(cell.word, cell.arrangement))
    place = line_up.index("b" if cell.arrangement == "middle" else "a")
    if cell.ending.when == "before" and cell.ending.elsewhere:
        return line_up if cell.arrangement == "every" and not cell.ending.doubtful else line_up[: place + 2]
    return line_up[: place + 1]


class Matrix(NamedTuple):
    """What became of every cell."""

    gateway: Gateway
    fakes: Mapping[str, FakeServer]
    replies: Mapping[Cell, Reply]
    asked: Mapping[str, Mapping[str, int]]
    """By the mark of a cell: how often each provider was asked."""


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    directory = tmp_path_factory.mktemp("matrix")
    fakes = {slug: FakeServer(directory, slug) for slug in _PROVIDERS}
    with running(*fakes.values()):
        timeouts = f"{{ connect = 5.0, first_byte = {_PATIENCE}, idle = {_PATIENCE}, total = {_TOTAL} }}"
        tables = [provider_table(slug, fake.base_url, timeouts=timeouts) for slug, fake in fakes.items()]
        tables += [
            model_tables(
                f"{arrangement}/{word}",
                [(slug, name, _PRICES) for slug, name in _line_up(word, arrangement).items()],
            )
            for word in _ENDINGS
            for arrangement in _ARRANGEMENTS
        ]
        with Gateway(directory, "[catalog]\nbundled = false\n" + "".join(tables)) as gateway:
            with ThreadPoolExecutor(16) as pool:
                replies = dict(zip(_CELLS, pool.map(lambda cell: _ask(gateway, cell), _CELLS), strict=True))
            yield Matrix(gateway, fakes, replies, _count_requests(fakes))
            assert "mistake of ours" not in gateway.log()


def _ask(gateway: Gateway, cell: Cell) -> Reply:
    return gateway.chat(cell.model, cell.mark, stream=cell.stream, provider={"order": list(_PROVIDERS)})


def _count_requests(fakes: Mapping[str, FakeServer]) -> dict[str, dict[str, int]]:
    asked: dict[str, dict[str, int]] = {}
    for slug, fake in fakes.items():
        for entry in fake.journal():
            if entry["t"] == "request":
                mark = json.loads(entry["body"])["messages"][0]["content"]
                counts = asked.setdefault(mark, {})
                counts[slug] = counts.get(slug, 0) + 1
    return asked


def _text(events: list[Any]) -> str:
    deltas = [choice["delta"] for event in events if event != "[DONE]" for choice in event["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


@pytest.mark.parametrize("cell", _CELLS, ids=lambda cell: f"{cell.mark[5:]}")
def test_every_fault_ends_as_it_should(matrix: Matrix, cell: Cell) -> None:
    reply = matrix.replies[cell]
    ending = cell.ending
    helped = ending.when == "before" and ending.elsewhere and cell.arrangement in {"first", "middle"}
    if helped or ending.when == "answered":
        _assert_answered(reply, cell, _HEALTHY if helped else cell.word)
    elif ending.when == "amid":
        _assert_broken_amid(reply, ending)
    else:
        _assert_refused(reply, ending, attempts=len(_asked(cell)))
    asked = matrix.asked[cell.mark]
    wanted = dict.fromkeys(_asked(cell), 1)
    if cell.word == "reset":  # a kept connection that is reset at once cannot be told from a stale one
        asked = {slug: min(count, 1) for slug, count in asked.items()}
    assert asked == wanted


def _assert_answered(reply: Reply, cell: Cell, word: str) -> None:
    assert reply.status == 200, reply.body
    if cell.stream:
        events = reply.events()
        assert events[-1] == "[DONE]"
        assert not any("error" in event for event in events[:-1])
        assert events[-2]["choices"] == []
        assert events[-2]["usage"]["cost"] >= 0
        finishes = [choice["finish_reason"] for event in events[:-1] for choice in event["choices"]]
        assert [reason for reason in finishes if reason] in (["stop"], ["length"])
        text = _text(events)
    else:
        answer = reply.json()
        assert "error" not in answer
        assert answer["choices"][0]["finish_reason"] in {"stop", "length"}
        assert answer["usage"]["cost"] >= 0
        text = answer["choices"][0]["message"]["content"]
    if word.startswith("lorem-5"):
        assert text == _HEALTHY_TEXT
    elif word.startswith("big"):
        assert len(text) == 1_000_000
    else:
        assert text == cell.mark


def _assert_broken_amid(reply: Reply, ending: Ending) -> None:
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/event-stream"
    events = reply.events()
    assert events[-1] == "[DONE]"
    errors = [event for event in events[:-1] if "error" in event]
    assert len(errors) == 1
    assert errors[0] is events[-2]
    last = errors[0]
    assert last["error"]["code"] == ending.status
    assert last["error"]["message"]
    assert last["error"]["metadata"]["error_type"] == ending.error_type
    assert [choice["finish_reason"] for choice in last["choices"]] == ["error"]
    assert last["choices"][0]["delta"] == {"content": ""}
    for key in ("id", "object", "created", "model", "provider"):
        assert last[key] == events[0][key]
    text = _text(events)
    assert text
    assert text.startswith("lorem ipsum dolor"[: len(text)])


def _assert_refused(reply: Reply, ending: Ending, attempts: int) -> None:
    assert reply.status == ending.status, reply.body
    assert reply.headers["content-type"] == "application/json"
    error = reply.json()["error"]
    assert error["code"] == ending.status
    assert error["metadata"]["error_type"] == ending.error_type
    assert error["metadata"]["provider_name"] in _PROVIDERS
    assert len(error["metadata"].get("previous_errors", [])) == attempts - 1
    if ending.status in {429, 503}:
        assert 1 <= int(reply.headers["retry-after"]) <= 5
    assert b"sk-upstream-secret" not in reply.body


def test_every_cell_leaves_one_generation_that_tells_its_attempts(matrix: Matrix) -> None:
    found = {generation.id: generation for generation in settled(matrix.gateway, len(_CELLS))}
    for cell, reply in matrix.replies.items():
        generation = found[reply.headers["x-generation-id"]]
        failed = reply.status != 200 or b'"finish_reason":"error"' in reply.body
        assert generation.outcome == ("failed" if failed else "answered"), cell
        assert [attempt.provider for attempt in generation.attempts] == _asked(cell), cell
        assert generation.streamed is cell.stream
        assert not generation.cancelled
        if failed:
            assert generation.finish_reason == "error"
            assert generation.error_type == cell.ending.error_type
        if cell.ending.when == "amid":
            assert generation.cost > 0, cell


def test_nothing_is_lost_and_nothing_twice(matrix: Matrix) -> None:
    names = {cell.model: _line_up(cell.word, cell.arrangement) for cell in _CELLS}
    settled(matrix.gateway, len(_CELLS))
    assert_conserved(matrix.gateway, matrix.fakes, names)


def test_a_silent_provider_is_left_soon_after_its_deadline(matrix: Matrix) -> None:
    for fake in matrix.fakes.values():
        entries = fake.journal()
        silent = {entry["n"] for entry in entries if entry["t"] == "end" and entry["outcome"] in {"hung", "stalled"}}
        left = {entry["n"]: entry["after_ms"] for entry in entries if entry["t"] == "left"}
        assert silent
        assert all(left[number] < (_TOTAL + PATIENCE) * 1000 for number in silent)
        requests = {entry["n"] for entry in entries if entry["t"] == "request"}
        assert requests == {entry["n"] for entry in entries if entry["t"] == "end"}


def test_no_redirect_is_followed(matrix: Matrix) -> None:
    for fake in matrix.fakes.values():
        assert not [entry for entry in fake.journal() if "redirected" in entry.get("path", "")]
