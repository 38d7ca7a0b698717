from itertools import islice
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.providers.fake.asked import Asked, Message
from turnout.providers.fake.delivery import deliver
from turnout.providers.fake.steps import Call, Done, Reset, Send, Silence
from turnout.providers.fake.words import UnknownWord, parse_words

WORDS = (
    "lorem-9", "json", "reason", "vote-0.8", "big-99", "slow-1", "gap-1", "status-429", "status-201", "flap-50",
    "hang", "reset", "reset-after-3", "stall-after-0", "malformed", "empty", "error-in-stream", "no-usage",
    "endless", "usage-huge", "no-finish", "no-done", "html", "slices", "crlf", "bom", "fields", "comments", "gzip",
    "redirect", "surplus", "short", "tokens-5-6", "cached-4", "finish-length",
)  # fmt: skip
_MANY = 3000


def delivered(model: str, kind: str = "chat", **more: Any) -> tuple[list[Any], bytes]:  # noqa: ANN401  # any field
    """Steps of the answer (at most `_MANY`), and the body they send."""
    asked = Asked(model=model, messages=[Message(content="A) tea\nB) coffee")], input="text", **more)
    call = Call(asked, parse_words(model), kind)
    steps = list(islice(deliver(call), _MANY))
    return steps, b"".join(step.body for step in steps if isinstance(step, Send | Done))


@settings(max_examples=300)
@given(
    model=st.lists(st.sampled_from(WORDS), min_size=1, max_size=5, unique=True).map("-".join),
    kind=st.sampled_from(["chat", "text", "embedding"]),
    stream=st.booleans(),
)
def test_every_mixture_of_words_ends_once_and_at_its_end(model: str, kind: str, *, stream: bool) -> None:
    try:
        behaviour = parse_words(model)
    except UnknownWord:
        return
    steps, body = delivered(model, kind, stream=stream)
    ends = [isinstance(step, Done | Reset | Silence) for step in steps]
    assert not any(ends[:-1])
    assert ends[-1] or behaviour.endless or (behaviour.slices and len(steps) == _MANY)
    assert len(body) <= sum(len(step.wire) for step in steps if isinstance(step, Send | Done))


def test_the_way_of_writing_does_not_change_the_body() -> None:
    _, plain = delivered("echo", seed=1)
    _, gaps = delivered("echo-gap-1", seed=1)
    _, slices = delivered("echo-slices", seed=1)
    assert len({len(plain), len(gaps) - len("-gap-1"), len(slices) - len("-slices")}) == 1


def test_flapping_by_turns_fails_the_exact_share() -> None:
    asked = Asked(model="flap-37")
    calls = [Call(asked, parse_words("flap-37"), turn=turn) for turn in range(1, 101)]
    failures = [b"503" in next(step.wire for step in deliver(call) if isinstance(step, Done)) for call in calls]
    assert sum(failures) == 37
