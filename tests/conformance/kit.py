"""What the conformance tests need of each dialect: a neutral answer, written as that provider would write it.

A kit is a module of ``kits`` with the name of its dialect, and holds one ``KIT``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from conformance.voice import Kit
from turnout.base.secrets import Secret
from turnout.contracts.provider import Adapter, Fetched, Outside
from turnout.domain.catalog import Endpoint
from turnout.domain.provider import Provider
from turnout.providers.dialects import load_dialects

__all__ = ["DIALECTS", "KITS", "SECRET", "adapter_of", "endpoint_of"]

SECRET = "canary-credential-7f3a"
DIALECTS = sorted(load_dialects())


def _found() -> dict[str, Kit]:
    names = sorted(path.stem for path in (Path(__file__).parent / "kits").glob("[a-z]*.py"))
    return {name.replace("_", "-"): import_module(f"conformance.kits.{name}").KIT for name in names}


KITS = _found()


def adapter_of(dialect: str, **fields: Any) -> Adapter:  # noqa: ANN401 - any field of a provider
    """An adapter of *dialect*, configured with everything that any might need."""
    kit = KITS.get(dialect)
    usual: dict[str, Any] = {
        "slug": "acme",
        "name": "Acme",
        "dialect": dialect,
        "base_url": "http://127.0.0.1:9/v1",
        "credential": Secret(SECRET),
        "usable": True,
        "region": "eu-west-1",
        "project": "p",
        "location": "global",
        "access_key_id": Secret("canary-access-key"),
        "secret_access_key": Secret("canary-secret-key"),
    }
    own = {} if kit is None else dict(kit.provider)
    return load_dialects()[dialect].adapter(Provider(**(usual | own | fields)), _NOTHING)


def endpoint_of(dialect: str, **fields: Any) -> Endpoint:  # noqa: ANN401 - any field of an endpoint
    """An endpoint of *dialect* that takes all parameters unless *fields* say otherwise."""
    kit = KITS.get(dialect)
    model = "tiny-1" if kit is None else kit.model
    return Endpoint(**({"model_id": "acme/tiny", "provider": "acme", "tag": "acme", "upstream_model": model} | fields))


async def _fetch(_url: str) -> Fetched:
    return Fetched("image/png", b"\x89PNG\r\n\x1a\nfetched")


async def _post(_url: str, _headers: Mapping[str, str], _body: bytes) -> tuple[int, bytes]:
    return 200, b'{"access_token":"canary-token-91c4","expires_in":3600,"token_type":"Bearer"}'


_NOTHING = Outside(lambda: 1_780_000_000.0, _fetch, _post)
