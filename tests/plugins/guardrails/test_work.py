"""Claims about what of requests and answers is searched, and about who waits meanwhile."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from turnout.api.decode import chat_request_in
from turnout.base.jsons import encode
from turnout.domain.completion import Choice, Completion
from turnout.domain.guardrail import BUILTINS, BuiltinFilter, Screening
from turnout.plugins.guardrails import PLUGIN

EVERYTHING = Screening(("one",), (), tuple(BuiltinFilter(slug, "redact") for slug in BUILTINS))
DENSE = "4111 1111 1111 1111 bob@example.com 10.0.0.1 " * 5_000


async def turns_during(work: Any) -> tuple[Any, int]:  # noqa: ANN401 - any coroutine
    """What *work* gives, and how often the loop came round meanwhile."""
    task = asyncio.create_task(work)
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    return task.result(), turns


def work() -> Any:  # noqa: ANN401 - the plugin's own class
    job: Any = SimpleNamespace(parameters=EVERYTHING, note=lambda **_: None)
    return PLUGIN.work(job)


@pytest.mark.parametrize("phase", ["before", "fit"])
async def test_the_loop_goes_on_while_a_long_request_is_searched(phase: str) -> None:
    request = chat_request_in(encode({"model": "a/b", "messages": [{"role": "user", "content": DENSE}]}))
    ask = work()
    search = ask.before(request) if phase == "before" else ask.fit(request, None)
    screened, turns = await turns_during(search)
    assert turns > 20
    assert bytes(screened.fields["messages"]).count(b"[CREDIT_CARD] [EMAIL] [IP_ADDRESS]") == 5_000


async def test_the_loop_goes_on_while_a_long_answer_is_searched() -> None:
    message = {"role": Raw(b'"assistant"'), "content": Raw(encode(DENSE))}
    answer = Completion([Choice(message)])
    _, turns = await turns_during(work().mend(answer, None, None))
    assert turns > 20
    assert msgspec.json.decode(answer.choices[0].message["content"]).count("[EMAIL]") == 5_000


@pytest.mark.parametrize("field", ["prompt", "prediction"])
async def test_what_stands_beside_the_messages_is_searched_too(field: str) -> None:
    told = "to bob@example.com" if field == "prompt" else {"type": "content", "content": "to bob@example.com"}
    request = chat_request_in(encode({"model": "a/b", "messages": [{"role": "user", "content": "x"}], field: told}))
    screened = await work().before(request)
    assert b"to [EMAIL]" in bytes(screened.fields[field])


async def test_thoughts_that_are_changed_lose_what_vouched_for_them() -> None:
    thoughts = [{"type": "reasoning.text", "text": f"to {name}", "signature": "s"} for name in ("bob@example.com", "x")]
    said = {"role": "assistant", "content": "x", "reasoning_details": thoughts}
    screened = await work().before(chat_request_in(encode({"model": "a/b", "messages": [said]})))
    assert msgspec.json.decode(screened.fields["messages"])[0]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "to [EMAIL]"},
        thoughts[1],
    ]


@pytest.mark.parametrize(
    ("text", "screened"),
    [
        ("data: bob@example.com", "data: [EMAIL]"),
        ("data:text/plain;base64,bob@example.com", "data:text/plain;base64,[EMAIL]"),
        ("data:image/png;base64,iVBORw0KGgo4111111111111111AAAA=", None),
        ("data:image/png;base64,/4111111111111111/", None),
    ],
)
async def test_of_what_begins_as_a_file_only_what_may_be_one_is_passed_by(text: str, screened: str | None) -> None:
    request = chat_request_in(encode({"model": "a/b", "messages": [{"role": "user", "content": text}]}))
    passed = await work().before(request)
    assert msgspec.json.decode(passed.fields["messages"])[0]["content"] == (screened or text)
