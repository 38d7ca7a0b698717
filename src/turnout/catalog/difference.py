"""What has changed between two snapshots of the catalog, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec.structs import replace

from turnout.base.money import dollars, per_million
from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
from turnout.domain.catalog_event import CatalogEvent
from turnout.domain.usage import PRICES

__all__ = ["differences", "retired"]

_SHOWN_PRICES = ("prompt", "completion")
_BY_THOUSAND = frozenset({"request", "image", "web_search", "output_image", "audio_second"})


def differences(before: CatalogSnapshot, after: CatalogSnapshot, at: float) -> list[CatalogEvent]:
    """The changes that a swap at *at* (unix seconds) brings: new models, retired ones, prices and contexts, by id.

    A model's price is that of its first endpoint, which is the one that listings show.
    """
    events = []
    for model_id in sorted(before.models.keys() | after.models.keys()):
        old, new = before.models.get(model_id), after.models.get(model_id)
        if old is None and new is not None:
            events.append(_event("new", new, at, f"{new.name} is new"))
        elif old is not None and new is None:
            events.append(_event("retired", old, at, f"{old.name} is no longer listed"))
        elif old is not None and new is not None:
            events += [*_prices(old, new, at), *_context(old, new, at)]
    return events


def retired(before: CatalogSnapshot, after: CatalogSnapshot, known: tuple[Model, ...], at: float) -> tuple[Model, ...]:
    """What is no longer listed, without endpoints and with the day of its end; what has come back is left out.

    *known* are the earlier ones.
    """
    day = datetime.fromtimestamp(at, UTC).date().isoformat()
    gone = {model.id: model for model in known}
    for model_id, model in before.models.items():
        if model_id not in after.models and not model.router:
            ended = min(model.expiration_date or day, day)
            gone.setdefault(model_id, replace(model, endpoints=(), supported_parameters=(), expiration_date=ended))
    return tuple(gone[model_id] for model_id in sorted(gone) if model_id not in after.models)


def _prices(old: Model, new: Model, at: float) -> Iterator[CatalogEvent]:
    first, second = _shown(old), _shown(new)
    if first is None or second is None:
        return
    for name in PRICES:
        before, after = getattr(first.pricing, name), getattr(second.pricing, name)
        if before == after or (name not in _SHOWN_PRICES and (before is None or after is None)):
            continue
        verb = "rose" if after > before else "fell"
        unit = "dollars per million" if name not in _BY_THOUSAND else "dollars per thousand"
        show = per_million if unit.endswith("million") else lambda price: dollars(price * 1000)
        text = f"{new.name}: the price of {_words(name)} {verb} from {show(before)} to {show(after)} {unit}"
        yield _event("price", new, at, text, (name, dollars(before), dollars(after)))


def _context(old: Model, new: Model, at: float) -> Iterator[CatalogEvent]:
    if old.context_length != new.context_length and old.context_length and new.context_length:
        text = f"{new.name}: the context went from {old.context_length:,} to {new.context_length:,} tokens"
        yield _event("changed", new, at, text, ("context_length", str(old.context_length), str(new.context_length)))
    if new.expiration_date is not None and old.expiration_date != new.expiration_date:
        text = f"{new.name} will be retired on {new.expiration_date}"
        yield _event("changed", new, at, text, ("expiration_date", old.expiration_date or "", new.expiration_date))


def _shown(model: Model) -> Endpoint | None:
    return next((endpoint for endpoint in model.endpoints if endpoint.priced), None)


def _words(name: str) -> str:
    return {"prompt": "prompts", "completion": "completions"}.get(name, name.replace("_", " "))


def _event(kind: str, model: Model, at: float, text: str, change: tuple[str, str, str] = ("", "", "")) -> CatalogEvent:
    subject, before, after = change
    return CatalogEvent(
        kind=kind,  # type: ignore[arg-type]  # one of the four, see the calls
        model_id=model.id,
        at=at,
        text=text,
        name=model.name,
        subject=subject,
        before=before,
        after=after,
    )
