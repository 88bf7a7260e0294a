"""Which columns can tell one real thing from another, and their values in the form in which they are compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from agents.column_types import NUMERIC, TEMPORAL, ColumnType, Kind, date_sql, infer_types, is_null_sql, measure_sql
from agents.table import ROW, Table

Comparison = Literal["name", "text", "code", "number"]
T = TypeVar("T")

BATCH = 8
"""Columns in one query: wide aggregates run out of memory."""


@dataclass(frozen=True)
class Field:
    """A compared column. `name` is its column in the table of comparable values; `filled` counts its rows."""

    column: str
    name: str
    comparison: Comparison
    type: ColumnType
    filled: int


def _information(found: ColumnType, rows: int) -> float:
    """Bits of a column's distinct values, over the rows that have one: how much it says about the table."""
    return (rows - found.missing) * math.log2(found.distinct + 1)


def batches(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """The items in runs of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def words_sql(cell: str) -> str:
    """SQL for a text in lower case, without accents, a blank for all that is no letter or digit; NULL if blank."""
    plain = f"trim(regexp_replace(strip_accents(lower({cell})), '[^\\p{{L}}\\p{{N}}]+', ' ', 'g'))"
    # A single word is found eight times faster than the rest is replaced.
    word = f"regexp_full_match({cell}, '[A-Za-z0-9]+')"
    return (
        f"CASE WHEN NOT {is_null_sql(cell)} THEN CASE WHEN {word} THEN lower({cell}) ELSE nullif({plain}, '') END END"
    )


def choose(table: Table, columns: Sequence[str], limit: int, *, source: str | None, asked: bool) -> list[Field]:
    """The columns worth comparing, the most informative first; `asked` keeps them all, as a user named them."""
    types = infer_types(table, [column for column in columns if column != source])
    rows = table.rows
    kept = [
        column
        for column, found in types.items()
        if found.kind is not Kind.EMPTY
        and (asked or (found.distinct > 1 and not _names_the_row(table, column, found, rows, source)))
    ]
    names = {column: f"c{number}" for number, column in enumerate(kept)}
    ranked = sorted(kept, key=lambda column: (-_information(types[column], rows), names[column]))
    chosen = ranked if asked else ranked[:limit]
    unclear = [column for column in chosen if types[column].kind not in _EVIDENT]
    looks = {column: look for batch in batches(unclear) for column, look in _looks(table, batch).items()}
    return [
        Field(
            column,
            names[column],
            _EVIDENT.get(types[column].kind) or _comparison(types[column], *looks[column]),
            types[column],
            rows - types[column].missing,
        )
        for column in chosen
    ]


def comparable(table: Table, fields: Sequence[Field]) -> Table:
    """`p` (the row's position, from 0), `__row`, and each field's value in the form in which it is compared."""
    cells = [f"{_comparable_sql(field)} AS {field.name}" for field in fields]
    listed = ", ".join(["CAST(row_number() OVER (ORDER BY __row) - 1 AS INTEGER) AS p", ROW, *cells])
    return table.sql(f"SELECT {listed} FROM {{self}} ORDER BY p")


def _comparable_sql(field: Field) -> str:
    cell = Table.q(field.column)
    if field.type.kind in TEMPORAL:
        written = f"strftime({date_sql(cell, field.type.date_order)}, '%Y%m%d')"
        return f"coalesce({written}, replace({words_sql(cell)}, ' ', ''))"
    if field.comparison == "number":
        return f"CAST({measure_sql(cell, field.type)} AS VARCHAR)"
    if field.comparison == "code":
        return f"nullif(replace({words_sql(cell)}, ' ', ''), '')"
    return words_sql(cell)


def _names_the_row(table: Table, column: str, found: ColumnType, rows: int, source: str | None) -> bool:
    """Whether a column numbers the rows and says nothing of the thing: it would hide every duplicate."""
    if found.kind not in (Kind.INTEGER, Kind.CODE) or found.missing > 0.01 * rows:
        return False
    if found.distinct == rows:
        return True
    within = [Table.q(name) for name in (source, column) if name]
    if len(within) < 2 or found.kind is Kind.CODE:
        return False
    return bool(table.scalar(f"SELECT count(*) = {rows} FROM (SELECT DISTINCT {', '.join(within)} FROM {{self}})"))


def _looks(table: Table, columns: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Mean number of words, and the share of characters that are digits."""
    cells = ", ".join(f"{words_sql(Table.q(column))} AS v{number}" for number, column in enumerate(columns))
    measured = ", ".join(
        f"coalesce(avg(length(v{n}) - length(replace(v{n}, ' ', '')) + 1), 0), "
        f"coalesce(avg(length(regexp_replace(v{n}, '[^0-9]+', '', 'g')) / length(v{n})), 0)"
        for n in range(len(columns))
    )
    found = table.query(f"SELECT {measured} FROM (SELECT {cells} FROM {{self}})")[0] if columns else ()
    return {column: (found[2 * n], found[2 * n + 1]) for n, column in enumerate(columns)}


def _comparison(found: ColumnType, words: float, digits: float) -> Comparison:
    if digits > 0.5 or (found.kind is Kind.CODE and words < 1.5):
        return "code"
    return "text" if words > 1.6 else "name"


_EVIDENT: dict[Kind, Comparison] = {
    **dict.fromkeys(NUMERIC, "number"),
    **dict.fromkeys((Kind.EMAIL, Kind.URL), "text"),
    **dict.fromkeys((*TEMPORAL, Kind.INTEGER, Kind.PHONE), "code"),
}
"""Kinds that say by themselves how their values are compared."""
