"""Which values of a column its namesake in the baseline has too."""

from __future__ import annotations

from typing import Any

from agents.column_types import is_null_sql, trim_sql
from agents.table import Table

_EXAMPLES = 3


def inclusion(table: Table, baseline: Table) -> list[dict[str, Any]]:
    """For each column that both have, case and blanks of its name aside: the share of its rows whose value is known."""
    namesakes = {_plain(name): name for name in reversed(baseline.columns)}
    return [
        _contained(table, column, baseline, namesakes[_plain(column)])
        for column in table.columns
        if _plain(column) in namesakes
    ]


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _contained(table: Table, column: str, baseline: Table, namesake: str) -> dict[str, Any]:
    values = table.sql(_values_sql(column))
    known = f"SELECT DISTINCT {trim_sql(Table.q(namesake))} AS v FROM {{baseline}}"
    unknown = values.sql(f"SELECT v, n FROM {{self}} ANTI JOIN ({known}) USING (v)", baseline=baseline)
    rows = values.scalar("SELECT coalesce(sum(n), 0) FROM {self}")
    strange, distinct = unknown.query("SELECT coalesce(sum(n), 0), count(*) FROM {self}")[0]
    examples = unknown.query(f"SELECT v FROM {{self}} ORDER BY n DESC, v LIMIT {_EXAMPLES}")
    return {
        "column": column,
        "baseline_column": namesake,
        "rows": int(rows),
        "contained_percent": 100 * int(rows - strange) / int(rows) if rows else 100.0,
        "distinct_new": distinct,
        "examples": [value for (value,) in examples],
    }


def _values_sql(column: str) -> str:
    cell = Table.q(column)
    return f"SELECT {trim_sql(cell)} AS v, count(*) AS n FROM {{self}} WHERE NOT {is_null_sql(cell)} GROUP BY ALL"
