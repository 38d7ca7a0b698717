"""The line: authenticate, decode, plan, reserve, attempt, translate, relay, account."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from turnout.base.errors import Forbidden, Internal, ModelNotFound, TurnoutError, Unavailable, UpstreamError
from turnout.domain.account import Key
from turnout.domain.chat import ChatRequest
from turnout.domain.embedding import EmbeddingRequest
from turnout.domain.errand import ErrandRequest
from turnout.domain.routing import Outlook, Plan
from turnout.domain.usage import NO_USAGE, Usage
from turnout.engine.afford import afford, exposure, hold_own
from turnout.engine.auto_router import names_auto
from turnout.engine.comments import Comments
from turnout.engine.dead_ends import DeadEnd
from turnout.engine.draft import Draft
from turnout.engine.embedding import embed
from turnout.engine.errand import run
from turnout.engine.house import Call, House
from turnout.engine.keeping import FromCache, ask_cache
from turnout.engine.pace import keep_pace
from turnout.engine.plan import make_plan
from turnout.engine.plugins import Chain
from turnout.engine.presets import names_preset, with_preset
from turnout.engine.rack import Chosen, Rack, goes_online
from turnout.engine.relay import Relay, Whole, estimate, refuse_blank
from turnout.engine.rounds import offer
from turnout.engine.trip import Trip
from turnout.engine.why import explanation, metadata, spliced, wants_metadata

__all__ = ["serve"]


async def serve(call: Call, house: House) -> None:
    """Answer one request of a client.

    What is refused before there is a plan leaves no record; from then on exactly one generation is recorded,
    whatever happens. Raises nothing but CancelledError.
    """
    try:
        trip = await _accepted(call, house)
    except TurnoutError as error:
        await _turn_away(call, house, error)
        return
    except Exception as error:  # noqa: BLE001 - the border of the route: a mistake of ours must not kill the connection
        house.mistake(error)
        call.reply.refuse(Internal(), None)
        return
    draft = trip.draft
    try:
        if trip.chain is not None:
            await _prepare(trip, trip.chain)
        if trip.request.wants != "text":
            await _run(trip, trip.request)
        else:
            await (_stream(trip) if trip.request.parameters.stream else _answer(trip))
    except TurnoutError as error:
        draft.stumbled(_delivered(trip))
        draft.broke(error)
        if trip.chain is not None:
            error.metadata.update(trip.chain.left_over())
        _say(trip, error)
    except asyncio.CancelledError:
        draft.cancelled(_delivered(trip))
        if not call.reply.gone:
            _say(trip, Unavailable("The gateway is shutting down", retry_after=1))
        raise
    except Exception as error:  # noqa: BLE001 - the border of the route, as above
        house.mistake(error)
        draft.stumbled(_delivered(trip))
        draft.broke(Internal())
        _say(trip, Internal())
    finally:
        trip.keep_content()
        trip.learn()


async def _turn_away(call: Call, house: House, error: TurnoutError) -> None:
    """Refuse what cannot be served, unless voters bear the name of the model, or a preset wants the cache."""
    if isinstance(error, FromCache) and house.keeping is not None:
        await house.keeping(error.call, house, serve)
        return
    if isinstance(error, ModelNotFound) and house.instead is not None and await house.instead(call, house):
        return
    house.tally.refused(error.error_type)
    if wants_metadata(call.headers):
        if isinstance(error, DeadEnd):
            error.routing = metadata(error.plan, explanation(error.plan, error.request, error.outlook))
        elif isinstance(names := (error.availability or {}).get("requested_models"), list):
            error.routing = metadata(Plan(tuple(names), ()), {"endpoints": [], "warnings": []})
    call.reply.refuse(error, None)


async def _accepted(call: Call, house: House) -> Trip:  # noqa: C901 - each half of its own would be a call more
    """All that comes before the first attempt.

    Raises:
        TurnoutError: the request is refused.
    """
    house.admit()
    key = house.keys.peek(call.authorization) or await house.keys.find(call.authorization)
    if key.management:
        raise Forbidden("This is a management key: it manages, and calls no models")
    request = call.surface.decode(call.body)
    if request.original is not None:
        request = replace(request, original=replace(request.original, headers=call.headers))
    if names_preset(request) and house.presets is not None:
        request = await with_preset(request, house.presets, key.account_id)
        ask_cache(call, house, request)
    rails = house.rails
    rack = rails.rack
    request, chosen = _with_plugins(request, key, rack)
    if house.auto is not None and names_auto(request):
        await house.auto.ready(key.account_id, rails.routes.opened_by(house.outlook(key).own))
    session = house.sticky.session(request, call.headers, key.account_id, call.arrived)
    outlook = house.outlook(key, session)
    plan = make_plan(request, rails.routes, outlook)
    rounds = None
    if rack.offers(request, chosen):
        request, chosen, rounds = offer(rack, request, chosen, plan.candidates)
    paced = clamped = held = held_own = None
    try:
        if house.pace is not None and key.paced:
            paced = await keep_pace(house.pace, key, request, outlook.wall)
        claims = house.keys.claims(key, request.parameters.user, outlook.wall)
        if claims and house.ledger is not None:
            extra = sum(one.most for one in chosen if one.tool is None)
            request, held, clamped = await afford(house.ledger, claims, plan, request, outlook.wall, extra)
            held_own = await hold_own(house.ledger, held, key, plan, request)
    except TurnoutError as error:
        if wants_metadata(call.headers):
            error.routing = metadata(plan, explanation(plan, request, outlook))
        raise
    draft = Draft(call, key, request, house, held)
    draft.held_own = held_own
    draft.routed = plan.routed
    encoder = call.surface.encoder(draft.id, int(draft.created), request)
    trip = Trip(call, house, rails, request, plan, draft, encoder, session, paced=paced)
    trip.listen()
    if chosen:
        trip.chain = Chain(chosen, house, rails, draft, request)
        trip.take_up(rounds, trip.chain)
    if wants_metadata(call.headers):
        _explain(trip, outlook, clamped)
    return trip


def _with_plugins(request: ChatRequest, key: Key, rack: Rack) -> tuple[ChatRequest, tuple[Chosen, ...]]:
    """The plugins that work on *request*, and the request as it is to be planned. Raises BadRequest."""
    chosen: tuple[Chosen, ...] = ()
    if (
        request.prompt_bytes > rack.least
        or request.parameters.plugins is not None
        or key.rules.plugins
        or request.traits.files
        or "transforms" in request.fields
        or goes_online(request.parameters)
    ) and request.wants == "text":
        request, chosen = rack.choose(request, key.rules.plugins)
    return request, (chosen if key.guard is None else rack.guarded(key.guard, chosen))


def _explain(trip: Trip, outlook: Outlook, clamped: int | None) -> None:
    """Have the client told why the plan is as it is, and how much it can afford where that is less than it wants."""
    trip.told = explanation(trip.plan, trip.request, outlook)
    if clamped is not None:
        trip.told["affordable_max_tokens"] = clamped


async def _prepare(trip: Trip, chain: Chain) -> None:
    """What plugins do before the first attempt. What they make of the request is planned and paid for anew.

    Raises:
        TurnoutError: one of them refuses the request or has failed, or it leads nowhere any more.
    """
    if not chain.works("request"):
        return
    before, draft, house = trip.request, trip.draft, trip.house
    request = trip.request = await chain.before(before, trip.plan.candidates)
    if request is before:
        return
    outlook = house.outlook(draft.key, trip.session, trip.rails)
    trip.plan = make_plan(request, trip.rails.routes, outlook)
    draft.routed = trip.plan.routed
    if trip.told is not None:
        trip.told |= explanation(trip.plan, request, outlook)
    await draft.grow(exposure(trip.plan, request).cost + chain.most)


async def _run(trip: Trip, request: ChatRequest) -> None:
    """Try the candidates for what is no conversation."""
    if isinstance(request, EmbeddingRequest):
        await embed(trip, request)
    elif isinstance(request, ErrandRequest):
        await run(trip, request)


async def _answer(trip: Trip) -> None:
    """Try the candidates for an answer in one piece."""
    draft = trip.draft
    for candidate in trip.candidates():
        sink = Whole(draft, trip.house)
        try:
            adapter = await trip.send(candidate, sink)
            sink.refuse_failure(adapter)
            completion = adapter.completion(sink.body())
            refuse_blank(completion)
        except UpstreamError as error:
            trip.failed(candidate, error)
            continue
        draft.note(completion)
        usage = completion.usage or estimate(draft, completion)
        if trip.rounds is not None and await trip.goes_on(candidate, usage, completion):
            continue
        mended = completion if trip.chain is None else await trip.chain.mend(completion, trip.request, candidate)
        if sink.verbatim and mended is completion:
            mended.verbatim = sink.body()
        completion = mended
        price = draft.answered(usage)
        if trip.paced is not None:
            await trip.put_pace_right(draft.usage)
        if candidate.endpoint.provider in trip.rails.recalling:
            await trip.remember(completion)
        trip.encoder.served_by(candidate.model.id, candidate.provider.name)
        body = trip.encoder.whole(completion, draft.usage, price)
        if trip.told is not None:
            body = spliced(body, trip.metadata(candidate))
        trip.stay(candidate, usage)
        trip.call.reply.whole(draft.id, draft.overhead_ms(), body, sink.dropped)
        return
    raise trip.exhausted()


async def _stream(trip: Trip) -> None:
    """Try the candidates for a stream; from the first content on there is only one."""
    draft, encoder, reply = trip.draft, trip.encoder, trip.call.reply
    comments = Comments(reply, draft, trip.house)
    try:
        for candidate in trip.candidates():
            encoder.served_by(candidate.model.id, candidate.provider.name)
            trip.relay = relay = Relay(trip.rails.adapters[candidate.access], encoder, reply, draft, trip.house)
            relay.thoughts = trip.thoughts(candidate)
            if trip.chain is not None:
                relay.filters = trip.chain.watch(trip.request, candidate)
            try:
                await trip.send(candidate, relay)
                usage: Usage = relay.complete()
            except UpstreamError as error:
                if relay.committed:
                    draft.failed(error, relay.usage_so_far())
                    raise
                trip.failed(candidate, error)
                continue
            if trip.rounds is not None and await trip.goes_on(candidate, usage):
                continue
            price = draft.answered(usage)
            if trip.paced is not None:
                await trip.put_pace_right(draft.usage)
            if relay.thoughts is not None:
                await trip.remember(relay.thoughts)
            last = encoder.end(draft.usage, price)
            if trip.told is not None:
                last = spliced(last, trip.metadata(candidate))
            trip.stay(candidate, usage)
            reply.finish(last)
            return
        raise trip.exhausted()
    finally:
        comments.end()


def _delivered(trip: Trip) -> Usage:
    """What the client has got of an answer that ends here."""
    return trip.relay.usage_so_far() if trip.relay is not None else NO_USAGE


def _say(trip: Trip, error: TurnoutError) -> None:
    """An error, in the stream if its head has gone out, else in place of the answer."""
    reply = trip.call.reply
    if trip.transcript is not None:
        trip.transcript.error = error.message
    if trip.told is not None and not isinstance(error, Internal):
        error.routing = trip.metadata(None)
    if reply.started:
        last = trip.encoder.failed(error)
        reply.finish(last if error.routing is None else spliced(last, error.routing))
    else:
        reply.refuse(error, trip.draft.id)
