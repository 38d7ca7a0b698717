"""The attempts of an errand: one call of a provider for what is no conversation."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any, Final, final

from msgspec import Raw
from msgspec.structs import replace

from turnout.base.errors import NoEndpoints, TurnoutError, UpstreamError
from turnout.base.jsons import encode, reader
from turnout.contracts.provider import Adapter
from turnout.contracts.reply import Reply
from turnout.domain.completion import Completion
from turnout.domain.errand import ErrandRequest, SpeechRequest
from turnout.domain.routing import Candidate
from turnout.domain.usage import NO_USAGE, Usage
from turnout.engine.comments import Comments
from turnout.engine.draft import Draft
from turnout.engine.house import House
from turnout.engine.relay import Relay, Whole
from turnout.engine.trip import Trip
from turnout.engine.why import spliced
from turnout.net.client import Exchange

__all__ = ["run"]

_OK: Final = 200
_BYTES_PER_TOKEN: Final = 4
_MEDIA_TYPES: Final = {
    "mp3": b"audio/mpeg", "pcm": b"audio/pcm;rate=24000;channels=1", "wav": b"audio/wav", "opus": b"audio/ogg",
    "aac": b"audio/aac", "flac": b"audio/flac",
}  # fmt: skip
_WORDS: Final = (b"application/json", b"text/")
"""How the types of answers begin that hold no sound."""
_PCM_BYTES_PER_SECOND: Final = 48_000
_read_text = reader(str)


async def run(trip: Trip, request: ErrandRequest) -> None:
    """Try the candidates for *request*.

    Raises:
        UpstreamError: all of them failed.
        NoEndpoints: none of them does this kind of errand.
        BadRequest: one of them has no words for the request.
    """
    _leave_out_the_unable(trip, request.wants)
    if isinstance(request, SpeechRequest):
        await _speak(trip, request)
    elif request.stream:
        await _stream(trip, request)
    else:
        await _answer(trip, request)


def _leave_out_the_unable(trip: Trip, wants: str) -> None:
    """Leave out those whose dialect does no such errands."""
    errands, plan = trip.rails.errands, trip.plan
    able = tuple(one for one in plan.candidates if wants in errands.get(one.access, ()))
    if not able:
        named = ", ".join(dict.fromkeys(one.provider.name for one in plan.candidates))
        raise NoEndpoints(f"No {wants} can be had of {named}")
    if len(able) < len(plan.candidates):
        trip.plan = replace(plan, candidates=able)


async def _answer(trip: Trip, request: ErrandRequest) -> None:
    """Answers in one piece."""
    draft = trip.draft
    for candidate in trip.candidates():
        sink = Whole(draft, trip.house)
        try:
            adapter = await _send(trip, request, candidate, sink)
            sink.refuse_failure(adapter)
            completion = adapter.completion(sink.body())
            _refuse_strangers(completion, request)
            await _fetch_addresses(completion, trip.house)
        except UpstreamError as error:
            trip.failed(candidate, error)
            continue
        draft.note(completion)
        usage = _counted(completion.usage, request)
        price = draft.answered(usage)
        if trip.paced is not None:
            await trip.put_pace_right(usage)
        trip.encoder.served_by(candidate.model.id, candidate.provider.name)
        body = trip.encoder.whole(completion, usage, price)
        if trip.told is not None:
            body = spliced(body, trip.metadata(candidate))
        trip.call.reply.whole(draft.id, draft.overhead_ms(), body, sink.dropped)
        return
    raise trip.exhausted()


async def _stream(trip: Trip, request: ErrandRequest) -> None:
    """Answers as events; from the first draft on there is only one candidate."""
    draft, encoder, reply = trip.draft, trip.encoder, trip.call.reply
    comments = Comments(reply, draft, trip.house)
    try:
        for candidate in trip.candidates():
            encoder.served_by(candidate.model.id, candidate.provider.name)
            adapter = trip.rails.errands[candidate.access][request.wants]
            trip.relay = relay = _Pictures(request, adapter, encoder, reply, draft, trip.house)
            try:
                await _send(trip, request, candidate, relay)
                usage = relay.complete()
            except UpstreamError as error:
                if relay.committed:
                    draft.failed(error, relay.usage_so_far())
                    raise
                trip.failed(candidate, error)
                continue
            usage = _counted(usage, request)
            price = draft.answered(usage)
            if trip.paced is not None:
                await trip.put_pace_right(usage)
            last = encoder.end(usage, price)
            reply.finish(last if trip.told is None else spliced(last, trip.metadata(candidate)))
            return
        raise trip.exhausted()
    finally:
        comments.end()


async def _speak(trip: Trip, request: SpeechRequest) -> None:
    """Sound, passed on as it comes; from its first byte on there is only one candidate."""
    draft, reply = trip.draft, trip.call.reply
    for candidate in trip.candidates():
        trip.relay = sink = _Sound(request, reply, draft, trip.house)
        try:
            adapter = await _send(trip, request, candidate, sink)
            reply.flow = None  # the connection may serve another request already
            sink.refuse_failure(adapter)
            sink.refuse_silence()
        except UpstreamError as error:
            reply.flow = None
            if sink.heard:
                draft.failed(error, sink.usage_so_far())
                draft.broke(error)
                reply.cut()
                return
            trip.failed(candidate, error)
            continue
        draft.finish_reason = "stop"
        usage = sink.usage_so_far()
        draft.answered(usage)
        if trip.paced is not None:
            await trip.put_pace_right(usage)
        reply.finish(b"")
        return
    raise trip.exhausted()


@final
class _Sound(Whole):
    """Passes sound on while it arrives; what is no sound is read whole, as a failure."""

    def __init__(self, request: SpeechRequest, reply: Reply, draft: Draft, house: House) -> None:
        """``heard`` counts bytes of sound."""
        super().__init__(draft, house)
        self.heard = 0
        self._request = request
        self._reply = reply
        self._exchange: Exchange | None = None

    def begin(self, exchange: Exchange) -> None:
        """Keep hold of the exchange, to pause it for a slow client."""
        self._exchange = exchange

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Note what comes. Raises UpstreamError for a 200 that holds words."""
        super().head(status, headers)
        if status == _OK and headers.get(b"content-type", b"").startswith(_WORDS):
            raise UpstreamError("The provider's answer is no sound", may_be_billed=True)

    def piece(self, data: bytes) -> None:
        """Pass *data* on."""
        if self.status != _OK:
            super().piece(data)
            return
        if not data:
            return
        draft, reply = self._draft, self._reply
        if not self.heard:
            reply.flow = self._exchange
            kind = self.headers.get(b"content-type", b"")
            own = kind if kind.startswith(b"audio/") and kind.isascii() else _MEDIA_TYPES[self._request.form]
            reply.start(draft.id, draft.overhead_ms(), self.dropped, own)
        self.heard += len(data)
        self._exchange.renew()  # type: ignore[union-attr]  # begin() comes first
        reply.write(data)

    def refuse_silence(self) -> None:
        """Raise an UpstreamError where nothing came."""
        if not self.heard:
            raise UpstreamError("The provider's answer is empty", may_be_billed=True)

    def usage_so_far(self) -> Usage:
        """What a spoken text uses by our own count: nothing but sound comes from providers."""
        if not self.heard:
            return NO_USAGE
        request = self._request
        sound = -(-self.heard * 1000 // _PCM_BYTES_PER_SECOND) if request.form == "pcm" else 0
        return replace(_counted(None, request), units=replace(request.units, sound_ms=sound))


@final
class _Pictures(Relay):
    """A stream of images: what they use is not told by their size."""

    def __init__(self, request: ErrandRequest, *others: Any) -> None:  # noqa: ANN401 - as every relay has them
        super().__init__(*others)
        self._request = request

    def usage_so_far(self) -> Usage:
        """The provider's count, else ours; nothing before there was a draft."""
        if self._usage is not None:
            return self._usage
        return _counted(None, self._request) if self.committed else NO_USAGE


async def _send(trip: Trip, request: ErrandRequest, candidate: Candidate, sink: Whole) -> Adapter:
    """One upstream call; returns when its answer is complete in *sink*. Raises UpstreamError: it failed."""
    adapter = trip.rails.errands[candidate.access][request.wants]
    endpoint, timeouts = candidate.endpoint, candidate.provider.timeouts
    prepared = request if adapter.prepare is None else await adapter.prepare(request, endpoint)
    outgoing = adapter.outgoing(prepared, endpoint)
    sink.announce(",".join(outgoing.dropped))
    message = b"%b%d\r\n\r\n%b" % (outgoing.head, len(outgoing.body), outgoing.body)
    await trip.house.client.exchange(trip.rails.origins[candidate.access], message, sink, timeouts, timeouts.whole)
    return adapter


def _refuse_strangers(completion: Completion, request: ErrandRequest) -> None:
    """Refuse results that belong to nothing that was sent."""
    places = request.places
    if places is not None and any(not 0 <= one.index < places for one in completion.choices):
        raise UpstreamError("The provider's answer makes no sense", may_be_billed=True)


async def _fetch_addresses(completion: Completion, house: House) -> None:
    """Put images inline that a provider only tells the address of."""
    for choice in completion.choices:
        address = choice.message.get("url")
        if address is None or house.outside is None:
            continue
        try:
            fetched = await house.outside.fetch(_read_text(address))
        except TurnoutError:
            raise UpstreamError("The provider's image cannot be read", may_be_billed=True) from None
        if not fetched.media_type.startswith("image/"):
            raise UpstreamError("The provider's image is none", may_be_billed=True)
        data = await asyncio.to_thread(b64encode, fetched.data)
        choice.message = {name: value for name, value in choice.message.items() if name != "url"}
        choice.message["b64_json"] = Raw(b'"%b"' % data)
        choice.message["media_type"] = Raw(encode(fetched.media_type))


def _counted(usage: Usage | None, request: ErrandRequest) -> Usage:
    """What is charged: the provider's counts, with ours in their gaps."""
    if usage is None:
        tokens = -(-request.prompt_bytes // _BYTES_PER_TOKEN)
        return Usage(fresh=tokens, units=request.units, estimated=True)
    return usage if usage.units is not None else replace(usage, units=request.units)
