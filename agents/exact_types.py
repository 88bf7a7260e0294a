"""Typed columns for files that have types, only where no value says anything else afterwards."""

from __future__ import annotations

from collections.abc import Mapping

from agents.column_types import ColumnType, Kind
from agents.table import Table
from agents.texts import texts_sql
from agents.wide import groups

_WHOLE = r"0|-?[1-9]\d*"
_CANDIDATES: Mapping[Kind, tuple[str, ...]] = {
    Kind.INTEGER: ("BIGINT",),
    Kind.DECIMAL: ("DOUBLE", "DECIMAL"),
    Kind.DATE: ("DATE",),
    Kind.DATETIME: ("TIMESTAMP",),
    Kind.BOOLEAN: ("BOOLEAN",),
}
_DIGITS = 15
"""So many significant digits a DOUBLE, and a spreadsheet, keeps."""


def typed(table: Table, types: Mapping[str, ColumnType], *, digits: int = 18) -> Table:
    """The table with a real type for each column whose every value can be read back as it was written.

    digits: whole numbers longer than this stay text.
    """
    casts = {column: _cast(table, column, found, digits) for column, found in types.items() if column in table.columns}
    cells = {column: cast for column, cast in casts.items() if cast}
    for group in groups(list(cells)):
        table = table.replaced({column: cells[column] for column in group})
    return table


def _cast(table: Table, column: str, found: ColumnType, digits: int) -> str | None:
    """SQL of the typed column, or None where it stays text."""
    cell = f"nullif({Table.q(column)}, '')"
    texts = f"(SELECT nullif(v, '') AS v FROM {texts_sql(table, column, found)})"
    for name in _CANDIDATES.get(found.kind, ()) if found.confidence == 1 else ():
        form = _decimal(table, texts) if name == "DECIMAL" else name
        if form and _reads_back(table, texts, f"TRY_CAST(v AS {form})", name, digits):
            return f"TRY_CAST({cell} AS {form})"
    return None


def _reads_back(table: Table, texts: str, cast: str, name: str, digits: int) -> bool:
    spelled = f"CAST({cast} AS VARCHAR)"
    if name == "DOUBLE":
        # 12 beside 8.4 is 12.0 to a DOUBLE: the same number, and nobody wrote 12.0 here.
        spelled = rf"regexp_replace({spelled}, '\.0$', '')"
    long = f"length(v) > {digits if name == 'BIGINT' else _DIGITS + 2}" if name in ("BIGINT", "DOUBLE") else "false"
    query = f"SELECT coalesce(bool_or(v IS NOT NULL AND ({spelled} IS DISTINCT FROM v OR {long})), false)"
    return not table.scalar(f"{query} FROM {texts}")


def _decimal(table: Table, texts: str) -> str | None:
    """A DECIMAL of the scale that all values share."""
    fraction = "length(split_part(v, '.', 2))"
    low, high, longest = table.query(f"SELECT min({fraction}), max({fraction}), max(length(v)) FROM {texts}")[0]
    return f"DECIMAL(38, {high})" if low == high and low and longest <= 37 else None
