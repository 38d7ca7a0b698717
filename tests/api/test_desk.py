"""The desk: replies are always about the present snapshot, made once, off the loop."""

from __future__ import annotations

import asyncio
import threading

import msgspec

from catalogs import NOTHING_MEASURED, NOW, bundled
from turnout.api.desk import CatalogDesk, Sources
from turnout.base.clock import SYSTEM_CLOCK
from turnout.base.money import Pico
from turnout.catalog.entries import PriceWeights
from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.usage import PriceOverride, Pricing


class _Present:
    """The snapshot that is current, changed by tests."""

    def __init__(self, snapshot: CatalogSnapshot) -> None:
        self.snapshot = snapshot


def _desk(present: _Present) -> CatalogDesk:
    sources = Sources(
        snapshot=lambda: present.snapshot,
        measured=NOTHING_MEASURED,
        events=list,
        permitted=lambda _key: lambda _model: True,
        weights=PriceWeights(),
        clock=SYSTEM_CLOCK,
        cors=True,
    )
    return CatalogDesk(sources, asyncio.get_running_loop())


def _small(name: str, *overrides: PriceOverride) -> CatalogSnapshot:
    pricing = Pricing(prompt=Pico(1_000_000), overrides=overrides)
    endpoint = Endpoint(model_id=name, provider="p", tag="p", upstream_model="m", pricing=pricing)
    model = Model(id=name, canonical_slug=name, name=name, endpoints=(endpoint,))
    return CatalogSnapshot(models={name: model}, built=NOW)


async def test_nothing_is_at_hand_until_it_is_made_once_for_all_who_wait() -> None:
    desk = _desk(_Present(bundled()))
    assert desk.find(b"/v1/models") is None
    one, two = await asyncio.gather(desk.shelf(), desk.shelf())
    assert one is two
    found = desk.find(b"/v1/models")
    assert found is not None
    assert found.body.startswith(b'{"data":[')


async def test_what_is_put_is_at_hand_at_once() -> None:
    present = _Present(_small("a/one"))
    desk = _desk(present)
    await desk.shelf()
    following = _small("a/two")
    shelf = await asyncio.to_thread(desk.prepare, following)
    present.snapshot = following
    desk.put(shelf)
    found = desk.find(b"/v1/models")
    assert found is not None
    assert b"a/two" in found.body


async def test_nothing_old_is_told_of_a_snapshot_that_came_without_a_word() -> None:
    present = _Present(_small("a/one"))
    desk = _desk(present)
    await desk.shelf()
    present.snapshot = _small("a/two")
    assert desk.find(b"/v1/models") is None
    shelf = await desk.shelf()
    assert shelf.listing.snapshot is present.snapshot
    assert desk.find(b"/v1/models") is not None


async def test_replies_are_made_in_a_thread() -> None:
    seen: list[threading.Thread] = []

    desk = _desk(_Present(_small("a/one")))
    prepare = desk.prepare

    def noticing(snapshot: CatalogSnapshot) -> object:
        seen.append(threading.current_thread())
        return prepare(snapshot)

    desk.prepare = noticing  # type: ignore[method-assign, assignment]  # to see where it runs
    await desk.shelf()
    assert seen != [threading.main_thread()]


async def test_prices_that_change_by_the_clock_are_shown_when_they_do() -> None:
    soon = PriceOverride(prices={"prompt": Pico(9_000_000)}, valid_from=int(SYSTEM_CLOCK.wall()) + 1)
    desk = _desk(_Present(_small("a/one", soon)))
    await desk.shelf()

    def price() -> str:
        stored = desk.find(b"/v1/models")
        assert stored is not None
        shown: str = msgspec.json.decode(stored.body)["data"][0]["pricing"]["prompt"]
        return shown

    assert price() == "0.000001"
    for _ in range(50):
        if price() == "0.000009":
            return
        await asyncio.sleep(0.1)
    assert price() == "0.000009"
