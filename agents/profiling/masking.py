"""Personal data is never shown whole: what is left of a value."""

import re
from collections.abc import Mapping

from agents.table import literal


def masked(text: str, *, personal: bool) -> str:
    """A text without what would name a person; of a column of personal data, all but its last two characters."""
    if personal and not _EMAIL.fullmatch(text):
        return re.sub(r"\w", "•", text[:-2]) + text[-2:]
    text = _EMAIL.sub(_ANYWHERE[0][1], text)
    for pattern, shown in _ANYWHERE[1:]:
        text = re.sub(pattern, shown, text)
    return text


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
_EMAIL = re.compile(r"(\w)[\w.!#$%&'*+/=?^`{|}~-]*@(\w)[\w.-]*(\.[^\W\d_]+)")
