"""Numbers that states give to people: their forms, and the check digits of those that have some."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import Final

__all__ = ["is_identity"]

_D: Final = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043",
    "8765932104", "9876543210",
)  # fmt: skip
"""Verhoeff: multiplication in the dihedral group of order ten."""
_P: Final = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_DNI: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_FINNISH: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_CHINESE: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_POLISH: Final = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
_ONES: Final = str.maketrans("023456789", "1" * 9)
_SEPARATORS: Final = re.compile(r"[ .-]")


def is_identity(text: bytes, start: int, end: int) -> bool:
    """Whether what stands there is such a number."""
    if text[start - 1 : start] in {b".", b"-", b"/"} or text[end : end + 1] in {b"-", b"/"}:
        return False
    if text[end : end + 1] == b"." and text[end + 1 : end + 2].isdigit():
        return False
    found = text[start:end].decode("ascii", "replace")
    plain = _SEPARATORS.sub("", found)
    return any(check(plain) for check in _checks(found.translate(_ONES)))


@lru_cache(1_024)
def _checks(shape: str) -> tuple[Callable[[str], bool], ...]:
    """What judges numbers of that *shape*, which has a 1 for every digit: few shapes, and many numbers."""
    return tuple(check for form, check in _FORMS if form.fullmatch(shape))


def _american(plain: str) -> bool:
    """Source: Social Security Administration, "SSN randomization"; numbers from 900 on are taxpayers'."""
    area, group, serial = int(plain[:3]), int(plain[3:5]), int(plain[5:])
    return area not in {0, 666} and group != 0 and serial != 0


def _british(plain: str) -> bool:
    """Source: HMRC, National Insurance Manual, NIM39110."""
    return (
        plain[0] not in "DFIQUV"
        and plain[1] not in "DFIOQUV"
        and plain[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}
    )


def _spanish(plain: str) -> bool:
    number = str("XYZ".find(plain[0])) + plain[1:-1] if plain[0] in "XYZ" else plain[:-1]
    return _DNI[int(number) % 23] == plain[-1]


def _italian(plain: str) -> bool:
    values = [int(one) if one.isdigit() else ord(one) - 65 for one in plain[:15]]
    total = sum(_ODD[value] if place % 2 == 0 else value for place, value in enumerate(values))
    return chr(65 + total % 26) == plain[15]


def _french(plain: str) -> bool:
    number = plain[:13].replace("2A", "19").replace("2B", "18")
    return (
        plain[0] in "12"
        and number.isdigit()
        and 1 <= int(plain[3:5]) <= 99
        and 97 - int(number) % 97 == int(plain[13:])
    )


def _brazilian(plain: str) -> bool:
    digits = [int(one) for one in plain]
    return len(set(digits)) > 1 and all(
        _weighed(digits[:most], range(most + 1, 1, -1)) * 10 % 11 % 10 == digits[most] for most in (9, 10)
    )


def _indian(plain: str) -> bool:
    check = 0
    for place, digit in enumerate(reversed(plain)):
        check = int(_D[check][int(_P[place % 8][int(digit)])])
    return check == 0 and plain[0] not in "01" and len(set(plain)) > 1


def _canadian(plain: str) -> bool:
    return _luhn(plain) and len(set(plain)) > 1


def _german(plain: str) -> bool:
    """Source: Bundeszentralamt für Steuern, "Steuerliche Identifikationsnummer", ISO/IEC 7064 MOD 11,10."""
    product = 10
    for digit in plain[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return plain[0] != "0" and (11 - product) % 10 == int(plain[10]) and len(set(plain[:10])) in {8, 9}


def _polish(plain: str) -> bool:
    month = int(plain[2:4])
    century = {0: 1900, 1: 2000, 2: 2100, 3: 2200, 4: 1800}[month // 20]
    born = _is_day(century + int(plain[:2]), month % 20, int(plain[4:6]))
    return born and (10 - _weighed([int(one) for one in plain], _POLISH) % 10) % 10 == int(plain[10])


def _swedish(plain: str) -> bool:
    short = plain[-10:].replace("+", "")
    return (
        len(short) == 10
        and short.isdigit()
        and _is_day(2000 + int(short[:2]), int(short[2:4]), int(short[4:6]) % 60)
        and _luhn(short)
    )


def _finnish(plain: str) -> bool:
    day, number = plain[:6], plain[-4:-1]
    rest = _FINNISH[int(day + number) % 31]
    return _is_day(2000 + int(day[4:]), int(day[2:4]), int(day[:2])) and rest == plain[-1]


def _chinese(plain: str) -> bool:
    born = _is_day(int(plain[6:10]), int(plain[10:12]), int(plain[12:14])) and 1900 <= int(plain[6:10]) <= 2100
    return born and "10X98765432"[_weighed([int(one) for one in plain[:17]], _CHINESE) % 11] == plain[17]


def _mexican(plain: str) -> bool:
    return 1 <= int(plain[6:8]) <= 12 and 1 <= int(plain[8:10]) <= 31 and plain[1] in "AEIOUX"


def _weighed(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def _luhn(plain: str) -> bool:
    return sum(sum(divmod(int(one) * (1 + place % 2), 10)) for place, one in enumerate(reversed(plain))) % 10 == 0


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


_FORMS: Final[tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...]] = tuple(
    (re.compile(form, re.ASCII), check)
    for form, check in (
        (r"\d{3}([- ])\d\d\1\d{4}", _american),
        (r"[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D]", _british),
        (r"(?:\d{8}|[XYZ]-?\d{7})-?[A-Z]", _spanish),
        (r"[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z]", _italian),
        (r"[12] ?\d\d ?\d\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d", _french),
        (r"\d{3}\.\d{3}\.\d{3}-\d\d", _brazilian),
        (r"\d{4} \d{4} \d{4}", _indian),
        (r"\d{3}([ -])\d{3}\1\d{3}", _canadian),
        (r"\d\d \d{3} \d{3} \d{3}|\d{11}", _german),
        (r"\d{11}", _polish),
        (r"(?:\d\d)?\d{6}[-+]\d{4}", _swedish),
        (r"\d{6}[-+A]\d{3}[0-9A-Y]", _finnish),
        (r"\d{17}[\dX]", _chinese),
        (r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d", _mexican),
    )
)
