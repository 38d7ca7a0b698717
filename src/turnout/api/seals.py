"""An entry of ``reasoning_details`` as one opaque text, for families that have room for no more than that."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from turnout.base.jsons import encode

__all__ = ["MARK", "sealed", "unsealed"]

MARK: Final = "turnout1."
"""How such texts begin; no provider's own does."""

_object = msgspec.json.Decoder(dict[str, Any]).decode


def sealed(detail: Mapping[str, Any]) -> str:
    """*detail* as a text that the client sends back as it is. It is no secret, and proves nothing."""
    return MARK + urlsafe_b64encode(encode(detail)).decode()


def unsealed(text: str) -> dict[str, Any] | None:
    """The detail in *text*; None where there is none, as in the seals of providers."""
    if not text.startswith(MARK):
        return None
    try:
        return _object(urlsafe_b64decode(text[len(MARK) :].encode()))
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None
