"""The auto router from the command line: one decision explained, training, evaluation."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.base.errors import NoEndpoints, TurnoutError
from turnout.cli.options import ConfigOption, print_table
from turnout.cli.progress import shown_progress
from turnout.cli.stores import in_store

if TYPE_CHECKING:
    from turnout.auto.corpus import Corpus
    from turnout.auto.decide import Decision
    from turnout.auto.embedding import Embedding
    from turnout.auto.evaluation import Evaluation, PoolRow
    from turnout.auto.report import Goal
    from turnout.auto.speed import Speed
    from turnout.domain.catalog import Model

__all__ = ["commands"]

commands = typer.Typer(no_args_is_help=True, help="Have a model chosen, train the choice, and find out how good it is.")

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@commands.command()
def route(
    prompt: Annotated[str, typer.Argument(help="What would be asked.")],
    tradeoff: Annotated[float, typer.Option(min=0, max=10, help="0 is quality alone, 10 the cheapest.")] = 5.0,
    table: Annotated[
        Path | None, typer.Option(help="A trained table. Left out: that of the configuration.", show_default=False)
    ] = None,
    show: Annotated[int, typer.Option(min=1, max=16, help="So many models.")] = 8,
    as_json: _Json = False,
    config: ConfigOption = None,
) -> None:
    """Explain which model would be chosen for a prompt, without asking any."""
    from turnout.app.auto import brain_of
    from turnout.app.configuration import load_configuration
    from turnout.auto.decide import Prompt, Wishes, decide, make_slate
    from turnout.auto.table import load_table

    policy = load_configuration(config).settings.auto
    if table is not None:
        load_table(table)  # one that is named here has to be one
    brain = brain_of(table or policy.table, policy.embeddings)
    models = _callable(config)
    if not models:
        raise NoEndpoints("No model can be called: no provider has a credential")
    slate = make_slate(models, brain, time.time())
    start = time.perf_counter()
    found = decide(Prompt(prompt, 1 + len(prompt) // 4), slate, brain, Wishes(tradeoff=tradeoff), Random(0))
    took = (time.perf_counter() - start) * 1e3
    if as_json:
        typer.echo(json.dumps(_told(found), indent=2, ensure_ascii=False))
        return
    rows = [
        (one.model, f"{one.quality:.3f}", f"{one.cost:.6f}", f"{one.familiar:.2f}", f"{one.rows:.1f}")
        for one in found.ranking[:show]
    ]
    print_table(
        ("model", "quality", "cost $", "familiar", "evidence"),
        rows,
        right=("quality", "cost $", "familiar", "evidence"),
    )
    typer.echo(
        f"task {found.task.name} ({found.task.certainty:.0%}); an answer of about {found.tokens:.0f} tokens; "
        f"nearest stored prompts {found.nearest:.2f} alike; chosen by {found.reason}; {took:.2f} ms",
        err=True,
    )


@commands.command()
def train(
    out: Annotated[Path, typer.Option(help="Where the table is written.")],
    data: Annotated[
        Path | None,
        typer.Argument(
            help="JSON lines (prompt, model, score), a folder, or CSV files. Left out: what was judged here, "
            "of keys with store_content.",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Data sets whose names begin so; repeat it.", show_default=False)
    ] = None,
    most: Annotated[int | None, typer.Option(min=1, help="A sample of so many prompts.", show_default=False)] = None,
    made: Annotated[str | None, typer.Option(help="The date to write in. Left out: today.", show_default=False)] = None,
    config: ConfigOption = None,
) -> None:
    """Train a table of evidence from scored prompts."""
    from turnout.auto.corpus import chosen, read_corpus
    from turnout.auto.shipped import table_of
    from turnout.auto.table import save_table

    corpus = _own_corpus(config) if data is None else read_corpus(data)
    if only:
        corpus = chosen(corpus, only)
    date = made or datetime.now(UTC).date().isoformat()
    table = table_of(corpus, made=date, most=most, embedding=_embedding(config))
    save_table(table, out)
    typer.echo(
        f"{out}: {len(table.vectors)} prompts, {len(table.models)} models, {out.stat().st_size / 1e6:.1f} MB", err=True
    )


def _own_corpus(config: Path | None) -> Corpus:
    from turnout.app.auto_rows import own_rows
    from turnout.app.configuration import load_configuration
    from turnout.app.credentials import vault_of
    from turnout.auto.corpus import read_corpus

    vault = vault_of(load_configuration(config).settings)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "own.jsonl"
        path.write_text("\n".join(in_store(config, lambda store: own_rows(store, vault))), encoding="utf-8")
        return read_corpus(path)


def _embedding(config: Path | None) -> Embedding | None:
    """The word vectors of the configuration."""
    from turnout.app.configuration import load_configuration
    from turnout.auto.embedding import load_embedding

    folder = load_configuration(config).settings.auto.embeddings
    return None if folder is None else load_embedding(folder)


@commands.command("eval")
def evaluate(
    data: Annotated[Path, typer.Argument(help="A folder of scored prompts, JSON lines, or RouteLLM's CSV files.")],
    resamples: Annotated[int, typer.Option(min=20, help="For the intervals.")] = 200,
    seed: Annotated[int, typer.Option(help="Draws folds and resamples.")] = 0,
    svg: Annotated[
        Path | None, typer.Option(help="A folder for curves of quality against cost.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Write all figures here.", show_default=False)] = None,
    latency: Annotated[
        bool, typer.Option("--latency/--no-latency", help="Time decisions too (processor time).")
    ] = True,
    config: ConfigOption = None,
) -> None:
    """Find out how good the router is on prompts and on kinds of prompts that it was not trained on.

    The exit status is 1 when a goal is missed.
    """
    from turnout.auto.corpus import read_corpus
    from turnout.auto.evaluation import evaluate as figures_of
    from turnout.auto.report import curves_svg, goals_of
    from turnout.auto.speed import speed_of

    corpus, embedding = read_corpus(data), _embedding(config)
    with shown_progress() as progress:
        found = figures_of(corpus, seed=seed, resamples=resamples, embedding=embedding, progress=progress)
    speed = speed_of(corpus.texts[:: max(1, len(corpus.texts) // 4_000)], clock=time.thread_time) if latency else None
    goals = goals_of(found, speed)
    _print_evaluation(found, speed, goals)
    if svg is not None:
        svg.mkdir(parents=True, exist_ok=True)
        for row in found.pools:
            name = f"{row.suite}{'-unseen' if row.unseen else ''}.svg"
            (svg / name).write_text(curves_svg(row), encoding="utf-8")
    if out is not None:
        told = {
            "pairs": [row._asdict() for row in found.pairs],
            "pools": [{**row._asdict(), "curves": _points(row)} for row in found.pools],
            "calibration": found.calibration,
            "cold": found.cold,
            "speed": speed and speed._asdict(),
            "goals": [{**goal._asdict(), "met": goal.met} for goal in goals],
        }
        out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    missed = [goal.name for goal in goals if not goal.met]
    if missed:
        raise TurnoutError(f"{len(missed)} of {len(goals)} goals are missed: {'; '.join(missed)}")


def _points(row: PoolRow) -> dict[str, list[tuple[float, float]]]:
    """Cost of a prompt and quality, along each curve."""
    return {
        name: [(float(f"{cost:.4g}"), float(f"{quality:.4g}")) for cost, quality in zip(*curve, strict=True)]
        for name, curve in zip(("router", "blind", "oracle"), row.curves, strict=True)
    }


def _print_evaluation(found: Evaluation, speed: Speed | None, goals: list[Goal]) -> None:
    from turnout.auto.report import pair_table, pool_table

    for columns, rows in (pair_table(found), pool_table(found)):
        if rows:
            print_table(columns, rows, right=columns[2:])
            typer.echo()
    if found.cold is not None:
        warm, cold, without = found.cold
        rows = [
            ("with its results", f"{warm:.1%}"),
            ("without them", f"{cold:.1%}"),
            ("without the model", f"{without:.1%}"),
        ]
        print_table(("a model, cold", "gap closed"), rows, right=("gap closed",))
        typer.echo()
    if speed is not None:
        figures = [(name, f"{value:.2f}") for name, value in speed._asdict().items() if name != "memory"]
        print_table(("decision", "ms"), [*figures, ("memory, MB", f"{speed.memory / 1e6:.0f}")], right=("ms",))
        typer.echo()
    print_table(
        ("goal", "found", "bound", ""),
        [
            (
                goal.name,
                f"{goal.found:.3f}",
                f"{'at least' if goal.at_least else 'at most'} {goal.bound:g}",
                "met" if goal.met else "MISSED",
            )
            for goal in goals
        ],
        right=("found",),
    )


def _callable(config: Path | None) -> list[Model]:
    from turnout.app.configuration import load_configuration
    from turnout.app.inspection import catalog_of
    from turnout.engine.routes import Routes

    routes = Routes(catalog_of(load_configuration(config)))
    return [model for model in routes.choosable() if model.output_modalities == ("text",)]


def _told(found: Decision) -> dict[str, object]:
    return {
        "task_type": found.task.name,
        "certainty": round(found.task.certainty, 4),
        "reason": found.reason,
        "nearest": round(found.nearest, 4),
        "expected_tokens": round(found.tokens),
        "models": [
            {name: round(value, 8) if isinstance(value, float) else value for name, value in one._asdict().items()}
            for one in found.ranking
        ],
    }
