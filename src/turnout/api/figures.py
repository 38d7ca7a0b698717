"""The ``usage`` object that closes every answer."""

from __future__ import annotations

from turnout.base.money import PICO_PER_DOLLAR
from turnout.domain.usage import Cost, Usage

__all__ = ["as_own", "usage_json"]

_USAGE = (
    b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"cost":%a,"is_byok":false,'
    b'"prompt_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d,"audio_tokens":%d,"video_tokens":0},'
    b'"cost_details":{"upstream_inference_cost":null,"upstream_inference_prompt_cost":%a,'
    b'"upstream_inference_completions_cost":%a},'
    b'"completion_tokens_details":{"reasoning_tokens":%d,"audio_tokens":%d,"image_tokens":%d}%b}'
)
_SHARED, _OWN = b'"is_byok":false', b'"is_byok":true'
_NOT_BILLED, _BILLED = b'"upstream_inference_cost":null', b'"upstream_inference_cost":%a'
_SEARCHES = b'"web_search_requests":%d'
_TOOLS = b'"tool_calls_requested":%d,"tool_calls_executed":%d,'


def usage_json(usage: Usage, price: Cost) -> bytes:
    """Token counts and costs as JSON; costs are numbers in US dollars.

    Source: OpenRouter, "Usage accounting".
    """
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    text = _USAGE % (
        prompt,
        completion,
        prompt + completion,
        price.total / PICO_PER_DOLLAR,
        usage.cache_read,
        usage.cache_write + usage.cache_write_1h,
        usage.audio_prompt,
        price.prompt / PICO_PER_DOLLAR,
        price.completion / PICO_PER_DOLLAR,
        usage.reasoning,
        usage.audio_completion,
        usage.image_completion,
        _server_tools(usage) if usage.web_searches or usage.tools_requested else b"",
    )
    return text if price.own is None else as_own(text, price.own)


def as_own(text: bytes, own: int) -> bytes:
    """The costs in *text* as those of a credential of the account's own: *own* is what its provider bills it."""
    text = text.replace(_SHARED, _OWN, 1)
    return text.replace(_NOT_BILLED, _BILLED % (own / PICO_PER_DOLLAR), 1)


def _server_tools(usage: Usage) -> bytes:
    """What was searched and run for the model; clients know the searches under two names."""
    searches = _SEARCHES % usage.web_searches
    tools = _TOOLS % (usage.tools_requested, usage.tools_executed) if usage.tools_requested else b""
    return b',"server_tool_use_details":{%b%b},"server_tool_use":{%b}' % (tools, searches, searches)
