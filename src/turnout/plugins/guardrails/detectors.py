"""What is looked for without being told how: people's addresses and numbers, and attempts to take over a prompt.

Each is an expression that finds what may be one, and, where that is not enough, a check of what was found.
"""

# ruff: noqa: E501, RUF001, ISC004 - an expression is read in one piece, and people write both apostrophes
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from ipaddress import IPv6Address
from typing import Final, NamedTuple

from turnout.base.patterns import Pattern, read_pattern
from turnout.domain.guardrail import BUILTINS
from turnout.plugins.guardrails.identities import is_identity
from turnout.plugins.guardrails.names import FIRST_NAMES, NO_SURNAMES

__all__ = ["Check", "Detector", "detector", "passes_luhn"]

Check = Callable[[bytes, int, int], bool]
"""Whether what stands between two places of a text is what is looked for."""

_NO_DOMAINS: Final = frozenset(
    b"png jpg jpeg gif svg webp bmp ico pdf js ts css json xml yaml yml toml md txt html htm py rb go rs java class cpp"
    b" example_ local".split()
)
_MOST_LOCAL: Final = 64  # bytes
_PHONE_DIGITS: Final = range(8, 16)
_DATE: Final = re.compile(rb"\(?(?:[0-3]?\d([./-])[01]?\d\1(?:19|20)?\d\d|(?:19|20)\d\d([./-])[01]\d\2[0-3]\d)(?!\d)")
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_OCTETS: Final = 4
_WORD: Final = re.compile(rb"[A-Za-z0-9_:.]")


class Detector(NamedTuple):
    """How something is found."""

    pattern: Pattern
    check: Check | None


@cache
def detector(slug: str) -> Detector:
    """The detector of that name, one of ``BUILTINS``."""
    source, check = _SOURCES[slug]
    return Detector(read_pattern(source, None), check)


def passes_luhn(digits: bytes) -> bool:
    """Whether the last of *digits* (ASCII) is the check digit of the others. Source: ISO/IEC 7812-1, annex B."""
    backwards = digits[::-1]
    return (sum(backwards[::2]) - 48 * len(backwards[::2]) + sum(backwards[1::2].translate(_DOUBLED))) % 10 == 0


def _is_email(text: bytes, start: int, end: int) -> bool:
    local, _, domain = text[start:end].partition(b"@")
    if len(local) > _MOST_LOCAL or b".." in local or b".." in domain or local[-1:] == b".":
        return False
    labels = domain.lower().split(b".")
    return labels[-1] not in _NO_DOMAINS and not any(one[:1] == b"-" or one[-1:] == b"-" for one in labels)


def _is_phone(text: bytes, start: int, end: int) -> bool:
    found = text[start:end]
    if text[start - 1 : start] in {b".", b"-", b"/", b"$", b"#"} or text[end : end + 1] in {b"%", b"/"}:
        return False
    if text[end : end + 2] == b".0":
        return False
    digits = len(found) - len(found.translate(None, b"0123456789"))
    if digits not in _PHONE_DIGITS or _DATE.match(found):
        return False
    return found[:1] != b"0" or found[:2] == b"00" or digits >= 9


def _is_card(text: bytes, start: int, end: int) -> bool:
    if text[start - 1 : start] in {b".", b"-"} and text[start - 2 : start - 1].isdigit():
        return False
    if text[end : end + 1] in {b".", b"-"} and text[end + 1 : end + 2].isdigit():
        return False
    digits = text[start:end].translate(None, b" -")
    return passes_luhn(digits) and len(set(digits)) > 1


def _is_ip_address(text: bytes, start: int, end: int) -> bool:
    found = text[start:end]
    if text[end : end + 1].isalnum() or text[end : end + 1] == b"_":
        return False
    if start and _WORD.match(text, start - 1) and (b":" in found or text[start - 1 : start] != b":"):
        return False
    if b":" not in found:  # a word may stand before it, and a port after it
        octets = found.split(b".")
        return (
            len(octets) == _OCTETS
            and all(len(one) <= 3 and int(one) <= 255 and (one[:1] != b"0" or one == b"0") for one in octets)
            and text[max(0, start - 8) : start].lower().split()[-1:] not in ([b"version"], [b"release"], [b"build"])
        )
    if text[end : end + 1] == b":":
        return False
    try:
        IPv6Address(found.decode())
    except ValueError:
        return False
    return found.count(b":") > 2 or len(found) > 4 or found == b"::1"


def _is_person(text: bytes, start: int, end: int) -> bool:
    words = text[start:end].decode("utf-8", "replace").split()
    return words[-1] not in NO_SURNAMES and text[end : end + 1] not in {b"_", b"(", b"="}


_TITLES: Final = r"(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sir|Mme|Herr|Frau|Herrn|Señor|Señora|Signor|Signora|Monsieur|Madame)\.?"
_SURNAME: Final = r"\p{Lu}(?:['’]\p{Lu})?\p{Ll}+(?:\p{Lu}\p{Ll}+)?(?:-\p{Lu}\p{Ll}+)?"
_PARTICLES: Final = r"(?:(?:van der|van den|van|von|de la|de|del|della|di|da|dos|du|el|al|bin|ter|zu) )?"
_FIRST: Final = "(?:" + "|".join(FIRST_NAMES) + ")(?:-" + r"\p{Lu}\p{Ll}+)?"
_NO_PEOPLE: Final = "|".join(sorted(NO_SURNAMES))
_PERSON: Final = (
    rf"\b(?:{_TITLES} (?:(?:Dr|Prof|med)\. )?(?:\p{{Lu}}\. |{_FIRST} )?(?:\p{{Lu}}\. )?{_PARTICLES}{_SURNAME}"
    rf"|{_FIRST} (?:\p{{Lu}}\.? |{_FIRST} )?{_PARTICLES}{_SURNAME}(?: (?:{_NO_PEOPLE})\b)?)"
)
_KINDS: Final = (
    "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Place|Pl|Terrace|Ter|Way|Parkway|Pkwy"
    "|Crescent|Close|Circle|Cir|Highway|Hwy|Trail|Trl|Alley|Grove|Gardens|Mews|Row|Walk|Plaza|Loop"
)
_TOWN: Final = (
    r"(?:,? \p{Lu}[\p{L}.'-]+(?: \p{Lu}[\p{L}.'-]+)?,? (?:[A-Z]{2} \d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}))?"
)
_ADDRESS: Final = (
    rf"\b\d{{1,5}}[A-Za-z]?,? (?:[NSEW]{{1,2}}\.? |North |South |East |West )?(?:\d{{1,3}}(?:st|nd|rd|th)"
    rf"|\p{{Lu}}[\p{{L}}.'’-]+(?: \p{{Lu}}[\p{{L}}.'’-]*){{0,4}}) (?:{_KINDS})\b\.?"
    rf"(?:,? (?:(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor)\.? ?#?|#)\w{{1,5}})?{_TOWN}"
    r"|\b\p{Lu}[\p{L}-]*(?:-Straße|-Platz|-Allee|-Weg|-Ring|-Ufer|straße|strasse|str\.|weg|platz|allee|gasse|damm|ufer|straat|laan|gracht|kade|plein|gatan|vägen|gata|veien|katu|intie|[^ie]gade)"
    r" \d{1,4} ?[a-zA-Z]?\b(?:, \d{4,5} \p{Lu}[\p{L}-]+)?"
    r"|\b\p{Lu}[\p{L}-]+(?: \p{Lu}[\p{L}-]+)? (?:Straße|Strasse|Str\.|Weg|Platz|Allee|Ring|Damm|Ufer) \d{1,4} ?[a-zA-Z]?\b"
    r"|\b\p{Lu}[\p{L}.-]+(?: [\p{L}.-]+){0,3} \d{1,4} ?[a-z]?, (?:[A-Z]{1,2}-)?\d{5} \p{Lu}[\p{L}-]+"
    r"|\b\d{1,4}(?: ?(?:bis|ter))?,? (?:rue|avenue|boulevard|place|chemin|impasse|quai|allée|cours|route) "
    r"(?:(?:de la|de l['’]|de|du|des|d['’]|la|le|les) ?)?\p{Lu}[\p{L}'’-]+(?:[ -]\p{Lu}[\p{L}'’-]+){0,2}"
    r"|\b(?:Calle|Avenida|Avda\.|Av\.|Plaza|Paseo|Via|Viale|Piazza|Corso|Rua|Carrer|Ulica|ul\.) "
    r"(?:(?:de la|de los|de|del|della|dei|da|do|dos) )?\p{Lu}[\p{L}'’-]+(?: (?:(?:de|del|di) )?\p{Lu}[\p{L}'’-]+){0,2},? (?:n\.º |nº |no\. )?\d{1,4}\b"
    r"|\b(?i:P\.? ?O\.? Box|Postfach|Apartado) \d{1,6}\b"
)
_INJECTION: Final = (
    r"(?i)\b(?:ignore|disregard|forget|bypass|override|neglect|skip|do not follow|don['’]t follow|stop following)\s+"
    r"(?:(?:all|any|the|your|my|of|these|those|every|each|everything|and|previous|prior|above|earlier|preceding|existing|current"
    r"|initial|original|former|system|safety|security|content|developer|said|written|in|was|that|whatever|checks)\s+){1,7}"
    r"(?:instructions?|prompts?|rules|directives?|guidelines|commands?|constraints|restrictions|guardrails|checks|polic(?:y|ies)"
    r"|programming|training|filters?|(?:said|told|written|stated|came|given)(?:\s+\w+){0,2}\s+(?:before|above|earlier|previously))\b"
    r"|\bforget\s+(?:everything|all)(?:\s+\w+){0,3}\s+(?:above|before|previously|so far|far|earlier|told|know|said|learned)\b"
    r"|\b(?:reveal|show|print|repeat|output|display|leak|disclose|expose|dump|give|tell|share|recite|translate|summari[sz]e|write out)"
    r"\s+(?:me\s+|us\s+)?(?:back\s+)?(?:verbatim\s+)?(?:exactly\s+)?(?:all\s+)?(?:of\s+)?(?:your|the)\s+"
    r"(?:(?:full|entire|complete|exact|hidden|secret|initial|original|internal|confidential|whole|first|above)\s+){0,2}"
    r"(?:system\s+(?:prompts?|message|instructions?)|initial\s+(?:prompt|instructions?)|hidden\s+(?:prompt|instructions?|rules)"
    r"|developer\s+(?:message|prompt|instructions)|pre-?prompt|secret\s+(?:prompt|instructions?)|instructions?\s+(?:above|verbatim|you\s+were\s+given)|prompt\s+above)"
    r"|\bwhat\s+(?:is|are|was|were)\s+(?:your|the)\s+(?:exact\s+|full\s+|original\s+|initial\s+)?(?:system\s+(?:prompt|instructions?|message)|initial\s+instructions|hidden\s+instructions)"
    r"|\b(?:you\s+are\s+now|you['’]re\s+now|act\s+as|pretend\s+(?:to\s+be|you\s+are)|become|behave\s+as|roleplay\s+as|simulate|switch\s+to|enter|enable|activate)"
    r"\s+(?:a\s+|an\s+|the\s+|in\s+|into\s+)?(?:DAN\b|STAN\b|developer\s+mode|dev\s+mode|god\s+mode|jailbr(?:eak|oken)\w*|unrestricted|unfiltered|uncensored|evil|amoral|debug\s+mode|sudo\s+mode|root\s+mode|admin\s+mode|maintenance\s+mode|do\s+anything\s+now)"
    r"|\bdo\s+anything\s+now\b|\bjailbreak\s+(?:mode|prompt|yourself|enabled)\b"
    r"|\b(?:pretend|act|respond|answer|behave|reply|imagine|speak|operate)\s+(?:as\s+if\s+|as\s+though\s+|like\s+|that\s+)?(?:you\s+(?:have|had|are\s+under|were\s+under)|there\s+(?:are|were))\s+(?:absolutely\s+)?no\s+"
    r"(?:\w+\s+){0,2}(?:restrictions?|rules|limits|limitations|filters?|guidelines|constraints|censorship|boundaries|safeguards|guardrails|polic(?:y|ies))\b"
    r"|\b(?:without|free\s+(?:of|from))\s+(?:any\s+|all\s+|your\s+)?(?:ethical|moral|safety|content)\s+(?:restrictions?|guidelines|filters?|constraints|limits|limitations|polic(?:y|ies)|considerations)\b"
    r"|\b(?:your|the)\s+(?:new|real|true|actual|updated)\s+(?:instructions?|task|objective|directive|system\s+prompt|rules)\s+(?:is|are|now|follow|:)"
    r"|(?:^|\n|\r)\s{0,8}(?:###?\s{0,4}|\[|<\|?|<<)?\s?(?:new\s+)?(?:system|admin|developer)(?:\s+(?:instructions?|prompt|override|message))?\s?(?:\]|\|?>|>>)?\s?:\s?(?:you|ignore|disregard|override|new|reveal|from now|do not|always|never|the user)\b"
    r"|<\|(?:im_start|im_end|system|endoftext|start_header_id|end_header_id)\|>|\[/?(?:INST|SYS)\]|<</?SYS>>|</?system(?:[_-]prompt)?>"
    r"|\b(?:ignore|disregard)\s+(?:everything|all|anything)\s+(?:above|before|prior|previous)\b|\byou\s+(?:are|have\s+been)\s+(?:now\s+)?jailbroken\b"
    r"|(?:^|\n|\r)\s{0,8}new\s+instructions?\s?:|\brepeat\s+(?:everything|all|the\s+(?:text|words))\s+above\s+(?:starting|beginning|verbatim|word)\b"
    r"|\bsystem\s+override\b|\boverride\s+(?:code|protocol)\s+(?:alpha|accepted|\d+)|\bend\s+of\s+(?:system\s+prompt|system\s+instructions)\b"
    r"|\b(?:disable|turn\s+off|deactivate|remove|switch\s+off|circumvent|evade|get\s+around)\s+(?:all\s+|any\s+|the\s+|your\s+|of\s+){0,3}(?:\w+\s+)?(?:safety|content|ethical|moderation|security)\s+(?:filters?|protocols?|features|guidelines|restrictions|checks|measures|settings|layer|polic(?:y|ies)|mechanisms?)"
)
_SOURCES: Final[Mapping[str, tuple[str, Check | None]]] = {
    "email": (r"[\pL\pN_][\pL\pN._%+'’-]*@(?:[\pL\pN][\pL\pN-]*\.)+(?:xn--[a-zA-Z0-9-]{2,59}|\pL{2,24})", _is_email),
    "phone": (
        r"\+\d{1,3}[ .\-/]?(?:\(0?\d{0,4}\)[ .\-]?)?\d{1,5}(?:[ .\-/]{0,1}\d{2,5}){1,5}\b"
        r"|\b00[1-9]\d{0,2}[ .\-/]\(?\d{1,4}\)?(?:[ .\-/]\d{2,8}){1,4}\b"
        r"|(?:\b1[ .-])?(?:\([2-9]\d\d\) ?|\b[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}\b"
        r"|\(0\d{1,4}\) ?\d{2,8}(?:[ .-]\d{2,8}){0,3}\b"
        r"|\b0[1-9]\d{0,3}[ ./-]\d{2,8}(?:[ .-]\d{2,8}){0,4}\b",
        _is_phone,
    ),
    "ssn": (
        r"\b(?:\d{3}[- ]\d{2}[- ]\d{4}|[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D]|(?:\d{8}|[XYZ]-?\d{7})-?[A-Z]"
        r"|[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z]|[12] ?\d\d ?\d\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d|\d{3}\.\d{3}\.\d{3}-\d\d"
        r"|\d{4} \d{4} \d{4}|\d{3}[ -]\d{3}[ -]\d{3}|\d\d \d{3} \d{3} \d{3}|\d{11}|(?:\d\d)?\d{6}[-+A]\d{3}[0-9A-Y]"
        r"|\d{17}[\dX]|[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d)\b",
        is_identity,
    ),
    "credit-card": (
        r"\b(?:[456]\d{3}(?:\d{15}|[ -]\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{3})|[2-6]\d{3}(?:\d{12}|[ -]\d{4}[ -]\d{4}[ -]\d{4})|3[47]\d\d(?:\d{11}|[ -]\d{6}[ -]\d{5})"
        r"|3[0689]\d\d(?:\d{10}|[ -]\d{6}[ -]\d{4})|4\d{12})\b",
        _is_card,
    ),
    "ip-address": (
        r"(?i)\b\d{1,3}(?:\.\d{1,3}){3,5}\b|(?:\b[0-9a-f]{1,4}|:)(?::[0-9a-f]{0,4}){1,7}[0-9a-f:](?:\.\d{1,3}){0,3}",
        _is_ip_address,
    ),
    "person-name": (_PERSON, _is_person),
    "address": (_ADDRESS, None),
    "regex-prompt-injection": (_INJECTION, None),
}
assert _SOURCES.keys() == set(BUILTINS)  # noqa: S101 - what may be asked for is there
