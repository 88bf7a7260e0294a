"""What a mask leaves of a value, in SQL: enough to recognise the sort of value, never enough to find the person."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agents.column_types import is_null_sql, one_of_sql
from agents.privacy.kinds import Style
from agents.profiling.values import SUSPECT_WORDS
from agents.semantics import validators
from agents.table import Table, literal

HIDDEN = "•"

_EMAIL = (r"([\p{L}\d])[\p{L}\d.!#$%&'*+/=?^_`{|}~-]*@([\p{L}\d])[\p{L}\d.-]*(\.\p{L}+)", r"\1•••@\2•••\3")
_BEFORE = r"(^|[^\w.-])"
_OF_THREE = "|".join(r"\.".join(r"\d{3}" if at == long else r"\d{1,3}" for at in range(4)) for long in range(4))
_ANYWHERE = (
    _EMAIL,
    (r"\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){3,7}(?: ?[A-Z\d]{1,3})?\b", "•••• ••••"),
    (r"\b\d{3}-\d{2}-\d\d(\d\d)\b", r"•••-••-••\1"),
    (r"\+\d[\d ().-]{7,16}\d(\d)\b", r"+•• ••• •••\1"),
    (rf"{_BEFORE}(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-.]\d\d(\d\d)\b", r"\1••• ••• ••\2"),
)
# Numbers of other sorts look like these: where one can be checked, `masked_numbers` does so.
_NUMBERS = (
    # Not after a point, where such digits are the end of a fraction.
    (rf"{_BEFORE}[3-6]\d{{3}}[ -]?\d{{4,6}}[ -]?\d{{4,5}}(?:[ -]?\d{{2}})?(\d\d)\b", r"\1•••• \2"),
    (rf"{_BEFORE}2[2-7]\d\d[ -]?\d{{4}}[ -]?\d{{4}}[ -]?\d\d(\d\d)\b", r"\1•••• \2"),
    # A version's parts have seldom three digits, an address of the network nearly always one that has.
    (rf"{_BEFORE}(?:{_OF_THREE})\b", r"\1•••.•••.•••.•••"),
)
_CARD = re.compile(r"(?<![\w.-])(?:\d{4}(?:[ -]?\d{4}){2}[ -]?\d{1,7}|\d{4}([ -])\d{6}\1\d{4,5})(?![\w-]|\.\d)")
_IP = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_WORDS = r"[A-Z]?[^\p{Nd}\p{Lu}@:]*"
_WORDY: tuple[Style, ...] = ("number", "email")
_CELL = "__cell"
_LETTER_OR_DIGIT = r"[\p{L}\p{M}\p{Nd}]"
_WORD, _INITIAL = rf"({_LETTER_OR_DIGIT}){_LETTER_OR_DIGIT}+", r"\1" + HIDDEN * 3


def loosely_masked_sql(text: str) -> str:
    """SQL for a text in which e-mail and IP addresses, cards, social security, bank and phone numbers are masked."""
    return _replaced_sql(surely_masked_sql(text), _NUMBERS)


def surely_masked_sql(text: str) -> str:
    """The same but for cards and IP addresses, which `masked_numbers` tells from numbers that only look so."""
    return _replaced_sql(text, _ANYWHERE)


def _replaced_sql(text: str, patterns: Iterable[tuple[str, str]]) -> str:
    for pattern, shown in patterns:
        text = f"regexp_replace({text}, {literal(pattern)}, {literal(shown)}, 'g')"
    return text


def masked_numbers(text: str) -> str:
    """A text in which cards and IP addresses are masked."""
    text = _CARD.sub(lambda found: f"•••• {found[0][-2:]}" if validators.is_card(found[0]) else found[0], text)
    return _IP.sub(lambda found: "•••.•••.•••.•••" if validators.is_host(found[0]) else found[0], text)


def masked_sql(text: str, style: Style) -> str:
    """SQL for a value of a personal column as a report may show it.

    email: first letters and the top-level domain. name: initials. number: the last two characters.
    date: its year. hidden: only how its words are laid out. A value of up to three characters is hidden whole.
    """
    hidden, shown = _hidden_sql(text), _shown_sql(text, style)
    return hidden if style == "hidden" else _either_sql(text, hidden, shown)


def masked_cell_sql(text: str, style: str, styles: Iterable[Style]) -> str:
    """SQL for a cell of a personal column, masked unless it says that there is nothing.

    style: SQL of its style, one of `styles` or NULL, where nothing is shown.
    """
    cases = " ".join(
        f"WHEN {literal(each)} THEN"
        f" CASE WHEN {is_harmless_sql(text, each)} THEN {text} ELSE {masked_sql(text, each)} END"
        for each in styles
    )
    return f"CASE {style} {cases} END"


def masked_list_sql(cells: Iterable[tuple[str, str]], styles: Iterable[Style]) -> str:
    """SQL for a list of what `masked_cell_sql` gives for each of some cells: their text and their style, in SQL.

    Each pattern stands here once, however many columns and styles there are. But a lambda makes it ready anew for every
    2,048 rows.
    """
    given = ", ".join(f"{{'v': {text}, 's': {style}}}" for text, style in cells)
    text, own = f"{_CELL}.v", list(styles)
    shown = " ".join(f"WHEN {literal(style)} THEN {_shown_sql(text, style)}" for style in own if style != "hidden")
    shown = f"CASE {_CELL}.s {shown} END" if shown else "CAST(NULL AS VARCHAR)"
    alike = ([style for style in own if (style in _WORDY) == wordy] for wordy in (False, True))
    harmless = " ".join(
        f"WHEN {_CELL}.s IN ({', '.join(map(literal, some))}) AND {is_harmless_sql(text, some[0])} THEN {text}"
        for some in alike
        if some
    )
    with_shown = f"list_transform([{given}], lambda {_CELL}: {{'v': {text}, 's': {_CELL}.s, 'shown': {shown}}})"
    masked = f"WHEN length({text}) > 3 AND {_CELL}.shown <> {text} THEN {_CELL}.shown ELSE {_hidden_sql(text)}"
    masked = f"CASE WHEN {_CELL}.s IS NULL THEN NULL {harmless} {masked} END"
    return f"list_transform({with_shown}, lambda {_CELL}: {masked})"


def _either_sql(text: str, hidden: str, shown: str) -> str:
    return f"CASE WHEN length({text}) <= 3 OR {shown} = {text} THEN {hidden} ELSE {shown} END"


def _hidden_sql(text: str) -> str:
    return f"regexp_replace({text}, {literal(_LETTER_OR_DIGIT)}, '{HIDDEN}', 'g')"


def _shown_sql(text: str, style: Style) -> str:
    """SQL for what a style leaves of a text; the text itself where it isn't written as the style expects."""
    return {
        "email": f"regexp_replace({text}, {literal(f'^(?:{_EMAIL[0]})$')}, {literal(_EMAIL[1])})",
        "name": f"regexp_replace({text}, {literal(_WORD)}, {literal(_INITIAL)}, 'g')",
        "number": f"{_hidden_sql(f'left({text}, -2)')} || right({text}, 2)",
        "date": _date_sql(text),
        "hidden": _hidden_sql(text),
    }[style]


def is_harmless_sql(text: str, style: Style, *, shortest: int = 1) -> str:
    """SQL that is true where a text in a personal column says that there is no value, or at least holds none.

    Numbers and e-mail addresses need a digit, a sign or a capital of their own, and `shortest` characters; a name can
    be any other word.
    """
    said = f"{is_null_sql(text)} OR {one_of_sql(f'lower({text})', SUSPECT_WORDS)}"
    wordy = (
        f" OR length({text}) < {shortest} OR regexp_full_match({text}, {literal(_WORDS)})" if style in _WORDY else ""
    )
    return f"({said}{wordy})"


def _date_sql(text: str) -> str:
    """The year, where four digits say it: alone, or as the beginning of eight."""
    parts = r"^(?:(\d{4})(?:\d{4}|[-/. ].*)|.*[-/. ,](\d{4}))$"
    year = f"coalesce(nullif(regexp_extract({text}, '{parts}', 1), ''), regexp_extract({text}, '{parts}', 2))"
    return f"CASE WHEN {year} <> '' THEN {year} || '-{HIDDEN * 2}-{HIDDEN * 2}' ELSE {text} END"


def masked_texts(table: Table, texts: Iterable[tuple[str, Style]]) -> dict[tuple[str, Style], str]:
    """What a few texts look like masked, each in its style; `table` lends its database."""
    held = dict.fromkeys(texts)
    if not held:
        return {}
    wanted = table.beside({"v": "VARCHAR", "style": "VARCHAR"}, held)
    # To make a pattern ready takes longer than to look for it in a few texts: so each stands here once.
    styles = " ".join(f"WHEN {literal(style)} THEN {_shown_sql('v', style)}" for style in {each for _, each in held})
    shown = f"SELECT v, style, {_hidden_sql('v')} AS hidden, CASE style {styles} END AS shown FROM {{self}}"
    return {
        (text, style): masked
        for text, style, masked in wanted.query(
            f"SELECT v, style, {_either_sql('v', 'hidden', 'shown')} FROM ({shown})"
        )
    }
