"""Requests whose answers are kept: the same again for an ``Idempotency-Key``, or from the cache if the client likes.

Both begin with a name: a digest of the key and of what tells the request from others.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from hashlib import blake2b
from typing import Final, NamedTuple, final
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from turnout.base.errors import BadRequest, Conflict, Internal, TurnoutError, Unavailable
from turnout.contracts.shared import AnswerMemory
from turnout.domain.account import Generation, Key
from turnout.domain.chat import ChatRequest
from turnout.engine.house import Call, House, Line
from turnout.engine.kept import Kept, Tee, reusable
from turnout.engine.pace import refuse_haste
from turnout.engine.presets import names_preset, with_preset

__all__ = ["FromCache", "Keeping", "ask_cache"]

_ONCE: Final = b"idempotency-key"
_CACHE: Final = b"x-openrouter-cache"
_CACHED: Final = frozenset({"chat", "completions", "embeddings", "responses", "messages"})
"""The families whose answers the cache keeps; voters have a cache of their own."""
_LONGEST_KEY: Final = 255  # bytes
_WINDOW_SECONDS: Final = 86_400
_CLAIM_SECONDS: Final = 10.0
_RENEW_SECONDS: Final = 3.0
_WAIT_SECONDS: Final = 60.0
_FIRST_LOOK_SECONDS: Final = 0.02
_LOOK_SECONDS: Final = 0.25
_USUAL_TTL: Final = 300
_LONGEST_TTL: Final = 86_400
_RUNNING: Final = b"?"
_DONE: Final = b"="
_NUMBER: Final = re.compile(rb"\s*([+-]?\d{1,12})")
_pack = msgspec.msgpack.encode
_log = logging.getLogger(__name__)


class FromCache(TurnoutError):
    """No mistake: a request is to be answered from the cache. ``call`` says so in its headers."""

    def __init__(self, call: Call) -> None:
        super().__init__("This is to be answered from the cache")
        self.call = call


class _Asked(Struct):
    """As much of a request as the record of a hit says."""

    model: str = ""
    user: str | None = None
    session_id: str | None = None


_read_asked = msgspec.json.Decoder(_Asked).decode
_read_kept = msgspec.msgpack.Decoder(Kept).decode


class _Place(NamedTuple):
    """Where an answer goes, how it is written there, and what to do when there is none to be kept."""

    memory: AnswerMemory
    name: bytes
    seconds: int
    written: Callable[[Kept], bytes | None]
    give_up: Callable[[], None] = lambda: None


@final
class Keeping:
    """Answers requests from what is kept, and keeps what the line answers.

    *once* holds answers by ``Idempotency-Key`` and must be asked before anything is spent; *cache* holds those that
    any equal request may get, and is a convenience.
    """

    def __init__(self, once: AnswerMemory, cache: AnswerMemory) -> None:
        self._once = once
        self._cache = cache
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._saving: set[asyncio.Task[None]] = set()

    async def serve(self, call: Call, house: House, line: Line) -> None:
        """Answer *call*, by *line* where nothing is kept. Raises nothing but CancelledError."""
        mark, key = _fingerprint(call), None
        with suppress(TurnoutError):
            key = house.keys.peek(call.authorization) or await house.keys.find(call.authorization)
        if mark is None or key is None or key.management:
            await line(call, house)  # it has the words for what is wrong
            return
        if call.surface.name in _CACHED and call.headers.get(_CACHE, b"").strip().lower() == b"true":
            line = partial(self._from_cache, key, mark, line)
        try:
            if _ONCE in call.headers:
                await self._only_once(call, house, line, key, mark)
            else:
                await line(call, house)
        except TurnoutError as error:
            house.tally.refused(error.error_type)
            call.reply.refuse(error, None)
        except Exception as error:  # noqa: BLE001 - the border of the route, as in the line
            house.mistake(error)
            if not call.reply.started:
                call.reply.refuse(Internal(), None)

    # -- Idempotency-Key --

    async def _only_once(self, call: Call, house: House, line: Line, key: Key, mark: bytes) -> None:
        """Let one of those with the same key have an answer made; the others get that one."""
        stated = call.headers[_ONCE].strip()
        if not stated or len(stated) > _LONGEST_KEY:
            raise BadRequest(f"`Idempotency-Key` must have 1 to {_LONGEST_KEY} bytes")
        name = _digest(b"once", key.hash.encode(), stated)
        if key.guard is not None:  # what was answered under other guardrails may have to be refused or redacted now
            mark = _digest(mark, msgspec.json.encode(key.guard, order="deterministic"))
        until = house.loop.time() + _WAIT_SECONDS
        async with self._turn(name + mark, until):
            claimed = await self._claim(name, mark, until, house)
            if isinstance(claimed, Kept):
                await _keep_pace(house, key)
                _again(call, house, claimed)
                return
            vigil = _Vigil(partial(self._once.renew, name, claimed, _CLAIM_SECONDS), house.loop)
            house.deadlines.watch(vigil)
            give_up = partial(self._once.release, name, claimed)
            place = _Place(self._once, name, _WINDOW_SECONDS, lambda answer: _DONE + mark + _pack(answer), give_up)
            try:
                await self._keep(call, house, line, place)
            finally:
                house.deadlines.forget(vigil)

    @asynccontextmanager
    async def _turn(self, name: bytes, until: float) -> AsyncIterator[None]:
        """One at a time in this worker, so that the others need not look whether it is done."""
        turn = self._turns.get(name)
        if turn is None:
            turn = self._turns[name] = asyncio.Lock()
        try:
            async with asyncio.timeout_at(until):
                await turn.acquire()
        except TimeoutError:
            raise _still_running() from None
        try:
            yield
        finally:
            turn.release()

    async def _claim(self, name: bytes, mark: bytes, until: float, house: House) -> Kept | bytes:
        """The answer that is kept, or a claim to make it."""
        pause = _FIRST_LOOK_SECONDS
        while True:
            mine, found = await self._once.claim(name, _RUNNING + mark, _CLAIM_SECONDS)
            if mine is not None:
                return mine
            if found is not None:
                if found[1 : 1 + len(mark)] != mark:
                    raise TurnoutError(
                        "This `Idempotency-Key` was used for another request, or under other guardrails;"
                        " a new request needs a new key",
                        error_type="unprocessable",
                    )
                if found[:1] == _DONE:
                    return _read_kept(found[1 + len(mark) :])
            if house.loop.time() > until:
                raise _still_running()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LOOK_SECONDS)

    # -- the cache --

    async def _from_cache(self, key: Key, mark: bytes, line: Line, call: Call, house: House) -> None:
        """Give what an equal request got, or keep what this one gets."""
        completed = await _completed(call, house, key)
        preset = None if completed is None else completed.preset
        if (preset is not None and preset.cache_enabled is False) or _retains_nothing(key):
            await line(call, house)
            return
        seconds = _ttl(call.headers, (preset and preset.cache_ttl_seconds) or _USUAL_TTL)
        limits = (key.rules, key.guard)  # what a key may not ask for any more is not kept for it
        rules = msgspec.json.encode(limits, order="deterministic")
        name = _digest(b"cache", key.hash.encode(), rules, mark, *_fields(completed))
        if call.headers.get(_CACHE + b"-clear", b"").strip().lower() != b"true":
            try:
                found = await self._cache.find(name)
            except Unavailable:
                found = None
            if found is not None:
                await _keep_pace(house, key)
                _hit(call, house, key, _read_kept(found))
                return
        call.reply.more += b"x-openrouter-cache-status: MISS\r\nx-openrouter-cache-ttl: %d\r\n" % seconds

        def written(answer: Kept) -> bytes | None:
            found = reusable(answer)
            return None if found is None else _pack(replace(found, at=house.clock.wall(), seconds=seconds))

        await self._keep(call, house, line, _Place(self._cache, name, seconds, written))

    # -- both --

    async def _keep(self, call: Call, house: House, line: Line, place: _Place) -> None:
        """Have *line* answer, keep the answer, and only then let the client have the end of it."""
        tee, saving = Tee(call.reply), None
        try:
            try:
                await line(replace(call, reply=tee), house)
            finally:
                answer = tee.taken()
                text = None if answer is None else place.written(answer)
                if text is None:
                    place.give_up()
                else:
                    saving = house.loop.create_task(_save(place, text))
                    self._saving.add(saving)
                    saving.add_done_callback(self._saving.discard)
            if saving is not None:
                await asyncio.shield(saving)  # a client that leaves now will ask again
        finally:
            tee.let_go()


class _Vigil:
    """Renews a claim while its request is served."""

    def __init__(self, renew: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self.deadline = loop.time() + _RENEW_SECONDS
        self._renew = renew

    def expire(self, now: float) -> None:
        """It has stood for a while."""
        self.deadline = now + _RENEW_SECONDS
        self._renew()


async def _save(place: _Place, text: bytes) -> None:
    try:
        await place.memory.keep(place.name, text, place.seconds)
    except Unavailable as error:
        _log.warning("an answer could not be kept: %s", error.message)


async def _keep_pace(house: House, key: Key) -> None:
    """What is given again counts as a request of no tokens. Raises Unavailable, TooManyRequests."""
    house.admit()
    if key.paced and house.pace is not None:
        await refuse_haste(house.pace, key, 0, house.clock.wall())


def _again(call: Call, house: House, kept: Kept) -> None:
    """The same answer once more, of the same generation."""
    if kept.body is None:
        raise Conflict(f"The answer to this `Idempotency-Key` was too large to be kept; it was generation {kept.id}")
    call.reply.more += b"idempotent-replayed: true\r\n"
    _send(call, house, kept, kept.id, kept.body)


def _hit(call: Call, house: House, key: Key, kept: Kept) -> None:
    """A kept answer as that of a generation of its own, which has cost nothing."""
    now = house.clock.wall()
    generation_id = house.ids.next(now)
    age = max(0, int(now - kept.at))
    call.reply.more += (
        b"x-openrouter-cache-status: HIT\r\nx-openrouter-cache-age: %d\r\nx-openrouter-cache-ttl: %d\r\n"
        b"x-openrouter-cache-source-id: %b\r\n" % (age, max(0, kept.seconds - age), kept.id.encode())
    )
    try:
        asked = _read_asked(call.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        asked = _Asked()
    took = round((house.clock.monotonic() - call.arrived) * 1000, 3)
    house.tally.request("answered")
    house.outbox.wake()
    house.recorder.add(
        Generation(
            id=generation_id,
            account_id=key.account_id,
            key_hash=key.hash,
            created=now,
            api=call.surface.name,
            requested_model=asked.model,
            outcome="answered",
            model=kept.model,
            streamed=kept.stream,
            status=200,
            ended_ms=took,
            user=asked.user,
            session_id=asked.session_id,
            source_id=kept.id,
        )
    )
    _send(call, house, kept, generation_id, kept.renewed(generation_id, int(now)))


def _send(call: Call, house: House, kept: Kept, generation_id: str, body: bytes) -> None:
    reply, overhead = call.reply, (house.clock.monotonic() - call.arrived) * 1000
    if kept.stream:
        reply.start(generation_id, overhead, kept.dropped)
        reply.finish(body)
    else:
        reply.whole(generation_id, overhead, body, kept.dropped)


async def _completed(call: Call, house: House, key: Key) -> ChatRequest | None:
    """The request with what it takes from a preset; None for one that names none, or none that there is."""
    if b"preset" not in call.body or house.presets is None:
        return None
    with suppress(TurnoutError):
        request = call.surface.decode(call.body)
        return await with_preset(request, house.presets, key.account_id) if names_preset(request) else None
    return None


def _fields(request: ChatRequest | None) -> tuple[bytes, ...]:
    """What a preset has made of a request: its next version makes another one."""
    return () if request is None else (msgspec.json.encode(request.fields),)


def _fingerprint(call: Call) -> bytes | None:
    """A digest of what is asked: the family and the body without its white space; None where that is no JSON."""
    try:
        body = msgspec.json.format(call.body, indent=-1)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return _digest(call.surface.name.encode(), body)


def _digest(*parts: bytes) -> bytes:
    digest = blake2b(digest_size=32)
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.digest()


def _ttl(headers: Mapping[bytes, bytes], usual: int) -> int:
    """Seconds, as JavaScript reads a number: its digits up to what is none."""
    number = _NUMBER.match(headers.get(_CACHE + b"-ttl", b""))
    return usual if number is None else min(max(int(number[1]), 1), _LONGEST_TTL)


def ask_cache(call: Call, house: House, request: ChatRequest) -> None:
    """See whether the preset of *request* wants an answer from the cache, and its own headers say nothing of it.

    Raises:
        FromCache: they do.
    """
    wanted = request.preset is not None and request.preset.cache_enabled and house.keeping is not None
    if wanted and _CACHE not in call.headers:
        headers = {name: value for name, value in call.headers.items() if name != _ONCE}  # that has been seen to
        raise FromCache(replace(call, headers=headers | {_CACHE: b"true"}))


def _retains_nothing(key: Key) -> bool:
    """Whether a guardrail of *key* wants nothing retained, of some models at least."""
    return key.guard is not None and any(one.zdr or one.zdr_groups for one in key.guard.bounds)


def _still_running() -> Conflict:
    return Conflict("The first request with this `Idempotency-Key` is still being answered", retry_after=5)
