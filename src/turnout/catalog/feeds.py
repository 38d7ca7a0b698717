"""RSS and Atom feeds of what is new, dearer, cheaper or gone in the catalog. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final, NamedTuple
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from turnout.domain.catalog import Model
from turnout.domain.catalog_event import CatalogEvent

__all__ = ["MAX_ITEMS", "FeedItem", "atom", "feed_items", "rss"]

MAX_ITEMS: Final = 200

_ATOM: Final = "http://www.w3.org/2005/Atom"
_TITLE: Final = "Turnout: models"
_SUBTITLE: Final = "Models that are new, that changed their price, or that are gone."
_FEED_ID: Final = "urn:uuid:" + str(uuid5(NAMESPACE_URL, "urn:turnout:feed:models"))
_MINUTES: Final = "60"
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KINDS: Final = frozenset({"new", "price", "retired"})
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999

register_namespace("atom", _ATOM)


class FeedItem(NamedTuple):
    """One entry. ``id`` is the same whenever and wherever the same thing is told; ``at`` is in unix seconds."""

    id: str
    kind: str
    at: float
    title: str
    text: str
    link: str


def feed_items(
    models: Iterable[Model], events: Iterable[CatalogEvent], base: str, *, chat_links: bool = False, gone: bool = True
) -> list[FeedItem]:
    """The newest 200 entries about *models*, newest first.

    *events* are those of the catalog's journal, in any order. A model of which they do not say when it came is new on
    the day of its release, where that is known. Events of models that are not among *models* count when the model has
    *gone*. *base* is the address of the website, without a slash at its end; *chat_links*: entries lead to the chat.
    """
    by_id = {model.id: model for model in models}
    items: dict[str, FeedItem] = {}
    came: set[str] = set()
    for event in events:
        model = by_id.get(event.model_id)
        if event.kind not in _KINDS or (model is None and not (gone and event.kind == "retired")):
            continue
        if event.kind == "new":
            came.add(event.model_id)
        name = event.name or (event.model_id if model is None else model.name)
        identity = f"{event.kind}:{event.model_id}:{event.subject}:{int(event.at)}"
        text = event.text if model is None or event.kind != "new" else model.description or event.text
        title = name if event.kind == "new" else event.text
        link = _link(event.model_id, base, chat_links=chat_links and model is not None)
        items.setdefault(_uuid(identity), FeedItem(_uuid(identity), event.kind, event.at, title, text, link))
    for model in by_id.values():
        if model.created and model.id not in came:
            identity = _uuid(f"new:{model.id}::{model.created}")
            link = _link(model.id, base, chat_links=chat_links)
            items[identity] = FeedItem(identity, "new", model.created, model.name, model.description, link)
    return sorted(items.values(), key=lambda item: (-item.at, item.id))[:MAX_ITEMS]


def rss(items: Sequence[FeedItem], base: str, address: str) -> bytes:
    """An RSS 2.0 document; *address* is where it is read, *base* the website. Dates as in RFC 822."""
    root = Element("rss", {"version": "2.0"})
    channel = SubElement(root, "channel")
    _add(channel, "title", _TITLE)
    _add(channel, "link", f"{base}/models")
    _add(channel, "description", _SUBTITLE)
    _add(channel, "language", "en")
    if items:
        _add(channel, "lastBuildDate", _rfc822(items[0].at))
    _add(channel, "ttl", _MINUTES)
    SubElement(channel, f"{{{_ATOM}}}link", {"href": _clean(address), "rel": "self", "type": "application/rss+xml"})
    for item in items:
        entry = SubElement(channel, "item")
        _add(entry, "title", item.title)
        _add(entry, "link", item.link)
        _add(entry, "guid", item.id).set("isPermaLink", "false")
        _add(entry, "category", item.kind)
        _add(entry, "pubDate", _rfc822(item.at))
        _add(entry, "description", item.text or item.title)
    return _document(root)


def atom(items: Sequence[FeedItem], base: str, address: str, wall: float) -> bytes:
    """An Atom 1.0 document. Dates as in RFC 3339; *wall* (unix seconds) is the date of a feed without entries."""
    root = Element("feed", {"xmlns": _ATOM})
    _add(root, "id", _FEED_ID)
    _add(root, "title", _TITLE)
    _add(root, "subtitle", _SUBTITLE)
    _add(root, "updated", _rfc3339(items[0].at if items else wall))
    SubElement(root, "link", {"rel": "self", "type": "application/atom+xml", "href": _clean(address)})
    SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": f"{base}/models"})
    _add(SubElement(root, "author"), "name", "Turnout")
    for item in items:
        entry = SubElement(root, "entry")
        _add(entry, "id", item.id)
        _add(entry, "title", item.title)
        _add(entry, "updated", _rfc3339(item.at))
        _add(entry, "published", _rfc3339(item.at))
        SubElement(entry, "link", {"rel": "alternate", "href": item.link})
        SubElement(entry, "category", {"term": item.kind})
        _add(entry, "summary", item.text or item.title)
    return _document(root)


def _link(model_id: str, base: str, *, chat_links: bool) -> str:
    if chat_links:
        return f"{base}/chat?model={quote(model_id, safe='')}"
    return f"{base}/models/{quote(model_id, safe='/:~')}"


def _uuid(identity: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_URL, f'urn:turnout:{identity}')}"


def _add(parent: Element, name: str, text: str) -> Element:
    child = SubElement(parent, name)
    child.text = _clean(text)
    return child


def _clean(text: str) -> str:
    """Without the characters that XML has no way to write."""
    return _NOT_XML.sub("", text)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(min(max(at, 0), _LAST_SECOND), UTC)


def _rfc822(at: float) -> str:
    return format_datetime(_moment(at), usegmt=True)


def _rfc3339(at: float) -> str:
    return _moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def _document(root: Element) -> bytes:
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=False)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + text
