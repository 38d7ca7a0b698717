"""What a client asks of voters: the bodies of the completion endpoints, judged field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from turnout.base.errors import BadRequest
from turnout.base.money import InvalidPrice, parse_price
from turnout.domain.query import BallotRules, Message
from turnout.query.poll import EarlyStop
from turnout.query.registry import definition_in
from turnout.query.rules import MAX_COUNT, Fields, refused

__all__ = ["Asked", "Reference", "multichat_asked", "query_asked", "score_asked"]

_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_REFERENCES: Final = ("chat_completion", "score_completion", "multichat_completion", "query_completion")
_EARLY: Final[tuple[EarlyStop, ...]] = ("off", "winner", "confidence")
_MOST_MESSAGES: Final = 10_000
_MOST_CHOICES: Final = 8000  # three levels of twenty letters
_USUAL_MARGIN: Final = 0.5
_USUAL_INTERVAL: Final = 0.1
_SEED: Final = 2**63
_PREFIX: Final = "query/"


class Reference(Struct, frozen=True):
    """A choice of an archived completion that stands for a message."""

    id: str
    choice_index: int
    place: str
    name: str | None = None


class Asked(Struct, frozen=True, kw_only=True):
    """One request for voters, as it was judged.

    Attributes:
        request: all fields as they were sent, for the archive.
        model: an id, or a definition.
        messages: each a message or a reference to one.
        choices: the answers to be judged: texts, assistants' messages or references; empty but for Score.
        common: fields that go to every voter.
        generating: fields that go only to those that answer.
        options: how the ballot is held; amounts of money in pico-dollars.
    """

    request: Mapping[str, Any]
    model: str | Mapping[str, Any]
    messages: tuple[Message | Reference, ...]
    choices: tuple[str | Message | Reference, ...] = ()
    common: Mapping[str, object]
    generating: Mapping[str, object]
    tools: tuple[object, ...] = ()
    n: int = 1
    response_format: Mapping[str, Any] | None = None
    select_deterministic: bool = False
    embeddings: str | None = None
    stream: bool = False
    vote_seed: int | None = None
    passes: int = 1
    allow_abstain: bool = False
    rules: BallotRules = BallotRules()
    early_stop: EarlyStop = "off"
    interval: float = _USUAL_INTERVAL
    cascade: float | None = None
    max_cost: int | None = None
    max_latency_ms: int | None = None
    vote_cache: bool = False
    store: bool = True


def query_asked(body: Mapping[str, Any]) -> Asked:
    """A request of ``POST /query/completions``.

    Raises:
        BadRequest: with the field, the rule and the value.
    """
    fields = Fields(body)
    return _asked(
        fields,
        body,
        select_deterministic=fields.flag("select_deterministic") or False,
        embeddings=fields.text("embeddings"),
        **_generating(fields),
        **_voting(fields),
    )


def score_asked(body: Mapping[str, Any]) -> Asked:
    """A request of ``POST /score/completions``.

    Raises:
        BadRequest: with the field, the rule and the value.
    """
    fields = Fields(body)
    value = fields.take("choices")
    if not isinstance(value, list) or len(value) < 2:
        raise BadRequest(
            "`choices` must be a list of two or more choices", metadata={"kind": "expected_two_or_more_choices"}
        )
    if len(value) > _MOST_CHOICES:
        raise refused("choices", f"must have at most {_MOST_CHOICES} entries", len(value), at="len(choices)")
    choices = tuple(_choice(one, f"choices[{number}]") for number, one in enumerate(value))
    return _asked(fields, body, choices=choices, generating={}, **_voting(fields))


def multichat_asked(body: Mapping[str, Any]) -> Asked:
    """A request of ``POST /multichat/completions``.

    Raises:
        BadRequest: with the field, the rule and the value.
    """
    fields = Fields(body)
    return _asked(fields, body, **_generating(fields), **_limits(fields))


def _asked(fields: Fields, body: Mapping[str, Any], **own: Any) -> Asked:  # noqa: ANN401 - fields of Asked
    """What all three have in common, and what is *own* to one of them."""
    model = _model(fields)
    messages = _messages(fields)
    tools = fields.take("tools")
    if tools is not None and not isinstance(tools, list):
        raise refused("tools", "must be a list", tools)
    options = fields.take("stream_options")
    if options is not None and not isinstance(options, Mapping):
        raise refused("stream_options", "must be an object", options)
    common = {
        "seed": fields.whole("seed", -_SEED, _SEED - 1, None),
        "service_tier": fields.text("service_tier"),
        "user": fields.text("user"),
        "session_id": fields.text("session_id"),
    }
    fields.take("usage")
    stream = fields.flag("stream") or False
    store = fields.flag("store")
    fields.end()
    return Asked(
        request=body,
        model=model,
        messages=messages,
        tools=tuple(tools or ()),
        common=common,
        stream=stream,
        store=store is not False,
        **own,
    )


def _generating(fields: Fields) -> dict[str, Any]:
    """What those that answer are asked for."""
    names = ("logprobs", "top_logprobs", "prediction", "response_format")
    generating = {name: fields.take(name) for name in names}
    form = generating["response_format"]
    if form is not None and not isinstance(form, Mapping):
        raise refused("response_format", "must be an object", form)
    return {"generating": generating, "n": fields.whole("n", 1, 128, 1) or 1, "response_format": form}


def _voting(fields: Fields) -> dict[str, Any]:
    """How the ballot is held."""
    interval = fields.number("early_stop_interval", 0, 1, _USUAL_INTERVAL)
    rules = BallotRules(
        min_voters=fields.whole("min_voters", 0, MAX_COUNT, 0) or 0,
        min_weight_share=fields.number("min_weight_share", 0, 1, 0) or 0.0,
        threshold=fields.number("threshold", 0, 1, 0) or 0.0,
    )
    return {
        "vote_seed": fields.whole("vote_seed", -_SEED, _SEED - 1, None),
        "passes": fields.whole("passes", 1, 2, 1) or 1,
        "allow_abstain": fields.flag("allow_abstain") or False,
        "rules": rules,
        "early_stop": fields.variant("early_stop", _EARLY) or "off",
        "interval": _USUAL_INTERVAL if interval is None else interval,
        "cascade": _cascade(fields),
        "vote_cache": fields.flag("vote_cache") or False,
        **_limits(fields),
    }


def _limits(fields: Fields) -> dict[str, Any]:
    return {"max_cost": _money(fields), "max_latency_ms": fields.whole("max_latency_ms", 1, MAX_COUNT, None)}


def _cascade(fields: Fields) -> float | None:
    """``true``, or an object with the margin at which dearer voters are spared."""
    value = fields.take("cascade")
    if value is None or value is False:
        return None
    if value is True:
        return _USUAL_MARGIN
    inner = Fields(value, "cascade")
    margin = inner.number("margin", 0, 1, _USUAL_MARGIN)
    inner.end()
    return _USUAL_MARGIN if margin is None else margin


def _money(fields: Fields) -> int | None:
    value = fields.take("max_cost")
    if value is None:
        return None
    try:
        text = f"{value:.12f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
        return parse_price("" if isinstance(value, bool) else text)
    except (InvalidPrice, ValueError):  # also for more digits than Python reads
        raise refused("max_cost", "must be an amount in dollars", value) from None


def _model(fields: Fields) -> str | Mapping[str, Any]:
    """An id, a definition, or a definition as a JSON text."""
    value = fields.take("model")
    if isinstance(value, Mapping):
        return value
    if value is None:
        raise fields.missing("model")
    if not isinstance(value, str) or not value:
        raise refused("model", "must be an id or a definition", value)
    if value.lstrip().startswith("{"):
        try:
            return definition_in(value.encode())
        except BadRequest as error:
            raise refused("model", f"must be an id or a definition ({error})", value) from None
    return value.removeprefix(_PREFIX)


def _messages(fields: Fields) -> tuple[Message | Reference, ...]:
    value = fields.take("messages")
    if value is None:
        raise fields.missing("messages")
    if not isinstance(value, list) or not value:
        raise refused("messages", "must be a list of messages", value)
    if len(value) > _MOST_MESSAGES:
        raise refused("messages", f"must have at most {_MOST_MESSAGES} entries", len(value), at="len(messages)")
    return tuple(_message(one, f"messages[{number}]") for number, one in enumerate(value))


def _message(value: object, place: str) -> Message | Reference:
    if not isinstance(value, Mapping):
        raise refused(place, "must be an object", value)
    role = value.get("role")
    if role in _REFERENCES:
        return _reference(value, "role", place)
    if role not in _ROLES:
        raise refused(f"{place}.role", f"must be one of {', '.join(f'`{one}`' for one in _ROLES)}", role)
    return dict(value)


def _choice(value: object, place: str) -> str | Message | Reference:
    if isinstance(value, str):
        if not value:
            raise refused(place, "cannot be empty", value)
        return value
    if not isinstance(value, Mapping):
        raise refused(place, "must be a text, an assistant's message or a reference", value)
    if value.get("type") in _REFERENCES:
        return _reference(value, "type", place)
    if value.get("role") != "assistant":
        raise refused(f"{place}.role", "must be `assistant`", value.get("role"))
    return dict(value)


def _reference(value: Mapping[str, Any], kind: Literal["role", "type"], place: str) -> Reference:
    fields = Fields(value, place)
    fields.take(kind)
    name = fields.text("name") if kind == "role" else None
    reference = Reference(fields.needed("id"), fields.whole("choice_index", 0, MAX_COUNT, 0) or 0, place, name)
    fields.end()
    return reference
