"""Phone numbers, parsed by the plan of the country that they name or may belong to."""

from __future__ import annotations

import functools
import re

import phonenumbers

from agents.semantics.validators import is_ip, is_isbn, is_spelled_ssn

REGIONS = ("US", "GB", "DE", "FR", "IN", "AU", "BR", "IT", "ES", "NL", "CH", "JP")
"""Countries in whose plan a number without a country's code is looked for."""

_DIALLED = re.compile(r"[+(]?[\d(][\d\s().\-–/]{5,24}\d(?:\s*(?:x|ext\.?|#)\s*\d{1,6})?", re.I)
_GROUPED = re.compile(
    r"\(\d{2,5}\)[\s.-]?\d{3,5}[\s.-]?\d{3,5}"
    r"|(?:(?:1|001)[\s.-])?(?:\(\d{3}\)|\d{3})[\s.-]?\d{3}[\s.-]\d{4}"
    r"|0\d{1,4}(?:[\s./-]\d{2,4}){1,4}"
)
_EXTENSION = re.compile(r"\s*(?:x|ext\.?|#)\s*\d{1,6}$", re.I)
_DATE = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d\d)")
_DIGITS = range(7, 16)

# Whether a number is possible hangs on its country and its length; the digits after the area code don't matter.
_LEADING = 5


def is_phone(text: str) -> bool:
    """A number written to be dialled: with its country's code, or in the groups that phone numbers are written in."""
    text = text.strip()
    if not _may_be_dialled(text):
        return False
    if text.startswith("+"):
        return _is_possible(_key(text), None)
    return _GROUPED.fullmatch(_EXTENSION.sub("", text)) is not None and any(
        _is_possible(_key(text), region) for region in REGIONS
    )


def is_any_phone(text: str) -> bool:
    """The same, bare digits included: for a column whose name says that it holds phone numbers."""
    text = text.strip()
    region: tuple[str | None, ...] = (None,) if text.startswith("+") else REGIONS
    return _may_be_dialled(text) and any(_is_possible(_key(text), each) for each in region)


def _may_be_dialled(text: str) -> bool:
    if not _DIALLED.fullmatch(text) or _DATE.fullmatch(text):
        return False
    digits = sum(letter.isdigit() for letter in _EXTENSION.sub("", text))
    return digits in _DIGITS and not (is_spelled_ssn(text) or is_ip(text) or (digits == 13 and is_isbn(text)))


def _key(text: str) -> str:
    """The number with the digits after the first few made alike, so that few need to be parsed."""
    digits = re.sub(r"\D", "", _EXTENSION.sub("", text))
    return ("+" if text.startswith("+") else "") + digits[:_LEADING] + "2" * (len(digits) - _LEADING)


@functools.lru_cache(maxsize=65_536)
def _is_possible(number: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False
