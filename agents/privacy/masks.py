"""What a mask leaves of a value, in SQL: enough to recognise the sort of value, never enough to find the person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from agents.privacy.kinds import Style
from agents.table import Table, literal

HIDDEN = "•"
STYLES: tuple[Style, ...] = get_args(Style)

_EMAIL = (r"([\p{L}\d])[\p{L}\d.!#$%&'*+/=?^_`{|}~-]*@([\p{L}\d])[\p{L}\d.-]*(\.\p{L}+)", r"\1•••@\2•••\3")
_ANYWHERE = (
    _EMAIL,
    (r"\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){3,7}(?: ?[A-Z\d]{1,3})?\b", "•••• ••••"),
    (r"\b\d{3}-\d{2}-\d\d(\d\d)\b", r"•••-••-••\1"),
    (r"\b[3-6]\d{3}[ -]?\d{4,6}[ -]?\d{4,5}(?:[ -]?\d{2})?(\d\d)\b", r"•••• \1"),
    (r"\+\d[\d ().-]{7,16}\d(\d)\b", r"+•• ••• •••\1"),
)
_LETTER_OR_DIGIT = r"[\p{L}\d]"
_WORD, _INITIAL = r"([\p{L}\d])[\p{L}\d]+", r"\1" + HIDDEN * 3


def loosely_masked_sql(text: str) -> str:
    """SQL for a text in which e-mail addresses, cards, social security, bank and dialled numbers are masked."""
    for pattern, shown in _ANYWHERE:
        text = f"regexp_replace({text}, {literal(pattern)}, {literal(shown)}, 'g')"
    return text


def masked_sql(text: str, style: Style) -> str:
    """SQL for a value of a personal column as a report may show it.

    email: first letters and the top-level domain. name: initials. number: the last two characters.
    date: its year. hidden: only how its words are laid out. A value of up to three characters is hidden whole.
    """
    hidden = f"regexp_replace({text}, {literal(_LETTER_OR_DIGIT)}, '{HIDDEN}', 'g')"
    if style == "hidden":
        return hidden
    shown = {
        "email": _email_sql(text, hidden),
        "name": f"regexp_replace({text}, {literal(_WORD)}, {literal(_INITIAL)}, 'g')",
        "number": f"regexp_replace(left({text}, -2), {literal(_LETTER_OR_DIGIT)}, '{HIDDEN}', 'g') || right({text}, 2)",
        "date": _date_sql(text, hidden),
    }[style]
    return f"CASE WHEN length({text}) <= 3 OR {shown} = {text} THEN {hidden} ELSE {shown} END"


def _email_sql(text: str, hidden: str) -> str:
    pattern, shown = _EMAIL
    whole = f"regexp_full_match({text}, {literal(pattern)})"
    return f"CASE WHEN {whole} THEN regexp_replace({text}, {literal(pattern)}, {literal(shown)}) ELSE {hidden} END"


def _date_sql(text: str, hidden: str) -> str:
    """The year, where four digits say it: alone, or as the beginning of eight."""
    parts = r"^(?:(\d{4})(?:\d{4}|[-/. ].*)|.*[-/. ,](\d{4}))$"
    year = f"coalesce(nullif(regexp_extract({text}, '{parts}', 1), ''), regexp_extract({text}, '{parts}', 2))"
    return f"CASE WHEN {year} <> '' THEN {year} || '-{HIDDEN * 2}-{HIDDEN * 2}' ELSE {hidden} END"


def masked_texts(table: Table, texts: Iterable[tuple[str, Style]]) -> dict[tuple[str, Style], str]:
    """What a few texts look like masked, each in its style; `table` lends its database."""
    wanted = table.beside({"v": "VARCHAR", "style": "VARCHAR"}, dict.fromkeys(texts))
    styles = " ".join(f"WHEN {literal(style)} THEN {masked_sql('v', style)}" for style in STYLES)
    return {
        (text, style): shown
        for text, style, shown in wanted.query(f"SELECT v, style, CASE style {styles} END FROM {{self}}")
    }
