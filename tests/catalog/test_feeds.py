"""Feeds are well-formed, complete, and the same each time; whatever names hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from catalogs import bundled
from turnout.catalog.feeds import MAX_ITEMS, FeedItem, atom, feed_items, rss
from turnout.domain.catalog import Model
from turnout.domain.catalog_event import CatalogEvent

_BASE = "http://turnout.example:8000"
_ATOM = "{http://www.w3.org/2005/Atom}"
_text = st.text(max_size=30)
_events = st.lists(
    st.builds(
        CatalogEvent,
        kind=st.sampled_from(["new", "price", "retired", "changed"]),
        model_id=st.sampled_from(["acme/a", "acme/b", "acme/gone"]),
        at=st.floats(0, 2e9),
        text=_text,
        name=_text,
        subject=st.sampled_from(["", "prompt", "completion"]),
    ),
    max_size=8,
)


def _model(model_id: str, created: int = 1_000, **facts: str) -> Model:
    return Model(id=model_id, canonical_slug=model_id, name=facts.get("name", model_id), created=created)


def check_rss(document: bytes) -> list[ET.Element]:
    """What RSS 2.0 asks for; the items."""
    root = ET.fromstring(document)  # noqa: S314 - our own
    assert (root.tag, root.get("version")) == ("rss", "2.0")
    [channel] = root
    assert channel.tag == "channel"
    for name in ("title", "link", "description"):
        assert channel.findtext(name)
    [itself] = channel.findall(f"{_ATOM}link")
    assert (itself.get("rel"), itself.get("type")) == ("self", "application/rss+xml")
    assert (itself.get("href") or "").startswith("http://")
    items = channel.findall("item")
    for item in items:
        assert len(item.findall("title")) == len(item.findall("description")) == 1
        assert (item.findtext("link") or "").startswith(f"{_BASE}/")
        moment = parsedate_to_datetime(item.findtext("pubDate") or "")
        assert moment.tzinfo is not None
        guid = item.find("guid")
        assert guid is not None
        assert guid.get("isPermaLink") == "false"
    guids = [item.findtext("guid") for item in items]
    assert len(set(guids)) == len(guids)
    return items


def check_atom(document: bytes) -> list[ET.Element]:
    """What RFC 4287 asks for; the entries."""
    root = ET.fromstring(document)  # noqa: S314 - our own
    assert root.tag == f"{_ATOM}feed"
    for name in ("id", "title", "updated"):
        assert len(root.findall(f"{_ATOM}{name}")) == 1
    assert root.findtext(f"{_ATOM}author/{_ATOM}name")
    entries = root.findall(f"{_ATOM}entry")
    for entry in entries:
        for name in ("id", "title", "updated", "summary"):
            assert len(entry.findall(f"{_ATOM}{name}")) == 1
        for name in ("updated", "published"):
            assert datetime.fromisoformat(entry.findtext(f"{_ATOM}{name}") or "").tzinfo is not None
        [link] = entry.findall(f"{_ATOM}link")
        assert (link.get("href") or "").startswith(f"{_BASE}/")
    ids = [entry.findtext(f"{_ATOM}id") or "" for entry in entries]
    assert len(set(ids)) == len(ids)
    assert all(one.startswith("urn:uuid:") for one in ids)
    return entries


def _both(items: Sequence[FeedItem]) -> tuple[list[ET.Element], list[ET.Element]]:
    return (
        check_rss(rss(items, _BASE, f"{_BASE}/models.rss?a=1&b=<2>")),
        check_atom(atom(items, _BASE, f"{_BASE}/models.atom", 5.0)),
    )


@given(st.lists(st.tuples(_text, st.integers(0, 2**40)), max_size=4), _events)
def test_any_catalog_makes_valid_feeds(named: list[tuple[str, int]], events: list[CatalogEvent]) -> None:
    models = [_model(f"acme/{'abcd'[n]}", created, name=name) for n, (name, created) in enumerate(named)]
    items = feed_items(models, events, _BASE)
    in_rss, in_atom = _both(items)
    assert len(in_rss) == len(in_atom) == len(items)
    assert [item.at for item in items] == sorted((item.at for item in items), reverse=True)


def test_the_bundled_catalog_makes_valid_feeds() -> None:
    items = feed_items(bundled().models.values(), [], _BASE)
    in_rss, _ = _both(items)
    assert len(in_rss) == MAX_ITEMS
    assert {item.kind for item in items} == {"new"}


def test_an_empty_feed_is_valid() -> None:
    assert _both([]) == ([], [])


def test_titles_and_descriptions_are_escaped() -> None:
    name = "<script>alert('x')</script> & ]]> \x00\x0b\ud800"
    document = rss(feed_items([_model("acme/a", name=name)], [], _BASE), _BASE, f"{_BASE}/models.rss")
    [item] = check_rss(document)
    assert b"<script" not in document
    assert item.findtext("title") == "<script>alert('x')</script> & ]]> "


def test_events_say_what_is_new_dearer_and_gone() -> None:
    events = [
        CatalogEvent(kind="new", model_id="acme/a", at=50.0, text="acme/a is new", name="Acme: A"),
        CatalogEvent(kind="price", model_id="acme/a", at=60.0, text="The prompt price fell", subject="prompt"),
        CatalogEvent(kind="retired", model_id="acme/gone", at=70.0, text="acme/gone is gone", name="Gone"),
        CatalogEvent(kind="changed", model_id="acme/a", at=80.0, text="Another fact", subject="context_length"),
        CatalogEvent(kind="price", model_id="acme/other", at=90.0, text="Not among the models", subject="prompt"),
    ]
    items = feed_items([_model("acme/a"), _model("acme/b", 40), _model("acme/c", 0)], events, _BASE)
    assert [(item.kind, item.title, item.at) for item in items] == [
        ("retired", "acme/gone is gone", 70.0),
        ("price", "The prompt price fell", 60.0),
        ("new", "Acme: A", 50.0),
        ("new", "acme/b", 40.0),
    ]
    assert [item.kind for item in feed_items([_model("acme/a")], events, _BASE, gone=False)] == ["price", "new"]


def test_items_lead_to_the_model_or_to_the_chat() -> None:
    [item] = feed_items([_model("acme/a:free")], [], _BASE)
    assert item.link == f"{_BASE}/models/acme/a:free"
    [item] = feed_items([_model("acme/a:free")], [], _BASE, chat_links=True)
    assert item.link == f"{_BASE}/chat?model=acme%2Fa%3Afree"


def test_the_same_thing_has_the_same_id_wherever_it_is_told() -> None:
    [here] = feed_items([_model("acme/a")], [], _BASE)
    [there] = feed_items([_model("acme/a", name="Renamed")], [], "https://elsewhere.example")
    assert here.id == there.id
