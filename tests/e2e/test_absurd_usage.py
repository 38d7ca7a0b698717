"""Whatever a provider says it has used, nobody is charged less than nothing or more than the work can have cost."""

from __future__ import annotations

from pathlib import Path

from conservation import assert_money_adds_up, settled
from gateway import FakeServer, Gateway, model_tables, provider_table

_PER_TOKEN = 10**6  # pico-dollars: a dollar for a million tokens
_PRICES = '{ prompt = "0.000001", completion = "1e-6" }'
_KINDS = ("no-usage", *(f"usage-{kind}" for kind in ("negative", "huge", "float", "string", "nan", "zero", "twice")))
_MOST_TOKENS = 100  # a question of some words, an answer of five


def test_absent_doubled_negative_and_huge_usage_never_makes_an_absurd_charge(tmp_path: Path) -> None:
    with FakeServer(tmp_path) as fake:
        toml = "[catalog]\nbundled = false\n" + provider_table("acme", fake.base_url)
        toml += "".join(model_tables(f"acme/{kind}", [("acme", f"lorem-5-{kind}", _PRICES)]) for kind in _KINDS)
        with Gateway(tmp_path, toml) as gateway:
            body = {"scope": "account", "subject": "default", "window": "monthly", "limit": 1}
            assert gateway.request("PUT", "/api/v1/budgets", body, key=gateway.management_key).status in (200, 201)
            for kind in _KINDS:
                for stream in (True, False):
                    assert gateway.chat(f"acme/{kind}", stream=stream).status == 200
            for one in settled(gateway, 2 * len(_KINDS)):
                assert 0 <= one.cost <= _MOST_TOKENS * _PER_TOKEN, (one.model, one.cost)
                if one.model in ("acme/no-usage", "acme/usage-huge", "acme/usage-negative"):
                    assert one.cost > 0  # what is no usage is estimated
            assert assert_money_adds_up(gateway) > 0
