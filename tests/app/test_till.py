from __future__ import annotations

from pathlib import Path

import pytest

from turnout import config
from turnout.app import till as module
from turnout.app.till import Till
from turnout.base.errors import Unavailable
from turnout.base.money import Pico
from turnout.domain.budget import Claim

pytest.importorskip("asyncpg")

from turnout.stores.postgres import PostgresStore

CLAIM = Claim("lifetime|key|default|k", 0, Pico(1_000))


def settings(data_dir: Path) -> config.Settings:
    usual = config.Settings()
    return usual.model_copy(
        update={
            "server": usual.server.model_copy(update={"data_dir": data_dir}),
            "store": usual.store.model_copy(update={"url": "postgresql://nobody@127.0.0.1:1/none"}),
        }
    )


async def test_a_node_that_cannot_say_that_it_lives_stops_spending_before_it_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    monkeypatch.setattr(module, "uptime", lambda: now[0])
    till = Till(settings(tmp_path), PostgresStore("postgresql://nobody@127.0.0.1:1/none"), head=True, alone=True)
    purse = till.ledger.purse
    purse.grant(CLAIM, 100)
    for passed, free in ((0, 100), (1_799, 100), (1_801, 0)):
        now[0] = 1_000.0 + passed
        with pytest.raises(Unavailable):
            await till.beat()
        assert purse.free(CLAIM) == free
    till.close()
