from __future__ import annotations

import pytest

from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model

TINY = Model(id="acme/tiny", canonical_slug="acme/tiny-2026-01-31", name="Tiny")
LARGE = Model(id="Acme/Large", canonical_slug="Acme/Large", name="Large")
SNAPSHOT = CatalogSnapshot(
    models={model.id: model for model in (TINY, LARGE)},
    names={"acme/tiny-2026-01-31": TINY.id, "acme/old": TINY.id, "acme/large": LARGE.id, "acme/lost": "acme/gone"},
)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("acme/tiny", TINY),
        ("ACME/Tiny", TINY),
        ("acme/tiny-2026-01-31", TINY),
        ("Acme/OLD", TINY),
        ("Acme/Large", LARGE),
        ("acme/large", LARGE),
        ("acme/none", None),
        ("acme/lost", None),
        ("", None),
        ("acme/tiny:free", None),
    ],
)
def test_a_model_is_found_by_id_and_alias_whatever_their_case(name: str, model: Model | None) -> None:
    assert SNAPSHOT.find(name) is model


def test_the_id_of_an_endpoint_is_stable() -> None:
    endpoint = Endpoint(model_id="acme/tiny", provider="acme", tag="acme/turbo", upstream_model="t")
    assert endpoint.id == "acme/tiny|acme|acme/turbo"
