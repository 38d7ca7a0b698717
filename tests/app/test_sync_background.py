"""A running server follows its catalog: synced in the background, swapped without dropping a request."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds import Feeds, models_dev
from gateway import FakeServer, Gateway, model_tables, provider_table
from patience import until


@pytest.fixture
def feeds() -> Iterator[Feeds]:
    with Feeds() as running:
        running["/api.json"] = models_dev(openai={"gpt-1": (1, 2)})
        yield running


def _ids(gateway: Gateway) -> set[str]:
    return {model["id"] for model in gateway.request("GET", "/api/v1/models").json()["data"]}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_syncs_by_itself_in_one_process_and_every_worker_follows(
    feeds: Feeds, tmp_path: Path, workers: int
) -> None:
    with Gateway(tmp_path, feeds.toml(["models.dev"], refresh="2s"), workers=workers) as gateway:
        until(lambda: "openai/gpt-1" in _ids(gateway))
        feeds["/api.json"] = models_dev(openai={"gpt-1": (1, 2), "gpt-2": (1, 2)})
        until(lambda: "openai/gpt-2" in _ids(gateway))
        until(lambda: all("openai/gpt-2" in _ids(gateway) for _ in range(20)))
        began = time.monotonic()
        feeds.asked.clear()
        until(lambda: len(feeds.asked) >= 3)
        assert time.monotonic() - began > 3.5  # every two seconds, however many workers there are
        until(lambda: gateway.request("GET", "/ready").json()["catalog"]["age_seconds"] <= 2)
        log = gateway.log()
        assert "models.dev: 2 models, read" in log
        assert "mistake of ours" not in log


def test_never_means_that_nobody_is_asked(feeds: Feeds, tmp_path: Path) -> None:
    with Gateway(tmp_path, feeds.toml(["models.dev"], refresh="never")) as gateway:
        time.sleep(3)
        assert feeds.asked == []
        assert gateway.stop() == 0


def test_a_server_keeps_its_catalog_and_says_why_when_a_sync_fails(feeds: Feeds, tmp_path: Path) -> None:
    with Gateway(tmp_path, feeds.toml(["models.dev"], refresh="2s")) as gateway:
        until(lambda: "openai/gpt-1" in _ids(gateway))
        feeds["/api.json"] = b"<html>"
        until(lambda: "its answer is not what it should be" in gateway.log())
        assert "openai/gpt-1" in _ids(gateway)
        asked = len(feeds.asked)
        until(lambda: len(feeds.asked) > asked)
        assert gateway.request("GET", "/ready").json()["catalog"]["age_seconds"] >= 1


@pytest.mark.slow
def test_a_swap_under_load_drops_no_request(feeds: Feeds, tmp_path: Path) -> None:
    stop = threading.Event()
    statuses: Counter[int] = Counter()
    slowest = [0.0]

    def ask(gateway: Gateway, pause: float) -> None:
        while not stop.wait(pause):
            began = time.monotonic()
            statuses[gateway.chat("acme/echo").status] += 1
            slowest[0] = max(slowest[0], time.monotonic() - began)

    with FakeServer(tmp_path) as fake:
        toml = feeds.toml(["models.dev"]).replace("bundled = false", "bundled = true")
        toml += provider_table("acme", fake.base_url) + model_tables("acme/echo", [("acme", "echo", "{}")])
        with Gateway(tmp_path, toml) as gateway:
            threads = [threading.Thread(target=ask, args=(gateway, 0.08)) for _ in range(5)]
            for thread in threads:
                thread.start()
            try:
                for number in range(3):
                    # Half of what is bundled is not there any longer: that is approved at once.
                    feeds["/api.json"] = models_dev(openai={f"swap-{number}": (1, 2), "gpt-4o": (2.5, 10)})
                    command = [sys.executable, "-m", "turnout", "catalog", "sync", "--config", str(gateway.config)]
                    environment = {"TURNOUT_SERVER__DATA_DIR": str(gateway.data_dir)}
                    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - our own
                    if "quarantined as" in said.stdout:
                        held = said.stdout.partition("quarantined as ")[2][:8]
                        subprocess.run(  # noqa: S603 - our own
                            [*command[:4], "diff", "--approve", held, *command[5:]],
                            env=environment, capture_output=True, check=True,
                        )  # fmt: skip
                    until(lambda name=f"openai/swap-{number}": name in _ids(gateway))  # type: ignore[misc]
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
            assert "mistake of ours" not in gateway.log()
    assert statuses.keys() == {200}
    assert statuses[200] > 100
    assert slowest[0] < 2.0, f"{statuses[200]} answers, the slowest in {slowest[0]:.3f} s"
