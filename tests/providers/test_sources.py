"""Claims about sources that providers name beside their answers."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from turnout.domain.provider import Provider
from turnout.providers.openai import OpenAIAdapter

_ADAPTER = OpenAIAdapter(Provider(slug="p", name="P", base_url="http://127.0.0.1:1"), lambda: 0.0)
_URLS = ["https://a.example/1", "https://b.example/2", "no address"]
_RESULTS = [{"title": "A", "url": _URLS[0], "date": None, "snippet": "s"}, {"title": "B", "url": _URLS[1]}]
_TEXT = "😀 Yes[2], and [9]."


def _places(annotations: bytes) -> list[tuple[str, str, int, int]]:
    cited = [one["url_citation"] for one in json.loads(bytes(annotations))]
    return [(one["url"], one.get("title", ""), one["start_index"], one["end_index"]) for one in cited]


def _whole(**more: object) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}
    return _ADAPTER.completion(json.dumps({"choices": [choice]} | more).encode()).choices[0].message


def test_numbers_in_an_answer_are_the_places_of_its_sources() -> None:
    found = _places(_whole(citations=_URLS, search_results=_RESULTS)["annotations"])
    assert found == [(_URLS[1], "B", 5, 8), (_URLS[0], "A", 0, 0)]
    assert _TEXT[5:8] == "[2]"
    assert _places(_whole(citations=_URLS)["annotations"]) == [(_URLS[1], "", 5, 8), (_URLS[0], "", 0, 0)]


def test_what_is_no_list_of_sources_is_passed_over() -> None:
    nothing: tuple[object, ...] = (None, {}, "x", [1, None, {"url": 5}, "javascript:x"])
    for strange in nothing:
        assert "annotations" not in _whole(citations=strange)


def test_a_stream_ends_with_its_sources() -> None:
    decoder = _ADAPTER.decoder()
    chunks = []
    for at in range(0, len(_TEXT) + 3, 3):
        delta = {"content": _TEXT[at : at + 3]}
        choice = {"index": 0, "delta": delta, "finish_reason": None if delta["content"] else "stop"}
        event = {"id": "c", "choices": [choice], "citations": _URLS, "search_results": _RESULTS}
        chunks += decoder.feed(f"data: {json.dumps(event)}\n\n".encode())
    deltas = [msgspec.json.decode(choice.delta) for chunk in chunks for choice in chunk.choices]
    assert "".join(delta["content"] for delta in deltas) == _TEXT
    [annotations] = [delta["annotations"] for delta in deltas if "annotations" in delta]
    assert _places(json.dumps(annotations).encode()) == [(_URLS[1], "B", 5, 8), (_URLS[0], "A", 0, 0)]
