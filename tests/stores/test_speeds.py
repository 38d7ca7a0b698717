from __future__ import annotations

from msgspec.structs import replace

from servers import NewStore
from turnout.domain.health import Speed

_NOON = 1_795_003_200
_ROW = Speed(endpoint_id="a/m|p|p", at=_NOON, uptime=99.5, latency_ms=300.0, slowest_ms=900.0, throughput=50.0)


async def test_speeds_are_told_as_means_of_stretches_and_forgotten_in_the_end(new_store: NewStore) -> None:
    store = new_store()
    await store.open()
    try:
        await store.add_speeds([_ROW, replace(_ROW, endpoint_id="a/m|q|q", uptime=None)], 0)
        await store.add_speeds([replace(_ROW, latency_ms=1.0)], 0)  # another worker, a little later
        await store.add_speeds([replace(_ROW, at=_NOON + 1_800, latency_ms=500.0, throughput=None)], 0)
        own = ["a/m|p|p"]
        assert await store.speeds(own, 0, 1_800) == [
            _ROW, replace(_ROW, at=_NOON + 1_800, latency_ms=500.0, throughput=None),
        ]  # fmt: skip
        assert await store.speeds(own, _NOON, 1_800) == (await store.speeds(own, 0, 1_800))[1:]
        [whole] = await store.speeds(["a/m|p|p"], 0, 7_200 * 12)
        assert (whole.latency_ms, whole.throughput, whole.uptime) == (400.0, 50.0, 99.5)
        assert whole.at >= _NOON + 1_800
        assert [one.uptime for one in await store.speeds(["a/m|q|q"], 0, 1_800)] == [None]
        await store.add_speeds([], _NOON + 1)
        assert [one.at for one in await store.speeds([*own, "a/m|q|q"], 0, 1_800)] == [_NOON + 1_800]
        assert await store.speeds([], 0, 1_800) == []
    finally:
        await store.close()
