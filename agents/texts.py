"""The texts of a column, each once where few differ: to ask ten thousand of them costs less than to ask every cell."""

from __future__ import annotations

from agents.column_types import ColumnType
from agents.table import Table

_SHORT = 20_000
_FEW = 100_000
_REPEATED = 10
"""How often a text stands in a column, on average, for grouping to be worth while."""


def few_texts(table: Table, found: ColumnType | None) -> bool:
    """Whether a column, of a type that may be known, has so few different texts that they are best looked at alone."""
    return found is not None and table.rows > _SHORT and found.texts <= min(_FEW, table.rows // _REPEATED)


def texts_sql(table: Table, column: str, found: ColumnType | None) -> str:
    """SQL for a column's texts `v` and the rows `n` that each stands for; a text comes once where few differ."""
    cell = Table.q(column)
    if few_texts(table, found):
        return f"(SELECT v, count(*) AS n FROM (SELECT {cell} AS v FROM {{self}}) GROUP BY v)"
    return f"(SELECT {cell} AS v, 1 AS n FROM {{self}})"
