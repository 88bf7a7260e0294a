"""Phone numbers, parsed by the plan of the country that they name or may belong to."""

from __future__ import annotations

import functools
import re

import phonenumbers

REGIONS = ("US", "GB", "DE", "FR", "IN", "AU", "BR", "IT", "ES", "NL", "CH", "JP")
"""Countries in whose plan a number without a country's code is looked for."""

_DIALLED = re.compile(r"[+(]?[\d(][\d\s().\-–/]{5,24}\d(?:\s*(?:x|ext\.?|#)\s*\d{1,6})?", re.I)
# In North America neither the area nor the exchange begins with 0 or 1, which numbers of other sorts often do.
_GROUPED = re.compile(
    r"\(0?\d{2,5}\)[\s.-]?\d{3,5}[\s.-]?\d{3,5}"
    r"|(?:(?:1|001)[\s.-])?(?:\([2-9]\d\d\)|[2-9]\d\d)[\s.-]?[2-9]\d\d[\s.-]\d{4}"
    r"|0\d{1,4}(?:[\s./-]\d{2,4}){1,4}|0[1-9]\d{0,3}[ /-]\d{6,8}"
    r"|[6-9]\d{4} \d{5}"  # India
)
_ABROAD = re.compile(r"00[1-9]\d{0,2}[\s-]")
_EXTENSION = re.compile(r"\s*(?:x|ext\.?|#)\s*\d{1,6}$", re.I)
_NO_PHONE = re.compile(
    r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d\d)"  # dates
    r"|\d{3}-\d\d-\d{4}|\d{1,3}(?:\.\d{1,3}){3}"  # social security numbers, network addresses
)
_ISBN = re.compile(r"97[89](?:[- ]\d+){4}")
_DIGITS = range(7, 16)
_NATIONAL = 13
"""With the prefix for calls abroad; longer ones are written with a plus."""

# Whether a number is possible hangs on its country and its length; the digits after the area code don't matter.
_LEADING = 5


def is_phone(text: str) -> bool:
    """A number written to be dialled: with its country's code, or in the groups that phone numbers are written in."""
    return _is_dialled(_alike(text), bare=False)


def is_any_phone(text: str) -> bool:
    """The same, bare digits included: for a column whose name says that it holds phone numbers."""
    return _is_dialled(_alike(text), bare=True)


def _alike(text: str) -> str:
    """The text with the digits after the first few made alike, so that few different ones need to be parsed."""
    found = _BEGINNING.match(text.strip())
    return found[1] + found[2].translate(_TWOS) if found else ""


_DIGIT = re.compile(r"\d")
_TWOS = dict.fromkeys(map(ord, "0123456789"), "2")
_BEGINNING = re.compile(rf"((?:\D*\d){{{_LEADING}}})(.{{0,40}})$", re.DOTALL)


@functools.lru_cache(maxsize=8_192)
def _is_dialled(text: str, *, bare: bool) -> bool:
    number = _EXTENSION.sub("", text)
    digits = "".join(_DIGIT.findall(number))
    if not _DIALLED.fullmatch(text) or len(digits) not in _DIGITS or _NO_PHONE.fullmatch(text):
        return False
    if number.startswith("+"):
        return _is_possible(f"+{digits}", None)
    if _ABROAD.match(number) and _is_possible(f"+{digits[2:]}", None):
        return True
    if len(digits) > _NATIONAL or (len(digits) == 13 and _ISBN.fullmatch(number)):
        return False
    return (bare or _GROUPED.fullmatch(number) is not None) and any(_is_possible(digits, each) for each in REGIONS)


def _is_possible(number: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False
