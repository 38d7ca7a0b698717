"""Rows of training tables as they come from outside: judged field by field, and as they go out."""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, Final

import msgspec
from msgspec import Struct

from turnout.base.errors import BadRequest
from turnout.base.jsons import encode
from turnout.domain.query import Message, QueryModel, Roster
from turnout.domain.training import TrainingRow
from turnout.query.answer import format_hash
from turnout.query.answers import confidence_id
from turnout.query.canonical import canonical_json, content_id
from turnout.query.rules import Fields, refused, shares_of
from turnout.query.schemas import schema_of
from turnout.query.texts import prompt_text
from turnout.query.training import packed_vector

__all__ = [
    "Lesson",
    "format_of",
    "lesson_of",
    "lines_of",
    "messages_of",
    "options_of",
    "row_of",
    "shown_row",
    "truth_of",
]

_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_MOST_CHOICES: Final = 8000
_MOST_DIMENSIONS: Final = 65_536
_LONGEST_ID: Final = 128
_MOST_SECONDS: Final = 1e11
_EVEN: Final = 1e-5

Votes = list[tuple[str, tuple[float, ...] | None]]


class Lesson(Struct, kw_only=True):
    """A prompt with its truth, as somebody tells it.

    Attributes:
        messages: the conversation; empty where only its text is known.
        options: texts of the choices, or confidence ids.
        votes: by base id; None where nobody has been asked.
        right: the right answer in words: of a Query model, whose options come from its voters.
        embedding: float32 of length 1; empty where it is still to be made.
    """

    id: str
    messages: tuple[Message, ...]
    prompt: str
    options: tuple[str, ...]
    truth: tuple[float, ...]
    votes: Votes | None
    right: str | None = None
    response_format: Mapping[str, Any] | None = None
    response_format_hash: str = ""
    completion_id: str | None = None
    created: float | None = None
    embedding: bytes = b""


def messages_of(fields: Fields) -> tuple[Message, ...]:
    """The conversation in ``messages``, or in ``prompt`` as the text of one user's message.

    Raises:
        BadRequest: neither is there, or it is none.
    """
    given, prompt = fields.take("messages"), fields.text("prompt")
    if given is None:
        if prompt is None:
            raise fields.missing("prompt")
        return ({"role": "user", "content": prompt},)
    name = fields.name("messages")
    if not isinstance(given, list) or not given:
        raise refused(name, "must be a list of messages", given)
    for place, one in enumerate(given):
        if not isinstance(one, Mapping) or one.get("role") not in _ROLES:
            raise refused(f"{name}[{place}]", "must be a message", one)
    return tuple(dict(one) for one in given)


def lesson_of(value: object, place: str, roster: Roster) -> Lesson:
    """The lesson that *value* (decoded JSON, at *place* in a body) tells the voters of *roster*.

    Raises:
        BadRequest: with the field, the rule and the value.
    """
    fields = Fields(value, place)
    text = fields.text("prompt_text")
    messages = () if text is not None else messages_of(fields)
    form = fields.take("response_format")
    formed = format_of(form, roster, fields.name("response_format"))
    query = isinstance(roster.model, QueryModel)
    options = options_of(fields, needed=not query)
    right: str | None = None
    if query and not options:
        right = fields.needed("truth")
        truth: tuple[float, ...] = ()
        options = (confidence_id(right, schema_of(form)),)
    else:
        truth = truth_of(fields, options)
    prompt = prompt_text(messages) if text is None else text
    shape = fields.text("response_format_hash")
    votes = _votes(fields, len(truth), roster)
    if query and right is None and votes is None:
        raise fields.missing("votes")
    lesson = Lesson(
        id=_short(fields, "id") or content_id(canonical_json([prompt, list(options)])),
        messages=messages,
        prompt=prompt,
        options=options,
        truth=truth or (1.0,),
        votes=votes,
        right=right,
        response_format=dict(form) if isinstance(form, Mapping) else None,
        response_format_hash=(shape or formed) if query else "",
        completion_id=_short(fields, "completion_id"),
        created=fields.number("created", 0, _MOST_SECONDS, -1),
        embedding=_embedding(fields),
    )
    fields.end()
    return lesson


def lines_of(text: bytes) -> Iterator[tuple[str, object]]:
    """The JSON value of each line, and where that stands. Raises BadRequest: a line is none."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise BadRequest(f"Line {number} is no JSON") from None
        yield f"line {number}", value


def format_of(form: object, roster: Roster, name: str = "response_format") -> str:
    """What rows are told apart by: the hash of a response format in the Query dialect, else nothing.

    Raises:
        BadRequest: *form* is no response format.
    """
    if form is not None and not isinstance(form, Mapping):
        raise refused(name, "must be an object", form)
    return format_hash(form) if isinstance(roster.model, QueryModel) else ""


def row_of(lesson: Lesson, now: float) -> TrainingRow:
    """The row that *lesson* is kept as."""
    return TrainingRow(
        id=lesson.id,
        response_format_hash=lesson.response_format_hash,
        completion_id=lesson.completion_id,
        created=now if lesson.created is None else lesson.created,
        prompt=lesson.prompt,
        options=encode(lesson.options).decode(),
        truth=encode(lesson.truth).decode(),
        votes=encode(lesson.votes or []).decode(),
        embedding=lesson.embedding,
    )


def shown_row(row: TrainingRow, *, whole: bool) -> dict[str, Any]:
    """A row as clients read it, and as :func:`lesson_of` takes it; *whole*: with its vector."""
    shown: dict[str, Any] = {
        "id": row.id,
        "completion_id": row.completion_id,
        "created": row.created,
        "prompt_text": row.prompt,
        "choices": msgspec.Raw(row.options.encode()),
        "truth": msgspec.Raw(row.truth.encode()),
        "votes": [{"llm": voter, "vote": vote} for voter, vote in msgspec.json.decode(row.votes)],
    }
    if row.response_format_hash:
        shown["response_format_hash"] = row.response_format_hash
    if whole:
        shown["embedding"] = b64encode(row.embedding).decode()
    return shown


def options_of(fields: Fields, *, needed: bool) -> tuple[str, ...]:
    """The texts in ``choices``; none where they are not *needed*. Raises BadRequest: they are wrong."""
    given = fields.take("choices")
    name = fields.name("choices")
    if given is None and not needed:
        return ()
    if not isinstance(given, list) or len(given) < (2 if needed else 1):
        raise refused(name, "must be a list of two or more texts", given)
    if len(given) > _MOST_CHOICES:
        raise refused(name, f"must have at most {_MOST_CHOICES} entries", len(given), at=f"len({name})")
    for place, one in enumerate(given):
        if not isinstance(one, str) or not one:
            raise refused(f"{name}[{place}]", "must be a text that is not empty", one)
    return tuple(given)


def truth_of(fields: Fields, options: Sequence[str]) -> tuple[float, ...]:
    """A share for each option: ``truth`` is an index, the text of one, or shares. Raises BadRequest: it is none."""
    given, name = fields.take("truth"), fields.name("truth")
    if given is None:
        raise fields.missing("truth")
    if isinstance(given, list):
        shares = shares_of(given, len(options), name)
        if sum(shares) > 1 + 1e-9:
            raise refused(name, "must hold shares: at most 1 together", given)
        return shares
    if isinstance(given, str):
        if given not in options:
            raise refused(name, "must be one of the choices", given)
        place = options.index(given)
    elif isinstance(given, int) and not isinstance(given, bool):
        place = given
    else:
        raise refused(name, "must be the index or the text of a choice, or a share for each", given)
    if not 0 <= place < len(options):
        raise refused(name, f"must be below {len(options)}", given)
    return tuple(float(one == place) for one in range(len(options)))


def _votes(fields: Fields, options: int, roster: Roster) -> Votes | None:
    """Votes by base id. They may be told by id, as an object from LLM to vote, or as a list of both."""
    given, name = fields.take("votes"), fields.name("votes")
    if given is None:
        return None
    if not options:
        raise refused(name, "need `choices`", given)
    if isinstance(given, Mapping):
        given = [{"llm": llm, "vote": vote} for llm, vote in given.items()]
    if not isinstance(given, list):
        raise refused(name, "must be a list of votes", given)
    base = {voter.id: voter.base_id for voter in roster.voters}
    votes: Votes = []
    for place, one in enumerate(given):
        inner = Fields(one, f"{name}[{place}]")
        llm, vote = inner.needed("llm"), inner.take("vote")
        inner.end()
        at = inner.name("vote")
        votes.append((base.get(llm, llm), None if vote is None else _vote(vote, options, at)))
    return votes


def _vote(given: object, options: int, name: str) -> tuple[float, ...]:
    """The shares of a vote that is told as an index or as shares."""
    if isinstance(given, list):
        return shares_of(given, options, name)
    if isinstance(given, bool) or not isinstance(given, int):
        raise refused(name, "must be an index, a share for each choice, or null", given)
    if not 0 <= given < options:
        raise refused(name, f"must be below {options}", given)
    return tuple(float(option == given) for option in range(options))


def _embedding(fields: Fields) -> bytes:
    given, name = fields.take("embedding"), fields.name("embedding")
    if given is None or given in ("", []):
        return b""
    packed = b""
    if isinstance(given, str):
        try:
            packed = b64decode(given, validate=True)
            numbers = list(struct.unpack(f"<{len(packed) // 4}f", packed))
        except (ValueError, struct.error):
            raise refused(name, "must be float32 numbers in base64", given[:64]) from None
    elif isinstance(given, list) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in given):
        numbers = [float(one) for one in given]
    else:
        raise refused(name, "must be a list of numbers, or float32 numbers in base64", None)
    if len(numbers) > _MOST_DIMENSIONS or not all(map(isfinite, numbers)):
        raise refused(name, f"must have at most {_MOST_DIMENSIONS} finite numbers", len(numbers))
    kept = isinstance(given, str) and abs(sum(one * one for one in numbers) - 1) < _EVEN  # as it was exported
    return packed if kept else packed_vector(numbers)


def _short(fields: Fields, name: str) -> str | None:
    text = fields.text(name)
    if text is not None and len(text) > _LONGEST_ID:
        raise refused(fields.name(name), f"must have at most {_LONGEST_ID} characters", text)
    return text
