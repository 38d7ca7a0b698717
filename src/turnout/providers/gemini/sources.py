"""Where Gemini says it has something from: grounding and citations as annotations, log probabilities as ours."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Raw, Struct

from turnout.base.jsons import BadJSON, encode, reader
from turnout.domain.completion import NULL
from turnout.providers.deltas import UrlCitation

__all__ = ["citations_of", "logprobs_of"]


class _Place(Struct):
    uri: str | None = None
    title: str | None = None
    text: str | None = None


class _Source(Struct, rename="camel"):
    web: _Place | None = None
    retrieved_context: _Place | None = None
    maps: _Place | None = None
    image: _Place | None = None


class _Segment(Struct, rename="camel"):
    part_index: int = 0
    start_index: int = 0
    end_index: int = 0
    text: str | None = None


class _Support(Struct, rename="camel"):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class _Grounding(Struct, rename="camel"):
    grounding_chunks: list[_Source] | None = None
    grounding_supports: list[_Support] | None = None


class _Citation(Struct, rename="camel"):
    start_index: int = 0
    end_index: int = 0
    uri: str | None = None
    title: str | None = None


class _Citations(Struct, rename="camel"):
    citation_sources: list[_Citation] | None = None
    citations: list[_Citation] | None = None


class _Token(Struct, rename="camel"):
    token: str = ""
    log_probability: float = -100.0


class _Alternatives(Struct):
    candidates: list[_Token] | None = None


class _Logprobs(Struct, rename="camel"):
    chosen_candidates: list[_Token] | None = None
    top_candidates: list[_Alternatives] | None = None


_read_grounding = reader(_Grounding)
_read_citations = reader(_Citations)
_read_logprobs = reader(_Logprobs)


def citations_of(grounding: Raw, citations: Raw, text: str) -> list[UrlCitation]:
    """The sources of *text*; a source that supports no place in it stands at its beginning.

    Google counts bytes of UTF-8, annotations count characters. Sources without an address, such as passages of an
    uploaded file, have no place among them.
    """
    found = list(_grounded(grounding, text)) if grounding is not NULL else []
    if citations is not NULL:
        found += _cited(citations, text)
    return found


def _grounded(raw: Raw, text: str) -> Iterator[UrlCitation]:
    try:
        wire = _read_grounding(raw)
    except BadJSON:
        return
    places = [one.web or one.retrieved_context or one.maps or one.image for one in wire.grounding_chunks or ()]
    content = text.encode()
    used: set[int] = set()
    for support in wire.grounding_supports or ():
        segment = support.segment or _Segment()
        start, end = _span(content, segment, text)
        for number in support.grounding_chunk_indices or ():
            place = places[number] if 0 <= number < len(places) else None
            if place is not None and place.uri:
                used.add(number)
                yield UrlCitation(place.uri, place.title or "", place.text, start, end)
    for number, place in enumerate(places):
        if number not in used and place is not None and place.uri:
            yield UrlCitation(place.uri, place.title or "", place.text, 0, 0)


def _cited(raw: Raw, text: str) -> Iterator[UrlCitation]:
    try:
        wire = _read_citations(raw)
    except BadJSON:
        return
    content = text.encode()
    for one in [*(wire.citation_sources or ()), *(wire.citations or ())]:
        if one.uri:
            start, end = _span(content, _Segment(0, one.start_index, one.end_index), text)
            yield UrlCitation(one.uri, one.title or "", None, start, end)


def _span(content: bytes, segment: _Segment, text: str) -> tuple[int, int]:
    """Where the segment stands, in characters; its own text decides where the count is of another part's."""
    start = len(content[: segment.start_index].decode(errors="ignore"))
    end = len(content[: segment.end_index].decode(errors="ignore"))
    if segment.text and text[start:end] != segment.text and (found := text.find(segment.text)) >= 0:
        return found, found + len(segment.text)
    return start, end


def logprobs_of(raw: Raw) -> Raw:
    """The chosen tokens with their probabilities, and the likeliest in their places; null where there are none."""
    if raw is NULL:
        return NULL
    try:
        wire = _read_logprobs(raw)
    except BadJSON:
        return NULL
    if not wire.chosen_candidates:
        return NULL
    likely = wire.top_candidates or []
    content = []
    for place, chosen in enumerate(wire.chosen_candidates):
        others = likely[place].candidates or [] if place < len(likely) else []
        content.append(_token(chosen) | {"top_logprobs": [_token(other) for other in others]})
    return Raw(encode({"content": content, "refusal": None}))


def _token(one: _Token) -> dict[str, object]:
    return {"token": one.token, "logprob": one.log_probability, "bytes": list(one.token.encode())}
