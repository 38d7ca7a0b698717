"""Sources that OpenAI-compatible providers which search themselves name beside an answer, as its annotations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, final

from msgspec import Raw

from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.completion import NULL, Choice, ChunkChoice
from turnout.providers.deltas import UrlCitation, annotations_of
from turnout.providers.failures import nonsense

__all__ = ["Sources", "put_sources"]

_MARK: Final = re.compile(r"\[(\d{1,3})\]")
"""Perplexity writes the number of a source, counted from one."""
_read_list = reader(list[Any])
_read_text = reader(str)
_read_fields = reader(dict[str, Raw])


def put_sources(choices: Sequence[Choice], results: Raw, citations: Raw) -> None:
    """Annotate whole answers with the objects of ``search_results``, else with the addresses of ``citations``."""
    for choice in choices:
        if "annotations" not in choice.message and (found := _cited(results, citations, _text(choice.message))):
            choice.message["annotations"] = annotations_of(found)


@final
class Sources:
    """The same for one stream: the sources stand in every chunk, the annotations go with the last of each choice."""

    def __init__(self) -> None:
        self._results = self._citations = NULL
        self._texts: dict[int, list[str]] = {}

    def take(self, choices: Sequence[ChunkChoice], results: Raw, citations: Raw) -> None:
        """The chunk's *choices*, and its lists if it has any; a chunk that ends a choice is given annotations.

        Raises:
            UpstreamError: a delta makes no sense.
        """
        self._results = self._results if results is NULL else results
        self._citations = self._citations if citations is NULL else citations
        for choice in choices:
            said = self._texts.setdefault(choice.index, [])
            try:
                delta = _read_fields(choice.delta)
                said.append(_text(delta))
            except BadJSON:
                raise nonsense() from None
            if choice.finish_reason is not None and "annotations" not in delta:
                found = _cited(self._results, self._citations, "".join(said))
                if found:
                    choice.delta = Raw(encode(delta | {"annotations": annotations_of(found)}))


def _text(message: dict[str, Raw]) -> str:
    content = message.get("content", NULL)
    return _read_text(content) if bytes(content)[:1] == b'"' else ""


def _cited(results: Raw, citations: Raw, text: str) -> list[UrlCitation]:
    """A source for each number in *text*, then those that no number names, at the beginning."""
    sources = _sources(results) or _sources(citations)
    found: list[UrlCitation] = []
    named: set[int] = set()
    for mark in _MARK.finditer(text) if sources else ():
        place = int(mark[1]) - 1
        if 0 <= place < len(sources) and (source := sources[place]) is not None:
            named.add(place)
            found.append(UrlCitation(*source, mark.start(), mark.end()))
    return found + [UrlCitation(*one, 0, 0) for place, one in enumerate(sources) if one and place not in named]


def _sources(raw: Raw) -> list[tuple[str, str, str | None] | None]:
    """Address, title and snippet of each source; None for what has no address, which keeps the numbers right."""
    try:
        return [_source(one) for one in _read_list(raw)]
    except BadJSON:  # null, or something else that nobody has documented
        return []


def _source(one: Any) -> tuple[str, str, str | None] | None:  # noqa: ANN401 - whatever the provider has sent
    stated = {"url": one} if isinstance(one, str) else one if isinstance(one, dict) else {}
    url, title, snippet = (stated.get(name) for name in ("url", "title", "snippet"))
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        return None
    return url, title if isinstance(title, str) else "", snippet if isinstance(snippet, str) and snippet else None
