"""What the fake provider answers: content, tool calls, reasoning and usage, before any wire format."""

import json
import math
import re
from collections.abc import Sequence
from hashlib import sha256, shake_256
from itertools import cycle, islice
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from turnout.providers.fake.asked import Asked
from turnout.providers.fake.ballots import Option, chance_of_each, offered_options, pick, vote_tokens
from turnout.providers.fake.instances import Json, instance
from turnout.providers.fake.words import Behaviour, Vote

__all__ = ["Answer", "Choice", "Token", "ToolCall", "answer", "embeddings"]

_LOREM_LINE: Final = (
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore "
    "magna aliqua "
)
_LOREM: Final = tuple(_LOREM_LINE.split())
_FRAGMENT: Final = 6
_NO_OPTIONS: Final = "No letters were offered."


class Token(Struct, frozen=True):
    """One streamed piece of text, with its alternatives (text, natural logarithm of the chance), likeliest first."""

    text: str
    alternatives: tuple[tuple[str, float], ...] = ()
    count: int = 1
    """Completion tokens it counts for."""

    @property
    def logprob(self) -> float:
        """Natural logarithm of this token's own chance."""
        return next((logprob for text, logprob in self.alternatives if text == self.text), 0.0)


class ToolCall(Struct, frozen=True):
    """A call of a function; *fragments* joined are its arguments, a JSON text."""

    id: str
    name: str
    fragments: tuple[str, ...]


class Choice(Struct, frozen=True):
    """One of the ``n`` answers."""

    tokens: tuple[Token, ...]
    finish: str | None
    reasoning: tuple[str, ...] = ()
    tool_call: ToolCall | None = None

    @property
    def text(self) -> str:
        """The whole content."""
        return "".join(token.text for token in self.tokens)

    @property
    def token_count(self) -> int:
        """Completion tokens: words of content and of reasoning; of a tool call, the words of its arguments."""
        called = 0 if self.tool_call is None else max(1, len("".join(self.tool_call.fragments).split()))
        return sum(token.count for token in self.tokens) + len(self.reasoning) + called


class Answer(Struct, frozen=True):
    """All choices, with their usage as it shall stand in the reply (None: no usage at all)."""

    choices: tuple[Choice, ...]
    usage: dict[str, Any] | None


def answer(asked: Asked, behaviour: Behaviour) -> Answer:
    """The answer to *asked*. Pure; the same for the same seed, or without a seed for the same body."""
    choices = tuple(_choice(asked, behaviour, number) for number in range(asked.n or 1))
    completion = sum(choice.token_count for choice in choices)
    reasoning = sum(len(choice.reasoning) for choice in choices)
    return Answer(choices, _usage(behaviour, asked.prompt_tokens, completion, reasoning))


def embeddings(asked: Asked, behaviour: Behaviour) -> tuple[list[list[float]], dict[str, Any] | None]:
    """Unit vectors, one per input, and usage. Texts that share words get similar vectors."""
    given = asked.input if asked.input is not None else ""
    is_one = isinstance(given, str) or (bool(given) and all(isinstance(item, int) for item in given))
    inputs: list[Any] = [given] if is_one else list(given)
    texts = [item if isinstance(item, str) else " ".join(map(str, item)) for item in inputs]
    size = asked.dimensions or behaviour.size or 64
    prompt = sum(max(1, -(-len(text) // 4)) for text in texts)
    usage = _usage(behaviour, prompt, 0, 0)
    if usage is not None:
        usage.pop("completion_tokens", None)
        usage.pop("completion_tokens_details", None)
    return [_vector(text, size) for text in texts], usage


def _choice(asked: Asked, behaviour: Behaviour, number: int) -> Choice:
    if behaviour.content == "empty":
        return Choice((), behaviour.finish or "stop")
    tool = asked.callable_tool
    if behaviour.content == "tools" and tool is not None and _may_call(asked):
        made = instance(tool.parameters or {"type": "object"})
        return _calling(asked, behaviour, number, (tool.name, _dump(made)))
    if behaviour.content == "vote" and behaviour.vote is not None:
        return _voting(asked, behaviour, behaviour.vote, number)
    text = _text(asked, behaviour)
    tokens = (Token(text, count=text.count(" ") + 1),) if behaviour.content == "big" else _tokens(text)
    return _limited(asked, behaviour, Choice(tokens, "stop", _reasoning(asked, behaviour)))


def _may_call(asked: Asked) -> bool:
    conversation = asked.conversation
    return not conversation or conversation[-1].role != "tool"


def _calling(asked: Asked, behaviour: Behaviour, number: int, call: tuple[str, str]) -> Choice:
    name, arguments = call
    fragments = tuple(arguments[at : at + _FRAGMENT] for at in range(0, len(arguments), _FRAGMENT))
    identity = sha256(f"{asked.root} {name} {number}".encode("utf-8", "surrogatepass")).hexdigest()[:24]
    call_made = ToolCall(f"call_{identity}", name, fragments)
    finish = behaviour.finish or "tool_calls"
    return Choice((), finish, _reasoning(asked, behaviour), call_made)


def _text(asked: Asked, behaviour: Behaviour) -> str:
    if behaviour.content == "lorem":
        return " ".join(islice(cycle(_LOREM), behaviour.size))
    if behaviour.content == "big":
        return (_LOREM_LINE * (behaviour.size // len(_LOREM_LINE) + 1))[: behaviour.size]
    if behaviour.content == "json":
        schema = asked.schema
        return _dump({"answer": asked.last_user_text} if schema is None else instance(schema))
    if behaviour.content == "tools" and not _may_call(asked):
        return f"The tool answered: {asked.conversation[-1].text}"
    return asked.last_user_text


def _reasoning(asked: Asked, behaviour: Behaviour) -> tuple[str, ...]:
    if not behaviour.reason:
        return ()
    words = len(asked.last_user_text.split())
    return tuple(_pieces(f"The user wrote {words} words. The answer follows from the model's name."))


def _voting(asked: Asked, behaviour: Behaviour, vote: Vote, number: int) -> Choice:
    options = offered_options([message.text for message in asked.conversation])
    if not options:
        return _limited(asked, behaviour, Choice(_tokens(_NO_OPTIONS), "stop"))
    skill = vote.skill_for(asked.prompt_text)
    chosen = pick(options, skill, f"{asked.root} {asked.model} {number}")
    tool = asked.callable_tool
    if tool is not None and (asked.tool_choice == "required" or isinstance(asked.tool_choice, dict)):
        made = instance(tool.parameters or {"type": "object"}, lambda values: _matching(values, chosen))
        return _calling(asked, behaviour, number, (tool.name, _dump(made)))
    text = chosen.key
    if asked.schema is not None:
        text = _dump(instance(asked.schema, lambda values: _matching(values, chosen)))
    if chosen.key not in text:
        tokens = _tokens(text)
    else:
        chances = chance_of_each(options, chosen, skill)
        tokens = tuple(Token(piece, tuple(others)) for piece, others in vote_tokens(text, chosen.key, chances))
    return _limited(asked, behaviour, Choice(tokens, "stop", _reasoning(asked, behaviour)))


def _matching(values: Sequence[Json], chosen: Option) -> Json:
    bare = chosen.key.strip("`")
    return next((value for value in values if value in (chosen.key, bare, f"`{bare}`")), None)


def _limited(asked: Asked, behaviour: Behaviour, choice: Choice) -> Choice:
    """*choice* cut at a stop string and at the token limit; ``big`` and ``endless`` ignore both, as a fault would."""
    if behaviour.content != "big" and not behaviour.endless:
        choice = _stopped(asked.stops, choice)
        limit = asked.token_limit
        if limit is not None and choice.token_count > limit:
            reasoning = choice.reasoning[:limit]
            tokens = choice.tokens[: limit - len(reasoning)]
            choice = replace(choice, tokens=tokens, reasoning=reasoning, finish="length")
    return replace(choice, finish=None if behaviour.no_finish else behaviour.finish or choice.finish)


def _stopped(stops: Sequence[str], choice: Choice) -> Choice:
    text = choice.text
    ends = [at for at in map(text.find, stops) if at >= 0]
    if not ends:
        return choice
    return replace(choice, tokens=_tokens(text[: min(ends)]))


def _usage(behaviour: Behaviour, prompt: int, completion: int, reasoning: int) -> dict[str, Any] | None:
    if behaviour.usage == "none":
        return None
    if behaviour.tokens is not None:
        prompt, completion = behaviour.tokens
        reasoning = min(reasoning, completion)
    counts: tuple[Any, Any] = _ABSURD.get(behaviour.usage, (prompt, completion))
    usage: dict[str, Any] = {
        "prompt_tokens": counts[0],
        "completion_tokens": counts[1],
        "total_tokens": counts[0] + counts[1],
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    if behaviour.cached is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": behaviour.cached}
    return usage


_ABSURD: Final[dict[str, tuple[Any, Any]]] = {
    "negative": (-5, -7),
    "huge": (10**30, 10**30),
    "float": (1.5, 2.5),
    "string": ("five", "seven"),
    "nan": (math.nan, math.nan),
    "zero": (0, 0),
}


def _tokens(text: str) -> tuple[Token, ...]:
    return tuple(Token(piece, count=0 if piece.isspace() else 1) for piece in _pieces(text))


def _pieces(text: str) -> list[str]:
    """Words with the space before them, so that joined they are *text* again; space alone is one piece."""
    return re.findall(r"\s*\S+(?:\s+\Z)?|\A\s+\Z", text)


def _dump(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _vector(text: str, size: int) -> list[float]:
    sums = [0.0] * size
    for word in text.lower().split() or [""]:
        for place, byte in enumerate(shake_256(word.encode("utf-8", "surrogatepass")).digest(size)):
            sums[place] += byte - 127.5
    length = math.sqrt(math.fsum(value * value for value in sums))
    return [value / length for value in sums]
