"""The table of OpenAI-compatible providers, and what the environment configures of it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.secrets import Secret
from turnout.providers.compatible import (
    CompatibleProvider,
    Resolved,
    TableError,
    load_compatible,
    parse_compatible,
)

_ROWS = list(load_compatible().values())
_HOSTED = [row for row in _ROWS if not row.local]
_LOCAL = [row for row in _ROWS if row.local]

_OF_OTHER_DIALECTS = {"anthropic", "azure", "bedrock", "cohere", "fake", "google", "vertex"}

# Tokens that open more than a model: repositories, machines, databases, a whole account.
_GENERAL_PURPOSE = re.compile(
    r"(?:AWS|AZURE|GOOGLE|GCP|GCLOUD)_.*|G(?:ITHUB|ITLAB|H)_(?:TOKEN|PAT)|CLOUDFLARE_API_(?:KEY|TOKEN)|"
    r"DIGITALOCEAN_(?:ACCESS_)?TOKEN|VULTR_API_KEY|SCW_SECRET_KEY|SNOWFLAKE_(?:PAT|TOKEN|PASSWORD)|"
    r"DATABRICKS_TOKEN|HF_TOKEN|WANDB_API_KEY|CLARIFAI_PAT|VERCEL_TOKEN|IONOS_(?:API_)?TOKEN|API_KEY|TOKEN|LLM_API_KEY|MODEL_API_KEY"
)

_CHAT_PARAMETERS = {
    "audio",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "metadata",
    "modalities",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "seed",
    "service_tier",
    "stop",
    "store",
    "top_logprobs",
    "user",
    "verbosity",
}

_ROW = """
[acme]
name = "Acme"
base_url = "https://api.acme.example/v1"
credential = ["ACME_API_KEY"]
docs = "https://acme.example/docs"
"""
_LOCAL_ROW = """
[barn]
name = "Barn"
base_url = "http://127.0.0.1:11434/v1"
credential = ["BARN_API_KEY"]
docs = "https://barn.example"
local = true
local_variable = "BARN_HOST"
"""


def _acme(extra: str = "", old: str = "", new: str = "") -> CompatibleProvider:
    return parse_compatible(_ROW.replace(old, new) + extra)["acme"]


def _barn() -> CompatibleProvider:
    return parse_compatible(_LOCAL_ROW)["barn"]


def _barn_at(address: str) -> str:
    resolved = _barn().resolve({"BARN_HOST": address})
    assert resolved is not None
    return resolved.base_url


def test_the_table_has_many_rows() -> None:
    assert len(_HOSTED) >= 75
    assert len(_LOCAL) >= 12


def test_the_table_is_read_only_and_loaded_once() -> None:
    assert load_compatible() is load_compatible()
    with pytest.raises(TypeError):
        load_compatible()["groq"] = _acme()  # type: ignore[index]


def test_slugs_are_kebab_and_leave_other_dialects_theirs() -> None:
    for slug, row in load_compatible().items():
        assert row.slug == slug
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
        assert not {slug, *row.aliases} & _OF_OTHER_DIALECTS


def test_names_differ() -> None:
    assert len({row.name for row in _ROWS}) == len(_ROWS)


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.slug)
def test_no_row_takes_a_general_purpose_token(row: CompatibleProvider) -> None:
    assert not [name for name in row.credential if _GENERAL_PURPOSE.fullmatch(name)]


def test_a_credential_belongs_to_one_row() -> None:
    names = [name for row in _ROWS for name in row.credential]
    assert len(names) == len(set(names))


def test_the_address_of_a_local_server_belongs_to_one_row() -> None:
    variables = [row.local_variable for row in _LOCAL]
    assert len(variables) == len(set(variables))


@pytest.mark.parametrize("row", _HOSTED, ids=lambda row: row.slug)
def test_hosted_providers_are_reached_by_https(row: CompatibleProvider) -> None:
    url = urlsplit(row.base_url)
    assert url.scheme == "https"
    assert "." in url.netloc
    assert not url.query
    assert not url.fragment
    assert "@" not in url.netloc


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.slug)
def test_base_urls_stop_before_the_operation(row: CompatibleProvider) -> None:
    assert not row.base_url.endswith("/")
    assert "/chat" not in urlsplit(row.base_url).path


def test_hosted_base_urls_differ() -> None:
    assert len({row.base_url for row in _HOSTED}) == len(_HOSTED)


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.slug)
def test_dropped_parameters_are_of_the_chat_api_and_sorted(row: CompatibleProvider) -> None:
    assert set(row.drop) <= _CHAT_PARAMETERS
    assert list(row.drop) == sorted(set(row.drop))


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.slug)
def test_policy_facts_have_their_form(row: CompatibleProvider) -> None:
    assert row.headquarters is None or re.fullmatch(r"[A-Z]{2}", row.headquarters)
    assert all(re.fullmatch(r"[a-z]{2}", region) for region in row.regions)


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.slug)
def test_nothing_is_configured_by_an_empty_environment(row: CompatibleProvider) -> None:
    assert row.resolve({}) is None


@pytest.mark.parametrize("row", _HOSTED, ids=lambda row: row.slug)
def test_each_credential_variable_configures_its_hosted_provider(row: CompatibleProvider) -> None:
    accounts = dict.fromkeys(row.placeholders, "account-1")
    for name in row.credential:
        resolved = row.resolve({**accounts, name: "key"})
        assert resolved is not None
        assert resolved.credential == Secret("key")
        assert "{" not in resolved.base_url
        assert resolved.base_url.startswith("https://")


@pytest.mark.parametrize("row", _LOCAL, ids=lambda row: row.slug)
def test_local_servers_are_configured_by_their_address_alone(row: CompatibleProvider) -> None:
    assert row.resolve(dict.fromkeys(row.credential, "key")) is None
    resolved = row.resolve({row.local_variable: urlsplit(row.base_url).netloc})
    assert resolved == Resolved(base_url=row.base_url, credential=None)


@pytest.mark.parametrize(
    ("slug", "base_url"),
    [
        ("openai", "https://api.openai.com/v1"),
        ("groq", "https://api.groq.com/openai/v1"),
        ("deepseek", "https://api.deepseek.com"),
        ("zai", "https://api.z.ai/api/paas/v4"),
        ("openrouter", "https://openrouter.ai/api/v1"),
        ("together", "https://api.together.xyz/v1"),
        ("fireworks", "https://api.fireworks.ai/inference/v1"),
        ("huggingface", "https://router.huggingface.co/v1"),
    ],
)
def test_well_known_providers_have_their_address(slug: str, base_url: str) -> None:
    assert load_compatible()[slug].base_url == base_url


def test_the_account_becomes_part_of_the_address() -> None:
    environment = {"SNOWFLAKE_ACCOUNT": "org-name", "SNOWFLAKE_CORTEX_TOKEN": "t"}
    resolved = load_compatible()["snowflake"].resolve(environment)
    assert resolved is not None
    assert resolved.base_url == "https://org-name.snowflakecomputing.com/api/v2/cortex/v1"


@pytest.mark.parametrize("missing", ["CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_WORKERS_AI_TOKEN"])
def test_a_missing_account_or_key_leaves_the_provider_unconfigured(missing: str) -> None:
    environment = {"CLOUDFLARE_ACCOUNT_ID": "a1", "CLOUDFLARE_WORKERS_AI_TOKEN": "t"}
    assert load_compatible()["cloudflare"].resolve(environment) is not None
    assert load_compatible()["cloudflare"].resolve({**environment, missing: "  "}) is None


@pytest.mark.parametrize(
    "account", ["evil.example/", "a@evil.example", "..", "a b", "a#", "a?x=1", "{HOME}", "a\\b", "é"]
)
def test_an_account_cannot_move_the_request_elsewhere(account: str) -> None:
    with pytest.raises(ValueError, match="CLOUDFLARE_ACCOUNT_ID") as caught:
        load_compatible()["cloudflare"].resolve(
            {"CLOUDFLARE_ACCOUNT_ID": account, "CLOUDFLARE_WORKERS_AI_TOKEN": "t"},
        )
    assert account not in str(caught.value)


def test_the_first_variable_that_is_set_wins() -> None:
    row = _acme(old='["ACME_API_KEY"]', new='["ACME_ONE", "ACME_TWO"]')
    both = row.resolve({"ACME_TWO": "two", "ACME_ONE": "one"})
    blank = row.resolve({"ACME_TWO": "two", "ACME_ONE": " "})
    assert both is not None
    assert both.credential == Secret("one")
    assert blank is not None
    assert blank.credential == Secret("two")


def test_what_is_resolved_does_not_print_the_key() -> None:
    resolved = _acme().resolve({"ACME_API_KEY": "sk-very-secret"})
    assert resolved is not None
    assert "very-secret" not in repr(resolved)


def test_the_key_of_a_local_server_is_taken_along() -> None:
    resolved = _barn().resolve({"BARN_HOST": "barn:1", "BARN_API_KEY": "k"})
    assert resolved == Resolved(base_url="http://barn:1/v1", credential=Secret("k"))


@pytest.mark.parametrize(
    ("address", "base_url"),
    [
        ("127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
        ("gpu-box", "http://gpu-box:11434/v1"),
        ("gpu-box:9", "http://gpu-box:9/v1"),
        ("gpu-box:9/", "http://gpu-box:9/v1"),
        ("gpu-box:9/api/v3/", "http://gpu-box:9/api/v3"),
        (" http://gpu-box:9 ", "http://gpu-box:9/v1"),
        ("http://gpu-box", "http://gpu-box/v1"),
        ("https://gpu.example", "https://gpu.example/v1"),
        ("https://gpu.example/openai", "https://gpu.example/openai"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),  # noqa: S104 - the address under test, nothing listens
        ("0.0.0.0:9", "http://127.0.0.1:9/v1"),
        ("[::]:9", "http://[::1]:9/v1"),
        ("::1", "http://[::1]:11434/v1"),
        ("[fe80::1]:9", "http://[fe80::1]:9/v1"),
    ],
)
def test_the_address_of_a_local_server_may_lack_scheme_port_and_path(address: str, base_url: str) -> None:
    assert _barn_at(address) == base_url


@pytest.mark.parametrize(
    "address",
    [
        "ftp://host",
        "http://",
        "http:///v1",
        "host:port",
        "host:99999",
        "user:pass@host",
        "http://user:pass@host",
        "a b",
        "http://host/a b",
        "http://host/?q=1",
        "host#f",
        "[::1",
        "[zz::1]:9",
        "1:2:3",
        "/v1",
        "unix:///run/socket",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ValueError, match="BARN_HOST") as caught:
        _barn_at(address)
    assert address not in str(caught.value)


@given(st.text(max_size=40))
def test_any_address_gives_a_base_url_or_is_refused(address: str) -> None:
    try:
        resolved = _barn().resolve({"BARN_HOST": address})
    except ValueError:
        return
    if resolved is None:
        assert not address.strip()
        return
    url = urlsplit(resolved.base_url)
    assert url.scheme in {"http", "https"}
    assert url.hostname
    assert not resolved.base_url.endswith("/")
    assert _barn_at(resolved.base_url) == resolved.base_url


def test_defaults_are_those_of_a_plain_provider() -> None:
    row = _acme()
    assert (row.models_path, row.stream_usage, row.max_tokens_field) == ("/models", True, "max_tokens")
    assert (row.reasoning, row.developer_role, row.structured, row.drop) == ("effort", False, "json_schema", ())
    assert (row.local, row.data_collection, row.zdr, row.regions) == (False, None, None, ())


@pytest.mark.parametrize(
    ("extra", "key"),
    [
        ('colour = "red"', "colour"),
        ('slug = "acme"', "slug"),
        ('stream_usage = "yes"', "stream_usage"),
        ('reasoning = "loud"', "reasoning"),
        ('structured = "xml"', "structured"),
        ('max_tokens_field = "tokens"', "max_tokens_field"),
        ('models_path = "models"', "models_path"),
        ('drop = "seed"', "drop"),
        ('data_collection = "maybe"', "data_collection"),
        ('local_variable = "ACME_HOST"', "local_variable"),
        ('aliases = ["Acme Inc"]', "aliases"),
        ('aliases = ["acme"]', "aliases"),
        ('status_page_url = "http://status.acme.example"', "status_page_url"),
        ("local = true", "local_variable"),
    ],
)
def test_a_wrong_row_is_refused_by_name_and_key(extra: str, key: str) -> None:
    with pytest.raises(TableError, match=rf"\[acme\].*{key}"):
        _acme(extra)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('name = "Acme"', "", "name"),
        ("https://api.acme", "http://api.acme", "base_url"),
        ("example/v1", "example/v1/", "base_url"),
        ("api.acme.example", "{account}.acme.example", "base_url"),
        ('["ACME_API_KEY"]', "[]", "credential"),
        ('["ACME_API_KEY"]', '["acme-key"]', "credential"),
        ('["ACME_API_KEY"]', '"ACME_API_KEY"', "credential"),
        ("https://acme.example/docs", "acme.example", "docs"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_key(old: str, new: str, key: str) -> None:
    with pytest.raises(TableError, match=rf"\[acme\].*{key}"):
        _acme(old=old, new=new)


def test_a_slug_that_is_not_kebab_is_refused() -> None:
    with pytest.raises(TableError, match="Acme_Inc"):
        _acme(old="[acme]", new="[Acme_Inc]")


def test_a_local_server_elsewhere_is_refused() -> None:
    with pytest.raises(TableError, match=r"\[barn\].*base_url"):
        parse_compatible(_LOCAL_ROW.replace("127.0.0.1", "192.0.2.1"))


def test_two_rows_of_one_name_are_refused() -> None:
    with pytest.raises(TableError):
        parse_compatible(_ROW + _ROW)
    with pytest.raises(TableError, match=r"\[acme\] aliases"):
        parse_compatible(_ROW + 'aliases = ["barn"]' + _LOCAL_ROW)


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(TableError, match="TOML"):
        parse_compatible("[acme")
    with pytest.raises(TableError, match="acme"):
        parse_compatible("acme = 1")
