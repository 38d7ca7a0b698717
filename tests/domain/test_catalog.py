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


FAMILIES = CatalogSnapshot(
    models={model.id: model for model in (TINY, LARGE)},
    names={"acme/large": LARGE.id},
    unlisted={"acme/gone": Model(id="acme/gone", canonical_slug="acme/gone", name="Gone")},
    latest={"~acme/any-latest": "acme/tiny", "~acme/tiny-latest": "acme/tiny"},
    latest_callable={"~acme/any-latest": LARGE.id},
)


def test_the_newest_of_a_family_is_the_newest_that_can_be_called_else_the_newest_listed() -> None:
    assert FAMILIES.find("~acme/any-latest") is LARGE
    assert FAMILIES.find("~Acme/Tiny-latest") is TINY
    assert FAMILIES.find("~acme/none-latest") is None


def test_what_is_not_listed_is_found_all_the_same() -> None:
    gone = FAMILIES.find("ACME/gone")
    assert gone is FAMILIES.unlisted["acme/gone"]


@pytest.mark.parametrize("name", ["acme/tiny:free", "acme/tiny:free:online", "ACME/Tiny:x"])
def test_a_lookup_with_suffixes_means_the_model_without_them(name: str) -> None:
    assert FAMILIES.base_of(name) is TINY
    assert FAMILIES.base_of("acme/none:free") is None
