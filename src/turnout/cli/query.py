"""Voters from the command line: one question, or a whole data set."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnout.base.errors import BadRequest, TurnoutError
from turnout.cli.ballots import Booth, Panel, definition_of, votes_of
from turnout.cli.options import ConfigOption, JsonOption, KeyOption, UrlOption, print_table
from turnout.cli.progress import shown_progress
from turnout.cli.server import server_of

if TYPE_CHECKING:
    from turnout.query.dataset import Task
    from turnout.query.evaluate import Case, Evaluation

__all__ = ["commands"]

commands = typer.Typer(no_args_is_help=True, help="Ask voters, and find out how good they are.")

_LONGEST = 60

_Model = Annotated[
    str | None,
    typer.Option(help="An id, or a JSON file with a definition of a Score or Query model.", show_default=False),
]
_Voters = Annotated[
    list[str] | None,
    typer.Option("--voter", help="A model that votes; repeat it. All weigh the same.", show_default=False),
]


@commands.command()
def vote(
    question: Annotated[str, typer.Argument(help="What is asked.")],
    choice: Annotated[
        list[str] | None,
        typer.Option("--choice", help="An answer to choose from; repeat it. Without any, voters answer themselves."),
    ] = None,
    model: _Model = None,
    voter: _Voters = None,
    seed: Annotated[int | None, typer.Option(help="Asks the same questions again.", show_default=False)] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """Have voters decide one question, and show who voted for what."""
    choices = choice or []
    booth = Booth(
        server_of(config, url, key), definition_of(model, voter or [], chooses=bool(choices)), chooses=bool(choices)
    )
    fields = {} if seed is None else {"vote_seed": seed, "seed": seed}
    answer = booth.hold([{"role": "user", "content": question}], choices, **fields)
    if as_json:
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        _print_vote(answer, choices, booth.panel(answer["model"]))


@commands.command("eval")
def evaluate(
    dataset: Annotated[Path, typer.Argument(help="JSON lines: prompt, choices, truth.")],
    model: _Model = None,
    voter: _Voters = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many lines.", show_default=False)] = None,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Ballots under way at a time.")] = 4,
    svg: Annotated[Path | None, typer.Option(help="Write a reliability diagram here.", show_default=False)] = None,
    mark: Annotated[bool, typer.Option("--mark", help="Tell the server the truths, so that weights learn.")] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """Find out how good voters are on questions of which the truth is known."""
    from turnout.query.dataset import tasks_in
    from turnout.query.diagram import reliability_diagram
    from turnout.query.evaluate import evaluate as figures_of

    tasks = tasks_in(dataset.read_bytes())[:limit]
    chooses = bool(tasks[0].choices)
    if any(bool(task.choices) is not chooses for task in tasks):
        raise BadRequest(f"{dataset}: either all lines have `choices`, or none")
    booth = Booth(server_of(config, url, key), definition_of(model, voter or [], chooses=chooses), chooses=chooses)
    cases, failures, panel = _held(booth, tasks, at_once, mark=mark)
    figures = figures_of(cases)
    if svg is not None:
        if figures.quality is None:
            raise TurnoutError("There is nothing to draw: no ballot had a winner")
        svg.write_text(reliability_diagram(figures.quality, f"{panel.id}: confidence and accuracy"), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(_told(figures, panel, failures), indent=2, ensure_ascii=False))
    else:
        _print_figures(figures, panel)
    if failures:
        typer.echo(f"{len(failures)} of {len(tasks)} lines failed, the first with: {failures[0]}", err=True)


def _held(booth: Booth, tasks: list[Task], at_once: int, *, mark: bool) -> tuple[list[Case], list[str], Panel]:
    """The ballots that could be held, why the others could not, and who voted.

    Raises:
        TurnoutError: none could be held.
    """
    found: dict[int, tuple[Case, str, str]] = {}
    failures: list[str] = []
    with shown_progress() as progress, ThreadPoolExecutor(at_once) as pool:
        progress("ballots", 0, len(tasks))
        waiting = {pool.submit(booth.case, task, number, store=mark): number for number, task in enumerate(tasks)}
        try:
            for done, one in enumerate(as_completed(waiting), 1):
                try:
                    found[waiting[one]] = one.result()
                except TurnoutError as error:
                    failures.append(str(error))
                progress("ballots", done, len(tasks))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        if not found:
            raise TurnoutError(failures[0] if failures else "No ballot was held")
        for number, (case, _, completion) in sorted(found.items()) if mark else ():
            if any(case.truth):  # else nobody has said what was right
                booth.mark(completion, tasks[number])
            progress("marks", number + 1, len(tasks))
    ordered = [found[number] for number in sorted(found)]
    panel = booth.panel(ordered[0][1])
    return [case for case, _, _ in ordered], failures, panel


def _print_vote(answer: dict[str, Any], choices: list[str], panel: Panel) -> None:
    ballot = answer["ballot"]
    options = choices or list(ballot.get("confidence_ids") or ())
    votes, weights = votes_of(answer, len(panel.names), options, len(choices))
    texts = dict(zip(options, choices, strict=False)) or _texts(answer)
    confidences = dict.fromkeys(options, 0.0)
    for place, option in enumerate(options):
        total = sum(weight for given, weight in zip(votes, weights, strict=True) if given is not None)
        got = sum(given[place] * weight for given, weight in zip(votes, weights, strict=True) if given is not None)
        confidences[option] = got / total if total else 0.0
    rows = [
        (_short(texts.get(option, option)), f"{share:.1%}", ", ".join(_voters_of(place, votes, panel)))
        for place, (option, share) in enumerate(confidences.items())
    ]
    rows.sort(key=lambda row: -float(row[1].rstrip("%")))
    print_table(("answer", "confidence", "voters"), rows, right=("confidence",))
    typer.echo()
    people = [
        (name, f"{weights[index]:.3g}", _said(votes[index], options, texts)) for index, name in enumerate(panel.names)
    ]
    print_table(("voter", "weight", "vote"), people, right=("weight",))
    chance = ballot.get("calibrated_confidence")
    told = "" if chance is None else f", {chance:.1%} by experience of {ballot['calibration_rows']} marked ballots"
    cost = float(answer["usage"].get("cost") or 0)
    typer.echo(f"{ballot['status']}: confidence {ballot['confidence']:.1%}{told}; cost ${cost:.6f}", err=True)


def _texts(answer: dict[str, Any]) -> dict[str, str]:
    """What the answers of voters say, by confidence id."""
    return {
        choice["confidence_id"]: choice["message"].get("content") or ""
        for choice in reversed(answer["choices"])
        if isinstance(choice.get("confidence_id"), str) and choice.get("generate_id")
    }


def _voters_of(place: int, votes: list[tuple[float, ...] | None], panel: Panel) -> list[str]:
    return [
        name
        for name, given in zip(panel.names, votes, strict=True)
        if given is not None and any(given) and given.index(max(given)) == place
    ]


def _said(given: tuple[float, ...] | None, options: list[str], texts: dict[str, str]) -> str:
    if given is None:
        return "failed"
    said = [(share, option) for share, option in zip(given, options, strict=True) if share >= 0.005]
    ordered = sorted(said, key=lambda pair: -pair[0])[:3]
    if len(ordered) == 1 and ordered[0][0] > 0.995:
        return _short(texts.get(ordered[0][1], ordered[0][1]))
    return ", ".join(f"{_short(texts.get(option, option))} {share:.0%}" for share, option in ordered) or "abstained"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _told(figures: Evaluation, panel: Panel, failures: list[str]) -> dict[str, Any]:
    """The figures as JSON."""
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(figures)
    for name, one in zip(panel.names, told["voters"], strict=True):
        one["model"] = name
    return {"model": panel.id, **told, "failures": failures}


def _print_figures(figures: Evaluation, panel: Panel) -> None:
    rows = [
        ("ballots", str(figures.cases)),
        ("winner accuracy", f"{figures.winner_accuracy:.1%} ± {figures.error:.1%}"),
        ("accuracy (confidence in what was right)", f"{figures.accuracy:.1%}"),
        ("without a winner", str(figures.undecided)),
        ("cost $", f"{figures.cost:.6f}"),
    ]
    quality = figures.quality
    if quality is not None:
        rows += [
            ("mean confidence", f"{quality.mean_confidence:.1%}"),
            ("calibration error (ECE, 15 bins)", f"{quality.expected_calibration_error:.3f}"),
            ("Brier score", f"{quality.brier_score:.3f}"),
        ]
        if quality.calibrated_expected_calibration_error is not None:
            rows += [
                (
                    f"calibration error, {quality.estimator}, held out",
                    f"{quality.calibrated_expected_calibration_error:.3f}",
                ),
                (f"Brier score, {quality.estimator}, held out", f"{quality.calibrated_brier_score:.3f}"),
            ]
    fitted = figures.fitted
    if fitted is not None:
        rows += [
            ("winner accuracy with equal weights", f"{fitted.equal:.1%}"),
            ("winner accuracy with fitted weights, held out", f"{fitted.held_out:.1%}"),
            ("the same on what they were fitted on", f"{fitted.winner_accuracy:.1%}"),
        ]
    print_table(("", "figure"), rows, right=("figure",))
    typer.echo()
    numbers = [str(place) for place in range(len(panel.names))]
    columns = ("", "voter", "weight", "fitted", "votes", "failed", "right", "share", *numbers)
    table = []
    for place, (name, one) in enumerate(zip(panel.names, figures.voters, strict=True)):
        agreement = [_rate(share) for share in one.agreement]
        best = "-" if fitted is None else f"{fitted.weights[place]:.2f}"
        table.append(
            (
                str(place), name, f"{one.weight:.3g}", best, str(one.votes), str(one.failed),
                _rate(one.winner_rate), _rate(one.match_rate), *agreement,
            )
        )  # fmt: skip
    print_table(columns, table, right=columns[2:])


def _rate(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
