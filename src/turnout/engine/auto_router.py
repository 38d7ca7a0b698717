"""The auto router at work on a request: what it reads of it, whom it may choose, and what it decides.

What was learned is put here from outside, made in the background; until it is there, and whenever a decision fails or
takes too long, the order is one that needs no learning: a request never fails because its router did.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

import msgspec
from msgspec import Raw, Struct

from turnout.base.money import PICO_PER_DOLLAR
from turnout.contracts.picker import Offers, Pick, Picker
from turnout.domain.catalog import Model
from turnout.domain.chat import ChatRequest
from turnout.domain.routed import AUTO_ROUTERS, Routed
from turnout.domain.routing import Outlook, blended_price
from turnout.engine.auto_settings import ENTRIES, AutoWishes, CostTier, allowed, bands_of, wishes_in
from turnout.engine.filters import prompt_tokens
from turnout.engine.routes import NONE_OPENED

if TYPE_CHECKING:
    from turnout.auto.decide import Brain, Decision, Prompt, Slate
    from turnout.auto.experience import Experience

__all__ = ["BETA", "AutoPolicy", "AutoRouter", "Learned", "names_auto", "prior_order", "shares_of", "text_in"]

BETA: Final = "openrouter/auto-beta"

_DEADLINE_SECONDS = 0.005
"""Of processor time: a machine that is busy with other things makes no decision worse."""
_LONGEST_SECONDS = 0.05
_MOST_SLOW, _REST_SECONDS = 3, 10.0
"""So many slow decisions in a row, and nothing is decided for a while."""
_TRIED = 5
_SHOWN = 5
_LEAST_SHARE = 0.03
_CACHED_TOKENS = 1024
"""No provider caches less."""
_BYTES_PER_TOKEN = 4
_MOST_ACCOUNTS = 200
_MIDDLE, _SPREAD = 30.0, 14.0
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


_NULL = Raw(b"null")


class _Message(Struct):
    role: str = ""
    content: Raw = _NULL
    model: Raw = _NULL


class _Part(Struct):
    text: str = ""


_read_messages = msgspec.json.Decoder(list[_Message]).decode
_read_content = msgspec.json.Decoder(str | list[_Part] | None).decode


class AutoPolicy(Struct, frozen=True):
    """How one router is set: the tradeoff between quality (0) and cost (10) where nobody says, the chance that one of
    the next best is tried.
    """

    tradeoff: float = 5.0
    explore: float = 0.0


class Learned(NamedTuple):
    """What a policy knows: a brain without anybody's experience, and the slate of the present models."""

    brain: Brain
    slate: Slate
    places: Mapping[str, int]


class _Talk(NamedTuple):
    """What a router reads of a conversation."""

    text: str
    turns: bool
    last_model: Raw | None
    before: int


def names_auto(request: ChatRequest) -> bool:
    """Whether *request* names an auto router, by a quick look."""
    parameters = request.parameters
    named = parameters.model
    if named is not None and "/auto" in named.lower():
        return True
    return parameters.models is not None and any("/auto" in one.lower() for one in parameters.models)


@final
class AutoRouter:
    """The auto routers of one worker.

    Attributes:
        defaults: what holds where requests and keys say nothing; nothing else holds where it is ``fixed``.
        policies: how each router is set; that of :data:`BETA` is the one under test.
        shadow: the policy under test decides about every request to the others too, and nobody acts on it.
        learned: what each policy knows, by ``openrouter/auto`` and :data:`BETA`.
        wider: the same for those whose own credentials open more providers, by these.
        experience: what each account has seen.
        prepare: makes what is missing for an account; called where something is.
        report: hears of failures.
    """

    def __init__(self) -> None:
        self.defaults = AutoWishes()
        self.fixed = False
        self.policies: Mapping[str, AutoPolicy] = {"openrouter/auto": AutoPolicy(), BETA: AutoPolicy()}
        self.shadow = False
        self.learned: dict[str, Learned] = {}
        self.wider: dict[frozenset[str], dict[str, Learned]] = {}
        self.experience: OrderedDict[str, Experience] = OrderedDict()
        self.prepare: Callable[[str, frozenset[str]], Awaitable[None]] | None = None
        self.report: Callable[[Exception], None] | None = None
        self._bands: tuple[Sequence[Model], Mapping[str, CostTier | None]] = ((), {})
        self._own: OrderedDict[tuple[str, str], tuple[Experience, Slate, Slate]] = OrderedDict()
        self._slow = 0
        self._rests_until = 0.0

    def pickers(self) -> Mapping[str, Picker]:
        """What routes are made with."""

        def of(router: str) -> Picker:
            return lambda request, offers, outlook: self.pick(router, request, offers, outlook)

        return {router: of(router) for router in AUTO_ROUTERS}

    async def ready(self, account_id: str, opened: frozenset[str] = NONE_OPENED) -> None:
        """Have what is needed for the requests of *account_id*, whose own credentials open these providers, or at least
        begin with it.
        """
        if self.learned and account_id in self.experience and (not opened or opened in self.wider):
            self.experience.move_to_end(account_id)
        elif self.prepare is not None:
            await self.prepare(account_id, opened)

    def learn(self, account_id: str, experience: Experience) -> None:
        """Put what an account has seen in place of what it had; whoever has not asked for longest makes room."""
        self.experience[account_id] = experience
        self.experience.move_to_end(account_id)
        if len(self.experience) > _MOST_ACCOUNTS:
            gone, _ = self.experience.popitem(last=False)
            for router in self.learned:
                self._own.pop((gone, router), None)

    def pick(self, router: str, request: ChatRequest, offers: Offers, outlook: Outlook) -> Pick:
        """The models for *request*, best first.

        Raises:
            BadRequest: what it says of the router makes no sense, or a preference does not.
            Forbidden: its key may not use one of its parameters.
        """
        wishes = self.defaults if self.fixed else wishes_in(request, ENTRIES[router], outlook.entries, self.defaults)
        left = allowed(offers.suiting(), wishes)
        if wishes.cost_tier is not None:
            bands = self._bands_of(offers.models)
            left = [model for model in left if bands[model.id] in {wishes.cost_tier, None}]
        if not left:
            return Pick(())
        talk = _talk(request)
        if wishes.pin_model and (pinned := _pinned(talk.last_model, left)) is not None:
            others = prior_order([model for model in left if model.id != pinned], self._tradeoff(router, wishes))
            return _picked(router, len(left), (pinned, *others), "pinned", task=self._task_of(talk.text))
        if not self.learned:
            return _picked(router, len(left), prior_order(left, self._tradeoff(router, wishes)), "prior")
        policy = "openrouter/auto" if router != BETA else BETA
        known = (offers.opened and self.wider.get(offers.opened)) or self.learned
        sticky = outlook.sticky if talk.turns or request.parameters.session_id else None
        prompt = _prompt(request, talk, None if sticky is None else sticky(router))
        asked = prompt, left, wishes, outlook
        decision = self._decision(policy, known, asked)
        shadow = ""
        if self.shadow and policy != BETA and decision is not None:
            other = self._decision(BETA, known, asked)
            shadow = other.ranking[0].model if other is not None else ""
        if decision is None:
            return _picked(router, len(left), prior_order(left, self._tradeoff(router, wishes)), "prior")
        return _told(router, decision, len(left), shadow)

    def _tradeoff(self, policy: str, wishes: AutoWishes) -> float:
        if wishes.cost_quality_tradeoff is not None:
            return wishes.cost_quality_tradeoff
        return self.policies.get(policy, self.policies["openrouter/auto"]).tradeoff

    def _bands_of(self, models: Sequence[Model]) -> Mapping[str, CostTier | None]:
        if self._bands[0] is not models:
            text = [model for model in models if model.output_modalities == ("text",)]
            known = bands_of(text)
            self._bands = models, {model.id: known.get(model.id, "max") for model in models}
        return self._bands[1]

    def _task_of(self, text: str) -> str:
        for learned in self.learned.values():
            return learned.brain.tasks.task_of(text).name
        return ""

    def _decision(
        self,
        policy: str,
        known: Mapping[str, Learned],
        asked: tuple[Prompt, Sequence[Model], AutoWishes, Outlook],
    ) -> Decision | None:
        """What the policy decides; None where it knows nothing, has failed, or takes too long."""
        prompt, left, wishes, outlook = asked
        learned = known.get(policy) or known.get("openrouter/auto")
        if learned is None or outlook.now < self._rests_until:
            return None
        from turnout.auto import decide  # noqa: PLC0415 - it brings numpy, which nobody else needs

        among = [place for model in left if (place := learned.places.get(model.id)) is not None]
        if not among:
            return None
        began, worked = perf_counter(), thread_time()
        try:
            brain, slate = self._of_account(policy, learned, outlook.account_id)
            wanted = decide.Wishes(among, self._tradeoff(policy, wishes), self.policies[policy].explore)
            found = decide.decide(prompt, slate, brain, wanted, outlook.dice)
        except Exception as error:  # noqa: BLE001 - the border of the brain: a request never fails because of it
            if self.report is not None:
                self.report(error)
            self._note(slow=True, now=outlook.now)
            return None
        slow = thread_time() - worked > _DEADLINE_SECONDS or perf_counter() - began > _LONGEST_SECONDS
        self._note(slow=slow, now=outlook.now)
        return None if slow or not found.ranking else found

    def _note(self, *, slow: bool, now: float) -> None:
        self._slow = self._slow + 1 if slow else 0
        if self._slow >= _MOST_SLOW:
            self._slow, self._rests_until = 0, now + _REST_SECONDS

    def _of_account(self, policy: str, learned: Learned, account_id: str) -> tuple[Brain, Slate]:
        """Brain and slate with what the account has seen."""
        experience = self.experience.get(account_id)
        if experience is None or not experience.models:
            return learned.brain, learned.slate
        known = self._own.get((account_id, policy))
        if known is None or known[0] is not experience or known[1] is not learned.slate:
            from turnout.auto import decide  # noqa: PLC0415 - as above

            known = experience, learned.slate, decide.with_experience(learned.slate, experience)
            self._own[account_id, policy] = known
            if len(self._own) > 2 * _MOST_ACCOUNTS:
                self._own.popitem(last=False)
        return learned.brain._replace(experience=experience), known[2]


def prior_order(models: Sequence[Model], tradeoff: float) -> list[str]:
    """*models* by what benchmarks and prices let one expect, without a look at the prompt."""
    prices = {model.id: _price(model) for model in models}
    dearest = max((price for price in prices.values() if price is not None), default=1) or 1

    def worth(model: Model) -> tuple[float, float, str]:
        price = prices[model.id]
        index = None if model.benchmarks is None else model.benchmarks.intelligence_index
        if index is None:
            dollars = 1.0 if price is None else max(0.01, price * 1e6 / 4 / PICO_PER_DOLLAR)
            index = 13.0 + 13.0 * math.log10(dollars) + 12.0 * model.reasoning
        quality = 1 / (1 + math.exp(-(index - _MIDDLE) / _SPREAD))
        share = 1.0 if price is None else price / dearest
        weight = (tradeoff / 10) ** 2 if tradeoff < 10 else 1e6
        return weight * share - quality, share, model.id

    return [model.id for model in sorted(models, key=worth)]


def _price(model: Model) -> int | None:
    prices = [blended_price(one.pricing) for one in model.endpoints if one.priced and one.service_tier is None]
    return min(prices, default=None)


def _talk(request: ChatRequest) -> _Talk:
    """The last text of the user, whether somebody has answered before, who that was, and the bytes before the text."""
    return _talk_in(bytes(request.fields["messages"]))


def text_in(messages: bytes) -> str:
    """The last text of the user in *messages*, which are JSON."""
    return _talk_in(messages).text


def _talk_in(messages: bytes) -> _Talk:
    try:
        read = _read_messages(messages)
        answers = [one for one in read if one.role == "assistant"]
        asked = next((one.content for one in reversed(read) if one.role == "user"), _NULL)
        content = _read_content(asked)
    except _UNREADABLE:
        return _Talk("", turns=False, last_model=None, before=0)
    text = content if isinstance(content, str) else "\n".join(part.text for part in content or ())
    return _Talk(text, bool(answers), answers[-1].model if answers else None, len(messages) - len(memoryview(asked)))


def _prompt(request: ChatRequest, talk: _Talk, stay: str | None) -> Prompt:
    from turnout.auto.decide import Prompt  # noqa: PLC0415 - as above

    cached = talk.before // _BYTES_PER_TOKEN
    return Prompt(
        text=talk.text,
        tokens=prompt_tokens(request),
        tools=bool(request.parameters.tools),
        stay=stay,
        cached=cached if cached >= _CACHED_TOKENS else 0,
    )


def _pinned(name: Raw | None, left: Sequence[Model]) -> str | None:
    """The model of that name among those that are left."""
    read = None if name is None else msgspec.json.decode(name)
    if not isinstance(read, str):
        return None
    wanted = read.lower()
    return next((one.id for one in left if wanted in {one.id.lower(), one.canonical_slug.lower()}), None)


def _picked(router: str, considered: int, models: Sequence[str], reason: str, task: str = "") -> Pick:
    facts: dict[str, object] = {"task_type": task or None, "reason": reason, "considered": considered}
    facts["candidates"] = [{"model": model} for model in models[:_SHOWN]]
    routed = Routed(router=router, task=task, reason=reason, models=tuple(models[:3]))
    return Pick(tuple(models[:_TRIED]), facts, routed=routed)


def _told(router: str, decision: Decision, considered: int, shadow: str) -> Pick:
    """*decision* as it is acted on, told and kept."""
    ranking, task = decision.ranking, decision.task
    facts: dict[str, Any] = {
        "task_type": task.name,
        "certainty": round(task.certainty, 3),
        "reason": decision.reason,
        "considered": considered,
        "expected_tokens": round(decision.tokens),
        "nearest": round(decision.nearest, 3),
        "candidates": [
            {
                "model": one.model,
                "quality": round(one.quality, 4),
                "cost": float(f"{one.cost:.4g}"),
                "familiar": round(one.familiar, 3),
                "evidence": round(one.rows, 1),
                **({"spend_share": round(one.spent, 3)} if one.spent else {}),
            }
            for one in ranking[:_SHOWN]
        ],
    }
    if decision.propensity < 1:
        facts["propensity"] = round(decision.propensity, 4)
    if shadow:
        facts["shadow"] = shadow
    routed = Routed(
        router=router,
        task=task.name,
        tasks=shares_of(task.shares),
        reason=decision.reason,
        propensity=round(decision.propensity, 4),
        models=tuple(one.model for one in ranking[:3]),
        quality=round(ranking[0].quality, 4),
        cost=float(f"{ranking[0].cost:.4g}"),
        shadow=shadow,
    )
    return Pick(tuple(one.model for one in ranking[:_TRIED]), facts, routed=routed)


def shares_of(shares: Any) -> tuple[tuple[str, float], ...]:  # noqa: ANN401 - an array of numpy, which is not loaded here
    """The likeliest kinds of work, with their shares."""
    from turnout.auto.tasks import TASKS  # noqa: PLC0415 - as above

    likely = [(TASKS[place], round(float(shares[place]), 3)) for place in shares.argsort()[::-1][:4].tolist()]
    return tuple(one for one in likely if one[1] >= _LEAST_SHARE)
