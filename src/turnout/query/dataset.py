"""Data sets to evaluate voters on: prompts with their truths, one JSON object in a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from turnout.base.errors import BadRequest
from turnout.domain.query import Message
from turnout.query.answers import confidence_id
from turnout.query.lessons import lines_of, messages_of, options_of, truth_of
from turnout.query.rules import Fields, refused
from turnout.query.schemas import schema_of

__all__ = ["Task", "tasks_in"]


class Task(Struct, frozen=True, kw_only=True):
    """A prompt of which the truth is known.

    Attributes:
        choices: what is to choose from; empty where voters write the answers themselves.
        truth: a share for each choice; empty where there are none.
        right: confidence id of the right answer, where voters write the answers.
    """

    messages: tuple[Message, ...]
    choices: tuple[str, ...] = ()
    truth: tuple[float, ...] = ()
    right: str | None = None
    response_format: Mapping[str, Any] | None = None

    def shares(self, options: Sequence[str] = ()) -> tuple[float, ...]:
        """The truth as shares of *options* (confidence ids), or of the choices; 0 throughout if none is right."""
        if self.right is None:
            return self.truth
        return tuple(float(one == self.right) for one in options)


def tasks_in(text: bytes) -> list[Task]:
    """The tasks in a file: ``prompt`` or ``messages``, ``choices``, ``truth`` (an index, a choice, or shares).

    Without ``choices`` the truth is the text of the right answer.

    Raises:
        BadRequest: a line is wrong; the message names it. Or there is none.
    """
    tasks = [_task(value, place) for place, value in lines_of(text)]
    if not tasks:
        raise BadRequest("The data set is empty")
    return tasks


def _task(value: object, place: str) -> Task:
    fields = Fields(value, place)
    messages = messages_of(fields)
    form = fields.take("response_format")
    if form is not None and not isinstance(form, Mapping):
        raise refused(fields.name("response_format"), "must be an object", form)
    options = options_of(fields, needed=False)
    if not options:
        right = confidence_id(fields.needed("truth"), schema_of(form))
        return Task(messages=messages, right=right, response_format=form)
    return Task(messages=messages, choices=options, truth=truth_of(fields, options))
