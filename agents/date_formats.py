"""How the dates of a column are written, and how to write the others the same way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from agents.column_types import ColumnType, DateOrder, date_sql, trim_sql
from agents.table import Table, literal
from agents.texts import texts_sql

_SKELETONS = {
    "iso": re.compile(r"9999(?P<one>[-/.])9{1,2}(?P<two>[-/.])9{1,2}"),
    "numeric": re.compile(r"9{1,2}(?P<one>[-/.])9{1,2}(?P<two>[-/.])(?P<year>9999|99)"),
    "named_dmy": re.compile(r"9{1,2}(?P<one>[-/. ])a+(?P<two>[-/. ]|, )(?P<year>9999|99)"),
    "named_mdy": re.compile(r"a+(?P<one> )9{1,2}(?P<two>[ /-]|, )(?P<year>9999)"),
}
_DOMINANT = 0.6
"""A format is the column's own when this share of its dates is written in it."""

_MOST_SKELETONS = 200
_CLOCK = r"[T ]\s*\d{1,2}:\d\d.*$"
_ISO = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d)?"


@dataclass(frozen=True)
class DateFormat:
    """One way to write a date: `form` as strftime takes it, `pattern` what a date in this format matches."""

    form: str
    pattern: str
    rows: int
    share: float


@dataclass(frozen=True)
class _Style:
    name: str
    one: str
    two: str
    year: str


def dominant_format(table: Table, column: str, found: ColumnType, order: DateOrder | None) -> DateFormat | None:
    """The format of most dates of a column, or None where none dominates or its day can't be told from its month."""
    styles: Counter[_Style] = Counter()
    loose: set[_Style] = set()
    long_months: set[_Style] = set()
    for skeleton, rows in table.query(_skeletons_sql(texts_sql(table, column, found))):
        style = _style_of(skeleton)
        if style:
            styles[style] += rows
            loose |= {style} if re.search(r"(?<!9)9(?!9)", skeleton) else set()
            long_months |= {style} if re.search(r"a{4}", skeleton) else set()
    if not styles:
        return None
    style, rows = styles.most_common(1)[0]
    share = rows / sum(styles.values())
    if share < _DOMINANT or (style.name == "numeric" and order is None):
        return None
    form = _form(style, order or "ymd", "-" if style in loose else "", "%B" if style in long_months else "%b")
    return DateFormat(form, _pattern(style, loose=style in loose), rows, share)


def _skeletons_sql(texts: str) -> str:
    """Rows per skeleton: every digit written 9, every letter a, the time of day left out."""
    day = f"regexp_replace({trim_sql('v')}, {literal(_CLOCK)}, '')"
    skeleton = f"regexp_replace(regexp_replace({day}, '[0-9]', '9', 'g'), '[A-Za-z]', 'a', 'g')"
    # What is spelled in a usual way is told five times faster.
    usual = f"CASE WHEN strlen(v) IN (10, 19) AND regexp_full_match(v, {literal(_ISO)}) THEN '9999-99-99' END"
    return (
        f"SELECT coalesce({usual}, {skeleton}) AS s, CAST(sum(n) AS BIGINT) FROM {texts}"
        f" GROUP BY ALL ORDER BY sum(n) DESC, 1 LIMIT {_MOST_SKELETONS}"
    )


def _style_of(skeleton: str | None) -> _Style | None:
    for name, pattern in _SKELETONS.items():
        match = pattern.fullmatch(skeleton or "")
        if match:
            return _Style(name, match["one"], match["two"], match.groupdict().get("year") or "9999")
    return None


def _form(style: _Style, order: DateOrder, pad: str, month_name: str) -> str:
    day, month, year = f"%{pad}d", f"%{pad}m", "%Y" if style.year == "9999" else "%y"
    parts: Iterable[str]
    if style.name == "iso" or (style.name == "numeric" and order == "ymd"):
        parts = (year, month, day)
    elif style.name == "numeric":
        parts = (day, month, year) if order == "dmy" else (month, day, year)
    else:
        parts = (day, month_name, year) if style.name == "named_dmy" else (month_name, day, year)
    first, second, third = parts
    return first + style.one + second + style.two + third


def _pattern(style: _Style, *, loose: bool) -> str:
    one, two = (re.escape(mark).replace("/", "[/]") for mark in (style.one, style.two))
    number = r"\d{1,2}" if loose else r"\d\d"
    year = r"\d{4}" if style.year == "9999" else r"\d\d"
    name = "[A-Za-z]+"
    parts = {
        "iso": (r"\d{4}", number, number),
        "numeric": (number, number, year),
        "named_dmy": (number, name, year),
        "named_mdy": (name, number, year),
    }[style.name]
    return parts[0] + one + parts[1] + two + parts[2]


def reformat_sql(value: str, form: DateFormat, order: DateOrder | None, *, date_only: bool) -> str:
    """SQL for a date in the given format, its time of day kept as it is written; what is no date stays.

    date_only: a time of day that is midnight is left out.
    """
    text = trim_sql(value)
    clock = f"regexp_extract({text}, {literal(_CLOCK)})"
    stamp = date_sql(value, order)
    rest = f"CASE WHEN {stamp} = date_trunc('day', {stamp}) THEN '' ELSE {clock} END" if date_only else clock
    kept = f"regexp_full_match({text}, {literal(form.pattern + ('' if date_only else '(?:[T ].*)?'))})"
    # A year in two digits can only say these hundred.
    lossy = f"year({stamp}) NOT BETWEEN 1969 AND 2068" if "%y" in form.form else "false"
    return (
        f"CASE WHEN {value} IS NULL OR {kept} OR {lossy} THEN {value}"
        f" ELSE coalesce(strftime({stamp}, {literal(form.form)}) || {rest}, {value}) END"
    )
