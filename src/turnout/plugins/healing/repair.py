"""From the text of an answer that should have been JSON to JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from turnout.base.jsons import encode
from turnout.plugins.healing.fits import Misfit, fitted, kind_of
from turnout.plugins.healing.lenient import Exhausted, Lenient, Unreadable, scan

__all__ = ["Diagnosis", "diagnose", "is_sound"]

_LANGUAGE = re.compile(r"[\w-]*[ \t]*\n?")
_FENCE = "```"
_MOST_STARTS, _MOST_FENCES, _MOST_EXHAUSTED = 8, 16, 2
_LONGEST = 2**20  # characters
_OPENINGS = {"{": re.compile(r"\{"), "[": re.compile(r"\["), "{[": re.compile(r"[{\[]")}
_FIRST_KEY = re.compile(r"""\s*(?:"([^"\n]{1,128})"|'([^'\n]{1,128})'|([\w$]{1,64}))\s*:\s*["'{\[\d\-tfn]""")
_MORE = re.compile(r"""\s*,\s*"[^"\n]{1,128}"\s*:""")
"""After an object that was closed too early."""
_ANYTHING: dict[str, object] = {"type": "object"}


class Diagnosis(NamedTuple):
    """What became of a text: ``text`` is None where nothing helps, and ``complaint`` says why."""

    text: str | None
    complaint: str = ""


def is_sound(text: str) -> bool:
    """Whether *text* is JSON already."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def diagnose(text: str, schema: Any = None) -> Diagnosis:  # noqa: ANN401 - a JSON Schema
    """JSON that fits *schema* (None: any object), made of *text*, which is none."""
    if len(text) > _LONGEST:
        return Diagnosis(None, "it is too long")
    wanted = _ANYTHING if schema is None else schema
    kind = kind_of(wanted)
    complaint = "no JSON is in it"
    best: Diagnosis | None = None
    exhausted = 0
    for part in _parts(text):
        for start in _starts(part, kind, wanted):
            try:
                made, size = _read(part, start, wanted)
            except Exhausted:
                exhausted += 1
                if exhausted == _MOST_EXHAUSTED:
                    return best or Diagnosis(None, "it takes too long to read")
                continue
            except Unreadable:
                continue
            except Misfit as error:
                complaint = str(error)
                continue
            if schema is not None or size * 2 > len(part):
                return Diagnosis(made)
            if best is None or len(made) > len(best.text or ""):
                best = Diagnosis(made)
    return best or Diagnosis(None, complaint)


def _parts(text: str) -> Iterator[str]:
    """What stands within fences, then all of the text."""
    text = text.removeprefix("\ufeff")
    fence = text.find(_FENCE)
    if fence < 0:
        yield text
        return
    alone = True
    for _ in range(_MOST_FENCES):
        if fence < 0:
            break
        start = _LANGUAGE.match(text, fence + len(_FENCE)).end()  # type: ignore[union-attr]  # it matches nothing too
        end = text.find(_FENCE, start)
        alone = alone and end < 0
        inner = text[start:] if end < 0 else text[start:end]
        if not inner.isspace() and inner:
            yield inner
        fence = text.find(_FENCE, end + len(_FENCE)) if end >= 0 else -1
    yield text.replace(_FENCE, "") if alone else text


def _starts(text: str, kind: str | None, schema: Any) -> list[int]:  # noqa: ANN401 - a JSON Schema
    """Where the value may begin; -1 stands for an object whose opening bracket is missing."""
    wanted = {"object": "{", "array": "["}.get(kind or "", "{[")
    starts = [found.start() for found in islice(_OPENINGS[wanted].finditer(text), _MOST_STARTS)]
    if kind == "object" and (key := _FIRST_KEY.match(text)):
        known = schema.get("properties") if isinstance(schema, dict) else None
        if key[1] or key[2] or (isinstance(known, dict) and key[3] in known):
            starts.insert(0, -1)
    if kind == "object" and "[" in text:
        starts.append(text.index("["))  # a list of one
    return starts


def _read(text: str, start: int, schema: Any) -> tuple[str, int]:  # noqa: ANN401 - a JSON Schema
    """The JSON that begins at *start*, and how many characters of *text* it was.

    Raises:
        Unreadable: there is none.
        Misfit: it does not fit *schema*.
    """
    if start >= 0:
        try:
            value, end = scan(text, start)
        except (StopIteration, ValueError, RecursionError):
            pass
        else:
            if not _MORE.match(text, end):
                return _as_it_stands(value, text[start:end], schema), end - start
    reader = Lenient(text)
    value = reader.members(0) if start < 0 else reader.value(start)
    if not value and not text[max(start, 0) : reader.end].strip("{}[] \n"):
        raise Unreadable
    return _text(fitted(value, schema, cut=reader.cut)), reader.end - max(start, 0)


def _as_it_stands(value: object, own: str, schema: Any) -> str:  # noqa: ANN401 - a JSON Schema
    """*own*, the text of *value*, where nothing has to be changed. Raises Misfit: that would not help."""
    try:
        fitted(value, schema, gently=True)
    except Misfit:
        return _text(fitted(value, schema))
    return own if is_sound(own) else _text(value)


def _text(value: object) -> str:
    try:
        return encode(value).decode()
    except (ValueError, OverflowError, UnicodeEncodeError):  # lone surrogates, numbers without end
        raise Unreadable from None
