"""The ``usage`` object that closes every answer."""

from __future__ import annotations

from turnout.base.money import PICO_PER_DOLLAR
from turnout.domain.usage import Cost, Usage

__all__ = ["usage_json"]

_USAGE = (
    b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"cost":%a,"is_byok":false,'
    b'"prompt_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d,"audio_tokens":%d,"video_tokens":0},'
    b'"cost_details":{"upstream_inference_cost":null,"upstream_inference_prompt_cost":%a,'
    b'"upstream_inference_completions_cost":%a},'
    b'"completion_tokens_details":{"reasoning_tokens":%d,"audio_tokens":%d,"image_tokens":%d}%b}'
)
_SEARCHES = b'"web_search_requests":%d'
_TOOLS = b'"tool_calls_requested":%d,"tool_calls_executed":%d,'


def usage_json(usage: Usage, price: Cost) -> bytes:
    """Token counts and costs as JSON; costs are numbers in US dollars.

    Source: OpenRouter, "Usage accounting".
    """
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    return _USAGE % (
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


def _server_tools(usage: Usage) -> bytes:
    """What was searched and run for the model; clients know the searches under two names."""
    searches = _SEARCHES % usage.web_searches
    tools = _TOOLS % (usage.tools_requested, usage.tools_executed) if usage.tools_requested else b""
    return b',"server_tool_use_details":{%b%b},"server_tool_use":{%b}' % (tools, searches, searches)
