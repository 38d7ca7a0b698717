"""A sync from several sources that do not agree, into one catalog."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds import Feeds, models_dev, openrouter_model, price
from syncing import DAY, NOON, Installation
from turnout.app.catalog_review import provenance, review
from turnout.app.sync import SyncReport, decide, sync
from turnout.base.errors import NotFound, Unavailable
from turnout.catalog import events

_ALL = ["providers", "openrouter", "models.dev", "genai-prices", "litellm"]
_MICRO = 1_000_000  # pico-dollars: a dollar per million tokens


@pytest.fixture
def feeds() -> Iterator[Feeds]:
    with Feeds() as running:
        running["/or/models"] = {"data": [openrouter_model("openai/gpt-9", price("0.000003", "0.000004"))]}
        running["/api.json"] = models_dev(openai={"gpt-9": (1, 2)})
        yield running


def _acme(feeds: Feeds) -> str:
    return f'[providers.acme]\nbase_url = "{feeds.url}/acme/v1"\napi_key = "sk-acme-secret"\n'


def _says(report: SyncReport, source: str) -> str:
    return next(one.text for one in report.sources if one.source == source)


def test_each_fact_comes_from_the_most_trusted_source_that_states_it(feeds: Feeds, tmp_path: Path) -> None:
    feeds["/or/models"] = {
        "data": [openrouter_model("openai/gpt-9", price("0.000003", "0.000004"), name="OpenAI: GPT Nine")]
    }
    feeds["/or/models/openai/gpt-9/endpoints"] = {
        "data": {
            "endpoints": [
                {
                    "tag": "openai",
                    "context_length": 60_000,
                    "quantization": "fp8",
                    "supported_parameters": ["seed", "tools"],
                    "pricing": price("0.000009", "0.000009"),
                }
            ]
        }
    }
    feeds["/prices.json"] = [
        {
            "id": "openai",
            "models": [{"id": "gpt-9", "match": {"equals": "gpt-9"}, "prices": {"input_mtok": 7, "output_mtok": 8}}],
        }
    ]
    feeds["/litellm.json"] = {
        "gpt-9": {
            "litellm_provider": "openai", "mode": "chat", "deprecation_date": "2030-01-01",
            "input_cost_per_token": 5e-6, "output_cost_per_token": 5e-6,
        }
    }  # fmt: skip
    here = Installation(tmp_path, feeds.toml(_ALL))
    assert all(source.well for source in here.sync().sources)

    model = here.catalog().models["openai/gpt-9"]
    assert model.name == "OpenAI: GPT Nine"  # OpenRouter's, not models.dev's
    assert model.expiration_date == "2030-01-01"  # nobody but litellm says so
    direct = next(endpoint for endpoint in model.endpoints if endpoint.provider == "openai")
    assert (direct.pricing.prompt, direct.pricing.completion) == (_MICRO, 2 * _MICRO)  # models.dev's, and no average
    assert direct.context_length == 60_000  # OpenRouter's of the endpoint
    assert direct.max_completion_tokens == 4_000  # only models.dev has it
    assert direct.supported_parameters == ("seed", "tools")
    resold = next(endpoint for endpoint in model.endpoints if endpoint.provider == "openrouter")
    assert resold.pricing.prompt == 3 * _MICRO


def test_what_the_operator_states_wins_over_every_source(feeds: Feeds, tmp_path: Path) -> None:
    feeds["/acme/v1/models"] = {"data": [{"id": "m1", "context_length": 9, "pricing": price("0.1", "0.1")}]}
    declared = (
        '[[models]]\nid = "acme/m1"\ncontext_length = 77\n[[models.endpoints]]\nprovider = "acme"\n'
        'upstream_model = "m1"\npricing = { prompt = "0.000005", completion = "0.000006" }\n'
    )
    here = Installation(tmp_path, feeds.toml(["providers"]) + _acme(feeds) + declared)
    here.sync()
    model = here.catalog().models["acme/m1"]
    assert (model.context_length, model.endpoints[0].pricing.prompt) == (77, 5 * _MICRO)


def test_a_providers_own_list_is_asked_for_with_its_credential_and_others_without(feeds: Feeds, tmp_path: Path) -> None:
    feeds["/acme/v1/models"] = {"data": [{"id": "m1"}]}
    Installation(tmp_path, feeds.toml(["providers", "openrouter", "models.dev"]) + _acme(feeds)).sync()
    credentials = {path: headers.get("authorization") for path, headers in feeds.asked}
    assert credentials.pop("/acme/v1/models") == "Bearer sk-acme-secret"
    assert set(credentials.values()) == {None}


def test_sources_are_asked_only_for_what_has_changed(feeds: Feeds, tmp_path: Path) -> None:
    here = Installation(tmp_path, feeds.toml(["openrouter", "models.dev"]))
    here.sync()
    first, feeds.statuses = feeds.statuses, []
    report = here.sync(NOON + 60)
    assert sorted(first) == [200, 200, 404]  # nobody serves the model, and that is known then
    assert feeds.statuses == [304, 304]
    assert [source.text for source in report.sources] == ["1 model, unchanged"] * 2
    assert here.catalog().built == NOON + 60  # that nothing has changed is news too


def test_endpoints_are_asked_for_again_only_when_the_model_has_changed(feeds: Feeds, tmp_path: Path) -> None:
    names = ["openai/gpt-8", "openai/gpt-9"]
    feeds["/or/models"] = {"data": [openrouter_model(name, price("0.000001", "0.000001")) for name in names]}
    for name in names:
        feeds[f"/or/models/{name}/endpoints"] = {"data": {"endpoints": [{"tag": "openai", "context_length": 5}]}}
    feeds["/api.json"] = models_dev(openai={"gpt-8": (1, 2), "gpt-9": (1, 2)})
    here = Installation(tmp_path, feeds.toml(["openrouter", "models.dev"]))
    here.sync()
    feeds["/or/models"] = {
        "data": [
            openrouter_model(names[0], price("0.000001", "0.000001")),
            openrouter_model(names[1], price("0.000001", "0.000001"), context_length=50),
        ]
    }
    feeds.asked.clear()
    here.sync(NOON + 60)
    assert [path for path, _ in feeds.asked if "endpoints" in path] == ["/or/models/openai/gpt-9/endpoints"]
    lengths = {
        model.id: [e.context_length for e in model.endpoints if e.provider == "openai"]
        for model in here.catalog().models.values()
        if model.id in names
    }
    assert lengths == {"openai/gpt-8": [5], "openai/gpt-9": [5]}


@pytest.mark.parametrize(("now", "then"), [(1.0, 0.0), (1.0, 10.0), (1.0, 0.1), (100.0, 9.99)])
def test_a_leaping_price_is_quarantined_and_the_old_one_stays(
    feeds: Feeds, tmp_path: Path, now: float, then: float
) -> None:
    feeds["/api.json"] = models_dev(openai={"gpt-9": (now, 2)})
    here = Installation(tmp_path, feeds.toml(["models.dev"]))
    here.sync()
    feeds["/api.json"] = models_dev(openai={"gpt-9": (then, 2)})
    report = here.sync(NOON + 60)
    assert len(report.held) == 1
    assert report.changes == ()
    assert here.prompt_price("openai/gpt-9", "openai") == now * _MICRO
    assert here.sync(NOON + 120).held == ()  # told once
    assert [hold.id for hold in review(here.settings, {}, NOON).held] == [report.held[0].id]


def test_an_ordinary_change_of_a_price_is_taken_and_told(feeds: Feeds, tmp_path: Path) -> None:
    here = Installation(tmp_path, feeds.toml(["models.dev"]))
    here.sync()
    feeds["/api.json"] = models_dev(openai={"gpt-9": (0.5, 2)})
    report = here.sync(NOON + 60)
    assert [(change.kind, change.subject, change.before, change.after) for change in report.changes] == [
        ("price", "prompt", "0.000001", "0.0000005")
    ]
    assert here.prompt_price("openai/gpt-9", "openai") == _MICRO // 2
    assert events.read(here.data_dir / events.FILE, 1) == list(report.changes)
    assert here.catalog().generation == 2


def test_a_drop_to_nothing_from_a_less_trusted_source_does_not_count_at_all(feeds: Feeds, tmp_path: Path) -> None:
    here = Installation(tmp_path, feeds.toml(["models.dev", "litellm"]))
    entry = {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    feeds["/litellm.json"] = {"gpt-9": entry}
    here.sync()
    feeds["/litellm.json"] = {"gpt-9": entry | {"input_cost_per_token": 0, "output_cost_per_token": 0}}
    assert here.sync(NOON + 60).held == ()
    assert here.prompt_price("openai/gpt-9", "openai") == _MICRO
    del feeds["/api.json"]  # now it is down, and its last good copy stands in
    here.sync(NOON + 120)
    assert here.prompt_price("openai/gpt-9", "openai") == _MICRO
    feeds["/api.json"] = models_dev(openai={"other": (1, 2)})  # now only the other source states a price
    held = here.sync(NOON + 180).held
    assert [hold.source for hold in held] == ["litellm"]
    assert here.prompt_price("openai/gpt-9", "openai") == _MICRO


def test_what_is_approved_comes_into_effect_and_is_judged_by_its_new_value(feeds: Feeds, tmp_path: Path) -> None:
    here = Installation(tmp_path, feeds.toml(["models.dev"]))
    here.sync()
    feeds["/api.json"] = models_dev(openai={"gpt-9": (20, 2)})
    (hold,) = here.sync(NOON + 60).held
    assert decide(here.settings, {}, NOON + 90, hold.id, approve=True) == hold
    assert here.prompt_price("openai/gpt-9", "openai") == 20 * _MICRO
    assert [event.kind for event in events.read(here.data_dir / events.FILE, 1)] == ["price"]
    assert here.sync(NOON + 120).held == ()
    assert here.prompt_price("openai/gpt-9", "openai") == 20 * _MICRO
    with pytest.raises(NotFound):
        decide(here.settings, {}, NOON + 150, hold.id, approve=True)


def test_what_is_rejected_is_shown_no_more_until_the_source_says_something_else(feeds: Feeds, tmp_path: Path) -> None:
    here = Installation(tmp_path, feeds.toml(["models.dev"]))
    here.sync()
    feeds["/api.json"] = models_dev(openai={"gpt-9": (20, 2)})
    (hold,) = here.sync(NOON + 60).held
    decide(here.settings, {}, NOON + 90, hold.id, approve=False)
    here.sync(NOON + 120)
    assert review(here.settings, {}, NOON).held == ()
    assert here.prompt_price("openai/gpt-9", "openai") == _MICRO
    feeds["/api.json"] = models_dev(openai={"gpt-9": (30, 2)})
    (other,) = here.sync(NOON + 180).held
    assert other.id != hold.id
    feeds["/api.json"] = models_dev(openai={"gpt-9": (1.5, 2)})
    here.sync(NOON + 240)
    assert here.prompt_price("openai/gpt-9", "openai") == 1.5 * _MICRO
    assert here.state().holds == ()


def test_a_list_that_lost_half_of_its_models_waits_for_a_decision(feeds: Feeds, tmp_path: Path) -> None:
    here = Installation(tmp_path, feeds.toml(["models.dev"]))
    feeds["/api.json"] = models_dev(openai={f"gpt-{number}": (1, 2) for number in range(8)})
    here.sync()
    feeds["/api.json"] = models_dev(openai={f"gpt-{number}": (1, 2) for number in range(4)})
    report = here.sync(NOON + 60)
    (hold,) = report.held
    assert "shrank from 8 to 4 models" in _says(report, "models.dev")
    assert here.catalog().find("openai/gpt-7") in here.catalog().models.values()
    assert here.sync(NOON + DAY).held == ()  # the same on another day is no news
    decide(here.settings, {}, NOON + DAY, hold.id, approve=True)
    assert "openai/gpt-7" not in here.catalog(NOON + DAY).models
    assert here.sync(NOON + DAY + 60).held == ()


def test_a_list_that_is_ten_times_as_long_waits_for_a_decision(feeds: Feeds, tmp_path: Path) -> None:
    here = Installation(tmp_path, feeds.toml(["models.dev"]))
    feeds["/api.json"] = models_dev(openai={f"gpt-{number}": (1, 2) for number in range(8)})
    here.sync()
    feeds["/api.json"] = models_dev(openai={f"gpt-{number}": (1, 2) for number in range(80)})
    report = here.sync(NOON + 60)
    (hold,) = report.held
    assert "grew from 8 to 80 models" in _says(report, "models.dev")
    assert here.catalog().find("openai/gpt-70") is None
    decide(here.settings, {}, NOON + DAY, hold.id, approve=True)
    assert "openai/gpt-70" in here.catalog(NOON + DAY).models


def test_a_shrunken_list_that_was_turned_down_is_no_failure_and_no_news(feeds: Feeds, tmp_path: Path) -> None:
    here = Installation(tmp_path, feeds.toml(["models.dev"]))
    feeds["/api.json"] = models_dev(openai={f"gpt-{number}": (1, 2) for number in range(8)})
    here.sync()
    feeds["/api.json"] = models_dev(openai={"gpt-1": (1, 2)})
    (hold,) = here.sync(NOON + 60).held
    decide(here.settings, {}, NOON + 61, hold.id, approve=False)
    report = here.sync(NOON + 2 * DAY)
    assert (report.failed, report.held) == (False, ())
    assert len([one for one in here.catalog().models if one.startswith("openai/")]) == 8


def test_a_model_that_is_gone_is_not_listed_and_still_resolves_by_all_its_names(feeds: Feeds, tmp_path: Path) -> None:
    feeds["/api.json"] = models_dev(openai={"gpt-9-2025-01-31": (1, 2), "gpt-8": (1, 2), "gpt-7": (1, 2)})
    here = Installation(tmp_path, feeds.toml(["models.dev"]))
    here.sync()
    before = here.catalog().find("openai/gpt-9-2025-01-31")
    assert before is not None
    feeds["/api.json"] = models_dev(openai={"gpt-8": (1, 2), "gpt-7": (1, 2)})
    report = here.sync(NOON + DAY)
    assert [(change.kind, change.model_id) for change in report.changes] == [("retired", before.id)]
    for moment in (NOON + DAY, NOON + 9 * DAY):
        if moment > NOON + DAY:
            here.sync(moment)
        catalog = here.catalog(moment)
        assert before.id not in catalog.models
        for name in {before.id, before.canonical_slug, "openai/gpt-9-2025-01-31"}:
            gone = catalog.find(name)
            assert gone is not None
            assert (gone.endpoints, gone.expiration_date) == ((), "2026-11-21")
    feeds["/api.json"] = models_dev(openai={"gpt-9-2025-01-31": (1, 2), "gpt-8": (1, 2), "gpt-7": (1, 2)})
    here.sync(NOON + 10 * DAY)
    back = here.catalog(NOON + 10 * DAY).models[before.id]
    assert (back.expiration_date, len(back.endpoints)) == (None, 1)


def test_a_providers_own_list_says_which_models_there_are(feeds: Feeds, tmp_path: Path) -> None:
    feeds["/api.json"] = models_dev(mistral={"mix-1": (1, 2), "mix-2": (1, 2)})
    feeds["/own/models"] = {"data": [{"id": "mix-2"}]}
    own = f'[providers.mistral]\ndialect = "openai"\nbase_url = "{feeds.url}/own"\napi_key = "k"\n'
    here = Installation(tmp_path, feeds.toml(["providers", "models.dev"]) + own)
    here.sync()
    assert [one for one in here.catalog().models if one.startswith("mistralai/")] == ["mistralai/mix-2"]
    feeds["/own/models"] = {"data": [{"id": "something-else"}]}  # it has too little of what is known to rule
    here.sync(NOON + 60)
    assert {"mistralai/mix-1", "mistralai/mix-2"} <= here.catalog().models.keys()


def test_provenance_names_source_and_day_of_each_value(feeds: Feeds, tmp_path: Path) -> None:
    here = Installation(tmp_path, feeds.toml(["openrouter", "models.dev"]))
    here.sync()
    found = provenance(here.settings, {}, NOON, "openai/gpt-9")
    assert found is not None
    model, origins = found
    assert origins.fields["name"] == ("openrouter", "2026-11-20")
    direct = next(endpoint.id for endpoint in model.endpoints if endpoint.provider == "openai")
    assert origins.endpoints[direct]["pricing"] == ("models.dev", "2026-11-20")


def test_a_source_that_is_no_longer_wanted_counts_no_more(feeds: Feeds, tmp_path: Path) -> None:
    here = Installation(tmp_path, feeds.toml(["openrouter", "models.dev"]))
    here.sync()
    other = Installation(tmp_path, feeds.toml(["openrouter"]))
    model = other.catalog().models["openai/gpt-9"]
    assert [endpoint.provider for endpoint in model.endpoints] == ["openrouter"]


def test_whoever_wants_no_bundled_catalog_and_names_no_source_has_only_his_providers_asked(
    feeds: Feeds, tmp_path: Path
) -> None:
    feeds["/acme/v1/models"] = {"data": [{"id": "m1"}]}
    here = Installation(tmp_path, f"[catalog]\nbundled = false\n{_acme(feeds)}")
    assert [source.source for source in here.sync().sources] == ["acme /models"]
    assert "acme/m1" in here.catalog().models


def test_nothing_to_read_is_no_failure(tmp_path: Path) -> None:
    report = Installation(tmp_path, "[catalog]\nbundled = false\n").sync()
    assert (report.sources, report.failed) == ((), False)


def test_two_syncs_of_one_directory_do_not_run_at_the_same_time(feeds: Feeds, tmp_path: Path) -> None:
    here = Installation(tmp_path, feeds.toml(["models.dev"]))

    async def two() -> list[object]:
        jobs = (sync(here.settings, {}, NOON), sync(here.settings, {}, NOON))
        return list(await asyncio.gather(*jobs, return_exceptions=True))

    first, second = asyncio.run(two())
    assert isinstance(second, Unavailable)
    assert not isinstance(first, BaseException)


def test_the_state_can_be_read_by_people_and_old_copies_are_cleared_away(feeds: Feeds, tmp_path: Path) -> None:
    here = Installation(tmp_path, feeds.toml(["models.dev"]))
    here.sync()
    feeds["/api.json"] = models_dev(openai={"gpt-9": (1, 2), "gpt-8": (1, 2)})
    here.sync(NOON + 60)
    state = json.loads((here.data_dir / "catalog" / "state.json").read_text())
    copies = [path.name for path in (here.data_dir / "catalog" / "sources").iterdir()]
    assert copies == [state["sources"]["models.dev"]["file"]]
