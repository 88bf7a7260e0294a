"""A table's profile as it is kept: enough to compare another table with, in a size that doesn't depend on the rows.

Of numbers and dates at most a thousand points of the cumulative distribution are kept, so that a Kolmogorov-Smirnov
distance is exact to a thousandth; of categories the most frequent. Of personal data nothing but its counts is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agents.column_types import Kind
from agents.drift.columns import Distribution, Facts, Side
from agents.table import Table, literal

PROFILE, VALUES = "profile.json", "profile_values.parquet"
POINTS = 1_000
CATEGORIES = 2_000

_COLUMNS = {"column": "VARCHAR", "text": "VARCHAR", "number": "DOUBLE", "n": "BIGINT"}


class SavedSide:
    """The state of a table that an earlier run has saved."""

    def __init__(self, profile: Mapping[str, Any], values: Table) -> None:
        self._values = values
        self._others = {each["column"]: int(each["others"]) for each in profile["columns"]}
        self.rows = int(profile["rows"])
        self.columns = {each["column"]: _facts(each, self.rows) for each in profile["columns"]}

    def distribution(self, column: str) -> Distribution:
        """The values that were kept of a column."""
        kept = "text" if self.columns[column].family == "categories" else "number"
        values = self._values.sql(f'SELECT {kept} AS v, n FROM {{self}} WHERE "column" = $column', column=column)
        return Distribution(values, self._others[column])


def _facts(saved: Mapping[str, Any], rows: int) -> Facts:
    return Facts(
        column=saved["column"],
        kind=Kind(saved["kind"]),
        rows=rows,
        missing=saved["missing"],
        distinct=saved["distinct"],
        personal=saved["personal"],
        withheld=saved["personal"],
    )


def saved(side: Side, beside: Table, report: Callable[[float], None]) -> dict[str, Any]:
    """The files that keep a table's profile."""
    columns: list[dict[str, Any]] = []
    values = beside.beside(_COLUMNS)
    for facts in side.columns.values():
        kept, others = (None, 0) if facts.personal else _kept(side, facts)
        if kept is not None:
            values = values.sql("SELECT * FROM {self} UNION ALL SELECT * FROM {kept}", kept=kept)
        columns.append(
            {
                "column": facts.column,
                "kind": str(facts.kind),
                "missing": facts.missing,
                "distinct": facts.distinct,
                "personal": facts.personal,
                "others": others,
            }
        )
        report(len(columns) / len(side.columns))
    return {PROFILE: {"format": 1, "rows": side.rows, "columns": columns}, VALUES: values}


def _kept(side: Side, facts: Facts) -> tuple[Table | None, int]:
    """What is kept of a column's values, and on how many rows others stand."""
    if facts.family == "nothing" or (facts.family == "categories" and not facts.repeats):
        return None, 0
    values = side.distribution(facts.column).values
    name = f'{literal(facts.column)} AS "column"'
    if facts.family == "categories":
        kept = values.sql(
            f"SELECT {name}, v AS text, NULL::DOUBLE AS number, n FROM {{self}} ORDER BY n DESC, v LIMIT {CATEGORIES}"
        )
        total, held = (int(table.scalar("SELECT coalesce(sum(n), 0) FROM {self}")) for table in (values, kept))
        return kept, total - held
    total = int(values.scalar("SELECT coalesce(sum(n), 0) FROM {self}"))
    step = f"CAST((upto * {POINTS}::HUGEINT + {total - 1}) // {max(1, total)} AS BIGINT)"
    grouped = step if values.rows > POINTS else "upto"
    # The smallest number stays a point of its own.
    point = f"CASE WHEN upto = n THEN 0 ELSE {grouped} END"
    running = "SELECT v, n, CAST(sum(n) OVER (ORDER BY v) AS BIGINT) AS upto FROM {self}"
    return (
        values.sql(
            f"SELECT {name}, NULL::VARCHAR AS text, max(v) AS number, CAST(sum(n) AS BIGINT) AS n FROM ({running})"
            f" GROUP BY {point} ORDER BY number"
        ),
        0,
    )
