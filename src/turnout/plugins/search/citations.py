"""Where an answer names what was found: the annotations of its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, final
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from turnout.base.jsons import encode
from turnout.contracts.search import SearchResult
from turnout.domain.completion import Choice, Chunk

__all__ = ["Annotator", "annotated", "url_citations"]

_ADDRESS = r"https?://[^\s()<>\[\]\"`|\\]{1,2048}(?:\([^\s()<>]{0,256}\)[^\s()<>\[\]\"`|\\]{0,256})*"
_MENTION = re.compile(rf"\[[^\[\]\n]{{0,300}}\]\(<?({_ADDRESS})>?(?: [^()\n]{{0,200}})?\)|{_ADDRESS}", re.IGNORECASE)
_AFTER = ".,;:!?'*_"
"""What follows an address in a sentence, and belongs to the sentence."""
_read_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_read_parts = msgspec.json.Decoder(list[Raw]).decode
_read_text = msgspec.json.Decoder(str).decode


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


def annotated(choice: Choice, results: Sequence[SearchResult]) -> Choice:
    """*choice* with annotations, if it says something."""
    content = bytes(choice.message.get("content", b"null"))
    if content[:1] != b'"':
        return choice
    message = dict(choice.message)
    _annotate(message, _read_text(content), results)
    return replace(choice, message=message)


@final
class Annotator:
    """Puts annotations into the chunk that ends a choice, of what was found by then. It holds nothing back."""

    def __init__(self, results: Callable[[], Sequence[SearchResult]]) -> None:
        self._results = results
        self._texts: dict[int, list[str]] = {}

    def take(self, chunks: list[Chunk]) -> list[Chunk]:
        """The same chunks, the last of each choice with annotations."""
        results = self._results()
        if not results:
            return chunks
        for chunk in chunks:
            for choice in chunk.choices:
                delta = _read_fields(choice.delta)
                content = bytes(delta.get("content", b"null"))
                text = self._texts.setdefault(choice.index, [])
                if content[:1] == b'"':
                    text.append(_read_text(content))
                if choice.finish_reason is not None and any(text):
                    _annotate(delta, "".join(text), results)
                    choice.delta = Raw(encode(delta))
        return chunks

    def flush(self) -> list[Chunk]:
        """Nothing."""
        return []


def _annotate(message: dict[str, Raw], text: str, results: Sequence[SearchResult]) -> None:
    given = bytes(message.get("annotations", b"null"))
    others = _read_parts(given) if given[:1] == b"[" else []
    message["annotations"] = Raw(encode([*others, *url_citations(text, results)]))


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
