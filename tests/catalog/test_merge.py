"""Sources that disagree, and rows that mean harm."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.base.money import Pico
from turnout.catalog.build import canonical_slugs, merge
from turnout.catalog.declared import DeclaredEndpoint, DeclaredModel
from turnout.catalog.grouping import merged_rows, unidentified
from turnout.catalog.known import NOTHING, Known
from turnout.catalog.provenance import DERIVED
from turnout.catalog.rows import OPERATOR, Row
from turnout.domain.catalog import Benchmarks, CatalogSnapshot, Endpoint, Model, ReasoningSupport
from turnout.domain.provider import Provider
from turnout.domain.usage import Pricing

PROVIDERS = {slug: Provider(slug=slug, name=slug.title()) for slug in ("openai", "azure", "groq", "openrouter", "acme")}


def row(source: str, provider: str, upstream: str, prompt: int | None = 1, **facts: object) -> Row:
    pricing = None if prompt is None else Pricing(prompt=Pico(prompt), completion=Pico(2 * prompt))
    return Row(source=source, provider=provider, upstream_model=upstream, pricing=pricing, **facts)  # type: ignore[arg-type]


def snapshot(rows: Sequence[Row], *declared: DeclaredModel, known: Known = NOTHING) -> CatalogSnapshot:
    return merge(rows, declared, PROVIDERS, built=1_795_000_000.0, known=known).snapshot


def test_the_more_trusted_source_wins_each_field_in_whatever_order_they_come() -> None:
    rows = [
        row("genai-prices", "openai", "gpt-x", 3, context_length=3, name="three"),
        row("models.dev", "openai", "gpt-x", 2, context_length=2),
        row("openai /models", "openai", "gpt-x", None, created=5),
        row("litellm", "openai", "gpt-x", 4, expiration_date="2027-01-01", name="four"),
    ]
    for order in (rows, rows[::-1]):
        model = snapshot(order).models["openai/gpt-x"]
        (endpoint,) = model.endpoints
        assert (endpoint.pricing.prompt, endpoint.context_length) == (2, 2)
        assert (model.name, model.created, model.expiration_date) == ("OpenAI: three", 5, "2027-01-01")


def test_what_a_stranger_lists_says_how_it_serves_a_model_and_not_what_the_model_is() -> None:
    rows = [
        row("groq /models", "groq", "gpt-x", 1, name="groq's gpt-x", context_length=7, created=9),
        row("models.dev", "openai", "gpt-x", 1, name="GPT-X", created=5),
    ]
    model = snapshot(rows).models["openai/gpt-x"]

    assert (model.name, model.created) == ("OpenAI: GPT-X", 5)
    assert {endpoint.provider: endpoint.context_length for endpoint in model.endpoints}["groq"] == 7


def test_openrouters_words_beat_a_feeds() -> None:
    rows = [
        row("models.dev", "openai", "gpt-x", 1, name="gpt x"),
        row("openrouter", "openrouter", "openai/gpt-x", 1, name="OpenAI: GPT-X", description="Words.",
            canonical_slug="openai/gpt-x-20260101", hugging_face_id="openai/gpt-x", tokenizer="GPT"),
    ]  # fmt: skip
    model = snapshot(rows).models["openai/gpt-x"]

    assert (model.name, model.description, model.generated_description) == ("OpenAI: GPT-X", "Words.", False)
    assert (model.canonical_slug, model.hugging_face_id) == ("openai/gpt-x-20260101", "openai/gpt-x")


def test_every_field_keeps_its_source_and_day() -> None:
    made = merge(
        [
            row("models.dev", "openai", "gpt-x", 1, fetched="2026-11-19", name="X", context_length=5),
            row("genai-prices", "openai", "gpt-x", 2, fetched="2026-11-18", description="Words."),
        ],
        [DeclaredModel(id="openai/gpt-x", tokenizer="Mine", endpoints=(
            DeclaredEndpoint(provider="acme", upstream_model="x", tag="acme", context_length=9),
        ))],
        PROVIDERS,
        built=1.0,
    )  # fmt: skip
    found = made.provenance()["openai/gpt-x"]

    assert found.fields["name"] == ("models.dev", "2026-11-19")
    assert found.fields["description"] == ("genai-prices", "2026-11-18")
    assert found.fields["tokenizer"] == found.fields["context_length"] == (OPERATOR, None)
    assert found.fields["canonical_slug"] == DERIVED
    assert found.endpoints["openai/gpt-x|openai|openai"]["pricing"] == ("models.dev", "2026-11-19")
    assert found.endpoints["openai/gpt-x|acme|acme"]["context_length"] == (OPERATOR, None)
    assert "pricing" not in found.endpoints["openai/gpt-x|acme|acme"]


def test_a_source_without_upstream_names_adds_to_known_endpoints_and_makes_none() -> None:
    rows = [
        row("models.dev", "groq", "gpt-x", 5, context_length=7, fetched="a"),
        row("models.dev", "openai", "gpt-x", 5),
        row("openrouter", "groq", "", 3, model="openai/gpt-x", quantization="fp8", implicit_caching=True, fetched="b"),
        row("openrouter", "azure", "", 3, model="openai/gpt-x"),
    ]
    by_provider = {e.provider: e for e in snapshot(rows).models["openai/gpt-x"].endpoints}

    assert by_provider.keys() == {"openai", "groq"}
    groq = by_provider["groq"]
    assert (groq.upstream_model, groq.pricing.prompt, groq.context_length) == ("gpt-x", 3, 7)
    assert (groq.quantization, groq.implicit_caching) == ("fp8", True)


def test_a_service_tier_is_an_endpoint_of_its_own_behind_all_others() -> None:
    rows = [
        row("x", "openai", "gpt-x", 1, service_tier="flex"),
        row("x", "openai", "gpt-x", 2),
        row("x", "groq", "gpt-x", 9),
    ]

    endpoints = snapshot(rows).models["openai/gpt-x"].endpoints
    assert [(e.tag, e.service_tier) for e in endpoints] == [
        ("openai", None),
        ("groq", None),
        ("openai/flex", "flex"),
    ]


def test_nobodys_price_is_marked_and_the_operators_counts() -> None:
    stated = (
        DeclaredEndpoint(provider="acme", upstream_model="a", tag="acme"),
        DeclaredEndpoint(provider="groq", upstream_model="a", tag="groq", pricing=Pricing(prompt=Pico(1))),
    )
    endpoints = snapshot([], DeclaredModel(id="acme/a", endpoints=stated)).models["acme/a"].endpoints

    assert [endpoint.priced for endpoint in endpoints] == [False, True]


def test_a_permanent_slug_stays_when_a_newer_release_comes() -> None:
    first = snapshot([row("x", "openai", "gpt-x-20260101")])
    slugs = canonical_slugs(first)
    later = snapshot([row("x", "openai", "gpt-x-20260909")], known=Known(canonical=slugs))
    model = later.models["openai/gpt-x"]

    assert slugs == {"openai/gpt-x": "openai/gpt-x-20260101"}
    assert model.canonical_slug == "openai/gpt-x-20260101"
    assert later.find("openai/gpt-x-20260101") is model
    assert later.find("openai/gpt-x-20260909") is model
    assert canonical_slugs(later) == slugs


def test_a_model_that_every_provider_ends_leaves_the_list_and_stays_callable() -> None:
    ending = row("models.dev", "openai", "gpt-x", deprecated=True, fetched="2026-11-01")

    model = snapshot([ending]).find("openai/gpt-x")
    assert "openai/gpt-x" not in snapshot([ending]).models
    assert model is not None
    assert model.expiration_date == "2026-11-01"
    assert model.endpoints
    listed = row("openai /models", "openai", "gpt-x", None, listed=True)
    assert "openai/gpt-x" in snapshot([ending, listed]).models
    assert "openai/gpt-x" in snapshot([ending, row("x", "groq", "gpt-x")]).models


def test_facts_of_families_and_measurements_reach_the_model() -> None:
    known = Known(
        reasoning=((r"openai/.+", ReasoningSupport(mandatory=True)),),
        distillable=((r"openai/.+", False),),
        benchmarks={"openai/gpt-x": Benchmarks(coding_index=50.0, agentic_index=20.0)},
        contexts={"openai/gpt-x": 77},
    )
    stated = DeclaredModel(id="openai/gpt-x", benchmarks=Benchmarks(coding_index=60.0))
    rows = [row("x", "openai", "gpt-x", reasoning=True, context_length=5)]
    model = snapshot(rows, stated, known=known).models["openai/gpt-x"]

    assert model.reasoning_support == ReasoningSupport(mandatory=True)
    assert model.distillable is False
    assert model.benchmarks == Benchmarks(coding_index=60.0, agentic_index=20.0)
    assert (model.context_length, model.endpoints[0].context_length) == (77, 77)
    live = [*rows, row("models.dev", "openai", "gpt-x", context_length=5)]
    assert snapshot(live, known=known).models["openai/gpt-x"].context_length == 5


def test_markup_in_names_stays_text_on_one_line_of_bounded_length() -> None:
    name = '<script>alert("x")<' + "\0\r\n" + "/b>" + "y" * 500
    model = snapshot([row("models.dev", "openai", "gpt-x", name=name, description="a\0b\r\nc" + "z" * 99_999)]).models

    shown = model["openai/gpt-x"]
    assert shown.name.isprintable()
    assert len(shown.name) <= 210
    assert len(shown.description) <= 10_000
    assert shown.description.startswith("a b\nc")


@pytest.mark.parametrize("bad", ["<script>", "not a slug", "openai/../etc", "openai/x y", "x" * 300 + "/y" * 300, ""])
def test_facts_of_the_wrong_shape_are_left_out(bad: str) -> None:
    hostile = row("openrouter", "openai", "gpt-x", canonical_slug=bad, expiration_date=bad, hugging_face_id=bad)
    model = snapshot([hostile]).models["openai/gpt-x"]

    assert model.canonical_slug == "openai/gpt-x"
    assert model.expiration_date is None
    assert model.hugging_face_id in {None, bad}
    assert model.hugging_face_id is None or len(model.hugging_face_id) < 200


def test_two_models_never_share_a_permanent_slug() -> None:
    rows = [
        row("openrouter", "openrouter", "openai/gpt-x", canonical_slug="openai/gpt-z"),
        row("openrouter", "openrouter", "openai/gpt-y", canonical_slug="openai/gpt-z"),
        row("openrouter", "openrouter", "openai/gpt-w", canonical_slug="openai/gpt-x"),
    ]
    catalog = snapshot(rows)
    slugs = [model.canonical_slug for model in catalog.models.values()]

    assert len(set(slugs)) == 3
    assert all((model := catalog.find(slug)) and model.canonical_slug == slug for slug in slugs)


def test_aliases_that_lead_to_each_other_lead_nowhere() -> None:
    known = Known(aliases={"a/x": "a/y", "a/y": "a/x", "a/z": "a/z", "a/q": "openai/gpt-x", "openai/gpt-x": "a/q"})
    catalog = snapshot([row("x", "openai", "gpt-x")], known=known)

    assert [catalog.find(name) for name in ("a/x", "a/y", "a/z")] == [None, None, None]
    assert catalog.find("a/q") is catalog.models["openai/gpt-x"]


def test_an_operators_model_takes_a_routers_name() -> None:
    router = Model(id="openrouter/auto", canonical_slug="openrouter/auto", name="Auto", router=True)
    stated = DeclaredModel(
        id="openrouter/auto", endpoints=(DeclaredEndpoint(provider="acme", upstream_model="x", tag="acme"),)
    )

    assert snapshot([], known=Known(routers=(router,))).models["openrouter/auto"].router
    assert not snapshot([], stated, known=Known(routers=(router,))).models["openrouter/auto"].router
    assert (
        not snapshot([row("x", "openrouter", "openrouter/auto")], known=Known(routers=(router,)))
        .models["openrouter/auto"]
        .endpoints
    )


def test_names_whose_maker_nobody_knows_are_told() -> None:
    rows = [row("x", "acme", "thing"), row("x", "groq", "llama-3.1-8b-instant"), row("x", "openai", "strange")]

    assert unidentified(rows) == [("acme", "thing")]


TEXT = st.text(max_size=12) | st.sampled_from(
    ["gpt-x", "openai/gpt-x", "~a/b", "a/b:free", "../x", "", "gpt-x-20260101"]
)
HOSTILE = st.builds(
    Row,
    source=st.sampled_from(["models.dev", "openrouter", "acme /models", "litellm", "?"]),
    provider=st.sampled_from([*PROVIDERS, "nobody"]),
    upstream_model=TEXT,
    model=st.none() | TEXT,
    canonical_slug=st.none() | TEXT,
    name=st.none() | TEXT,
    tag=st.none() | st.sampled_from(["turbo", "eu"]),
    service_tier=st.none() | st.sampled_from(["flex", "priority"]),
    expiration_date=st.none() | TEXT,
    hugging_face_id=st.none() | TEXT,
    deprecated=st.none() | st.booleans(),
    context_length=st.none() | st.integers(1, 10**9),
    pricing=st.none() | st.builds(Pricing, prompt=st.integers(0, 10**15)),
)


@given(st.lists(HOSTILE, max_size=14))
def test_whatever_rows_say_the_snapshot_holds_together(rows: list[Row]) -> None:
    made = merge(rows, (), PROVIDERS, built=1.0)
    catalog = made.snapshot

    ids = [endpoint.id for model in catalog.models.values() for endpoint in model.endpoints]
    assert len(ids) == len(set(ids))
    assert not catalog.models.keys() & catalog.unlisted.keys()
    for name, target in catalog.names.items():
        assert target in catalog.models or target in catalog.unlisted
        assert name not in catalog.models
    for model in catalog.models.values():
        assert catalog.find(model.canonical_slug) is model
        assert all(isinstance(endpoint, Endpoint) for endpoint in model.endpoints)
    assert made.provenance().keys() == catalog.models.keys()
    msgspec.msgpack.encode(made.provenance())
    assert len(merged_rows(rows)) <= len(rows)
