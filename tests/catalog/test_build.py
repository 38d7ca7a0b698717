"""Rows and declarations become one snapshot."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from turnout.base.money import Pico
from turnout.catalog.build import adhoc_model, merge, open_providers
from turnout.catalog.declared import DeclaredEndpoint, DeclaredModel
from turnout.catalog.rows import PARAMETERS, Row
from turnout.catalog.sources.sample import sample_rows
from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.domain.provider import Capabilities, Policy, Provider
from turnout.domain.usage import Pricing

SLUGS = (
    "openai", "anthropic", "azure", "bedrock", "groq", "together", "openrouter", "nanogpt", "kilo", "ollama", "fake"
)  # fmt: skip


def providers(*usable: str) -> dict[str, Provider]:
    return {
        slug: Provider(
            slug=slug, name=slug.title(), dialect="fake" if slug == "fake" else "openai", usable=slug in usable
        )
        for slug in SLUGS
    }


def row(provider: str, name: str, prompt: int | None = 1, **facts: object) -> Row:
    pricing = None if prompt is None else Pricing(prompt=Pico(prompt), completion=Pico(2 * prompt))
    return Row(source="test", provider=provider, upstream_model=name, pricing=pricing, **facts)  # type: ignore[arg-type]


def snapshot(rows: Sequence[Row], *declared: DeclaredModel, usable: tuple[str, ...] = ()) -> CatalogSnapshot:
    return merge(rows, declared, providers(*usable), built=1.0).snapshot


def found(catalog: CatalogSnapshot, name: str) -> Model:
    model = catalog.find(name)
    assert model is not None
    return model


def test_a_model_has_one_endpoint_for_each_provider_the_maker_first_then_by_price() -> None:
    catalog = snapshot([row("together", "openai/gpt-x", 3), row("azure", "gpt-x", 2), row("openai", "gpt-x", 9)])

    assert list(catalog.models) == ["openai/gpt-x"]
    assert [endpoint.provider for endpoint in catalog.models["openai/gpt-x"].endpoints] == [
        "openai",
        "azure",
        "together",
    ]


def test_resellers_come_after_direct_providers_whatever_they_ask() -> None:
    catalog = snapshot([row("nanogpt", "gpt-x", 1), row("azure", "gpt-x", 5)])

    assert [endpoint.provider for endpoint in found(catalog, "openai/gpt-x").endpoints] == ["azure", "nanogpt"]


def test_the_release_date_is_an_alias_and_the_permanent_slug() -> None:
    catalog = snapshot([row("anthropic", "claude-3-5-sonnet-20241022")])
    model = found(catalog, "anthropic/claude-3.5-sonnet")

    assert model.canonical_slug == "anthropic/claude-3.5-sonnet-20241022"
    for name in ("anthropic/claude-3-5-sonnet-20241022", "anthropic/claude-3-5-sonnet", "Anthropic/Claude-3.5-Sonnet"):
        assert catalog.find(name) is model


def test_an_older_release_is_a_model_of_its_own() -> None:
    catalog = snapshot(
        [
            row("anthropic", "claude-3-5-sonnet-20241022"),
            row("bedrock", "us.anthropic.claude-3-5-sonnet-20240620-v1:0"),
            row("bedrock", "us.anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ]
    )

    older = catalog.models["anthropic/claude-3.5-sonnet-20240620"]
    assert [endpoint.upstream_model for endpoint in older.endpoints] == ["us.anthropic.claude-3-5-sonnet-20240620-v1:0"]
    assert len(catalog.models["anthropic/claude-3.5-sonnet"].endpoints) == 2


def test_a_snapshot_beside_an_undated_model_is_never_swapped_for_it() -> None:
    catalog = snapshot([row("openai", "gpt-4o", 2), row("openai", "gpt-4o-2024-05-13", 5)])

    assert found(catalog, "openai/gpt-4o-2024-05-13").endpoints[0].pricing.prompt == 5
    assert catalog.models["openai/gpt-4o"].canonical_slug == "openai/gpt-4o"


def test_the_steadiest_name_of_a_provider_is_sent_upstream() -> None:
    catalog = snapshot([row("anthropic", "claude-x-latest"), row("anthropic", "claude-x-20250101")])

    (endpoint,) = found(catalog, "anthropic/claude-x").endpoints
    assert endpoint.upstream_model == "claude-x-20250101"
    assert found(catalog, "anthropic/claude-x-latest").id == "anthropic/claude-x"


def test_quantized_weights_are_an_endpoint_of_their_own() -> None:
    catalog = snapshot([row("together", "zai-org/GLM-9"), row("together", "zai-org/GLM-9-FP8")])

    assert {(e.tag, e.quantization) for e in catalog.models["z-ai/glm-9"].endpoints} == {
        ("together", None),
        ("together/fp8", "fp8"),
    }


def test_openrouters_spelling_of_an_id_wins() -> None:
    catalog = snapshot([row("openrouter", "qwen/qwen-2.5-72b-instruct"), row("together", "Qwen/Qwen2.5-72B-Instruct")])

    model = catalog.models["qwen/qwen-2.5-72b-instruct"]
    assert {endpoint.provider for endpoint in model.endpoints} == {"openrouter", "together"}
    assert found(catalog, "qwen/qwen2.5-72b-instruct") is model


def test_facts_come_from_the_most_trusted_row_that_states_them() -> None:
    catalog = snapshot([row("openai", "gpt-x", None, context_length=10), row("openai", "gpt-x", 7, context_length=99)])

    (endpoint,) = found(catalog, "openai/gpt-x").endpoints
    assert (endpoint.context_length, endpoint.pricing.prompt) == (10, 7)


def test_the_models_context_is_the_largest_one_served() -> None:
    catalog = snapshot([row("openai", "gpt-x", context_length=10), row("azure", "gpt-x", context_length=99)])

    assert found(catalog, "openai/gpt-x").context_length == 99


def test_an_unpriced_model_of_a_priced_provider_is_left_out_lest_it_seems_free() -> None:
    catalog = snapshot([row("openai", "gpt-x"), row("openai", "gpt-y", None)])

    assert list(catalog.models) == ["openai/gpt-x"]


def test_a_server_of_the_operators_own_keeps_its_slug_and_its_names() -> None:
    catalog = snapshot([row("ollama", "Llama3.1:8b", None, listed=True)], usable=("ollama",))

    (model,) = catalog.models.values()
    assert model.id == "ollama/Llama3.1:8b"
    assert catalog.find("ollama/llama3.1:8b") is model
    assert model.endpoints[0].pricing.free


def test_an_unpriced_model_that_only_a_feed_knows_is_left_out() -> None:
    assert snapshot([row("ollama", "llama", None)], usable=("ollama",)).models == {}


def test_rows_of_unknown_providers_are_left_out() -> None:
    assert snapshot([row("nobody", "gpt-x")]).models == {}


def test_what_only_an_idle_reseller_or_a_price_list_knows_is_left_out() -> None:
    rows = [row("nanogpt", "gpt-odd"), row("together", "x/relic", price_list_only=True)]

    assert snapshot(rows).models == {}
    assert list(snapshot(rows, usable=("nanogpt",)).models) == ["openai/gpt-odd"]


def test_a_makers_own_price_list_is_trusted() -> None:
    assert list(snapshot([row("openai", "gpt-new", price_list_only=True)]).models) == ["openai/gpt-new"]


def test_parameters_are_all_but_what_model_and_provider_refuse() -> None:
    known = providers()
    known["openai"] = Provider(slug="openai", name="OpenAI", capabilities=Capabilities(drop=frozenset({"min_p"})))
    catalog = merge([row("openai", "gpt-x", without=("tools",))], (), known, built=1.0).snapshot

    (endpoint,) = found(catalog, "openai/gpt-x").endpoints
    assert endpoint.supported_parameters == tuple(p for p in PARAMETERS if p not in {"min_p", "tools"})


def test_the_models_parameters_are_the_union_over_its_endpoints() -> None:
    catalog = snapshot(
        [row("openai", "gpt-x", supported_parameters=("tools",)), row("azure", "gpt-x", supported_parameters=("seed",))]
    )

    assert found(catalog, "openai/gpt-x").supported_parameters == ("seed", "tools")


def test_what_the_operator_declares_wins_field_by_field_and_comes_first() -> None:
    stated = DeclaredModel(
        id="openai/gpt-x",
        name="Ours",
        aliases=("openai/Best",),
        endpoints=(
            DeclaredEndpoint(
                provider="ollama",
                upstream_model="mine",
                tag="ollama/turbo",
                pricing=Pricing(prompt=Pico(5)),
                policy=Policy(zdr=True),
            ),
        ),
    )
    model = found(snapshot([row("openai", "gpt-x", knowledge_cutoff="2026-01-01")], stated), "openai/best")

    assert (model.name, model.knowledge_cutoff) == ("Ours", "2026-01-01")
    assert [endpoint.id for endpoint in model.endpoints] == [
        "openai/gpt-x|ollama|ollama/turbo",
        "openai/gpt-x|openai|openai",
    ]
    assert model.endpoints[0].policy is not None
    assert model.endpoints[0].policy.zdr is True


@pytest.mark.parametrize(
    ("tag", "tier"),
    [("openai", None), ("openai/turbo", None), ("openai/flex", "flex"), ("OpenAI/eu/Priority", "priority")],
)
def test_the_tag_of_a_declared_endpoint_says_at_which_service_tier_it_is(tag: str, tier: str | None) -> None:
    stated = DeclaredEndpoint(provider="openai", upstream_model="mine", tag=tag, pricing=Pricing(prompt=Pico(5)))
    model = found(snapshot([], DeclaredModel(id="acme/tiny", endpoints=(stated,))), "acme/tiny")
    assert [endpoint.service_tier for endpoint in model.endpoints] == [tier]


def test_a_declared_endpoint_takes_the_catalogs_place_and_keeps_its_other_facts() -> None:
    endpoint = DeclaredEndpoint(provider="openai", upstream_model="gpt-x-custom", tag="openai", context_length=5)
    model = found(
        snapshot(
            [row("openai", "gpt-x", 7, context_length=99)], DeclaredModel(id="openai/gpt-x", endpoints=(endpoint,))
        ),
        "openai/gpt-x",
    )

    (only,) = model.endpoints
    assert (only.upstream_model, only.context_length, only.pricing.prompt) == ("gpt-x-custom", 5, 7)


def test_a_declared_alias_beats_a_derived_one_and_no_alias_hides_a_model() -> None:
    rows = [row("anthropic", "claude-3-5-sonnet-20241022"), row("openai", "gpt-x")]
    catalog = snapshot(rows, DeclaredModel(id="a/b", aliases=("anthropic/claude-3-5-sonnet", "openai/gpt-x")))

    assert found(catalog, "anthropic/claude-3-5-sonnet").id == "a/b"
    assert found(catalog, "openai/gpt-x").id == "openai/gpt-x"
    assert found(catalog, "a/b").aliases == ("anthropic/claude-3-5-sonnet",)


def test_the_fake_providers_samples_keep_their_names() -> None:
    catalog = snapshot(sample_rows("fake", ["echo", "reset-after-3", "vote-0.8", "embed"]), usable=("fake",))

    assert list(catalog.models) == ["fake/echo", "fake/embed", "fake/reset-after-3", "fake/vote-0.8"]
    assert catalog.models["fake/embed"].output_modalities == ("embeddings",)


def test_any_name_of_the_fake_provider_and_of_an_unread_server_is_a_model() -> None:
    catalog = snapshot([*sample_rows("fake", ["echo"]), row("openai", "gpt-x")], usable=("fake", "ollama", "openai"))
    free = open_providers(catalog)

    assert set(free) == {"fake", "ollama"}
    model = adhoc_model("ollama/hf.co/Someone/Model:Q4_K_M", free)
    assert model is not None
    assert model.id == "ollama/hf.co/Someone/Model:Q4_K_M"
    (endpoint,) = model.endpoints
    assert (endpoint.provider, endpoint.upstream_model) == ("ollama", "hf.co/Someone/Model:Q4_K_M")
    assert adhoc_model("fake/echo-slow-50", free) is not None


@pytest.mark.parametrize("name", ["ollama", "ollama/", "openai/gpt-y", "x/y", "ollama/" + "x" * 300, "ollama/a\nb"])
def test_other_names_are_no_models(name: str) -> None:
    assert adhoc_model(name, open_providers(snapshot([row("openai", "gpt-x")], usable=("ollama", "openai")))) is None


ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from(SLUGS[:-1]),
        st.sampled_from(
            [
                "gpt-4o", "gpt-4o-2024-08-06", "openai/gpt-4o", "claude-3-5-sonnet-20241022", "claude-3.5-sonnet",
                "claude-3-5-sonnet-20240620", "claude-3-5-sonnet-latest", "Qwen/Qwen3-8B-FP8", "qwen/qwen3-8b",
                "qwen/qwen3-8b:free", "~x/y-latest", "???",
            ]
        ),
        st.none() | st.integers(0, 10**9),
    ),
    max_size=12,
)  # fmt: skip


@given(ROWS)
def test_ids_are_unique_ordered_and_every_name_leads_to_a_model(rows: list[Row]) -> None:
    catalog = snapshot(rows, usable=("ollama",))

    assert all(first < second for first, second in pairwise(catalog.models))
    ids = [endpoint.id for model in catalog.models.values() for endpoint in model.endpoints]
    assert len(ids) == len(set(ids))
    for name, model_id in catalog.names.items():
        assert name == name.lower()
        assert model_id in catalog.models
    for model_id, model in catalog.models.items():
        assert catalog.find(model_id) is model
        assert catalog.find(model.canonical_slug) is model
        assert all(catalog.find(alias) is model for alias in model.aliases)
        assert model.endpoints


@given(ROWS, st.randoms())
def test_the_order_of_rows_of_different_models_changes_nothing(rows: list[Row], random: object) -> None:
    distinct = list({(one.provider, one.upstream_model.lower()): one for one in rows}.values())
    shuffled = list(distinct)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert snapshot(distinct).models == snapshot(shuffled).models


def test_an_offer_that_others_call_free_does_not_stand_for_a_model_that_is_sold() -> None:
    catalog = snapshot([row("openai", "gpt-x", 0), row("azure", "gpt-x", 5), row("openai", "gpt-y", 0)])

    assert [one.provider for one in catalog.models["openai/gpt-x"].endpoints] == ["azure", "openai"]
    assert [one.priced for one in catalog.models["openai/gpt-y"].endpoints] == [True]


def test_a_provider_may_say_itself_that_it_charges_nothing() -> None:
    own = replace(row("openai", "gpt-x", 0), source="openai /models")
    catalog = snapshot([own, row("azure", "gpt-x", 5)])

    assert [one.provider for one in catalog.models["openai/gpt-x"].endpoints] == ["openai", "azure"]


@pytest.mark.parametrize("written", ["speech", "transcription", "image", "video"])
def test_nothing_by_the_token_is_no_price_for_what_is_sold_otherwise(written: str) -> None:
    free = row("groq", "some-model", 0, output_modalities=(written,))
    sold = replace(free, upstream_model="other-model", pricing=Pricing(request=Pico(5)))
    catalog = snapshot([free, sold])

    assert {model.id: model.endpoints[0].priced for model in catalog.models.values()} == {
        "groq/other-model": True,
        "groq/some-model": False,
    }
