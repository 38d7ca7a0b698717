"""JSON texts as models write them, and twenty ways in which models spoil them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, NamedTuple

__all__ = ["DAMAGES", "SCHEMAS", "Sample", "damaged", "samples", "undamaged"]

_WORDS: tuple[str, ...] = (
    "river",
    "stone",
    "Ärger",
    "naïve",
    "東京",
    "coffee,",
    "black",
    "it's",
    "lovely",
    "50%",
    "off",
    "(approx.)",
)
_WORDS += ("a/b", "e.g.", "this:", "that", "[sic]", "{braces}", "end;", "done", "https://example.org/a?b=c", "#hash")
_WORDS += ("//", "no", "comment", "null", "true", "007", "-1", "line\nbreak", "tab\there", "back\\slash")


SCHEMAS: Mapping[str, Any] = {
    "person": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer", "minimum": 0},
            "email": {"type": ["string", "null"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "active": {"type": "boolean"},
        },
        "required": ["name", "age", "email", "tags", "active"],
        "additionalProperties": False,
    },
    "orders": {
        "type": "object",
        "properties": {
            "orders": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "integer"},
                        "price": {"type": "number"},
                        "state": {"enum": ["open", "paid", "sent"]},
                        "note": {"type": "string"},
                    },
                    "required": ["id", "price", "state"],
                    "additionalProperties": False,
                },
            },
            "total": {"type": "number"},
        },
        "required": ["orders", "total"],
        "additionalProperties": False,
    },
    "tree": {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "label": {"type": "string"},
                    "weight": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["label", "weight", "children"],
                "additionalProperties": False,
            }
        },
        "$ref": "#/$defs/node",
    },
    "list": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"question": {"type": "string"}, "answer": {"type": "string"}, "score": {"type": "number"}},
            "required": ["question", "answer", "score"],
        },
        "minItems": 1,
    },
    "free": {"type": "object"},
}


class Sample(NamedTuple):
    """A text that fits its schema."""

    kind: str
    text: str

    @property
    def schema(self) -> Any:  # noqa: ANN401 - a JSON Schema
        return SCHEMAS[self.kind]


def samples(dice: Random, count: int) -> list[Sample]:
    """So many texts of all schemas, in the layouts that models use."""
    kinds = list(SCHEMAS)
    return [_sample(dice, kinds[place % len(kinds)]) for place in range(count)]


def undamaged(dice: Random, count: int) -> list[Sample]:
    """Texts that need nothing, though some look as if they did."""
    found = []
    for sample in samples(dice, count):
        space = dice.choice(["", " ", "\n", "\n\n", "\t"])
        found.append(sample._replace(text=space + sample.text + dice.choice(["", "\n", "  "])))
    return found


def damaged(dice: Random, count: int) -> list[tuple[str, Sample]]:
    """So many spoiled texts, each with the name of what was done to it; all of them are really no JSON."""
    found: list[tuple[str, Sample]] = []
    names = list(DAMAGES)
    while len(found) < count:
        name = names[len(found) % len(names)]
        sample = _sample(dice, dice.choice(list(SCHEMAS)))
        text = DAMAGES[name](sample.text, dice)
        try:
            json.loads(text)
        except ValueError:
            found.append((name, sample._replace(text=text)))
    return found


def _sample(dice: Random, kind: str) -> Sample:
    value = _MAKERS[kind](dice)
    indent = dice.choice([None, 2, 4])
    return Sample(kind, json.dumps(value, indent=indent, ensure_ascii=dice.random() < 0.3))


def _words(dice: Random) -> str:
    return " ".join(dice.choice(_WORDS) for _ in range(dice.randint(1, 12)))


def _number(dice: Random) -> float:
    return round(dice.uniform(-50, 5000), dice.choice([0, 1, 2]))


def _person(dice: Random) -> Any:  # noqa: ANN401 - any JSON value
    return {
        "name": _words(dice),
        "age": dice.randint(0, 99),
        "email": dice.choice([None, "a@example.org"]),
        "tags": [_words(dice) for _ in range(dice.randint(1, 4))],
        "active": dice.random() < 0.5,
    }


def _orders(dice: Random) -> Any:  # noqa: ANN401 - as above
    orders = []
    for number in range(dice.randint(1, 6)):
        one = {"id": number, "price": _number(dice), "state": dice.choice(["open", "paid", "sent"])}
        orders.append(one | ({"note": _words(dice)} if dice.random() < 0.5 else {}))
    return {"orders": orders, "total": _number(dice)}


def _tree(dice: Random, depth: int = 0) -> Any:  # noqa: ANN401 - as above
    children = [_tree(dice, depth + 1) for _ in range(dice.randint(0, 3))] if depth < 2 else []
    return {"label": _words(dice), "weight": dice.choice([None, _number(dice)]), "children": children}


def _list(dice: Random) -> Any:  # noqa: ANN401 - as above
    return [
        {"question": _words(dice) + "?", "answer": _words(dice), "score": _number(dice)}
        for _ in range(dice.randint(1, 5))
    ]


def _free(dice: Random) -> Any:  # noqa: ANN401 - as above
    return {
        f"key_{place}": dice.choice([_words(dice), _number(dice), [1, 2, 3], {"a": None}, True]) for place in range(4)
    }


_MAKERS: Mapping[str, Callable[[Random], Any]] = {
    "person": _person,
    "orders": _orders,
    "tree": _tree,
    "list": _list,
    "free": _free,
}

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_KEY = re.compile(r'"([A-Za-z_]\w*)"(\s*:)')


def _outside(text: str, change: Callable[[str], str]) -> str:
    """*text* with *change* made to what stands outside of its strings."""
    parts, last = [], 0
    for found in _STRING.finditer(text):
        parts += [change(text[last : found.start()]), found[0]]
        last = found.end()
    return "".join([*parts, change(text[last:])])


def _replaced_once(text: str, pattern: str, by: str, dice: Random) -> str:
    """*text* with one match of *pattern*, outside of its strings, replaced."""
    spans = [found.span() for found in _STRING.finditer(text)]
    places = [
        found
        for found in re.finditer(pattern, text)
        if not any(start < found.end() and found.start() < end for start, end in spans)
    ]
    if not places:
        return text
    found = dice.choice(places)
    return text[: found.start()] + found.expand(by) + text[found.end() :]


def _fenced(text: str, dice: Random) -> str:
    return f"```{dice.choice(['json', '', 'JSON'])}\n{text}\n```"


def _unclosed_fence(text: str, dice: Random) -> str:
    return dice.choice([f"```json\n{text}", f"{text}\n```"])


def _prose_before(text: str, dice: Random) -> str:
    return (
        dice.choice(["Here is the JSON you asked for:\n\n", "Sure! ", "Answer (as [JSON]): ", "The result's this: "])
        + text
    )


def _prose_after(text: str, dice: Random) -> str:
    return text + dice.choice(
        ["\n\nLet me know if you need anything else!", " Hope that helps :)", "\n\nNote: {approximate}."]
    )


def _prose_and_fence(text: str, dice: Random) -> str:
    return _prose_after(_prose_before(_fenced(text, dice), dice), dice)


def _trailing_comma(text: str, dice: Random) -> str:
    return (
        _replaced_once(text, r"(?<=[\w\"\]}])(\s*[\]}])", r",\1", dice)
        if dice.random() < 0.5
        else re.sub(r"(\s*[\]}])\s*$", r",\1", text)
    )


def _single_quotes(text: str, _dice: Random) -> str:
    return _STRING.sub(lambda found: "'" + found[0][1:-1].replace('\\"', '"').replace("'", "\\'") + "'", text)


def _bare_keys(text: str, _dice: Random) -> str:
    return _KEY.sub(r"\1\2", text)


def _missing_comma(text: str, dice: Random) -> str:
    return _replaced_once(text, r",(\s*)", r"\1 ", dice)


def _missing_end(text: str, dice: Random) -> str:
    bare = text.rstrip("]} \n")
    return bare if dice.random() < 0.5 else text.rstrip()[:-1]


def _cut_in_last_string(text: str, dice: Random) -> str:
    """Cut off within the last string that is a value, after which nothing is missing but what closes."""
    found = [one for one in _STRING.finditer(text) if not re.match(r"\s*:", text[one.end() :])]
    if not found or '":' in text[found[-1].end() :] or len(found[-1][0]) < 6:
        return text.rstrip()[:-1]
    return text[: dice.randint(found[-1].start() + 3, found[-1].end() - 1)].rstrip("\\")


def _python_words(text: str, _dice: Random) -> str:
    named = {"true": "True", "false": "False", "null": "None"}
    return _outside(text, lambda part: re.sub("true|false|null", lambda word: named[word[0]], part))


def _comments(text: str, dice: Random) -> str:
    comment = dice.choice([" // as asked\n", " /* see above */ ", " # checked\n"])
    return _replaced_once(text, r"([,{\[])", rf"\1{comment}", dice)


def _raw_newlines(text: str, _dice: Random) -> str:
    return _STRING.sub(lambda found: found[0].replace("\\n", "\n").replace("\\t", "\t"), text)


def _smart_quotes(text: str, _dice: Random) -> str:
    return _KEY.sub("\u201c\\1\u201d\\2", text)


def _double_commas(text: str, dice: Random) -> str:
    return _replaced_once(text, r",", ",,", dice)


def _extra_end(text: str, dice: Random) -> str:
    return text.rstrip() + dice.choice(["}", "]", "}}", "\n}"])


def _missing_start(text: str, _dice: Random) -> str:
    return text.lstrip()[1:] if text.lstrip().startswith("{") else _extra_end(text, Random(1))


def _missing_colon_space(text: str, dice: Random) -> str:
    return (
        _replaced_once(text, r":(\s*)", r" =\1", dice)
        if dice.random() < 0.3
        else _replaced_once(text, r":\s*", r" ", dice)
    )


def _missing_quote(text: str, dice: Random) -> str:
    """The closing quote of a key is missing."""
    keys = list(_KEY.finditer(text))
    if not keys:
        return text
    found = dice.choice(keys)
    return f'{text[: found.start()]}"{found[1]}{found[2]}{text[found.end() :]}'


def _ellipsis(text: str, _dice: Random) -> str:
    return re.sub(r"(\s*[\]}])\s*$", r", ...\1", text)


DAMAGES: Mapping[str, Callable[[str, Random], str]] = {
    "fenced": _fenced,
    "unclosed fence": _unclosed_fence,
    "prose before": _prose_before,
    "prose after": _prose_after,
    "prose and fence": _prose_and_fence,
    "trailing comma": _trailing_comma,
    "single quotes": _single_quotes,
    "bare keys": _bare_keys,
    "missing comma": _missing_comma,
    "missing end": _missing_end,
    "cut in the last string": _cut_in_last_string,
    "words of Python": _python_words,
    "comments": _comments,
    "raw newlines": _raw_newlines,
    "smart quotes": _smart_quotes,
    "double commas": _double_commas,
    "extra end": _extra_end,
    "missing start": _missing_start,
    "missing colon": _missing_colon_space,
    "missing quote": _missing_quote,
    "ellipsis": _ellipsis,
}
