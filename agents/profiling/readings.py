"""How the texts of a column are read: as a number, as an infinity, or not at all."""

from collections.abc import Callable, Collection

from agents.column_types import DATE_SHAPES, NUMERIC, TEMPORAL, ColumnType, Kind, date_sql, measure_sql, trim_sql
from agents.table import literal

_PLAIN_SHAPES = frozenset({"integer", "decimal", "integral", "padded"})
_ISO_MOMENT = r"[12]\d{3}-\d\d-\d\d([ T]\d\d:\d\d:\d\d)?"
_TWO_WAYS = r"^(0?[1-9]|1[0-2])[-/.](0?[1-9]|1[0-2])[-/.]"
_NUMERIC_FORMATS = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y"}
_NO_YEAR = "TIMESTAMP '1000-01-01'"
_INFINITIES = r"[+-]?inf(inity)?"


Reading = Callable[[int, str], str]
"""Gives the SQL for the number of a cell, from the place of its column and the SQL of its text."""


def reading_sql(places: Collection[int], reading: Reading) -> str:
    """SQL for the number of a text v in any of those columns c.

    Columns that are read alike share a case: making a reading ready takes longer than reading thousands of texts.
    """
    readings = {place: reading(place, "v") for place in places}
    known = list(dict.fromkeys(readings.values()))
    if len(known) == 1:
        return known[0]
    which = [known.index(readings[place]) if place in readings else -1 for place in range(max(places) + 1)]
    cases = " ".join(f"WHEN {number} THEN {sql}" for number, sql in enumerate(known))
    return f"CASE {which}[c + 1] {cases} END"


def is_read(column: ColumnType) -> bool:
    """Whether a column's texts stand for numbers: measures, or dates, which are seconds since 1970."""
    return column.kind in NUMERIC or column.kind in TEMPORAL


def value_sql(cell: str, column: ColumnType, *, tight: bool = False) -> str:
    """SQL giving the DOUBLE of a cell: its number, or a date's seconds since 1970; NULL where it has none.

    It may be infinite. The usual spellings are read by a plain cast, ten times faster than by the general rules.
    `tight` says that the column's type was found on these very cells, none of which has blank space around it.
    """
    if column.kind in NUMERIC:
        cast, general = f"TRY_CAST({cell} AS DOUBLE)", measure_sql(cell, column)
        if tight and column.decimal == "." and set(column.shapes) <= _PLAIN_SHAPES:
            return cast
        # A cast reads 1_000, and 1.234 as a fraction whatever the column's mark is; else it agrees with the rules.
        plain = f"CASE WHEN NOT contains({cell}, '_') THEN {cast} END"
        return f"coalesce({plain}, {general})" if column.decimal == "." else general
    if column.kind in TEMPORAL:
        return f"epoch({_date_sql(cell, column, tight=tight)})"
    return "CAST(NULL AS DOUBLE)"


def _date_sql(cell: str, column: ColumnType, *, tight: bool) -> str:
    dates_only = tight and DATE_SHAPES.issuperset(column.shapes)
    if dates_only and column.usual:
        return f"TRY_CAST({cell} AS TIMESTAMP)"
    general = date_sql(cell, column.date_order, column.shapes if dates_only else None)
    return f"coalesce({_usual_date_sql(cell, column)}, {general})"


def _usual_date_sql(cell: str, column: ColumnType) -> str:
    """SQL giving the TIMESTAMP of a cell that is spelled as most of its column are, or NULL."""
    usual = max(column.shapes, key=lambda shape: column.shapes[shape])
    if not usual.startswith("numeric") or column.date_order not in _NUMERIC_FORMATS:
        return f"CASE WHEN regexp_full_match({cell}, '{_ISO_MOMENT}') THEN TRY_CAST({cell} AS TIMESTAMP) END"
    clock = " %H:%M:%S" if usual.endswith("datetime") else ""
    formats = ", ".join(literal(_NUMERIC_FORMATS[column.date_order].replace("/", mark) + clock) for mark in "/.-")
    # %Y takes two digits for a year of the first century.
    return f"nullif(greatest(try_strptime({cell}, [{formats}]), {_NO_YEAR}), {_NO_YEAR})"


def infinite_sql(cell: str, column: ColumnType) -> str:
    """SQL that is true where a cell spells an infinity, or a number beyond what doubles hold."""
    if column.kind not in NUMERIC:
        return "false"
    spelled = f"regexp_full_match(lower({trim_sql(cell)}), {literal(_INFINITIES)})"
    return f"(coalesce(isinf({value_sql(cell, column)}), false) OR {spelled})"


def stranger_sql(cell: str, column: ColumnType) -> str:
    """SQL that is true where a non-missing text isn't of its column's kind; needs its `shape`."""
    if column.kind in NUMERIC:
        return f"({value_sql(cell, column)} IS NULL AND NOT {infinite_sql(cell, column)})"
    if column.kind in TEMPORAL:
        # A date that can be read two ways is of the kind; only its day is unknown.
        readable = "false" if column.date_order else f"regexp_matches({trim_sql(cell)}, '{_TWO_WAYS}')"
        return f"({value_sql(cell, column)} IS NULL AND NOT {readable})"
    if column.kind in (Kind.CODE, Kind.TEXT, Kind.EMPTY):
        return "false"
    return f"shape NOT IN ({', '.join(literal(shape) for shape in column.members)})"
