"""The gateway as clients see it, once for each of its two servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from openai import OpenAI
from openrouter import OpenRouter

from gateway import Gateway, model_tables, of_each_plane

_TOML = """
[catalog]
bundled = false
[limits]
body_bytes = 300_000
"""
_MODELS = model_tables("acme/locked", [("groq", "locked", "{}")]) + model_tables(
    "acme/paid", [("fake", "echo", '{ prompt = "0.000001", completion = "0.000002" }')]
)
_PRICELESS = '[[models]]\nid = "acme/bare"\n[[models.endpoints]]\nprovider = "fake"\nupstream_model = "echo"\n'


@pytest.fixture(scope="session")
def _gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Gateway]]:
    with of_each_plane(tmp_path_factory.mktemp, _TOML + _MODELS + _PRICELESS) as gateway:
        yield gateway


@pytest.fixture(params=["protocol", "asgi"])
def gateway(request: pytest.FixtureRequest, _gateways: Callable[[str], Gateway]) -> Gateway:
    """A gateway with the fake provider, over the one server or the other."""
    return _gateways(request.param)


@pytest.fixture
def openai_client(gateway: Gateway) -> Iterator[OpenAI]:
    """The SDK of OpenAI, without retries."""
    with OpenAI(base_url=f"{gateway.url}/api/v1", api_key=gateway.key, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture
def openrouter_client(gateway: Gateway) -> Iterator[OpenRouter]:
    """The SDK of OpenRouter; it repeats failed calls for an hour unless each call says ``retries=None``."""
    with OpenRouter(api_key=gateway.key, server_url=f"{gateway.url}/api/v1", timeout_ms=20_000) as client:
        yield client
