"""From what a client sent to a definition: defaults dropped, sets sorted, everything judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, get_args

from turnout.base.errors import BadRequest
from turnout.domain.query import (
    MODES,
    OUTPUT_MODES,
    STATIC,
    Effort,
    Embeddings,
    EmbeddingsModelWeight,
    OutputMode,
    ProviderChoice,
    QueryLLM,
    QueryModel,
    ScoreLLM,
    ScoreModel,
    StaticModelWeight,
    StaticWeight,
    TaughtModelWeight,
    Thinking,
    TrainingTableWeight,
    Verbosity,
    Weight,
)
from turnout.query.canonical import through_decimal
from turnout.query.messages import messages_of
from turnout.query.rules import MAX_COUNT, Fields, refused

__all__ = ["query_llm_of", "query_model_of", "score_llm_of", "score_model_of"]

_EFFORTS: Final[tuple[Effort, ...]] = get_args(Effort)
_VERBOSITIES: Final[tuple[Verbosity, ...]] = get_args(Verbosity)
_WEIGHT_TYPES: Final = ("static", "training_table")
_MOST_LLMS: Final = 128
_MOST_LOGPROBS: Final = 20
_HEAVIEST: Final = 2.0**96  # what upstream's decimals hold

L = TypeVar("L", QueryLLM, ScoreLLM)


def query_llm_of(value: object, place: str = "") -> QueryLLM:
    """The Query LLM that *value* (decoded JSON) defines; *place* is where it stands, for messages.

    Raises:
        BadRequest: with the field, the rule and the value.
    """
    fields = Fields(value, place)
    slug = fields.needed("id")
    mode = fields.variant("mode", MODES)
    if mode is None:
        raise fields.missing("mode")
    usual_logprobs = _MOST_LOGPROBS if mode.endswith("_logprobs") else 0
    llm = QueryLLM(
        id=slug,
        mode=mode,
        select_top_logprobs=fields.whole("select_top_logprobs", 0, _MOST_LOGPROBS, usual_logprobs),
        reasoning_effort=fields.variant("reasoning_effort", _EFFORTS),
        reasoning=_thinking(fields, always=True),
        weight=_needed_weight(fields),
        **_common(fields, slug),
    )
    fields.end()
    return llm


def score_llm_of(value: object, place: str = "") -> ScoreLLM:
    """The Score LLM that *value* (decoded JSON) defines.

    Raises:
        BadRequest: with the field, the rule and the value.
    """
    fields = Fields(value, place)
    slug = fields.needed("model")
    output_mode: OutputMode = fields.variant("output_mode", OUTPUT_MODES) or "instruction"
    synthetic = fields.flag("synthetic_reasoning") or None
    if synthetic and output_mode == "instruction":
        raise refused(
            fields.name("synthetic_reasoning"), "cannot be combined with `output_mode` instruction", value=True
        )
    llm = ScoreLLM(
        model=slug,
        weight=_weight(fields) or STATIC,
        output_mode=output_mode,
        synthetic_reasoning=synthetic,
        top_logprobs=fields.whole("top_logprobs", 0, _MOST_LOGPROBS, 0),
        prefix_messages=messages_of(fields.take("prefix_messages"), fields.name("prefix_messages")),
        suffix_messages=messages_of(fields.take("suffix_messages"), fields.name("suffix_messages")),
        reasoning=_thinking(fields, always=False),
        **_common(fields, slug),
    )
    fields.end()
    return llm


def query_model_of(value: object, place: str = "") -> QueryModel:
    """The Query model that *value* (decoded JSON) defines, its LLMs in the order in which they were sent.

    Raises:
        BadRequest: with the field, the rule and the value.
    """
    fields = Fields(value, place)
    llms = _llms(fields, "models", query_llm_of)
    weight_fields = _weight_fields(fields)
    if weight_fields is None:
        raise fields.missing("weight")
    weight: StaticModelWeight | TaughtModelWeight = StaticModelWeight()
    if _weight_type(weight_fields) == "training_table":
        weight = TaughtModelWeight(embeddings_model=weight_fields.needed("embeddings_model"), top=_top(weight_fields))
    weight_fields.end()
    reasoning = fields.flag("select_generated_reasoning") or None
    fields.end()
    _agree(llms, weight, fields.name("models"))
    return QueryModel(models=llms, weight=weight, select_generated_reasoning=reasoning)


def score_model_of(value: object, place: str = "") -> ScoreModel:
    """The Score model that *value* (decoded JSON) defines, its LLMs in the order in which they were sent.

    Raises:
        BadRequest: with the field, the rule and the value.
    """
    fields = Fields(value, place)
    llms = _llms(fields, "llms", score_llm_of)
    weight: StaticModelWeight | EmbeddingsModelWeight = StaticModelWeight()
    weight_fields = _weight_fields(fields)
    if weight_fields is not None:
        if _weight_type(weight_fields) == "training_table":
            weight = EmbeddingsModelWeight(embeddings=_embeddings(weight_fields), top=_top(weight_fields))
        weight_fields.end()
    fields.end()
    _agree(llms, weight, fields.name("llms"))
    return ScoreModel(llms=llms, weight=weight)


# -- what both dialects share --


def _common(fields: Fields, slug: str) -> dict[str, Any]:
    return {
        "frequency_penalty": fields.number("frequency_penalty", -2, 2, 0),
        "logit_bias": _logit_bias(fields),
        "max_completion_tokens": fields.whole("max_completion_tokens", 0, MAX_COUNT, 0),
        "presence_penalty": fields.number("presence_penalty", -2, 2, 0),
        "stop": _stop(fields),
        "temperature": fields.number("temperature", 0, 2, 1),
        "top_p": fields.number("top_p", 0, 1, 1),
        "max_tokens": fields.whole("max_tokens", 0, MAX_COUNT, 0),
        "min_p": fields.number("min_p", 0, 1, 0),
        "provider": _provider(fields),
        "repetition_penalty": fields.number("repetition_penalty", 0, 2, 1),
        "top_a": fields.number("top_a", 0, 1, 0),
        "top_k": fields.whole("top_k", 0, MAX_COUNT, 0),
        "verbosity": fields.variant("verbosity", _VERBOSITIES, "medium"),
        "models": fields.checked_texts("models", fields.take("models"), before=slug),
    }


def _logit_bias(fields: Fields) -> dict[str, int] | None:
    """By number of the token, without those that change nothing."""
    name = fields.name("logit_bias")
    value = fields.take("logit_bias")
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise refused(name, "must be an object", value)
    kept: dict[str, int] = {}
    for key, bias in value.items():
        if isinstance(bias, bool) or not isinstance(bias, int | float) or bias != bias // 1:
            raise refused(name, "values must be whole numbers", bias, at=f"{name}.{key}")
        if bias == 0:
            continue
        if not key:
            raise refused(name, "keys cannot be empty", key)
        if not (key.isascii() and key.isdigit()):
            raise refused(name, "keys must be digits", key)
        if key.startswith("0") and key != "0":
            raise refused(name, "keys cannot have leading zeroes", key)
        if not -100 <= bias <= 100:
            raise refused(name, "values must be between -100 and 100", bias, at=f"{name}.{key}")
        kept[key] = int(bias)
    return dict(sorted(kept.items(), key=lambda entry: (len(entry[0]), entry[0]))) or None


def _stop(fields: Fields) -> str | tuple[str, ...] | None:
    value = fields.take("stop")
    if isinstance(value, str):
        value = [value]
    stops = fields.checked_texts("stop", value)
    if stops is None:
        return None
    return stops[0] if len(stops) == 1 else tuple(sorted(stops))


def _provider(fields: Fields) -> ProviderChoice | None:
    value = fields.take("provider")
    if value is None:
        return None
    inner = Fields(value, fields.name("provider"))
    choice = ProviderChoice(
        order=inner.texts("order"),
        allow_fallbacks=False if inner.flag("allow_fallbacks") is False else None,
        require_parameters=inner.flag("require_parameters") or None,
        data_collection=inner.variant("data_collection", ("allow", "deny"), "allow"),
        only=_sorted(inner.texts("only")),
        ignore=_sorted(inner.texts("ignore")),
        quantizations=_sorted(inner.texts("quantizations")),
        sort=inner.text("sort"),
    )
    inner.end()
    return None if choice == ProviderChoice() else choice


def _thinking(fields: Fields, *, always: bool) -> Thinking | None:
    """*always*: that reasoning is enabled says nothing; else it does where nothing else is said."""
    value = fields.take("reasoning")
    if value is None:
        return None
    inner = Fields(value, fields.name("reasoning"))
    tokens = inner.whole("max_tokens", 0, MAX_COUNT, 0)
    effort = inner.variant("effort", _EFFORTS)
    enabled = inner.flag("enabled")
    inner.end()
    bounded = tokens is not None or effort is not None
    if tokens is not None and effort is not None:
        name = inner.name("max_tokens")
        raise refused(name, f"and `{inner.name('effort')}` are mutually exclusive", tokens)
    if enabled is False and bounded:
        other = "max_tokens" if effort is None else "effort"
        raise refused(inner.name("enabled"), f"cannot be false when {other} is set", value=False)
    if (enabled is True and (always or bounded)) or (enabled is False and not always):
        enabled = None
    thinking = Thinking(max_tokens=tokens, effort=effort, enabled=enabled)
    return None if thinking == Thinking() else thinking


def _sorted(texts: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """By code points, which is the order of the bytes too."""
    return None if texts is None else tuple(sorted(texts))


# -- weights --


def _weight_fields(fields: Fields) -> Fields | None:
    value = fields.take("weight")
    return None if value is None else Fields(value, fields.name("weight"))


def _weight_type(fields: Fields) -> str:
    kind = fields.variant("type", _WEIGHT_TYPES)
    if kind is None:
        raise fields.missing("type")
    return kind


def _needed_weight(fields: Fields) -> Weight:
    weight = _weight(fields)
    if weight is None:
        raise fields.missing("weight")
    return weight


def _weight(fields: Fields) -> Weight | None:
    inner = _weight_fields(fields)
    if inner is None:
        return None
    weight: Weight
    name = fields.name("weight")
    if _weight_type(inner) == "static":
        weight = StaticWeight(_positive(inner, "weight", name))
    else:
        base, least, most = (
            _positive(inner, field, inner.name(field)) for field in ("base_weight", "min_weight", "max_weight")
        )
        if not least <= base <= most:
            raise refused(
                name,
                "must have min_weight <= base_weight <= max_weight (min <= base <= max, all > 0)",
                {"min_weight": least, "base_weight": base, "max_weight": most},
            )
        weight = TrainingTableWeight(base, least, most)
    inner.end()
    return weight


def _positive(fields: Fields, field: str, word: str) -> float:
    weight = fields.positive(field, word)
    if weight > _HEAVIEST:
        raise refused(word, f"must be at most {_HEAVIEST:g}", weight, at=fields.name(field))
    if through_decimal(weight) <= 0:  # it has more than 28 places
        raise refused(word, "must be positive", weight, at=fields.name(field))
    return weight


def _top(fields: Fields) -> int:
    top = fields.whole("top", 1, MAX_COUNT, None)
    if top is None:
        raise fields.missing("top")
    return top


def _embeddings(fields: Fields) -> Embeddings:
    value = fields.take("embeddings")
    if value is None:
        raise fields.missing("embeddings")
    inner = Fields(value, fields.name("embeddings"))
    model = inner.needed("model")
    tokens = inner.whole("max_tokens", 0, MAX_COUNT, None)
    if tokens is None:
        raise inner.missing("max_tokens")
    embeddings = Embeddings(model, tokens, _provider(inner))
    inner.end()
    return embeddings


# -- models --


def _llms(fields: Fields, field: str, read: Callable[[object, str], L]) -> tuple[L, ...]:
    name = fields.name(field)
    value = fields.take(field)
    if value is None:
        raise fields.missing(field)
    if not isinstance(value, list):
        raise refused(name, "must be a list", value)
    if not 1 <= len(value) <= _MOST_LLMS:
        raise refused(name, f"must have between 1 and {_MOST_LLMS} entries", len(value), at=f"len({name})")
    return tuple(read(one, f"{name}[{place}]") for place, one in enumerate(value))


def _agree(
    llms: tuple[L, ...], weight: StaticModelWeight | TaughtModelWeight | EmbeddingsModelWeight, name: str
) -> None:
    """Refuse LLMs whose weight is of another type than that of their model."""
    wanted = "static" if isinstance(weight, StaticModelWeight) else "training_table"
    for place, llm in enumerate(llms):
        kind = "static" if isinstance(llm.weight, StaticWeight) else "training_table"
        if kind != wanted:
            field = f"{name}[{place}].weight.type"
            raise BadRequest(
                f'`{field}` must equal the type of the model\'s weight, `{wanted}`: `{field}`="{kind}"',
                metadata={"field": field, "rule": "must equal the type of the model's weight", "value": kind},
            )
