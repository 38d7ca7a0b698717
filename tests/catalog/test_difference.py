from msgspec.structs import replace

from turnout.base.money import Pico
from turnout.catalog.difference import differences, retired
from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.usage import Pricing


def _model(model_id: str, prompt: int = 1_000_000, **facts: object) -> Model:
    pricing = Pricing(prompt=Pico(prompt), completion=Pico(2_000_000))
    endpoint = Endpoint(model_id=model_id, provider="acme", tag="acme", upstream_model="m", pricing=pricing)
    model = Model(
        id=model_id, canonical_slug=model_id, name=model_id.title(), context_length=1000, endpoints=(endpoint,)
    )
    return replace(model, **facts)


def _catalog(*models: Model) -> CatalogSnapshot:
    return CatalogSnapshot(models={model.id: model for model in models})


def test_the_same_catalog_has_no_differences() -> None:
    assert differences(_catalog(_model("a/b")), _catalog(_model("a/b")), 1.0) == []


def test_new_and_gone_models_are_told() -> None:
    told = differences(_catalog(_model("a/old")), _catalog(_model("a/new")), 5.0)
    assert [(event.kind, event.model_id, event.at, event.text) for event in told] == [
        ("new", "a/new", 5.0, "A/New is new"),
        ("retired", "a/old", 5.0, "A/Old is no longer listed"),
    ]


def test_prices_are_told_in_dollars_per_million_with_exact_values_beside() -> None:
    (event,) = differences(_catalog(_model("a/b")), _catalog(_model("a/b", prompt=2_500_000)), 1.0)
    assert (event.kind, event.subject, event.before, event.after) == ("price", "prompt", "0.000001", "0.0000025")
    assert event.text == "A/B: the price of prompts rose from 1 to 2.5 dollars per million"


def test_a_model_that_was_unpriced_has_no_old_price() -> None:
    unpriced = _model("a/b")
    unpriced = replace(unpriced, endpoints=(replace(unpriced.endpoints[0], priced=False, pricing=Pricing()),))
    assert differences(_catalog(unpriced), _catalog(_model("a/b")), 1.0) == []


def test_contexts_and_announced_ends_are_told() -> None:
    after = _model("a/b", context_length=2000, expiration_date="2027-01-31")
    told = differences(_catalog(_model("a/b")), _catalog(after), 1.0)
    assert [(event.kind, event.subject, event.before, event.after) for event in told] == [
        ("changed", "context_length", "1000", "2000"),
        ("changed", "expiration_date", "", "2027-01-31"),
    ]


def test_what_is_gone_is_remembered_without_endpoints_until_it_comes_back() -> None:
    first = retired(_catalog(_model("a/b", aliases=("a/c",))), _catalog(), (), 86_400.0)
    assert [(model.id, model.aliases, model.endpoints, model.expiration_date) for model in first] == [
        ("a/b", ("a/c",), (), "1970-01-02")
    ]
    assert retired(_catalog(), _catalog(), first, 900_000.0) == first
    assert retired(_catalog(), _catalog(_model("a/b")), first, 900_000.0) == ()


def test_an_end_that_was_announced_for_later_comes_when_it_comes() -> None:
    (gone,) = retired(_catalog(_model("a/b", expiration_date="2099-01-01")), _catalog(), (), 0.0)
    assert gone.expiration_date == "1970-01-01"
