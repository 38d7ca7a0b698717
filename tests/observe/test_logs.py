from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from turnout.base.secrets import Secret
from turnout.observe.logs import configure_logs

KEY = "sk-to-v1-" + "0123456789abcdef" * 4
CANARY = "canary-of-another-shape"
SENTENCE = f"key {KEY} and {CANARY}"
FOREIGN = logging.getLogger("tests.foreign")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raising
    structlog.reset_defaults()


def _stumble(secret: str) -> None:
    inner = f"Bearer {secret}"
    raise ValueError(f"could not use {inner} of {CANARY}")


def _said(style: str, say: Any) -> str:  # noqa: ANN401 - a function of a log
    stream = io.StringIO()
    log = configure_logs("debug", style, [Secret(CANARY), Secret("")], stream)
    say(log)
    return stream.getvalue()


SAYINGS = {
    "event": lambda log: log.info(SENTENCE),
    "field": lambda log: log.info("event", authorization=f"Bearer {KEY}", credential=CANARY),
    "nested": lambda log: log.info("event", headers={"authorization": KEY, "list": [CANARY, (KEY,)]}),
    "object": lambda log: log.info("event", thing=LookupError(KEY, CANARY)),
    "secret": lambda log: log.info("event", secret=Secret(CANARY)),
    "foreign": lambda _: FOREIGN.warning("key %s and %s", KEY, CANARY),
    "foreign arguments": lambda _: FOREIGN.warning("headers %s", {"authorization": KEY, "other": CANARY}),
    "extra": lambda _: FOREIGN.warning("event", extra={"authorization": KEY}),
}


def _with_exception(log: Any) -> None:  # noqa: ANN401 - a log
    try:
        _stumble(KEY)
    except ValueError:
        log.exception("failed")


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("saying", SAYINGS)
def test_no_key_is_written_wherever_it_stands(style: str, saying: str) -> None:
    written = _said(style, SAYINGS[saying])
    assert KEY[17:] not in written
    assert CANARY not in written
    assert written


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("own", [True, False])
def test_no_key_is_written_with_an_exception_or_the_variables_around_it(style: str, own: bool) -> None:  # noqa: FBT001 - a column
    written = _said(style, lambda log: _with_exception(log if own else FOREIGN))
    assert KEY[17:] not in written
    assert CANARY not in written
    assert "ValueError" in written
    assert "_stumble" in written


def test_a_line_of_json_is_one_event() -> None:
    def say(log: Any) -> None:  # noqa: ANN401 - a log
        log.info("two\nlines", count=3, ratio=0.5, flag=True, nothing=None)
        _with_exception(log)
        FOREIGN.error("from %s", "elsewhere")

    first, second, third = (json.loads(line) for line in _said("json", say).splitlines())
    assert (first["event"], first["count"], first["ratio"], first["level"]) == ("two\nlines", 3, 0.5, "info")
    assert (second["event"], second["level"]) == ("failed", "error")
    assert (third["event"], third["level"]) == ("from elsewhere", "error")
    assert first["timestamp"].endswith("Z")


def test_only_what_is_important_enough_is_written() -> None:
    stream = io.StringIO()
    log = configure_logs("warning", "json", (), stream)
    log.info("small")
    FOREIGN.info("small")
    log.warning("large")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["large"]


def test_a_closed_stream_does_not_stop_the_service() -> None:
    stream = io.StringIO()
    log = configure_logs("info", "json", (), stream)
    stream.close()
    log.warning("nobody reads this")


@pytest.mark.parametrize("text", ["sk-or-v1-0123456789abcdef0123", "Bearer abc.def-ghi", "bearer  xyz"])
def test_what_looks_like_a_key_is_masked_but_its_kind_is_told(text: str) -> None:
    sentence = f"sent {text} on"
    written = _said("json", lambda log: log.info(sentence))
    assert "********" in written
    assert text not in written
    assert "sent " in written
    assert " on" in written


@pytest.mark.parametrize("text", ["disk-usage is fine", "task-0123456789 done", "sk-short"])
def test_ordinary_words_are_left_alone(text: str) -> None:
    assert text in _said("json", lambda log: log.info(text))
