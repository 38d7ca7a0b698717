"""Whose request it was and what became of it: accounts, keys, generations and their attempts."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from turnout.base.money import Pico
from turnout.domain.budget import Budget, Window, begins, counts_own
from turnout.domain.guardrail import Guard
from turnout.domain.routed import Routed
from turnout.domain.usage import NO_USAGE, Pricing, Usage

__all__ = [
    "Account",
    "AttemptRecord",
    "Generation",
    "GenerationRow",
    "Key",
    "KeyRules",
    "Outcome",
    "add_booking",
]

Outcome = Literal["answered", "failed", "cancelled"]


class Account(Struct, frozen=True, kw_only=True):
    """An owner of keys, generations and budgets. ``created`` in unix seconds; ``credit`` in pico-dollars, None for
    no limit.
    """

    id: str
    name: str
    admin: bool = False
    created: float = 0.0
    credit: Pico | None = None

    @property
    def budget(self) -> Budget | None:
        """What the credit is as a budget."""
        if self.credit is None:
            return None
        return Budget(account_id=self.id, scope="account", subject=self.id, window="lifetime", limit=self.credit)


class KeyRules(Struct, frozen=True, omit_defaults=True):
    """What a key may be used for; None allows all. ``tags`` stand on each generation of the key, ``plugins`` are
    entries for requests that do not have them, each a JSON object. ``store_content``: prompts and answers are kept.
    """

    models: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None
    tags: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    store_content: bool = False


class Key(Struct, frozen=True, kw_only=True):
    """An API key as it is stored: never the secret, only its SHA-256 ``hash`` and a shortened ``label``.

    ``limit`` (pico-dollars) is what it may spend in each window of ``limit_reset``, for ever when that is None.
    ``guard`` is what guardrails make of it, where it was looked up to be used; it is not stored with it.
    """

    hash: str
    account_id: str
    name: str
    label: str
    management: bool = False
    disabled: bool = False
    created: float = 0.0
    expires: float | None = None
    updated: float | None = None
    limit: Pico | None = None
    limit_reset: Window | None = None
    include_byok_in_limit: bool = False
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    rules: KeyRules = KeyRules()
    guard: Guard | None = None

    @property
    def budget(self) -> Budget | None:
        """What the limit is as a budget."""
        if self.limit is None:
            return None
        window = self.limit_reset or "lifetime"
        return Budget(account_id=self.account_id, scope="key", subject=self.hash, window=window, limit=self.limit)

    @property
    def paced(self) -> bool:
        """Whether it may do only so much in a minute."""
        return self.requests_per_minute is not None or self.tokens_per_minute is not None


class AttemptRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One upstream call of a generation. Times are in milliseconds since the request arrived."""

    endpoint_id: str
    model: str
    provider: str
    provider_name: str
    outcome: Outcome
    started_ms: float
    first_byte_ms: float | None = None
    ended_ms: float = 0.0
    status: int | None = None
    error_type: str | None = None
    may_be_billed: bool = False
    upstream_id: str | None = None
    usage: Usage = NO_USAGE
    cost: Pico = Pico(0)
    credential_id: str | None = None


class Generation(Struct, frozen=True, array_like=True, gc=False):
    """The durable record of one request of a client. Times in milliseconds, ``created`` in unix seconds, money
    in pico-dollars; ``pricing`` is the price row that was charged with, ``budgets`` names what it was charged to, in
    the windows that ``created`` lies in.

    It is written as an array in the order of the fields: first what a store looks up and sums, as a
    :class:`GenerationRow` reads it. A new field goes to the end and has a default; none is ever moved or removed.

    What a generation says of model, endpoint, provider, usage, cost and times is what its last attempt did: most have
    no other, and so most records say nothing twice. ``earlier`` holds the attempts before it, and the calls that
    plugins made beside it; ``aside_cost`` is the part of ``cost`` that went into those. Where tools of the gateway made
    several calls one answer, ``usage`` is that of them all, and ``last_usage`` the last one's. ``started_ms`` and
    ``ended_ms`` count from the arrival of the request, ``latency_ms`` from the start of the last attempt to its first
    byte. ``source_id`` is the generation whose answer was kept and given again; then there was no attempt.
    ``routed``: the auto router chose the model.
    """

    id: str
    account_id: str
    key_hash: str
    created: float
    outcome: Outcome
    model: str = ""
    provider: str | None = None
    user: str | None = None
    cost: Pico = Pico(0)
    usage: Usage = NO_USAGE
    budgets: tuple[str, ...] = ()
    api: str = ""
    requested_model: str = ""
    parent_id: str | None = None
    endpoint_id: str | None = None
    provider_name: str | None = None
    upstream_id: str | None = None
    streamed: bool = False
    cancelled: bool = False
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    error_type: str | None = None
    service_tier: str | None = None
    pricing: Pricing = Pricing()
    status: int | None = None
    may_be_billed: bool = False
    started_ms: float = 0.0
    latency_ms: float | None = None
    ended_ms: float = 0.0
    session_id: str | None = None
    referer: str | None = None
    title: str | None = None
    user_agent: str | None = None
    earlier: tuple[AttemptRecord, ...] = ()
    aside_cost: Pico = Pico(0)
    last_usage: Usage | None = None
    source_id: str | None = None
    preset_id: str | None = None
    credential_id: str | None = None
    routed: Routed | None = None

    @property
    def generation_ms(self) -> float | None:
        """How long the last attempt took, None when nothing came back."""
        return None if self.latency_ms is None else round(self.ended_ms - self.started_ms, 3)

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """Every upstream call, the last one included."""
        if self.endpoint_id is None:
            return self.earlier
        last = AttemptRecord(
            endpoint_id=self.endpoint_id,
            model=self.model,
            provider=self.provider or "",
            provider_name=self.provider_name or "",
            outcome=self.outcome,
            started_ms=self.started_ms,
            first_byte_ms=None if self.latency_ms is None else round(self.started_ms + self.latency_ms, 3),
            ended_ms=self.ended_ms,
            status=self.status,
            error_type=self.error_type,
            may_be_billed=self.may_be_billed,
            upstream_id=self.upstream_id,
            usage=self.usage if self.last_usage is None else self.last_usage,
            cost=Pico(self.cost - self.aside_cost),
            credential_id=self.credential_id,
        )
        return (*self.earlier, last)


class GenerationRow(Struct, frozen=True, array_like=True, gc=False):
    """A generation as a store keeps it: what is looked up or summed, and everything as JSON.

    The fields before ``record`` are the first ones of a :class:`Generation`, in its order, so that they can be decoded
    from its JSON without the rest; ``record`` is that JSON, attempts included.
    """

    id: str
    account_id: str
    key_hash: str
    created: float
    outcome: Outcome
    model: str
    provider: str | None
    user: str | None
    cost: Pico
    usage: Usage
    budgets: tuple[str, ...]
    record: str


def add_booking(row: GenerationRow, booking: dict[tuple[str, int], int]) -> None:
    """Add to *booking* what *row* cost each budget that it was charged to (budget id, beginning of the window)."""
    for budget_id in row.budgets:
        window = (budget_id, begins(budget_id.partition("|")[0], row.created))
        own = row.usage.own if counts_own(budget_id, key_limited=row.usage.own_limited) else 0
        booking[window] = booking.get(window, 0) + row.cost + own
