from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from turnout import config
from turnout.app.outside import NOTHING_OUTSIDE
from turnout.app.providers import FAKE, adapters_for, known_slugs, providers_of
from turnout.base.secrets import Secret
from turnout.domain.provider import Provider, Timeouts
from turnout.providers.compatible import load_compatible

FAKE_ADDRESS = "http://127.0.0.1:9/v1"


def providers(tmp_path: Path, toml: str = "", **environment: str) -> dict[str, Provider]:
    found, warnings = told(tmp_path, toml, **environment)
    assert warnings == []
    return found


def told(tmp_path: Path, toml: str = "", **environment: str) -> tuple[dict[str, Provider], list[str]]:
    path = tmp_path / "turnout.toml"
    path.write_text(toml)
    settings = config.load(path, environment, {}, known_slugs()).settings
    return providers_of(settings, environment, FAKE_ADDRESS)


def test_without_any_credential_only_the_fake_provider_is_usable(tmp_path: Path) -> None:
    found = providers(tmp_path)
    keyless = {slug for slug, row in load_compatible().items() if row.resolve({}) is not None}
    assert {slug for slug, one in found.items() if one.usable} == {FAKE} | keyless
    assert found[FAKE].base_url == FAKE_ADDRESS
    assert found[FAKE].credential is None


def test_a_well_known_provider_needs_only_its_credential(tmp_path: Path) -> None:
    found = providers(tmp_path, OPENAI_API_KEY="sk-1", GROQ_API_KEY="gsk-2")
    assert found["openai"].usable
    assert found["openai"].credential == Secret("sk-1")
    assert found["openai"].base_url.startswith("https://")
    assert found["groq"].usable
    assert not found["mistral"].usable


@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_credential_is_none(tmp_path: Path, value: str) -> None:
    assert not providers(tmp_path, OPENAI_API_KEY=value)["openai"].usable


def test_tokens_for_other_purposes_are_never_taken_for_credentials(tmp_path: Path) -> None:
    names = ("GITHUB_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "TOKEN")
    general = dict.fromkeys(names, "x" * 40)
    found = providers(tmp_path, **general)
    assert all(one.credential is None for one in found.values())


def test_the_configuration_wins_field_by_field(tmp_path: Path) -> None:
    toml = """
[providers.openai]
name = "Mine"
base_url = "http://127.0.0.1:1/v1"
headers = { X-Team = "blue" }
data_collection = "deny"
zdr = true
regions = ["eu"]
capabilities = { reasoning = "none", drop = ["seed"] }
"""
    shipped = providers(tmp_path, OPENAI_API_KEY="sk-1")["openai"]
    found = providers(tmp_path, toml, OPENAI_API_KEY="sk-1")["openai"]
    assert (found.name, found.base_url, found.headers) == ("Mine", "http://127.0.0.1:1/v1", (("X-Team", "blue"),))
    assert found.credential == Secret("sk-1")
    assert (found.policy.data_collection, found.policy.zdr, found.policy.regions) == ("deny", True, ("eu",))
    assert (found.capabilities.reasoning, found.capabilities.drop) == ("none", frozenset({"seed"}))
    assert found.capabilities.max_tokens_field == shipped.capabilities.max_tokens_field
    assert found.policy.privacy_policy_url == shipped.policy.privacy_policy_url


def test_a_credential_of_the_configuration_comes_before_that_of_the_environment(tmp_path: Path) -> None:
    toml = '[providers.openai]\napi_key = "env:MY_KEY"\n'
    assert providers(tmp_path, toml, OPENAI_API_KEY="sk-1", MY_KEY="sk-2")["openai"].credential == Secret("sk-2")
    assert providers(tmp_path, toml, MY_KEY="sk-2")["openai"].usable


def test_a_server_of_the_operators_needs_no_credential_but_an_address(tmp_path: Path) -> None:
    toml = '[providers.local]\nbase_url = "http://127.0.0.1:1/v1"\n[providers.lost]\nname = "Lost"\n'
    found, _ = told(tmp_path, toml)
    assert found["local"].usable
    assert found["local"].credential is None
    assert "lost" not in found or not found["lost"].usable


def test_a_provider_may_be_switched_off(tmp_path: Path) -> None:
    toml = "[providers.openai]\nenabled = false\n[providers.fake]\nenabled = false\n"
    found = providers(tmp_path, toml, OPENAI_API_KEY="sk-1")
    assert "openai" not in found
    assert FAKE not in found


def test_the_address_of_the_fake_provider_is_not_for_the_configuration_to_choose(tmp_path: Path) -> None:
    found, _ = told(tmp_path, '[providers.fake]\nbase_url = "http://127.0.0.1:1/v1"\nname = "Stand-in"\n')
    assert (found[FAKE].base_url, found[FAKE].name) == (FAKE_ADDRESS, "Stand-in")


def test_a_provider_whose_dialect_is_not_spoken_yet_is_listed_and_not_usable(tmp_path: Path) -> None:
    toml = '[providers.anthropic]\napi_key = "sk-1"\nbase_url = "http://127.0.0.1:1"\n'
    found, _ = told(tmp_path, toml)
    if not found["anthropic"].usable:
        assert "anthropic" not in adapters_for(found, NOTHING_OUTSIDE)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("", Timeouts()),
        ("timeouts = { first_byte = 7 }", Timeouts(first_byte=7.0, whole=7.0)),
        ("timeouts = { first_byte = 60 }", Timeouts(first_byte=60.0, whole=60.0)),
        ("timeouts = { idle = 3, total = 20, connect = 1 }", Timeouts(idle=3.0, total=20.0, connect=1.0)),
    ],
)
def test_a_first_byte_that_the_operator_limits_is_limited_for_whole_answers_too(
    tmp_path: Path, stated: str, expected: Timeouts
) -> None:
    found = providers(tmp_path, f'[providers.local]\nbase_url = "http://127.0.0.1:1/v1"\n{stated}\n')
    assert found["local"].timeouts == expected


def test_every_usable_provider_has_an_adapter_and_no_other(tmp_path: Path) -> None:
    everything: Any = {name: "sk-1" for row in load_compatible().values() for name in row.credential}
    found, _ = told(tmp_path, "", **everything)
    adapters = adapters_for(found, NOTHING_OUTSIDE)
    assert adapters.keys() == {slug for slug, one in found.items() if one.usable}
    assert len(adapters) > 30


def test_a_variable_that_holds_no_address_is_a_warning_and_not_the_end(tmp_path: Path) -> None:
    variables = {row.local_variable for row in load_compatible().values() if row.local}
    found, warnings = told(tmp_path, "", **dict.fromkeys(variables, "not an address"))
    assert warnings
    assert found[FAKE].usable


def test_an_address_is_made_of_the_location_unless_one_is_stated(tmp_path: Path) -> None:
    assert providers(tmp_path, VERTEX_API_KEY="AIza-1")["vertex"].base_url == "https://aiplatform.googleapis.com"
    toml = '[providers.vertex]\nlocation = "europe-west1"\n'
    placed = providers(tmp_path, toml, VERTEX_API_KEY="AIza-1")["vertex"]
    assert placed.usable
    assert placed.base_url == "https://europe-west1-aiplatform.googleapis.com"
    stated = providers(tmp_path, toml + 'base_url = "http://127.0.0.1:8"\n', VERTEX_API_KEY="AIza-1")["vertex"]
    assert stated.base_url == "http://127.0.0.1:8"
    assert not providers(tmp_path, toml)["vertex"].usable


def test_general_purpose_variables_of_google_are_left_alone(tmp_path: Path) -> None:
    found = providers(tmp_path, GOOGLE_API_KEY="AIza-1", GOOGLE_APPLICATION_CREDENTIALS="/key.json")
    assert not found["google"].usable
    assert not found["vertex"].usable


def test_bedrock_needs_a_region_and_the_keys_that_the_configuration_names(tmp_path: Path) -> None:
    there = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_BEARER_TOKEN_BEDROCK": "b",
             "AWS_REGION": "eu-west-1", "AZURE_OPENAI_API_KEY": "a"}  # fmt: skip
    found = providers(tmp_path, **there)
    assert not found["bedrock"].usable
    assert not found["azure"].usable
    keys = 'access_key_id = "env:AWS_ACCESS_KEY_ID"\nsecret_access_key = "env:AWS_SECRET_ACCESS_KEY"\n'
    placed = providers(tmp_path, f'[providers.bedrock]\nregion = "eu-west-1"\n{keys}', **there)["bedrock"]
    assert placed.usable
    assert placed.base_url == "https://bedrock-runtime.eu-west-1.amazonaws.com"


@pytest.mark.parametrize("slug", ["azure", "bedrock"])
def test_a_known_provider_without_an_address_is_a_warning(tmp_path: Path, slug: str) -> None:
    found, warnings = told(tmp_path, f'[providers.{slug}]\napi_key = "k"\n')
    assert warnings == [f"provider {slug}: it has no address, so it cannot be called"]
    assert not found[slug].usable
    assert told(tmp_path, f'[providers.{slug}]\napi_key = "k"\nenabled = false\n')[1] == []
