"""Where each value of the catalog comes from: source and day, field by field, in a file beside the snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from turnout.catalog.compose import MODEL_FACTS, best_fact, by_authority
from turnout.catalog.declared import DeclaredModel
from turnout.catalog.endpoints import ENDPOINT_FACTS, Offer, tag_of
from turnout.catalog.rows import OPERATOR
from turnout.catalog.whole_file import write_whole
from turnout.domain.catalog import Endpoint, Model

__all__ = ["DERIVED", "ModelProvenance", "Origin", "Provenance", "load_provenance", "provenance_of", "save_provenance"]

Origin = tuple[str, str | None]
"""Source, and the day ``YYYY-MM-DD`` on which it said so; None where that is not known."""

DERIVED: Final[Origin] = ("turnout", None)
"""The origin of what we work out ourselves: generated descriptions, tokenizers, facts of families."""

_FORMAT: Final = 1


class ModelProvenance(Struct, frozen=True):
    """Origins of one model's fields, and of its endpoints' by the endpoint's id; fields without value are absent."""

    fields: dict[str, Origin]
    endpoints: dict[str, dict[str, Origin]]


Provenance = dict[str, ModelProvenance]
"""By model id. Values stand in the snapshot."""


class _File(Struct, array_like=True):
    format: int
    mark: str
    models: dict[str, msgspec.Raw]


_encoder = msgspec.msgpack.Encoder()
_file = msgspec.msgpack.Decoder(_File)
_model = msgspec.msgpack.Decoder(ModelProvenance)


def provenance_of(model: Model, offers: Sequence[Offer], stated: DeclaredModel | None) -> ModelProvenance:
    """Who said what of *model*, given the *offers* and the statement of the operator that it was made of."""
    rows = [offer.row for offer in by_authority(model.id, offers)]
    fields: dict[str, Origin] = {}
    endpoints = {endpoint.id: _of_endpoint(endpoint, offers, stated) for endpoint in model.endpoints}
    for name in MODEL_FACTS:
        if _empty(getattr(model, name)):
            continue
        found = None if name in _LARGEST_SERVED else best_fact(model.id, rows, name)
        if stated is not None and not _empty(getattr(stated, name, None)):
            fields[name] = (OPERATOR, None)
        elif found is not None and not (name == "description" and model.generated_description):
            fields[name] = found[1].origin_of(name)
        else:
            fields[name] = _of_the_largest(model, name, endpoints) or DERIVED
    return ModelProvenance(fields, endpoints)


def save_provenance(provenance: Provenance, path: Path, mark: str) -> None:
    """Write *provenance* to *path*, whole or not at all, under the fingerprint of its snapshot.

    Raises:
        OSError: the file cannot be written; an older one is then still there.
    """
    models = {model_id: msgspec.Raw(_encoder.encode(found)) for model_id, found in provenance.items()}
    write_whole(path, _encoder.encode(_File(_FORMAT, mark, models)))


def load_provenance(path: Path, model_id: str, mark: str | None = None) -> ModelProvenance | None:
    """The origins of *model_id* in the file at *path*; None when there is none, or it belongs to another snapshot.

    *mark* None takes the file of any snapshot.
    """
    try:
        stored = _file.decode(path.read_bytes())
        if stored.format != _FORMAT or (mark is not None and stored.mark != mark):
            return None
        found = stored.models.get(model_id)
        return None if found is None else _model.decode(found)
    except (OSError, msgspec.DecodeError):
        return None


_LARGEST_SERVED: Final = frozenset({"context_length", "max_completion_tokens"})
"""Fields of a model that are the largest value among its endpoints."""


def _of_the_largest(model: Model, name: str, endpoints: Mapping[str, Mapping[str, Origin]]) -> Origin | None:
    if name not in _LARGEST_SERVED:
        return None
    value = getattr(model, name)
    holders = (endpoints[endpoint.id] for endpoint in model.endpoints if getattr(endpoint, name) == value)
    return next((holder[name] for holder in holders if name in holder), None)


def _of_endpoint(endpoint: Endpoint, offers: Sequence[Offer], stated: DeclaredModel | None) -> dict[str, Origin]:
    wanted = (
        next((e for e in stated.endpoints if (e.provider, e.tag) == (endpoint.provider, endpoint.tag)), None)
        if stated
        else None
    )
    offer = next((o for o in offers if (o.row.provider, tag_of(o)) == (endpoint.provider, endpoint.tag)), None)
    found: dict[str, Origin] = {}
    for name in ENDPOINT_FACTS:
        if _empty(getattr(endpoint, name)) or (name == "pricing" and not endpoint.priced):
            continue
        if wanted is not None and not _empty(getattr(wanted, name, None)):
            found[name] = (OPERATOR, None)
        elif offer is not None and not _empty(getattr(offer.row, name)):
            found[name] = offer.row.origin_of(name)
        elif offer is not None and name == "supported_parameters" and offer.row.without is not None:
            found[name] = offer.row.origin_of("without")
        else:
            found[name] = DERIVED
    return found


def _empty(value: Any) -> bool:  # noqa: ANN401 - fields of any type
    return value is None or value in ("", (), 0)
