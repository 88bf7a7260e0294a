"""Personal data is never shown whole: which columns hold it, and what is left of a value."""

import re
from collections.abc import Callable, Mapping, Sequence

from agents.column_types import ColumnType, Kind
from agents.table import Table, literal

SAMPLE = 500
_ENOUGH = 0.5
_LUHN_ENOUGH = 0.8

_SSN = re.compile(r"\d{3}-\d{2}-\d{4}")
_CARD = re.compile(r"\d(?:[ -]?\d){12,18}")
_PHONE_NAME = re.compile(r"(?i)(?:^|[^a-z])(?:phone|mobile|cell|tel|telephone|fax)(?:$|[^a-z])|phone")
_SSN_NAME = re.compile(r"(?i)(?:^|[^a-z])(?:ssn|soc_sec_id|social[ _]?security(?:[ _]?(?:number|no|id))?)(?:$|[^a-z])")


def sensitive_columns(values: Table, types: Mapping[str, ColumnType]) -> dict[int, str]:
    """Which columns hold e-mail addresses, phone, card or social security numbers, judged on a sample."""
    found = values.query(f"SELECT c, min(row(hash(v), v), {SAMPLE}) FROM {{self}} WHERE NOT missing GROUP BY c")
    samples = {place: [text.strip() for _, text in sample] for place, sample in found}
    judged = (
        (place, sensitive_kind(name, column.kind, samples.get(place, [])))
        for place, (name, column) in enumerate(types.items())
    )
    return {place: kind for place, kind in judged if kind}


def sensitive_kind(name: str, kind: Kind, sample: Sequence[str]) -> str:
    """`email`, `phone`, `card`, `ssn`, or nothing."""
    if kind in (Kind.EMAIL, Kind.PHONE):
        return str(kind)
    if not sample:
        return ""
    if _share(sample, lambda text: "@" in text and " " not in text) >= _ENOUGH:
        return "email"
    if _share(sample, lambda text: bool(_SSN.fullmatch(text))) >= _ENOUGH:
        return "ssn"
    cards = [text for text in sample if _CARD.fullmatch(text)]
    if len(cards) >= _ENOUGH * len(sample) and _share(cards, passes_luhn) >= _LUHN_ENOUGH:
        return "card"
    if _SSN_NAME.search(name) and _share(sample, lambda text: len(_digits(text)) in (7, 8, 9)) >= _ENOUGH:
        return "ssn"
    if _PHONE_NAME.search(name) and _share(sample, lambda text: 7 <= len(_digits(text)) <= 15) >= _ENOUGH:
        return "phone"
    return ""


def passes_luhn(text: str) -> bool:
    """Whether the check digit of a card number is right."""
    digits = [int(digit) for digit in reversed(_digits(text))]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _share(sample: Sequence[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, sample)) / len(sample)


def masked_sql(value: str, column: str, sensitive: Mapping[int, str]) -> str:
    """SQL that shows a text without what would name a person.

    An e-mail address, a card number or a social security number is masked wherever it stands; in a sensitive column
    (its place among `sensitive`) so is everything else but the last two characters.
    """
    loose = value
    for pattern, shown in _ANYWHERE:
        loose = f"regexp_replace({loose}, {literal(pattern)}, {literal(shown)}, 'g')"
    if not sensitive:
        return loose
    hidden = f"regexp_replace(left({value}, -2), '[\\p{{L}}\\d]', '•', 'g') || right({value}, 2)"
    places = ", ".join(map(str, sensitive))
    email = f"regexp_full_match({value}, {literal(_ANYWHERE[0][0])})"
    return f"CASE WHEN {column} IN ({places}) AND NOT {email} THEN {hidden} ELSE {loose} END"


_ANYWHERE = (
    (r"([\p{L}\d])[\p{L}\d.!#$%&'*+/=?^_`{|}~-]*@([\p{L}\d])[\p{L}\d.-]*(\.\p{L}+)", r"\1•••@\2•••\3"),
    (r"\b\d{3}-\d{2}-\d\d(\d\d)\b", r"•••-••-••\1"),
    (r"\b[3-6]\d{3}[ -]?\d{4,6}[ -]?\d{4,5}(?:[ -]?\d{2})?(\d\d)\b", r"•••• \1"),
)
