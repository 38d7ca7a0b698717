"""Commands that read the catalog without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.base.errors import NotFound
from turnout.base.money import per_million
from turnout.cli.options import ConfigOption, print_table

if TYPE_CHECKING:
    from turnout.domain.catalog import CatalogSnapshot, Endpoint, Model
    from turnout.domain.provider import Provider

__all__ = ["commands"]

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look into the offline catalog.")


@commands.command()
def search(
    text: Annotated[str, typer.Argument(help="Words that stand in a model's id or name, in any order.")],
    callable_only: Annotated[bool, typer.Option("--callable", help="Only models that can be called here.")] = False,  # noqa: FBT002 - a flag
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
    config: ConfigOption = None,
) -> None:
    """Show a model and who serves it at which price."""
    from turnout.base.slugs import InvalidModelName, parse_model_name  # noqa: PLC0415 - help need not wait for it

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


def _snapshot(config: Path | None) -> CatalogSnapshot:
    from turnout.app.configuration import load_configuration  # noqa: PLC0415 - help need not wait for it
    from turnout.app.inspection import catalog_of  # noqa: PLC0415 - the same

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
