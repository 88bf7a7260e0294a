"""Checking rules: how many rows break each, and which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.column_types import ColumnType, is_null_sql
from agents.edits import concat
from agents.rules.rule import OF_CELLS, Rule, applies_sql, breaks_sql
from agents.table import ROW, Table, literal

FAILING_COLUMNS = {
    "row": "BIGINT",
    "rule": "VARCHAR",
    "column": "VARCHAR",
    "value": "VARCHAR",
    "origin": "VARCHAR",
}
_AT_ONCE = 20


@dataclass(frozen=True)
class Outcome:
    """A rule and what became of it: `support` rows have it to keep, `failing` of them break it."""

    rule: Rule
    support: int
    failing: int

    @property
    def conformity(self) -> float:
        """The share of rows that keep it, in percent."""
        return 100 * (1 - self.failing / self.support) if self.support else 100.0

    @property
    def passed(self) -> bool:
        """Whether no more rows break it than it tolerates."""
        return self.failing <= self.rule.tolerance * self.support


def column_values(table: Table, column: str) -> Table:
    """Every text (v) of a column and its rows (n): rules of cells are checked on each text once."""
    return table.sql(f"SELECT {Table.q(column)} AS v, count(*) AS n FROM {{self}} GROUP BY ALL")


def check_cells(values: Table, rules: Sequence[Rule], found: ColumnType) -> list[Outcome]:
    """Check rules of cells of one column on its `column_values`."""
    outcomes: list[Outcome] = []
    for start in range(0, len(rules), _AT_ONCE):
        part = rules[start : start + _AT_ONCE]
        counts = ", ".join(
            f"sum(n) FILTER ({applies_sql(rule, 'v')}), sum(n) FILTER ({breaks_sql(rule, 'v', found)})" for rule in part
        )
        figures = [int(figure or 0) for figure in values.query(f"SELECT {counts} FROM {{self}}")[0]]
        pairs = zip(part, figures[::2], figures[1::2], strict=True)
        outcomes += [Outcome(rule, support, failing) for rule, support, failing in pairs]
    return outcomes


def check_rows(table: Table, rule: Rule) -> Outcome:
    """Check a rule that looks at more than one cell."""
    if rule.kind == "row_count":
        low, high = rule.values.get("min"), rule.values.get("max")
        kept = (low is None or table.rows >= low) and (high is None or table.rows <= high)
        return Outcome(rule, 1, 0 if kept else 1)
    filled = " AND ".join(f"NOT {is_null_sql(Table.q(column))}" for column in rule.columns)
    support = int(table.scalar(f"SELECT count(*) FROM {{self}} WHERE {filled}"))
    return Outcome(rule, support, int(table.scalar(f"SELECT count(*) FROM ({_rows_sql(rule, 'SELECT 1')})")))


def failing_rows(table: Table, outcomes: Sequence[Outcome], types: Mapping[str, ColumnType]) -> Table:
    """All rows that break a rule, with the cell that shows it, by rule and row."""
    parts = [table.beside(FAILING_COLUMNS)]
    for rule in (each.rule for each in outcomes if each.failing and each.rule.columns):
        shown = (
            f"SELECT {ROW} AS row, {literal(rule.id)} AS rule, {literal(rule.column)} AS column,"
            f" {_shown(rule)} AS value, {literal(rule.origin)} AS origin"
        )
        if rule.kind in OF_CELLS:
            query = f"{shown} FROM {{self}} WHERE {breaks_sql(rule, Table.q(rule.column), types[rule.column])}"
        else:
            query = _rows_sql(rule, shown)
        parts.append(table.sql(f"{query} ORDER BY {ROW}"))
    return concat(parts)


def _shown(rule: Rule) -> str:
    """The cells of a rule; several as one text."""
    if rule.kind == "unique" and len(rule.columns) > 1:
        return f"concat_ws(' | ', {', '.join(map(Table.q, rule.columns))})"
    return Table.q(rule.column)


def _rows_sql(rule: Rule, shown: str) -> str:
    """The rows that break a rule of several cells or rows."""
    cells = [Table.q(column) for column in rule.columns]
    filled = " AND ".join(f"NOT {is_null_sql(cell)}" for cell in cells)
    if rule.kind == "unique":
        same = ", ".join(cells)
        repeated = f"SELECT {same} FROM {{self}} WHERE {filled} GROUP BY {same} HAVING count(*) > 1"
        return f"{shown} FROM {{self}} SEMI JOIN ({repeated}) USING ({same})"
    *causes, effect = cells
    known = ", ".join(causes)
    counted = f"SELECT {known}, {effect} AS __effect, count(*) AS __n FROM {{self}} WHERE {filled} GROUP BY ALL"
    usual = f"SELECT {known}, max(row(__n, __effect))[2] AS __usual FROM ({counted}) GROUP BY {known}"
    return f"{shown} FROM {{self}} JOIN ({usual}) USING ({known}) WHERE {filled} AND {effect} <> __usual"
