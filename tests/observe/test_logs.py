from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator

import pytest

from turnout.base.secrets import Secret
from turnout.observe.logs import configure_logs

KEY = "sk-to-v1-" + "0123456789abcdef" * 4
CANARY = "canary-of-another-shape"
SENTENCE = f"key {KEY} and {CANARY}"
LOG = logging.getLogger("tests.observe")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raising


def _stumble(secret: str) -> None:
    inner = f"Bearer {secret}"
    raise ValueError(f"could not use {inner} of {CANARY}")


def _said(style: str, say: Callable[[], object]) -> str:
    stream = io.StringIO()
    configure_logs("debug", style, [Secret(CANARY), Secret("")], stream)
    say()
    return stream.getvalue()


SAYINGS: dict[str, Callable[[], object]] = {
    "sentence": lambda: LOG.info(SENTENCE),
    "arguments": lambda: LOG.warning("key %s and %s", KEY, CANARY),
    "tables": lambda: LOG.warning("headers %s", {"authorization": KEY, "list": [CANARY, (KEY,)]}),
    "object": lambda: LOG.error("thing %s", LookupError(KEY, CANARY)),
    "extra": lambda: LOG.warning("event", extra={"authorization": KEY}),
}


def _with_exception() -> None:
    try:
        _stumble(KEY)
    except ValueError:
        LOG.exception("failed")


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("saying", SAYINGS)
def test_no_key_is_written_wherever_it_stands(style: str, saying: str) -> None:
    written = _said(style, SAYINGS[saying])
    assert KEY[17:] not in written
    assert CANARY not in written
    assert written


@pytest.mark.parametrize("style", ["json", "console"])
def test_no_key_is_written_with_an_exception_or_the_variables_around_it(style: str) -> None:
    written = _said(style, _with_exception)
    assert KEY[17:] not in written
    assert CANARY not in written
    assert "ValueError" in written
    assert "_stumble" in written


def test_a_line_of_json_is_one_event() -> None:
    def say() -> None:
        LOG.info("two\nlines")
        _with_exception()
        LOG.error("from %s", "elsewhere")

    first, second, third = (json.loads(line) for line in _said("json", say).splitlines())
    assert (first["event"], first["level"]) == ("two\nlines", "info")
    assert (second["event"], second["level"]) == ("failed", "error")
    assert (third["event"], third["level"]) == ("from elsewhere", "error")
    assert first["timestamp"].endswith("Z")
    assert "exception" not in first


def test_a_console_is_told_the_time_the_level_and_the_event() -> None:
    line = re.sub("\033\\[[0-9;]*m", "", _said("console", lambda: LOG.warning("the disk is full")))
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \[warning \] the disk is full\n", line)


def test_only_what_is_important_enough_is_written() -> None:
    stream = io.StringIO()
    configure_logs("warning", "json", (), stream)
    LOG.info("small")
    LOG.warning("large")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["large"]


def test_a_closed_stream_does_not_stop_the_service() -> None:
    stream = io.StringIO()
    configure_logs("info", "json", (), stream)
    stream.close()
    LOG.warning("nobody reads this")


@pytest.mark.parametrize("text", ["sk-or-v1-0123456789abcdef0123", "Bearer abc.def-ghi", "bearer  xyz"])
def test_what_looks_like_a_key_is_masked_but_its_kind_is_told(text: str) -> None:
    written = _said("json", lambda: LOG.info("sent %s on", text))
    assert "********" in written
    assert text not in written
    assert "sent " in written
    assert " on" in written


@pytest.mark.parametrize("text", ["disk-usage is fine", "task-0123456789 done", "sk-short"])
def test_ordinary_words_are_left_alone(text: str) -> None:
    assert text in _said("json", lambda: LOG.info(text))
