"""The shelf: what is made ahead stays, what is kept makes room."""

from collections.abc import Callable

from catalogs import NOTHING_MEASURED, NOW, bundled
from turnout.api.shelf import PUBLIC, Shelf, shelf_of
from turnout.base.stored import Stored
from turnout.catalog.entries import PriceWeights
from turnout.catalog.listing import Listing

_Work = Callable[[], None]


def _shelf() -> tuple[Shelf, list[_Work]]:
    told: list[_Work] = []
    listing = Listing(bundled(), NOTHING_MEASURED, PriceWeights(), NOW)
    return shelf_of(listing, told.append, cors=False), told


def _stored(size: int, until: float = 100.0) -> Stored:
    return Stored(b"x" * size, cache=PUBLIC, until=until)


def test_what_is_asked_for_most_is_there_compressed_under_both_mounts() -> None:
    shelf, told = _shelf()
    for path in (b"/models", b"/models/count", b"/embeddings/models", b"/images/models", b"/providers"):
        stored = shelf.find(b"/api/v1" + path, 0.0)
        assert stored is not None
        assert stored is shelf.find(b"/v1" + path, 1e12)
        assert not stored.compressible
    assert told == []


def test_a_kept_reply_is_compressed_once_when_it_is_asked_for_again() -> None:
    shelf, told = _shelf()
    shelf.keep(b"/v1/models?q=a", _stored(5_000))
    assert told == []
    for _ in range(3):
        assert shelf.find(b"/v1/models?q=a", 0.0) is not None
    assert len(told) == 1
    told[0]()
    found = shelf.find(b"/v1/models?q=a", 0.0)
    assert found is not None
    assert len(found.choose(b"gzip").body) < 500


def test_a_kept_reply_ends() -> None:
    shelf, _ = _shelf()
    shelf.keep(b"/v1/models?q=a", _stored(5, until=7.0))
    assert shelf.find(b"/v1/models?q=a", 6.9) is not None
    assert shelf.find(b"/v1/models?q=a", 7.0) is None


def test_the_oldest_make_room() -> None:
    shelf, _ = _shelf()
    for number in range(40):
        shelf.keep(b"/v1/models?q=%d" % number, _stored(2**20))
    assert shelf.find(b"/v1/models?q=0", 0.0) is None
    assert shelf.find(b"/v1/models?q=39", 0.0) is not None
    assert shelf.find(b"/v1/models", 0.0) is not None


def test_endless_targets_and_replies_are_not_kept() -> None:
    shelf, _ = _shelf()
    long = b"/v1/models?q=" + b"a" * 5_000
    shelf.keep(long, _stored(5))
    assert shelf.find(long, 0.0) is None
    shelf.keep(b"/v1/models?q=b", _stored(20 * 2**20))
    assert shelf.find(b"/v1/models?q=b", 0.0) is None
