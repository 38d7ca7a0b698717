"""The configuration's models become neutral values."""

from turnout.catalog.declared import declared
from turnout.config.settings import Settings
from turnout.domain.catalog import Benchmarks
from turnout.domain.provider import Policy


def test_models_and_endpoints_are_read_with_exact_prices_and_defaults() -> None:
    settings = Settings.model_validate(
        {
            "models": [
                {
                    "id": "acme/tiny",
                    "aliases": ["acme/tiny-latest"],
                    "benchmarks": {"intelligence_index": 31.5},
                    "endpoints": [
                        {"provider": "acme", "pricing": {"prompt": "0.000001", "completion": "0.000002"}, "zdr": True},
                        {"provider": "fake", "upstream_model": "echo", "tag": "fake/slow"},
                    ],
                }
            ]
        }
    )

    (model,) = declared(settings)

    assert model.benchmarks == Benchmarks(intelligence_index=31.5)
    first, second = model.endpoints
    assert (model.id, model.aliases, model.name) == ("acme/tiny", ("acme/tiny-latest",), None)
    assert (first.upstream_model, first.tag) == ("tiny", "acme")
    assert first.pricing is not None
    assert (first.pricing.prompt, first.pricing.completion) == (1_000_000, 2_000_000)
    assert first.policy == Policy(zdr=True)
    assert (second.upstream_model, second.tag, second.pricing, second.policy) == ("echo", "fake/slow", None, None)
