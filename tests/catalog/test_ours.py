"""What we ship beside the packages is whole."""

from turnout.catalog.build import merge
from turnout.catalog.identity import is_model_id
from turnout.catalog.ours import our_facts, our_mark, our_rows
from turnout.catalog.rows import OURS
from turnout.domain.catalog import ReasoningSupport
from turnout.domain.provider import Provider


def test_every_name_in_the_file_is_a_model_id() -> None:
    known = our_facts()
    names = {*known.aliases, *known.aliases.values(), *known.renamed, *known.renamed.values(), *known.contexts}

    assert all(is_model_id(name) for name in names)
    assert all(is_model_id(model.id) for model in (*known.routers, *known.retired))


def test_ended_models_have_a_day_in_the_past_and_no_endpoints() -> None:
    for model in our_facts().retired:
        assert model.expiration_date is not None
        assert model.expiration_date < "2026-11-01"
        assert model.endpoints == ()
        assert model.context_length


def test_routers_are_listed_without_endpoints_and_cost_nothing_of_their_own() -> None:
    snapshot = merge([], (), {}, built=1.0, known=our_facts()).snapshot

    assert list(snapshot.models) == ["openrouter/auto", "openrouter/auto-beta", "openrouter/free", "turnout/auto"]
    assert all(model.router and not model.endpoints for model in snapshot.models.values())


def test_without_the_catalog_routers_are_found_and_nothing_is_listed() -> None:
    snapshot = merge([], (), {}, built=1.0, known=our_facts(bundled=False)).snapshot

    assert dict(snapshot.models) == {}
    router = snapshot.find("openrouter/auto")
    assert router is not None
    assert router.router
    assert snapshot.find("anthropic/claude-2") is None


def test_offers_have_prices_or_say_that_they_have_none() -> None:
    rows = our_rows()
    unpriced = {row.upstream_model for row in rows if row.pricing is None}

    assert {row.source for row in rows} == {OURS}
    assert unpriced == {"whisper-1", "tts-1", "tts-1-hd", "whisper-large-v3", "whisper-large-v3-turbo"}
    assert len({(row.provider, row.upstream_model) for row in rows}) == len(rows)


def test_an_offer_without_a_price_is_listed_as_one() -> None:
    snapshot = merge(our_rows(), (), {"openai": Provider(slug="openai", name="OpenAI")}, built=1.0).snapshot

    assert not snapshot.models["openai/whisper-1"].endpoints[0].priced
    assert snapshot.models["openai/text-embedding-3-large"].endpoints[0].priced
    assert snapshot.models["openai/text-embedding-3-large"].output_modalities == ("embeddings",)


def test_reasoning_is_steered_as_the_first_fitting_pattern_says() -> None:
    known = our_facts()

    assert known.reasoning_of("openai/gpt-5-mini").supported_efforts == ("minimal", "low", "medium", "high")
    assert known.reasoning_of("anthropic/claude-sonnet-4.6").supports_max_tokens is True
    assert known.reasoning_of("qwen/qwen3-235b-a22b-thinking-2507").mandatory
    assert known.reasoning_of("acme/thinker") == ReasoningSupport()


def test_training_on_answers_is_allowed_by_open_licences_and_forbidden_by_the_terms_of_others() -> None:
    known = our_facts()
    allowed = {"deepseek/deepseek-r1": True, "openai/gpt-oss-20b": True, "openai/gpt-5": False, "acme/tiny": None}

    assert {model_id: known.distillable_of(model_id) for model_id in allowed} == allowed


def test_the_mark_is_short_and_stable() -> None:
    assert our_mark() == our_mark()
    assert len(our_mark()) < 40
