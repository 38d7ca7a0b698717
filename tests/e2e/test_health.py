"""Health windows with real processes: workers that share them, restarts that keep them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gateway import FakeServer, Gateway, model_tables, provider_table, running

CHEAP = '{ prompt = "0.000001", completion = "0.000001" }'
DEAR = '{ prompt = "0.00001", completion = "0.00001" }'


@pytest.mark.alone  # an outage is left alone for half a minute
def test_an_outage_that_workers_have_found_is_not_found_again_after_all_of_them_are_killed(tmp_path: Path) -> None:
    fake = FakeServer(tmp_path)
    with fake:
        toml = provider_table("bad", fake.base_url) + provider_table("good", fake.base_url)
        toml += model_tables("acme/tiny", [("bad", "status-503", CHEAP), ("good", "echo", DEAR)])
        gateway = Gateway(tmp_path, toml, workers=2)
        with running(gateway):
            assert [gateway.chat("acme/tiny").status for _ in range(10)] == [200] * 10
            time.sleep(3.0)  # by now both workers know
            found = _asked(fake, "status-503")
            assert 2 <= found <= 6  # two in a row, at each worker in the time before it has heard of the other's
            assert [gateway.chat("acme/tiny").status for _ in range(20)] == [200] * 20
            assert _asked(fake, "status-503") == found
            gateway.kill()
            gateway.start()
            assert [gateway.chat("acme/tiny").status for _ in range(20)] == [200] * 20
            assert _asked(fake, "status-503") == found


def _asked(fake: FakeServer, model: str) -> int:
    return sum(1 for entry in fake.journal() if entry.get("model") == model and entry.get("event") != "end")
