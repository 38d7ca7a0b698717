"""OpenAI's models at deployments on Azure."""

from __future__ import annotations

import json
from dataclasses import replace

from conformance.kits.openai import KIT as _OPENAI
from conformance.voice import Said, event


def _stream(said: Said) -> list[bytes]:
    """As OpenAI's, after a word about the prompt from the filter."""
    filtered = {"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}
    opening = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [filtered]}
    return [event(opening), *_OPENAI.stream(said)]


def _error(status: int, message: str) -> bytes:
    return json.dumps({"error": {"code": str(status), "message": message}}).encode()


KIT = replace(
    _OPENAI,
    stream=_stream,
    error=_error,
    provider={"base_url": "http://127.0.0.1:9", "api_version": "2024-10-21"},
    signs=False,
)
