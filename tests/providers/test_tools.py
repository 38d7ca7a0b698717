"""A choice among some of the tools, for providers that have no word for it."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.kit import adapter_of, endpoint_of
from examples import a_request
from turnout.base.errors import BadRequest

_TOOLS = [{"type": "function", "function": {"name": name}} for name in ("look", "now")]


def sent(dialect: str, model: str, mode: str, *allowed: str) -> bytes:
    tools = [{"type": "function", "function": {"name": name}} for name in allowed]
    choice: dict[str, Any] = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}
    request = a_request(tools=_TOOLS, tool_choice=choice)
    return adapter_of(dialect).outgoing(request, endpoint_of(dialect, upstream_model=model)).body


@pytest.mark.parametrize(
    ("dialect", "model", "must"),
    [
        ("anthropic", "claude-sonnet-4-5", b'"tool_choice":{"type":"any"}'),
        ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", b'"toolChoice":{"any":{}}'),
        ("cohere", "command-a-03-2025", b'"tool_choice":"REQUIRED"'),
        ("mistral", "mistral-large-latest", b'"tool_choice":"any"'),
    ],
)
def test_tools_that_are_not_allowed_are_left_out(dialect: str, model: str, must: bytes) -> None:
    body = sent(dialect, model, "required", "look")
    assert b'"look"' in body
    assert b'"now"' not in body
    assert must in body
    assert must not in sent(dialect, model, "auto", "look")
    with pytest.raises(BadRequest, match="allowed_tools"):
        sent(dialect, model, "auto", "nothing")
