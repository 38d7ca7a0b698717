"""The router to free models: any that costs nothing and does what the request needs."""

from __future__ import annotations

from turnout.contracts.picker import Offers, Pick
from turnout.domain.catalog import Model
from turnout.domain.chat import ChatRequest
from turnout.domain.routing import Outlook

__all__ = ["FREE_ROUTER", "needed_modalities", "pick_free"]

FREE_ROUTER = "openrouter/free"

_MOST = 5  # models that are tried one after another
_MARKS = ((b'"image_url"', "image"), (b'"input_audio"', "audio"), (b'"file"', "file"), (b'"video_url"', "video"))


def pick_free(request: ChatRequest, offers: Offers, outlook: Outlook) -> Pick:
    """Some free models in an order that the dice give."""
    modalities = needed_modalities(request)
    needs: set[str] = {name for name in ("tools", "response_format", "reasoning") if name in request.fields}
    suited = sorted(model.id for model in offers.models if _suits(model, modalities, needs))
    outlook.dice.shuffle(suited)
    return Pick(suited[:_MOST], {"choices": len(suited)}, free_only=True)


def needed_modalities(request: ChatRequest) -> frozenset[str]:
    """What the messages hold beside text, found by the types of their parts."""
    messages = bytes(request.fields["messages"])
    return frozenset(modality for mark, modality in _MARKS if mark in messages)


def _suits(model: Model, modalities: frozenset[str], needs: set[str]) -> bool:
    return (
        "text" in model.output_modalities
        and modalities.issubset(model.input_modalities)
        and any(
            endpoint.priced
            and endpoint.pricing.free
            and (endpoint.supported_parameters is None or needs.issubset(endpoint.supported_parameters))
            for endpoint in model.endpoints
        )
    )
