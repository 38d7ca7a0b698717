"""The catalog snapshot as a file, so that a warm start and every worker skip the merge."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr, replace

from turnout import __version__
from turnout.catalog.declared import DeclaredModel
from turnout.catalog.whole_file import write_whole
from turnout.domain.catalog import CatalogSnapshot, Model
from turnout.domain.provider import Provider

__all__ = ["fingerprint", "load", "save"]

_FORMAT: Final = 3
_AT_ONCE: Final = 50
"""Models that are decoded in one go: a worker that loads a catalog goes on answering in between."""
_Parameters = tuple[str, ...] | None


class _Head(Struct, frozen=True, array_like=True):
    """What stands first in the file and is enough to know that the rest does not fit."""

    format: int
    fingerprint: str


class _File(Struct, frozen=True, array_like=True):
    """The whole file. Lists of parameters stand once each in ``parameters``; models and endpoints hold none.

    ``models`` are encoded lists of a few models each.

    ``used`` has an index into ``parameters`` for each model, then each of its endpoints, in their order. Providers
    are not stored: they hold credentials.
    """

    format: int
    fingerprint: str
    built: float
    generation: int
    names: dict[str, str]
    parameters: tuple[_Parameters, ...]
    used: tuple[int, ...]
    models: tuple[msgspec.Raw, ...]
    unlisted: tuple[Model, ...]
    latest: dict[str, str]
    latest_callable: dict[str, str]


_encoder = msgspec.msgpack.Encoder()
_head = msgspec.msgpack.Decoder(_Head)
_file = msgspec.msgpack.Decoder(_File)
_models = msgspec.msgpack.Decoder(tuple[Model, ...])


def fingerprint(
    sources: Iterable[str], declared: Sequence[DeclaredModel], providers: Mapping[str, Provider], day: str
) -> str:
    """A hash over all that a snapshot is built from, in hexadecimal; no credential goes into it.

    *sources* are names with versions, such as ``bundled.package_versions()``. *day* is the UTC date: prices of the
    bundled packages begin and end on dates.
    """
    parts = [
        [__version__, str(_FORMAT), day],
        sorted(sources),
        list(declared),
        [
            [slug, one.name, one.dialect, one.usable, sorted(one.capabilities.drop), one.policy]
            for slug, one in sorted(providers.items())
        ],
    ]
    return hashlib.sha256(_encoder.encode(parts)).hexdigest()


def save(snapshot: CatalogSnapshot, path: Path, mark: str) -> None:
    """Write *snapshot* without its providers to *path*, whole or not at all, under the fingerprint *mark*.

    Raises:
        OSError: the file cannot be written; an older one is then still there.
    """
    pool: dict[_Parameters, int] = {}
    used = []
    bare = []
    for model in snapshot.models.values():
        used.append(pool.setdefault(model.supported_parameters, len(pool)))
        used += [pool.setdefault(endpoint.supported_parameters, len(pool)) for endpoint in model.endpoints]
        endpoints = tuple(replace(endpoint, supported_parameters=None) for endpoint in model.endpoints)
        bare.append(replace(model, supported_parameters=(), endpoints=endpoints))
    content = _encoder.encode(
        _File(
            format=_FORMAT,
            fingerprint=mark,
            built=snapshot.built,
            generation=snapshot.generation,
            names=dict(snapshot.names),
            parameters=tuple(pool),
            used=tuple(used),
            models=tuple(
                msgspec.Raw(_encoder.encode(bare[start : start + _AT_ONCE])) for start in range(0, len(bare), _AT_ONCE)
            ),
            unlisted=tuple(snapshot.unlisted.values()),
            latest=dict(snapshot.latest),
            latest_callable=dict(snapshot.latest_callable),
        )
    )
    write_whole(path, content)


def load(path: Path, mark: str, providers: Mapping[str, Provider]) -> CatalogSnapshot | None:
    """The snapshot at *path* with *providers*, or None: there is none, it is broken, or it was made of other things."""
    try:
        content = path.read_bytes()
        head = _head.decode(content)
        if head.format != _FORMAT or head.fingerprint != mark:
            return None
        stored = _file.decode(content)
        models = [model for part in stored.models for model in _models.decode(part)]
        _restore_parameters(models, stored)
    except (OSError, msgspec.DecodeError, IndexError, StopIteration):
        return None
    return CatalogSnapshot(
        models={model.id: model for model in models},
        names=stored.names,
        providers=dict(providers),
        built=stored.built,
        generation=stored.generation,
        unlisted={model.id: model for model in stored.unlisted},
        latest=stored.latest,
        latest_callable=stored.latest_callable,
    )


def _restore_parameters(models: Iterable[Model], stored: _File) -> None:
    """Put the shared lists back. The structs are fresh from the decoder: nobody has seen them yet."""
    used = iter(stored.used)
    for model in models:
        force_setattr(model, "supported_parameters", stored.parameters[next(used)] or ())
        for endpoint in model.endpoints:
            force_setattr(endpoint, "supported_parameters", stored.parameters[next(used)])
