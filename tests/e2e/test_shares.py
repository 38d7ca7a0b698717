"""Providers that fail most of the time, before a real gateway: what its clients notice of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import FakeServer, Gateway, Reply, model_tables, provider_table, running

PRICE = '{{ prompt = "0.00000{0}", completion = "0.00000{0}" }}'
REQUESTS = 300
ASKED = {"x-openrouter-metadata": "enabled"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Three providers, each a process of its own; ``acme/one-bad`` fails at the cheapest, ``acme/all-bad`` at all."""
    directory = tmp_path_factory.mktemp("shares")
    fakes = [FakeServer(directory, name) for name in ("first", "second", "third")]
    with running(*fakes):
        slugs = ["first", "second", "third"]
        toml = "".join(provider_table(slug, fake.base_url) for slug, fake in zip(slugs, fakes, strict=True))
        toml += model_tables("acme/one-bad", _offers(slugs, ["flap-90", "echo", "echo"]))
        # unlike names, that each flaps by a turn of its own
        toml += model_tables("acme/all-bad", _offers(slugs, ["flap-30", "flap-30-slow-1", "flap-30-lorem-2"]))
        toml += model_tables("acme/comes-back", _offers(slugs, ["echo", "echo", "echo"]))
        with Gateway(directory, toml) as found:
            yield found


def _offers(slugs: list[str], names: list[str]) -> list[tuple[str, str, str]]:
    return [(slug, name, PRICE.format(place)) for place, (slug, name) in enumerate(zip(slugs, names, strict=True), 1)]


def _asked(gateway: Gateway, model: str) -> Reply:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    return gateway.request("POST", "/api/v1/chat/completions", body, headers=ASKED)


def _attempts(reply: Reply) -> int:
    told: Any = reply.json()["openrouter_metadata"]
    return int(told["attempt"])


def test_with_one_of_three_failing_nine_times_in_ten_clients_notice_nothing(gateway: Gateway) -> None:
    for _ in range(20):
        gateway.chat("acme/one-bad")
    replies = [_asked(gateway, "acme/one-bad") for _ in range(REQUESTS)]
    assert [reply.status for reply in replies] == [200] * REQUESTS
    assert sum(map(_attempts, replies)) / REQUESTS < 1.5


def test_with_all_three_failing_thirty_times_in_a_hundred_nearly_all_requests_succeed(gateway: Gateway) -> None:
    replies = [_asked(gateway, "acme/all-bad") for _ in range(REQUESTS)]
    assert sum(reply.status == 200 for reply in replies) / REQUESTS >= 0.94  # 0.973 is to be expected
    failures = [reply.json()["error"] for reply in replies if reply.status != 200]
    for error in failures:
        assert len(error["metadata"]["previous_errors"]) == 2
        assert error["availability"]["retryable"]


@pytest.mark.slow  # an outage is left alone for half a minute
def test_an_outage_moves_the_next_request_elsewhere_and_ends_within_a_minute(tmp_path: Path) -> None:
    cheap, dear = FakeServer(tmp_path, "cheap"), FakeServer(tmp_path, "dear")
    with running(cheap, dear):
        toml = provider_table("cheap", cheap.base_url) + provider_table("dear", dear.base_url)
        toml += model_tables("acme/tiny", [("cheap", "echo", PRICE.format(1)), ("dear", "echo", PRICE.format(9))])
        with Gateway(tmp_path, toml) as gateway:
            assert {gateway.chat("acme/tiny").json()["provider"] for _ in range(20)} >= {"cheap"}
            cheap.__exit__(None, None, None)
            while _attempts(_asked(gateway, "acme/tiny")) == 1:
                pass
            found = [_asked(gateway, "acme/tiny") for _ in range(30)]
            assert [(reply.json()["provider"], _attempts(reply)) for reply in found] == [("dear", 1)] * 30
            cheap.__enter__()
            recovered = time.monotonic()
            while gateway.chat("acme/tiny").json()["provider"] != "cheap":
                assert time.monotonic() - recovered < 60
                time.sleep(0.25)
            assert sum(gateway.chat("acme/tiny").json()["provider"] == "cheap" for _ in range(30)) > 20
