from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import Feeds
from turnout.catalog.sync_fetch import Answer, Bounds, NotReadError, Validators, fetch, request_of
from turnout.net.client import Client, Origin
from turnout.net.deadlines import Deadlines
from turnout.net.outbox import Outbox

_BOUNDS = Bounds(size=10_000, seconds=2.0, connect_seconds=1.0, silence_seconds=1.0)


@pytest.fixture
def feeds() -> Iterator[Feeds]:
    with Feeds() as running:
        yield running


def _get(address: str, validators: Validators | None = None, bounds: Bounds = _BOUNDS) -> Answer:
    async def run() -> Answer:
        loop = asyncio.get_running_loop()
        origin = Origin(address)
        client = Client(Deadlines(loop), Outbox(loop, lambda: None))
        try:
            return await fetch(client, origin, request_of(address, {}, validators), bounds)
        finally:
            origin.close()

    return asyncio.run(run())


def test_a_packed_answer_is_unpacked_and_has_its_validator(feeds: Feeds) -> None:
    feeds["/a"] = b"x" * 9_000
    answer = _get(f"{feeds.url}/a")
    assert answer.body == b"x" * 9_000
    assert answer.validators.etag
    assert _get(f"{feeds.url}/a", answer.validators).body is None


@pytest.mark.parametrize("size", [10_001, 1_000_000])
def test_the_limit_of_size_counts_after_unpacking(feeds: Feeds, size: int) -> None:
    feeds["/a"] = b"x" * size
    with pytest.raises(NotReadError, match="larger than"):
        _get(f"{feeds.url}/a")


def test_several_packed_members_or_a_cut_off_one_are_not_half_read(feeds: Feeds) -> None:
    def cut(handler: BaseHTTPRequestHandler) -> None:
        body = gzip.compress(b"y" * 5_000)[:-9]
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    feeds["/a"] = cut
    with pytest.raises(NotReadError, match="cut off"):
        _get(f"{feeds.url}/a")


def test_a_host_that_does_not_answer_is_told_in_plain_words() -> None:
    with pytest.raises(NotReadError, match="it cannot be reached: the connection was refused"):
        _get("http://127.0.0.1:9/a")


def test_the_status_is_told(feeds: Feeds) -> None:
    with pytest.raises(NotReadError, match="status 404") as caught:
        _get(f"{feeds.url}/none")
    assert caught.value.status == 404


@given(st.text(max_size=300))
def test_no_validator_can_add_a_line_to_a_request(etag: str) -> None:
    from turnout.catalog.sync_fetch import _validator  # noqa: PLC0415 - private, and worth a property

    kept = _validator(etag.encode("utf-8", "surrogatepass"))
    assert request_of("http://h/a", {}, Validators(etag=kept)).count(b"\r\n") == (7 if kept else 6)
