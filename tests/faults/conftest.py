"""What the fault suites share: one fake provider, a gateway in front of it, and one without patience."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway import FakeServer, Gateway, model_tables, provider_table


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeServer]:
    with FakeServer(tmp_path_factory.mktemp("fake")) as server:
        yield server


@pytest.fixture(scope="session")
def gateway(fake: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    toml = (
        "[catalog]\nbundled = false\n"
        + provider_table("acme", fake.base_url)
        + model_tables("acme/echo", [("acme", "echo", "{}")])
        + model_tables("acme/locked", [("openai", "locked", "{}")])
    )
    with Gateway(tmp_path_factory.mktemp("gateway"), toml) as running_gateway:
        yield running_gateway
        assert "mistake of ours" not in running_gateway.log()
        assert "Traceback" not in running_gateway.log()


@pytest.fixture(scope="session")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with little patience and little room."""
    toml = (
        "[catalog]\nbundled = false\n[limits]\nheader_seconds = 1.0\nbody_seconds = 1.0\nbody_bytes = 50_000\n"
        "connections = 40\n"
    )
    with Gateway(tmp_path_factory.mktemp("hasty"), toml) as running_gateway:
        yield running_gateway
        assert "mistake of ours" not in running_gateway.log()


@pytest.fixture(autouse=True)
def _lives(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in {"gateway", "hasty"} & set(request.fixturenames):
        server = request.getfixturevalue(name)
        if isinstance(server, Gateway):
            assert server.request("GET", "/health").status == 200
