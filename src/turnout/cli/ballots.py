"""Ballots held through a running server, and what each voter said in them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final

from turnout.base.errors import BadRequest, NotFound, TurnoutError, Unavailable
from turnout.cli.server import Server, connect

if TYPE_CHECKING:
    from turnout.query.dataset import Task
    from turnout.query.evaluate import Case

__all__ = ["Booth", "Panel", "definition_of", "votes_of"]

_SECONDS = 600.0
_OK = 200


def definition_of(model: str | None, voters: Sequence[str], *, chooses: bool) -> Any:  # noqa: ANN401 - JSON
    """What stands as ``model`` in requests: an id, or a definition out of a file, or of *voters* that weigh the same.

    Raises:
        BadRequest: neither or both are named, or the file holds no JSON.
    """
    if (model is None) is not bool(voters):
        raise BadRequest("name a --model, or --voter once for each voter")
    if model is None:
        if chooses:
            return {"llms": [{"model": voter} for voter in voters]}
        weight = {"type": "static", "weight": 1}
        llms = [{"id": voter, "mode": "generate", "weight": weight} for voter in voters]
        return {"models": llms, "weight": {"type": "static"}}
    path = Path(model)
    if path.suffix != ".json" and not path.is_file():
        return model
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise BadRequest(f"{model}: no JSON") from None


class Panel(NamedTuple):
    """Voters in the order of their indexes: what they are called, their base ids, and where they learn."""

    id: str
    names: tuple[str, ...]
    training_table: str | None


@final
class Booth:
    """Holds ballots of one model. *chooses*: its voters choose among what is given, else they answer themselves."""

    def __init__(self, server: Server, model: object, *, chooses: bool) -> None:
        self.kind = "score" if chooses else "query"
        self._server = server
        self._model = model

    def hold(self, messages: object, choices: Sequence[str] = (), **fields: object) -> dict[str, Any]:
        """The completion.

        Raises:
            TurnoutError: the server refuses or fails, with its own words.
        """
        body: dict[str, Any] = {"messages": messages, "model": self._model, **fields}
        if choices:
            body["choices"] = list(choices)
        answer: dict[str, Any] = self._ask("POST", f"/{self.kind}/completions", body)
        return answer

    def panel(self, model_id: str) -> Panel:
        """The voters of a model."""
        path, llms, name, table = (
            ("/score/models/", "llms", "model", "training_table_id")
            if self.kind == "score"
            else ("/query_models/", "models", "id", "training_table_name")
        )
        told = self._ask("GET", path + model_id)
        ordered = sorted(told[llms], key=lambda one: int(one["index"]))
        return Panel(model_id, tuple(str(one[name]) for one in ordered), told.get(table))

    def case(self, task: Task, number: int, *, store: bool) -> tuple[Case, str, str]:
        """Ask for *task* and judge it by what the voters have learned of other prompts; ids of model and completion."""
        from turnout.query.evaluate import Case

        fields: dict[str, object] = {"store": store, "vote_seed": number, "seed": number}
        if task.response_format is not None:
            fields["response_format"] = task.response_format
        answer = self.hold(task.messages, task.choices, **fields)
        options = answer["ballot"].get("confidence_ids") or ()
        count = len(task.choices) or len(options)
        voters = int(answer["ballot"]["voters"])
        votes, weights = votes_of(answer, voters, task.choices or options, len(task.choices))
        table = answer.get("weight_data") or answer.get("training_table_data") or {}
        model = str(answer["model"])
        if "embeddings_response" in table:
            weights = self._left_out(model, task)
        truth = task.shares(options)
        case = Case(
            votes=tuple(votes),
            weights=tuple(weights),
            truth=truth if len(truth) == count else (0.0,) * count,
            cost=float(answer["usage"].get("cost") or 0),
        )
        return case, model, str(answer["id"])

    def mark(self, completion_id: str, task: Task) -> None:
        """Tell the server what was right."""
        truth = {"correct_vote": list(task.truth)} if task.choices else {"correct_confidence_id": task.right}
        self._ask("POST", f"/{self.kind}/completions/{completion_id}/training_table", truth)

    def _left_out(self, model: str, task: Task) -> list[float]:
        """Weights by index, as if nothing had been learned of this very prompt."""
        table = self.panel(model).training_table
        body: dict[str, object] = {"messages": task.messages, "model": model, "leave_out": True}
        if task.response_format is not None:
            body["response_format"] = task.response_format
        told = self._ask("POST", f"/training_tables/{table}/preview", body)
        return [float(one["weight"]) for one in sorted(told["llms"], key=lambda one: int(one["index"]))]

    def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        data = None if body is None else json.dumps(body).encode()
        try:
            with closing(connect(self._server, _SECONDS)) as connection:
                connection.request(method, f"{self._server.path}/api/v1{path}", data, self._server.headers)
                reply = connection.getresponse()
                status, text = reply.status, reply.read()
        except (OSError, http.client.HTTPException):
            raise Unavailable(f"no answer from {self._server.url} (is it running? turnout serve)") from None
        try:
            told = json.loads(text) if text else None
        except ValueError:
            raise Unavailable(f"{self._server.url} does not answer as a Turnout server") from None
        if status != _OK:
            message = told.get("error", {}).get("message") if isinstance(told, dict) else None
            kind = NotFound if status == 404 else TurnoutError
            raise kind(str(message or f"{self._server.url} answers with status {status}"))
        return told


def votes_of(
    answer: dict[str, Any], voters: int, options: Sequence[str], supplied: int
) -> tuple[list[tuple[float, ...] | None], list[float]]:
    """By voter what it gave to each option (None: nothing), and what it weighs."""
    weights = [0.0] * voters
    for told in answer["ballot"].get("votes") or ():
        weights[told["model_index"]] = float(told["weight"])
    given: list[list[tuple[float, ...]]] = [[] for _ in range(voters)]
    for choice in answer["choices"]:
        index = choice.get("model_index")
        if index is None:
            continue
        if supplied:
            weights[index] = float(choice["weight"])
            shares = choice["message"].get("vote")
        else:
            told = choice.get("confidence_id")
            named = {told: 1.0} if isinstance(told, str) else told
            shares = None if named is None else [named.get(option, 0.0) for option in options]
            if choice.get("confidence_weight") is not None and not weights[index]:
                weights[index] = float(choice["confidence_weight"])
        if shares is not None:
            given[index].append(tuple(shares))
    votes = [tuple(sum(column) / len(many) for column in zip(*many, strict=True)) if many else None for many in given]
    return votes, weights
