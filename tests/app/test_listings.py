import pytest

from turnout.app.listings import listing_address, listing_headers, lists_models
from turnout.base.secrets import Secret
from turnout.domain.provider import Provider

_VERSION = "2023-06-01"


def _provider(dialect: str, base_url: str, headers: tuple[tuple[str, str], ...] = ()) -> Provider:
    return Provider(
        slug="acme",
        name="Acme",
        dialect=dialect,
        base_url=base_url,
        credential=Secret("k"),
        headers=headers,
        usable=True,
    )


@pytest.mark.parametrize(
    ("dialect", "base_url", "address", "headers"),
    [
        ("openai", "http://a/v1", "http://a/v1/models", {"Authorization": "Bearer k"}),
        (
            "anthropic",
            "http://a",
            "http://a/v1/models?limit=1000",
            {"anthropic-version": _VERSION, "x-api-key": "k"},
        ),
        ("anthropic", "http://a/v1/", "http://a/v1/models?limit=1000", None),
        ("google", "http://a", "http://a/v1beta/models?pageSize=1000", {"x-goog-api-key": "k"}),
        ("google", "http://a/v1", "http://a/v1/models?pageSize=1000", None),
        ("cohere", "http://a", "http://a/v1/models?page_size=1000", {"Authorization": "Bearer k"}),
    ],
)
def test_each_dialect_lists_in_its_own_way(
    dialect: str, base_url: str, address: str, headers: dict[str, str] | None
) -> None:
    provider = _provider(dialect, base_url)
    assert lists_models(provider)
    assert listing_address(provider) == address
    assert headers is None or listing_headers(provider) == headers


@pytest.mark.parametrize("dialect", ["bedrock", "vertex", "azure", "fake"])
def test_dialects_without_a_list_are_not_asked(dialect: str) -> None:
    assert not lists_models(_provider(dialect, "http://a"))


def test_the_operators_own_headers_win() -> None:
    provider = _provider("openai", "http://a", headers=(("Authorization", "Basic x"), ("X-Team", "y")))
    assert listing_headers(provider) == {"Authorization": "Basic x", "X-Team": "y"}
