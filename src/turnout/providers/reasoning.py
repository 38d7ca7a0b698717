"""How much a model should think, said in the way its provider understands."""

from __future__ import annotations

from msgspec import Raw

from turnout.base.jsons import encode
from turnout.domain.chat import ChatRequest
from turnout.domain.provider import Capabilities

__all__ = ["asked_effort", "steer_reasoning"]

_RATIOS = (("max", 0.95), ("high", 0.8), ("medium", 0.5), ("low", 0.2), ("minimal", 0.1))
_DEFAULT_LIMIT = 32_000
_OWN_FIELDS = {"thinking": "thinking", "enable_thinking": "enable_thinking"}
_OPENAI_EFFORTS = {"max": "high", "xhigh": "high", "none": "minimal"}


def steer_reasoning(fields: dict[str, Raw], request: ChatRequest, capabilities: Capabilities) -> None:
    """Add to *fields* what the request says of reasoning; nothing said, nothing added.

    A client that speaks the provider's own words is not corrected: its ``reasoning_effort``, ``thinking`` or
    ``enable_thinking`` goes on as sent.
    """
    parameters = request.parameters
    if parameters.reasoning is None and parameters.reasoning_effort is None:
        return
    style = capabilities.reasoning
    own = request.fields["reasoning_effort"] if parameters.reasoning_effort is not None else None
    if style == "object":
        fields["reasoning"] = request.fields.get("reasoning") or Raw(encode({"effort": parameters.reasoning_effort}))
    elif own is not None and (style == "effort" or _OWN_FIELDS.get(style) in fields):
        fields["reasoning_effort"] = own
    elif (effort := asked_effort(request)) is not None:
        _steer(fields, style, effort)


def _steer(fields: dict[str, Raw], style: str, effort: str) -> None:
    """Say *effort* in the provider's words, unless the client has used them itself."""
    if style == "effort":
        fields["reasoning_effort"] = Raw(encode(_OPENAI_EFFORTS.get(effort, effort)))
    elif style == "thinking":
        fields.setdefault("thinking", Raw(encode({"type": "disabled" if effort == "none" else "enabled"})))
    elif style == "enable_thinking":
        fields.setdefault("enable_thinking", Raw(b"false" if effort == "none" else b"true"))


def asked_effort(request: ChatRequest) -> str | None:
    """The effort asked for, under whichever of its spellings; a budget is the effort nearest to it. None: nothing."""
    parameters = request.parameters
    if parameters.reasoning_effort:
        return parameters.reasoning_effort
    reasoning = parameters.reasoning
    if reasoning is None:
        return None
    if reasoning.effort:
        return reasoning.effort
    if reasoning.enabled is False:
        return "none"
    if reasoning.max_tokens:
        share = reasoning.max_tokens / (request.max_tokens or _DEFAULT_LIMIT)
        return min(_RATIOS, key=lambda pair: abs(pair[1] - share))[0]
    return "medium" if reasoning.enabled else None
