"""Errors of requests that lead nowhere, each with what would help."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from turnout.base.errors import BadRequest, Forbidden, ModelNotFound, NoEndpoints, NotFound, TurnoutError
from turnout.domain.chat import ChatRequest
from turnout.domain.routing import Exclusion, Outlook, Plan

__all__ = [
    "DeadEnd",
    "dead_end",
    "free_variant_ended",
    "no_preset",
    "no_router",
    "nothing_suits",
    "retired",
    "rule_of",
    "unknown",
    "wrong_endpoint",
]

_SHOWN = 128  # characters of a name
_MOST_SHOWN = 10  # names in a message


class DeadEnd(NoEndpoints):
    """Every endpoint is out: ``plan`` has all the reasons and no candidates."""

    def __init__(
        self, message: str, availability: Mapping[str, object], plan: Plan, request: ChatRequest, outlook: Outlook
    ) -> None:
        super().__init__(message, availability=availability)
        self.plan = plan
        self.request = request
        self.outlook = outlook


class _Rule(NamedTuple):
    """What stands behind a reason: the field that caused it, and what the endpoints lack."""

    field: str
    detail: str


_RULES: Mapping[str, _Rule] = {
    "allow_fallbacks": _Rule("provider.allow_fallbacks", "not the first choice, and fallbacks are off"),
    "allowed_models": _Rule("key", "the key may not use the model"),
    "allowed_providers": _Rule("provider.only", "not one of the providers that are allowed"),
    "byok_only": _Rule("byok", "a credential of the account's own shuts it out"),
    "context_length": _Rule("messages", "the prompt does not fit"),
    "data_policy:training": _Rule("provider.data_collection", "does not promise to collect no prompts"),
    "data_policy:zdr": _Rule("provider.zdr", "does not promise to retain nothing"),
    "data_region": _Rule("key", "does not promise to process data in the regions that are allowed"),
    "enforce_distillable_text": _Rule("provider.enforce_distillable_text", "its author does not allow distillation"),
    "ignored_providers": _Rule("provider.ignore", "its provider is ignored"),
    "max_price": _Rule("provider.max_price", "costs more, or states no price"),
    "max_tokens": _Rule("max_tokens", "cannot write as much"),
    "no_credential": _Rule("configuration", "its provider has no credential here"),
    "quantization": _Rule("provider.quantizations", "is quantized otherwise"),
    "require_parameters": _Rule("provider.require_parameters", "does not support every parameter of the request"),
    "service_tier": _Rule("service_tier", "is of another service tier"),
    "unsupported_parameters": _Rule("tools", "lacks a parameter that another endpoint of the model supports"),
}
_PLACES = {"embeddings": "/embeddings", "rerank": "/rerank", "transcription": "/audio/transcriptions"}
_UNASKED = frozenset({"no_credential", "service_tier"})
"""Reasons that stand whatever the request says: they are told only where there is no other."""
_TOO_LONG = ". Shorten the prompt, name a model with a longer context, or use the plugin context-compression"
_PRIVACY = frozenset({"data_policy:training", "data_policy:zdr"})


def unknown(name: str) -> ModelNotFound:
    """No model of that name."""
    return ModelNotFound(
        f"{name[:_SHOWN]} is not a valid model ID", availability=_availability("model_not_found", name)
    )


def wrong_endpoint(name: str, wants: str, makes: Collection[str]) -> BadRequest:
    """The model is none for requests that want *wants*: it *makes* other things."""
    if wants == "text":
        place = next((path for kind, path in _PLACES.items() if kind in makes), "/chat/completions")
        message = f"{name[:_SHOWN]} makes {' and '.join(sorted(makes))} and answers nothing. Use POST {place}"
    elif wants == "embeddings":
        message = f"{name[:_SHOWN]} makes no embeddings. GET /embeddings/models lists the models that do"
    else:
        message = f"{name[:_SHOWN]} makes no {wants}. GET /models?output_modalities={wants} lists the models that do"
    return BadRequest(message, availability=_availability("wrong_endpoint", name))


def no_preset(name: str) -> NotFound:
    """No preset of that name."""
    return NotFound(f"There is no preset {name}")


def no_router(name: str) -> NoEndpoints:
    """A router that nobody has set up."""
    return NoEndpoints(
        f"{name} chooses among models, and this gateway has no such router",
        availability=_availability("no_endpoints", name),
    )


def nothing_suits(name: str) -> NoEndpoints:
    """A router that found nothing to choose."""
    return NoEndpoints(
        "No models match your request and model restrictions",
        availability=_availability("no_endpoints", name),
    )


def free_variant_ended(name: str, paid: str) -> NoEndpoints:
    """The free variant is gone, the model is not."""
    return NoEndpoints(
        f"{name} is no longer offered for free. Use {paid}",
        availability=_availability("free_variant_ended", name) | {"fallback_models": [paid]},
    )


def retired(name: str, successor: str | None) -> NoEndpoints:
    """The model is gone."""
    if successor is not None:
        return free_variant_ended(name, successor)
    return NoEndpoints(f"{name} is no longer offered", availability=_availability("model_deprecated", name))


def dead_end(
    request: ChatRequest, outlook: Outlook, names: tuple[str, ...], excluded: Sequence[Exclusion]
) -> TurnoutError:
    """Every endpoint is out."""
    preferences = request.parameters.provider
    reasons = list(dict.fromkeys(entry.reason for entry in excluded))
    limits = [reason for reason in reasons if reason not in _UNASKED]
    availability: dict[str, object] = {
        "code": "constraint_filtered" if limits else "no_endpoints",
        "retryable": False,
        "requested_models": list(names),
        "excluded_by": limits or reasons,
    }
    if len(limits) == 1:
        availability["constraint"] = _RULES[limits[0]]._asdict()
    permitted = None if preferences is None else preferences.only
    message = _message(", ".join(name[:_SHOWN] for name in names), excluded, limits or reasons, permitted)
    if limits == ["data_region"]:
        return Forbidden(message, availability=availability | {"code": "region_restricted"})
    if limits and _PRIVACY.issuperset(limits):
        availability["code"] = "privacy_restricted"
    found = DeadEnd(message, availability, Plan(names, (), tuple(excluded)), request, outlook)
    if limits == ["context_length"]:
        found.message += _TOO_LONG
        found.error_type = "context_length_exceeded"
    return found


def rule_of(reason: str) -> Mapping[str, str]:
    """The field behind *reason*, and what the endpoint lacks."""
    return _RULES[reason]._asdict()


def _message(
    listed: str, excluded: Sequence[Exclusion], reasons: Sequence[str], permitted: Sequence[str] | None
) -> str:
    if not reasons:
        return f"No endpoints found for {listed}"
    if reasons == ["no_credential"]:
        return f"No provider of {listed} has a credential here. Configure one of: {_providers(excluded)}"
    message = f"No endpoints of {listed} are left for this request. Excluded by: {', '.join(reasons)}"
    if "allowed_providers" in reasons and permitted is not None:
        here = _providers([entry for entry in excluded if entry.reason not in _UNASKED])
        message += f". Served by: {here}; permitted: {', '.join(permitted[:_MOST_SHOWN]) or 'none'}"
    return message


def _providers(excluded: Sequence[Exclusion]) -> str:
    slugs = list(dict.fromkeys(entry.candidate.endpoint.provider for entry in excluded))
    return ", ".join(slugs[:_MOST_SHOWN]) + (" …" if len(slugs) > _MOST_SHOWN else "")


def _availability(code: str, name: str) -> dict[str, object]:
    return {"code": code, "retryable": False, "requested_models": [name[:_SHOWN]]}
