"""Where an answer names what was found: the annotations of its text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from turnout.contracts.search import SearchResult

__all__ = ["url_citations"]

_ADDRESS = r"https?://[^\s()<>\[\]\"`|\\]{1,2048}(?:\([^\s()<>]{0,256}\)[^\s()<>\[\]\"`|\\]{0,256})*"
_MENTION = re.compile(rf"\[[^\[\]\n]{{0,300}}\]\(<?({_ADDRESS})>?(?: [^()\n]{{0,200}})?\)|{_ADDRESS}", re.IGNORECASE)
_AFTER = ".,;:!?'*_"
"""What follows an address in a sentence, and belongs to the sentence."""


def url_citations(text: str, results: Sequence[SearchResult]) -> list[dict[str, Any]]:
    """One annotation for each place of *text* that names a result by a Markdown link or by its bare address, from the
    first character of that to the one after its last; and one at 0 for each result that is named nowhere.

    Source: OpenRouter, "Web search", annotations.
    """
    by_address = {_bare(one.url): one for one in reversed(results)}
    found: list[dict[str, Any]] = []
    named: set[str] = set()
    for match in _MENTION.finditer(text) if results else ():
        address = match[1] or match[0].rstrip(_AFTER)
        result = by_address.get(_bare(address))
        if result is not None:
            named.add(result.url)
            end = match.end() if match[1] else match.start() + len(address)
            found.append(_annotation(result, match.start(), end))
    return found + [_annotation(one, 0, 0) for one in results if one.url not in named]


def _bare(url: str) -> str:
    """An address without what people and models leave out or add: the scheme, ``www.``, a last slash, a fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    query = f"?{parts.query}" if parts.query else ""
    return parts.netloc.lower().removeprefix("www.") + parts.path.rstrip("/") + query


def _annotation(result: SearchResult, start: int, end: int) -> dict[str, Any]:
    cited = {
        "url": result.url,
        "title": result.title,
        "content": result.content,
        "start_index": start,
        "end_index": end,
    }
    return {"type": "url_citation", "url_citation": cited}
