"""Requests and tokens per minute: counted before a provider is asked, put right once it has answered."""

from __future__ import annotations

import math

from turnout.base.errors import TooManyRequests
from turnout.contracts.shared import Pace
from turnout.domain.account import Key
from turnout.domain.chat import ChatRequest
from turnout.domain.usage import Usage
from turnout.engine.filters import prompt_tokens

__all__ = ["keep_pace", "put_right", "refuse_haste"]


async def keep_pace(pace: Pace, key: Key, request: ChatRequest, now: float) -> int:
    """Count *request* at *now* (unix seconds) against what *key* may do in a minute; how many tokens were counted.

    Raises:
        TooManyRequests: it has done enough; the error says when it may go on.
    """
    tokens = prompt_tokens(request)
    await refuse_haste(pace, key, tokens, now)
    return tokens


async def refuse_haste(pace: Pace, key: Key, tokens: int, now: float) -> None:
    """Count a request of *tokens* at *now*. Raises TooManyRequests, as above, with OpenRouter's headers of limits."""
    seconds = await pace.take(key, 1, tokens, now)
    if seconds is None:
        return
    limits = [
        f"{limit} {unit}"
        for limit, unit in ((key.requests_per_minute, "requests"), (key.tokens_per_minute, "tokens"))
        if limit is not None
    ]
    headers = {
        "X-RateLimit-Limit": str(key.requests_per_minute or key.tokens_per_minute),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(math.ceil((now + seconds) * 1000)),
    }
    raise TooManyRequests(
        f"This key is limited to {' and '.join(limits)} per minute",
        metadata={"headers": headers},
        retry_after=max(1, math.ceil(seconds)),
    )


async def put_right(pace: Pace, key: Key, counted: int, usage: Usage, now: float) -> None:
    """Count what an answer has really used instead of the estimate."""
    await pace.take(key, 0, usage.prompt_tokens + usage.completion_tokens - counted, now)
