"""A busy machine is no reason to give Redis up, but where that is what a test is about."""

from importlib.util import find_spec

import pytest

from patience import PATIENCE


@pytest.fixture(autouse=True)
def _patient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("redis") is None or "its_patience" in request.node.name:
        return
    from turnout.shared import redis_link  # noqa: PLC0415 - its package is an option

    monkeypatch.setattr(redis_link, "_PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setattr(redis_link.Link.call, "__defaults__", (PATIENCE,))
