"""Guardrails: what keys of an account may use and spend, and what may not be said through them."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct, field

from turnout.base.money import Pico
from turnout.domain.budget import Budget, Window
from turnout.domain.routing import Bounds

__all__ = [
    "BUILTINS",
    "GROUPS",
    "LABELS",
    "Action",
    "Assignment",
    "BuiltinFilter",
    "ContentFilter",
    "Guard",
    "Guardrail",
    "Holder",
    "Scope",
    "Screening",
]

Action = Literal["flag", "redact", "block"]
Holder = Literal["key", "member"]
"""Whom a guardrail is assigned to: a key, or a member, which is an account with all its keys."""
Scope = Literal["user_only", "all_messages"]
_Builtin = Literal[
    "email", "phone", "ssn", "credit-card", "ip-address", "person-name", "address", "regex-prompt-injection"
]
BUILTINS: tuple[_Builtin, ...] = get_args(_Builtin)
GROUPS = ("anthropic", "google", "openai", "xai", "other")
"""Authors of models whose endpoints may be held to retain nothing, each for itself."""
LABELS = {
    "email": "[EMAIL]",
    "phone": "[PHONE]",
    "ssn": "[SSN]",
    "credit-card": "[CREDIT_CARD]",
    "ip-address": "[IP_ADDRESS]",
    "person-name": "[PERSON_NAME]",
    "address": "[ADDRESS]",
    "regex-prompt-injection": "[PROMPT_INJECTION]",
}
"""What stands in place of what a built-in filter has found."""


class ContentFilter(Struct, frozen=True):
    """An expression of the account's own. ``label`` stands in place of what it matches."""

    pattern: str
    action: Action
    label: str | None = None


class BuiltinFilter(Struct, frozen=True):
    """A detector of the gateway's. ``scan_scope`` says whose messages are searched for prompt injection."""

    slug: _Builtin
    action: Action
    scan_scope: Scope | None = None


class Guardrail(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A guardrail as it is stored. Money in pico-dollars, times in unix seconds; None says nothing.

    ``limit`` is what each holder may spend in each window of ``reset``. ``zdr`` has the ``GROUPS`` that were named,
    ``enforce_zdr`` what was said of those that were not.
    """

    id: str
    account_id: str
    name: str
    created: float
    updated: float | None = None
    description: str | None = None
    limit: Pico | None = None
    reset: Window | None = None
    include_byok: bool = False
    allowed_models: tuple[str, ...] | None = None
    ignored_models: tuple[str, ...] | None = None
    allowed_providers: tuple[str, ...] | None = None
    ignored_providers: tuple[str, ...] | None = None
    enforce_zdr: bool | None = None
    zdr: dict[str, bool | None] = field(default_factory=dict)
    paid_training: bool | None = None
    free_training: bool | None = None
    free_publication: bool | None = None
    filters: tuple[ContentFilter, ...] | None = None
    builtins: tuple[BuiltinFilter, ...] | None = None

    def budget(self, holder: Holder, subject: str) -> Budget | None:
        """What its limit is as a budget of one holder: each has its own. Its subject says whether it ``counts_own``.

        Source: OpenRouter, "Guardrails".
        """
        if self.limit is None or self.reset is None:
            return None
        name = f"{self.id}/{'byok/' if self.include_byok else ''}{holder}/{subject}"
        return Budget(account_id=self.account_id, scope="guardrail", subject=name, window=self.reset, limit=self.limit)

    @property
    def bounds(self) -> Bounds:
        """What it allows, as plans read it."""
        groups = {name: self.enforce_zdr if self.zdr.get(name) is None else self.zdr[name] for name in GROUPS}
        return Bounds(
            models=self.allowed_models,
            ignored_models=self.ignored_models or (),
            providers=None if self.allowed_providers is None else _lowered(self.allowed_providers),
            ignored_providers=_lowered(self.ignored_providers or ()),
            zdr_groups=frozenset(name for name, wanted in groups.items() if wanted),
            deny_paid_training=self.paid_training is False,
            deny_free_training=self.free_training is False or self.free_publication is False,
        )


class Assignment(Struct, frozen=True, kw_only=True):
    """A guardrail that applies to a holder, which has at most one. ``subject`` is a key's hash or an account's id."""

    id: str
    account_id: str
    guardrail_id: str
    holder: Holder
    subject: str
    assigned_by: str
    created: float


class Screening(Struct, frozen=True):
    """The content filters of all guardrails that apply to a request; the strictest action of each."""

    guardrail_ids: tuple[str, ...]
    filters: tuple[ContentFilter, ...]
    builtins: tuple[BuiltinFilter, ...]


class Guard(Struct, frozen=True):
    """What the guardrails of a key amount to. ``bounds`` have to allow an endpoint each."""

    bounds: tuple[Bounds, ...]
    screening: Screening | None


def _lowered(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)
