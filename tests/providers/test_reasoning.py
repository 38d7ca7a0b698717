from __future__ import annotations

from typing import Any

import msgspec
import pytest

from examples import a_request
from turnout.domain.provider import Capabilities
from turnout.providers.reasoning import steer_reasoning


def steered(style: Any, **fields: object) -> dict[str, object]:  # noqa: ANN401 - a literal
    out: dict[str, msgspec.Raw] = {}
    steer_reasoning(out, a_request(**fields), Capabilities(reasoning=style))
    return {name: msgspec.json.decode(value) for name, value in out.items()}


@pytest.mark.parametrize("style", ["effort", "object", "thinking", "enable_thinking", "none"])
def test_nothing_said_is_nothing_added(style: str) -> None:
    assert steered(style) == {}
    assert steered(style, include_reasoning=True) == {}


@pytest.mark.parametrize(
    ("reasoning", "effort"),
    [
        ({"effort": "high"}, "high"),
        ({"effort": "max"}, "high"),
        ({"effort": "xhigh"}, "high"),
        ({"effort": "minimal"}, "minimal"),
        ({"enabled": True}, "medium"),
        ({"max_tokens": 8_000}, "low"),
        ({"max_tokens": 16_000}, "medium"),
        ({"max_tokens": 100_000}, "max"),
        ({"max_tokens": 1}, "minimal"),
        ({"enabled": False}, None),
        ({"effort": "none"}, None),
    ],
)
def test_an_effort_is_found_under_each_spelling(reasoning: dict[str, object], effort: str | None) -> None:
    expected = {"max": "high", None: "minimal"}.get(effort, effort)
    assert steered("effort", reasoning=reasoning) == {"reasoning_effort": expected}
    assert steered("thinking", reasoning=reasoning) == {"thinking": {"type": "enabled" if effort else "disabled"}}
    assert steered("enable_thinking", reasoning=reasoning) == {"enable_thinking": bool(effort)}
    assert steered("none", reasoning=reasoning) == {}
    assert steered("object", reasoning=reasoning) == {"reasoning": reasoning}


def test_a_share_of_the_output_limit_is_what_counts() -> None:
    assert steered("effort", reasoning={"max_tokens": 800}, max_tokens=1_000) == {"reasoning_effort": "high"}


@pytest.mark.parametrize("reasoning", [{}, {"exclude": True}])
def test_an_object_that_asks_for_no_effort_steers_nothing(reasoning: dict[str, object]) -> None:
    for style in ("effort", "thinking", "enable_thinking", "none"):
        assert steered(style, reasoning=reasoning) == {}


def test_an_effort_alone_becomes_an_object_where_one_is_wanted() -> None:
    assert steered("object", reasoning_effort="low") == {"reasoning": {"effort": "low"}}
