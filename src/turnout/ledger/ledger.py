"""Reserve before a provider is asked, settle after it has answered: budgets hold, whatever happens in between.

Invariants, which the tests of this folder check after every step:

- A request holds the same amount of all its budgets, or of none.
- Over all nodes, ``booked + spent + reserved`` of a budget never exceeds its limit, as long as no answer costs more
  than was reserved for it. One that does is charged in full: the record tells the truth, and the budget is over.
- Every reservation ends in exactly one settlement: with the cost of what was delivered, or with nothing.
- The store is asked only when the purse has not enough, and never while a provider is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, final

from turnout.base.clock import Clock
from turnout.base.errors import Forbidden, PaymentRequired, Unavailable
from turnout.base.money import Pico, dollars
from turnout.domain.budget import Claim, ends
from turnout.ledger.purse import Purse, Reservation, Shortage

__all__ = ["Ledger", "Lender"]

_SLICES = 64
"""A lease asks for so many times what is needed now, so that the store is asked rarely."""
_IDLE_TURNS = 2
_WORDS = {
    "account": "The credit of this account",
    "key": "The limit of this key",
    "tag": "The budget of this tag",
    "user": "The budget of this end user",
    "guardrail": "The budget of a guardrail",
}


class Lender(Protocol):
    """Where slices of budgets come from; as much of a store as that."""

    async def lease(self, node: str, claim: Claim, amounts: tuple[int, ...]) -> int:
        """Lease the first of *amounts* that the budget has left, the largest first; 0 when it has not even the last."""
        ...

    async def lease_rest(self, node: str, claim: Claim, most: int) -> int:
        """Lease what the budget has left, but no more than *most*; how much that is."""
        ...

    async def give_back(self, node: str, claim: Claim, amount: int) -> None:
        """*node* has no use for *amount* of its lease."""
        ...


@final
class Ledger:
    """The budgets of one worker's requests. ``leases`` counts how often the store was asked."""

    def __init__(self, purse: Purse, lender: Lender, node: str, clock: Clock) -> None:
        self.purse = purse
        self.leases = 0
        self._lender = lender
        self._node = node
        self._clock = clock
        self._asking = asyncio.Lock()
        self._turn = 0
        self._used: dict[Claim, int] = {}
        """In which turn of :meth:`give_back_idle` a claim was last asked for."""

    def at_hand(self, claims: Sequence[Claim], amount: int, now: float) -> Reservation | None:
        """Hold *amount* pico-dollars of every claim out of the purse; None when it has not enough of one.

        *now* (unix seconds) is the moment that the claims were made for.
        """
        for claim in claims:
            self._used[claim] = self._turn
        made = self.purse.reserve(claims, amount, now)
        return made if isinstance(made, Reservation) else None

    async def reserve(self, claims: Sequence[Claim], amount: int, now: float) -> Reservation:
        """Hold *amount* of every claim, with leases where the purse has not enough.

        Raises:
            PaymentRequired: a budget has not so much left; the message says which, and since when it counts.
            Forbidden: the same, where it is a guardrail's.
            Unavailable: the store cannot be asked.
        """
        for claim in claims:
            self._used[claim] = self._turn
        made = self.purse.reserve(claims, amount, now)
        while isinstance(made, Shortage):
            async with self._asking:
                made = self.purse.reserve(claims, amount, now)  # somebody may have leased meanwhile
                if isinstance(made, Shortage):
                    await self._lease(made, amount)
                    made = self.purse.reserve(claims, amount, now)
        return made

    async def affordable(self, claims: Sequence[Claim], wanted: int) -> int:
        """At most *wanted*, and at most a quarter of what is free of each claim; leases what it takes to know.

        Raises:
            Unavailable: the store cannot be asked.
        """
        for claim in claims:
            free = self.purse.free(claim)
            if free < 4 * wanted:
                async with self._asking:
                    self._used[claim] = self._turn
                    missing = 4 * wanted - self.purse.free(claim)
                    if missing > 0:
                        self.leases += 1
                        await self._granted(claim, self._lender.lease_rest(self._node, claim, missing))
                free = self.purse.free(claim)
            wanted = max(0, min(wanted, free // 4))
        return wanted

    def settle(self, reservation: Reservation, cost: int) -> None:
        """What was reserved becomes *cost* spent; zero releases it."""
        self.purse.settle(reservation, cost)

    async def give_back_idle(self) -> None:
        """Give back what nobody has asked for lately, so that other nodes can have it; forget windows that are over.

        To be called every second or so.

        Raises:
            Unavailable: the store cannot be asked.
        """
        self._turn += 1
        for claim, turn in list(self._used.items()):
            if self._turn - turn > _IDLE_TURNS:
                del self._used[claim]
                await self._give_back(claim)

    async def give_back_all(self) -> None:
        """Give back all that is free: budgets have changed, or this worker ends.

        Raises:
            Unavailable: the store cannot be asked.
        """
        for claim in list(self._used):
            await self._give_back(claim)
        self._used.clear()

    async def _lease(self, shortage: Shortage, amount: int) -> None:
        claim = shortage.claim
        self.leases += 1
        slice_ = min(max(amount * _SLICES, shortage.lacking), max(claim.limit // 16, shortage.lacking))
        if not await self._granted(claim, self._lender.lease(self._node, claim, (slice_, shortage.lacking))):
            raise self._refusal(claim, amount)

    async def _granted(self, claim: Claim, leasing: Coroutine[Any, Any, int]) -> int:
        """Put what is being leased into the purse, even if the client leaves meanwhile: it would be lost; how much."""

        async def grant() -> int:
            got = await leasing
            self.purse.grant(claim, got)
            return got

        return await asyncio.shield(asyncio.ensure_future(grant()))

    async def _give_back(self, claim: Claim) -> None:
        amount = self.purse.spare(claim)
        if amount:
            try:
                await self._lender.give_back(self._node, claim, amount)
            except Unavailable as error:
                if not error.in_doubt:
                    self.purse.grant(claim, amount)
                raise  # else the store may have it: what is lost until the node starts anew is better than spent twice
        window = claim.budget_id.partition("|")[0]
        over = ends(window, claim.begins)
        if over is not None and over <= self._clock.wall():
            self.purse.retire(claim)

    def _refusal(self, claim: Claim, amount: int) -> PaymentRequired | Forbidden:
        window, scope, *_ = claim.budget_id.split("|")
        span = "" if window == "lifetime" else f" ({window})"
        after = ends(window, claim.begins)
        kind = Forbidden if scope == "guardrail" else PaymentRequired  # as OpenRouter has it
        return kind(
            f"{_WORDS.get(scope, 'A budget')}{span} of ${dollars(claim.limit)} does not afford this request,"
            f" which may cost up to ${dollars(Pico(amount))}. Raise it, or send a smaller max_tokens",
            metadata={"scope": scope, "window": window, "limit": dollars(claim.limit), "resets_at": after},
        )
