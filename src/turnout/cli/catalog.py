"""Commands that read the catalog without a server, and bring it up to date."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.base.errors import NotFound
from turnout.base.money import dollars, per_million
from turnout.cli.options import ConfigOption, print_table

if TYPE_CHECKING:
    from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
    from turnout.domain.provider import Provider

__all__ = ["commands"]

_WIDEST = 80

commands = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Look into the catalog, and bring it up to date."
)


@commands.command()
def search(
    text: Annotated[str, typer.Argument(help="Words that stand in a model's id or name, in any order.")],
    callable_only: Annotated[bool, typer.Option("--callable", help="Only models that can be called here.")] = False,
    config: ConfigOption = None,
) -> None:
    """Find models by their id or name."""
    snapshot = _snapshot(config)
    words = text.lower().split()
    found = [
        model for model in snapshot.models.values() if all(word in f"{model.id} {model.name}".lower() for word in words)
    ]
    if not found:
        raise NotFound(f"no model has {text!r} in its name")
    if callable_only:
        listed = len(found)
        found = [model for model in found if _callable(model, snapshot)]
        if not found:
            raise NotFound(f"{listed} models match {text!r}, and none of them has a provider with a credential here")
    columns = ("model", "context", "prompt $/M from", "completion $/M", "endpoints", "callable")
    print_table(columns, [_row(model, snapshot) for model in found], right=columns[1:])


@commands.command()
def show(
    model: Annotated[str, typer.Argument(help="Its id or an alias.")],
    provenance: Annotated[bool, typer.Option("--provenance", help="Say who said what, and when.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show a model and who serves it at which price."""
    from turnout.base.slugs import InvalidModelName, parse_model_name

    if provenance:
        _show_provenance(model, config)
        return
    snapshot = _snapshot(config)
    try:
        found = snapshot.find(parse_model_name(model).base)
    except InvalidModelName:
        found = None
    if found is None:
        raise NotFound(f"there is no model {model}; try: turnout catalog search")
    for name, value in _facts(found):
        typer.echo(f"{name:<12} {value}")
    typer.echo()
    columns = ("endpoint", "upstream name", "callable", "context", "prompt $/M", "completion $/M", "cache read $/M")
    rows = [_endpoint_row(endpoint, snapshot.providers.get(endpoint.provider)) for endpoint in found.endpoints]
    print_table(columns, rows, right=columns[3:])


@commands.command()
def sync(config: ConfigOption = None) -> None:
    """Read the sources, and swap in what is new. A running server follows by itself."""
    import asyncio
    import os
    import time

    from turnout.app.configuration import load_configuration
    from turnout.app.sync import sync as run
    from turnout.cli.progress import shown_progress

    loaded = load_configuration(config)
    with shown_progress() as progress:
        report = asyncio.run(run(loaded.settings, os.environ, time.time(), progress))
    if not report.sources:
        typer.echo("there is nothing to read: no source is named, or no provider that lists its models is configured")
    for source in report.sources:
        typer.echo(f"{source.source}: {source.text}", err=not source.well)
    for hold in report.held:
        typer.echo(f"quarantined as {hold.id}: {hold.text}")
    told = Counter[str](change.kind for change in report.changes)
    words = {"new": "new", "retired": "retired", "price": "prices changed", "changed": "other changes"}
    counts = [f"{told[kind]} {word}" for kind, word in words.items() if told[kind]]
    typer.echo(f"the catalog has changed: {', '.join(counts)}" if counts else "the catalog has not changed")
    if report.failed:
        typer.echo("turnout: no source could be read; the catalog stays as it was", err=True)
        raise typer.Exit(1)


@commands.command()
def diff(
    approve: Annotated[str | None, typer.Option(metavar="ID", help="Let a quarantined change through.")] = None,
    reject: Annotated[str | None, typer.Option(metavar="ID", help="Turn a quarantined change down for good.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Changes of that many days, not of the last sync.")] = None,
    config: ConfigOption = None,
) -> None:
    """Show what the last sync has changed, what is quarantined, and what could not be identified."""
    import os
    import time

    from turnout.app.catalog_review import review
    from turnout.app.configuration import load_configuration

    loaded = load_configuration(config)
    now = time.time()
    if approve is not None or reject is not None:
        from turnout.app.sync import decide

        if approve is not None:
            typer.echo(f"approved: {decide(loaded.settings, os.environ, now, approve, approve=True).text}")
        if reject is not None:
            typer.echo(f"rejected: {decide(loaded.settings, os.environ, now, reject, approve=False).text}")
        return
    found = review(loaded.settings, os.environ, now, None if days is None else now - days * 86_400)
    rows: list[tuple[str, str, str]] = [
        (change.kind, change.model_id, change.text) for change in reversed(found.changes)
    ]
    rows += [("quarantined", hold.id, f"{hold.text} (says {hold.source})") for hold in found.held]
    rows += [("unidentified", f"{provider}/{name}", f"served by {provider}") for provider, name in found.unidentified]
    print_table(("what", "model or id", "text"), rows)


def _show_provenance(name: str, config: Path | None) -> None:
    import os
    import time

    from turnout.app.catalog_review import provenance
    from turnout.app.configuration import load_configuration
    from turnout.base.slugs import InvalidModelName, parse_model_name

    try:
        base = parse_model_name(name).base
    except InvalidModelName:
        base = ""
    found = provenance(load_configuration(config).settings, os.environ, time.time(), base) if base else None
    if found is None:
        raise NotFound(f"there is no model {name}; try: turnout catalog search")
    model, origins = found
    rows = [
        ("model", fact, _value(getattr(model, fact, None)), *_origin(origin)) for fact, origin in origins.fields.items()
    ]
    for endpoint in model.endpoints:
        facts = origins.endpoints.get(endpoint.id, {})
        rows += [
            (endpoint.tag, fact, _value(getattr(endpoint, fact, None)), *_origin(origin))
            for fact, origin in facts.items()
        ]
    print_table(("of", "field", "value", "source", "said on"), rows)


def _origin(origin: tuple[str, str | None]) -> tuple[str, str]:
    source, day = origin
    return source, day or "-"


def _value(value: object) -> str:
    """A value in one line."""
    from turnout.domain.usage import PRICES, Pricing

    if isinstance(value, Pricing):
        stated = [(name, price) for name in PRICES if (price := getattr(value, name))]
        return ", ".join(f"{name} {dollars(price)}" for name, price in stated) or "free"
    text = " ".join((", ".join(map(str, value)) if isinstance(value, tuple) else str(value)).split())
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _snapshot(config: Path | None) -> CatalogSnapshot:
    from turnout.app.configuration import load_configuration
    from turnout.app.inspection import catalog_of

    return catalog_of(load_configuration(config))


def _facts(model: Model) -> list[tuple[str, str]]:
    facts = [("id", model.id), ("name", model.name)]
    if model.aliases:
        facts.append(("aliases", ", ".join(model.aliases)))
    if model.created:
        facts.append(("released", datetime.fromtimestamp(model.created, UTC).date().isoformat()))
    facts += [
        ("context", _count(model.context_length)),
        ("reads", ", ".join(model.input_modalities)),
        ("writes", ", ".join(model.output_modalities)),
        ("parameters", ", ".join(model.supported_parameters) or "-"),
        ("description", model.description),
    ]
    return facts


def _row(model: Model, snapshot: CatalogSnapshot) -> tuple[str, ...]:
    offers = sorted(model.endpoints, key=lambda endpoint: endpoint.pricing.prompt + endpoint.pricing.completion)
    prices = offers[0].pricing if offers else None
    return (
        model.id,
        _count(model.context_length),
        "-" if prices is None else per_million(prices.prompt),
        "-" if prices is None else per_million(prices.completion),
        str(len(model.endpoints)),
        str(_callable(model, snapshot)),
    )


def _endpoint_row(endpoint: Endpoint, provider: Provider | None) -> tuple[str, ...]:
    pricing = endpoint.pricing
    return (
        endpoint.tag,
        endpoint.upstream_model,
        "yes" if provider is not None and provider.usable else "no credential",
        _count(endpoint.context_length),
        per_million(pricing.prompt),
        per_million(pricing.completion),
        "-" if pricing.input_cache_read is None else per_million(pricing.input_cache_read),
    )


def _callable(model: Model, snapshot: CatalogSnapshot) -> int:
    """How many of the model's endpoints can be called here."""
    usable = {slug for slug, provider in snapshot.providers.items() if provider.usable}
    return sum(endpoint.provider in usable for endpoint in model.endpoints)


def _count(tokens: int | None) -> str:
    return "-" if tokens is None else f"{tokens:,}"
