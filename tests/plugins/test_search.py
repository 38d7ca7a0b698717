"""Claims about search engines: real HTTP to servers that answer as they do."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import Exchange, exchanges
from turnout.app.outside import outside_of
from turnout.base.money import parse_price
from turnout.base.secrets import Secret
from turnout.contracts.plugin import Purchase
from turnout.contracts.search import Found, SearchFailed, SearchQuery, SearchResult
from turnout.net.client import Client
from turnout.net.deadlines import Deadlines
from turnout.net.fetch import Fetcher
from turnout.net.outbox import Outbox
from turnout.plugins.search import Searcher, SearchSettings, dearest_search
from turnout.plugins.search.citations import url_citations
from turnout.plugins.search.domains import is_wanted, with_sites

_RECORDED = exchanges("tavily-search")
_SEARXNG = {
    "query": "q",
    "number_of_results": 0,
    "results": [
        {"url": "https://example.org/a", "title": "A\u202e\n title", "content": "About  a", "engine": "bing"},
        {"url": "https://example.org/a", "title": "The same", "content": None},
        {"url": "javascript:alert(1)", "title": "No page", "content": ""},
        {"url": "https://news.example.com/b", "title": "B", "content": "x" * 9_000, "publishedDate": "2026-05-01"},
    ],
    "unresponsive_engines": [["google", "timeout"]],
}
_EXA = {
    "requestId": "r",
    "results": [
        {"id": "i", "url": "https://exa.example/", "title": None, "text": "Text", "publishedDate": "2026-01-01"}
    ],
    "costDollars": {"total": 0.0065},
}
_BRAVE = {
    "type": "search",
    "web": {
        "results": [
            {
                "url": "https://b.example/1",
                "title": "One &amp; <strong>two</strong>",
                "description": "It&#x27;s",
                "page_age": "2026",
            }
        ]
    },
}
_DUCK = """<html><body><div id="links"><div class="result results_links result--ad">
<a class="result__a" href="https://duckduckgo.com/y.js?ad_domain=x">Buy</a><a class="result__snippet">now</a></div>
<div class="result"><h2><a rel="nofollow" class="result__a"
href="//duckduckgo.com/l/?uddg=https%3A%2F%2Fd.example%2Fp%3Fq%3D1&amp;rut=f">D &amp; <b>d</b></a></h2>
<a class="result__snippet" href="#">A <b>snippet</b></a></div></div></body></html>"""


class _Engines(http.server.BaseHTTPRequestHandler):
    """All engines at once, each below a path of its own; ``/bad/…`` ones fail in the way of their names."""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        self.server.asked.append((self.path, dict(self.headers), body))  # type: ignore[attr-defined]
        path = urlsplit(self.path).path
        if path.startswith("/bad/slow"):
            time.sleep(4.0)
        status = 503 if path.startswith("/bad/status") else 200
        answers: dict[str, object] = {
            "/searxng/search": _SEARXNG,
            "/exa/search": _EXA,
            "/brave/web/search": _BRAVE,
            "/bad/empty/search": _SEARXNG | {"results": []},
            "/bad/nonsense/search": ["<html>"],
            "/tavily/search": next(
                (one.response for one in _RECORDED if body and one.request.items() <= json.loads(body).items()), {}
            ),
        }
        found = answers.get(path, {})
        text = _DUCK.encode() if path == "/duck/html/" else json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Engines)
    found.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


class _Shop:
    """A searcher at the server, with what it has bought and what was asked."""

    def __init__(self, server: Any, searcher: Searcher) -> None:  # noqa: ANN401 - with a list of ours
        self.asked: list[tuple[str, Mapping[str, str], bytes]] = server.asked
        self.bought: list[Purchase] = []
        self.searcher = searcher
        self.asked.clear()

    async def search(self, text: str = "q", **more: Any) -> Found:  # noqa: ANN401 - of a query
        return await self.searcher.search(SearchQuery(text=text, **more), self.bought.append)


def _shop(
    server: http.server.ThreadingHTTPServer, engines: Sequence[str], paths: Mapping[str, str], **settings: object
) -> _Shop:
    loop = asyncio.get_running_loop()
    client = Client(Deadlines(loop), Outbox(loop, lambda: None))
    base = f"http://127.0.0.1:{server.server_port}"
    urls = {name: path if "://" in path else base + path for name, path in paths.items()}
    stated = {"engines": list(engines), "urls": urls} | settings
    keys = {name: Secret(f"key-of-{name}") for name in ("exa", "tavily", "brave")}
    outside = outside_of(client, Fetcher(client.exchange))
    return _Shop(server, Searcher(msgspec.convert(stated, SearchSettings), keys, outside, time.monotonic))


async def test_searxng_is_asked_for_json_and_its_results_are_made_safe(server: http.server.ThreadingHTTPServer) -> None:
    shop = _shop(server, ["searxng"], {"searxng": "/searxng"})
    found = await shop.search("what is a?", exclude_domains=("bad.example", "*.worse.example", "x.example/path"))
    asked = parse_qs(urlsplit(shop.asked[0][0]).query)
    assert asked == {"q": ["what is a? -site:bad.example"], "format": ["json"]}
    assert [one.url for one in found.results] == ["https://example.org/a", "https://news.example.com/b"]
    assert found.results[0].title == "A title"
    assert len(found.results[1].content) == 1_500
    assert found.engine == found.results[0].engine == "searxng"
    assert [(one.ok, one.cost, one.searches, one.status) for one in shop.bought] == [(True, 0, 1, 200)]


async def test_exa_says_itself_what_it_costs(server: http.server.ThreadingHTTPServer) -> None:
    shop = _shop(server, ["exa"], {"exa": "/exa"})
    found = await shop.search(include_domains=("*.example", "exa.example/"), max_results=3, country="NL")
    path, headers, body = shop.asked[0]
    sent = json.loads(body)
    assert (path, headers["x-api-key"], sent["numResults"], sent["userLocation"]) == (
        "/exa/search",
        "key-of-exa",
        3,
        "NL",
    )
    assert [one.content for one in found.results] == ["Text"]
    assert found.cost == shop.bought[0].cost == parse_price("0.0065")


async def test_brave_writes_markup_that_is_read_as_text(server: http.server.ThreadingHTTPServer) -> None:
    shop = _shop(server, ["brave"], {"brave": "/brave"}, prices={"brave": "0.003"})
    found = await shop.search(include_domains=("b.example",))
    path, headers, _ = shop.asked[0]
    assert headers["X-Subscription-Token"] == "key-of-brave"
    assert parse_qs(urlsplit(path).query)["q"] == ["q site:b.example"]
    assert (found.results[0].title, found.results[0].content) == ("One & two", "It's")
    assert found.cost == parse_price("0.003")


async def test_duckduckgo_needs_no_key_and_shows_no_advertisements(server: http.server.ThreadingHTTPServer) -> None:
    shop = _shop(server, [], {"duckduckgo": "/duck"})
    assert [one.slug for one in shop.searcher.engines()] == ["brave", "tavily", "exa"]  # a last resort is not asked
    shop = _shop(server, ["duckduckgo"], {"duckduckgo": "/duck"})
    found = await shop.search()
    assert [(one.url, one.title, one.content) for one in found.results] == [
        ("https://d.example/p?q=1", "D & d", "A snippet")
    ]


@pytest.mark.skipif(not _RECORDED, reason="TURNOUT_TEST_DATA names no recordings")
@pytest.mark.parametrize("exchange", _RECORDED, ids=lambda one: one.id)
async def test_recorded_tavily_searches_are_asked_alike_and_read_in_full(
    server: http.server.ThreadingHTTPServer, exchange: Exchange
) -> None:
    asked = exchange.request
    shop = _shop(server, ["tavily"], {"tavily": "/tavily"})
    found = await shop.search(
        asked["query"],
        max_results=asked.get("max_results", 5),
        include_domains=tuple(asked.get("include_domains", ())),
    )
    path, headers, body = shop.asked[0]
    assert (path, headers["Authorization"]) == ("/tavily/search", "Bearer key-of-tavily")
    sent = json.loads(body)
    assert sent | asked == sent
    assert [one.url for one in found.results] == [one["url"] for one in exchange.response["results"]]
    assert found.cost == parse_price("0.008")


@pytest.mark.parametrize("first", ["/bad/empty", "/bad/nonsense", "/bad/slow", "/bad/status", "http://127.0.0.1:1"])
async def test_the_next_engine_is_asked(server: http.server.ThreadingHTTPServer, first: str) -> None:
    urls = {"searxng": first, "exa": "/exa"}
    shop = _shop(server, ["searxng", "exa"], urls, seconds=2.0 if first == "/bad/slow" else 10.0)
    found = await shop.search()
    assert found.engine == "exa"
    assert [(one.service, one.ok) for one in shop.bought] == [("searxng", first == "/bad/empty"), ("exa", True)]
    assert not shop.bought[0].cost


async def test_when_no_engine_answers_all_reasons_are_told(server: http.server.ThreadingHTTPServer) -> None:
    urls = {"searxng": "/bad/status", "tavily": "/bad/nonsense"}
    shop = _shop(server, ["searxng", "tavily"], urls)
    with pytest.raises(SearchFailed, match=r"searxng: it answered with status 503; tavily: its answer makes no"):
        await shop.search()


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in ({"engines": ["altavista"]}, {"urls": {"searxng": "ftp://x"}}, {"prices": {"exa": "-1"}}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, SearchSettings)
    assert dearest_search(SearchSettings(engines=("searxng", "tavily"))) == parse_price("0.008")


@pytest.mark.parametrize(
    ("url", "included", "excluded", "wanted"),
    [
        ("https://a.example.com/x", ["example.com"], [], True),
        ("https://badexample.com/x", ["example.com"], [], False),
        ("https://example.com/", ["*.example.com"], [], False),
        ("https://a.example.com", ["*.example.com"], [], True),
        ("https://example.com/blog/1", ["example.com/blog"], [], True),
        ("https://example.com/blogger", ["example.com/blog/*"], [], False),
        ("https://EXAMPLE.com./x", ["https://Example.com"], [], True),
        ("https://example.com/x", [], ["example.com/y"], True),
        ("https://example.com/y/z", ["example.com"], ["example.com/y"], False),
        ("ftp://example.com/", [], [], False),
        ("https://[::1", [], [], False),
    ],
)
def test_domains_let_through_what_they_say(url: str, included: list[str], excluded: list[str], wanted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    query = SearchQuery(text="q", include_domains=tuple(included), exclude_domains=tuple(excluded))
    assert is_wanted(url, query) is wanted


def test_several_domains_are_alternatives() -> None:
    query = SearchQuery(text="q", include_domains=("a.example", "b.example/path"))
    assert with_sites(query) == "q (site:a.example OR site:b.example)"


_ADDRESSES = ("https://www.example.org/a_(b)/?q=1#top", "http://x.example", "https://ü.example/ä")
_WORDS = st.text(alphabet="ab é😀\n[]().*", max_size=20)
_FORMS = ("[{0}]({1})", '[{0}]({1} "a title")', "{1}", "<{1}>", "**{1}**")


@given(st.lists(st.tuples(_WORDS, st.sampled_from(_FORMS), st.sampled_from(_ADDRESSES)), max_size=6), _WORDS)
def test_each_mention_has_its_place_and_each_other_result_stands_at_the_beginning(
    parts: list[tuple[str, str, str]], last: str
) -> None:
    text = "".join(f"{words} {form.format('label', url)} " for words, form, url in parts) + last
    results = [SearchResult(url, "T", "C") for url in _ADDRESSES]
    found = [one["url_citation"] for one in url_citations(text, results)]
    placed = [one for one in found if one["end_index"]]
    assert [one["url"] for one in placed] == [url for _, _, url in parts]
    for one, (_, form, url) in zip(placed, parts, strict=True):
        expected = form.format("label", url).strip("<>*")
        assert text[one["start_index"] : one["end_index"]] == expected
    assert {one["url"] for one in found} == set(_ADDRESSES)


def test_a_hostile_text_is_read_in_time() -> None:
    result = [SearchResult("https://example.org/", "T", "C")]
    for piece in (
        "[a](https://example.org/" + "a" * 3_000,
        "[" * 9,
        "https://",
        "](",
        "https://x(",
        "(",
        "[a](http://x y",
    ):
        text = piece * (200_000 // len(piece))
        began = time.process_time()
        url_citations(text, result)
        assert time.process_time() - began < 1.0
