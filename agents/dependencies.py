"""Strict dependencies: one column determines another without a single exception."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from agents.column_types import ColumnType, Kind, is_null_sql
from agents.edits import CELL_COLUMNS
from agents.table import ROW, Table, literal
from agents.turns import turns

_SAMPLE_ROWS = 2_000
_MOST_PAIRS = 2_000
_CHANCE = 1e-6
"""A dependency counts when so many agreements by chance are less likely than this."""
_NEARLY_UNIQUE = 0.95
_COLUMNS_AT_ONCE = 10
_Codes = numpy.ndarray[Any, numpy.dtype[numpy.int64]]
_SURE_ROWS = 2
"""A value seen on fewer rows is suggested, not filled in."""


def dependencies_of(
    table: Table, targets: Sequence[str], types: Mapping[str, ColumnType], seed: int
) -> dict[str, list[str]]:
    """The columns that determine each target, confirmed on all rows; targets without one are left out."""
    sources = [c for c, found in types.items() if _can_determine(found, table.rows) and c in table.columns]
    targets = [c for c in targets if types[c].kind is not Kind.EMPTY and c in table.columns]
    pairs = [(source, target) for target in targets for source in sources if source != target][:_MOST_PAIRS]
    codes = _codes(_sample(table, seed), list(dict.fromkeys(itertools.chain.from_iterable(pairs))))
    found: dict[str, list[str]] = {}
    for source, target in pairs:
        if _may_determine(codes[source], codes[target]) and _is_strict(table, source, target):
            found.setdefault(target, []).append(source)
    return found


def _can_determine(found: ColumnType, rows: int) -> bool:
    present = rows - found.missing
    return 1 < found.distinct < _NEARLY_UNIQUE * max(present, 1)


def _sample(table: Table, seed: int) -> Table:
    if table.rows <= _SAMPLE_ROWS:
        return table
    # About that many: choosing exactly so many means sorting rows, and wide ones don't fit into memory for it.
    chosen = f"hash({Table.q(ROW)} + {seed}) % {table.rows} < {_SAMPLE_ROWS}"
    return table.sql(f"SELECT * FROM {{self}} WHERE {chosen}")


def _codes(table: Table, columns: Sequence[str]) -> dict[str, _Codes]:
    """A number for each cell: equal texts have equal ones, and a cell that says nothing has 0."""
    codes: dict[str, _Codes] = {}
    for at in range(0, len(columns), _COLUMNS_AT_ONCE):
        some = columns[at : at + _COLUMNS_AT_ONCE]
        cells = (f"CASE WHEN {is_null_sql(Table.q(c))} THEN 0 ELSE greatest(hash({Table.q(c)}), 1) END" for c in some)
        named = ", ".join(f"{cell} AS c{place}" for place, cell in enumerate(cells))
        found = table.arrays(f"SELECT {named} FROM {{self}}")
        for place, column in enumerate(some):
            known, dense = numpy.unique(found[f"c{place}"], return_inverse=True)
            codes[column] = (dense + (not len(known) or known[0] != 0)).astype(numpy.int64)
    return codes


def _may_determine(source: _Codes, target: _Codes) -> bool:
    """Whether no value of the source stands beside two of the target."""
    both = (source > 0) & (target > 0)
    pairs = numpy.unique(source[both] * (target.max(initial=0) + 1) + target[both])
    return len(pairs) == len(numpy.unique(source[both]))


def _is_strict(table: Table, source: str, target: str) -> bool:
    """No exception, and more agreements than chance explains in a column of this many and these frequent values."""
    left, right = Table.q(source), Table.q(target)
    filled = f"NOT {is_null_sql(left)} AND NOT {is_null_sql(right)}"
    agreements = 0
    for some in turns(table.rows, left):
        grouped = (
            f"SELECT min({right}) AS low, max({right}) AS high, count(*) AS n FROM {{self}}"
            f" WHERE {some} AND {filled} GROUP BY {left}"
        )
        violations, agreeing = table.query(
            f"SELECT count(*) FILTER (low <> high), coalesce(sum(n - 1), 0) FROM ({grouped})"
        )[0]
        if violations:
            return False
        agreements += int(agreeing)
    chance = _chance(table, target)
    return 0 < chance < 1 and agreements * math.log(chance) < math.log(_CHANCE)


def _chance(table: Table, column: str) -> float:
    """How likely two of a column's cells that say something are equal."""
    cell = Table.q(column)
    total = squares = 0.0
    for some in turns(table.rows, cell):
        counted = f"SELECT count(*)::DOUBLE AS n FROM {{self}} WHERE {some} AND NOT {is_null_sql(cell)} GROUP BY {cell}"
        more, square = table.query(f"SELECT coalesce(sum(n), 0), coalesce(sum(n * n), 0) FROM ({counted})")[0]
        total, squares = total + more, squares + square
    return squares / total**2 if total else 0.0


def fill_cells(table: Table, target: str, sources: Sequence[str]) -> Table:
    """The empty cells of a column with the value that its determinants agree on."""
    cell = Table.q(target)
    parts = [
        f"SELECT t.{Table.q(ROW)} AS row, known.value, known.n, {literal(source)} AS source,"
        f" {place} AS place FROM {{self}} t JOIN"
        f" (SELECT {Table.q(source)} AS key, min({cell}) AS value, count(*) AS n FROM {{self}}"
        f"   WHERE NOT {is_null_sql(Table.q(source))} AND NOT {is_null_sql(cell)} GROUP BY ALL) known"
        f" ON t.{Table.q(source)} = known.key WHERE {is_null_sql(f't.{cell}')}"
        for place, source in enumerate(sources)
    ]
    if not parts:
        return table.beside(CELL_COLUMNS)
    return table.sql(
        "SELECT row, min(value) AS new, 'dependency' AS rule,"
        f" 'every ' || arg_max(source, (n, -place)) || ' has one ' || {literal(target)}"
        " || '; seen on ' || max(n) || ' rows' AS evidence,"
        f" max(n) / (max(n) + 1.0) AS confidence, max(n) >= {_SURE_ROWS} AS applied"
        f" FROM ({' UNION ALL '.join(parts)}) GROUP BY row HAVING min(value) = max(value) ORDER BY row"
    )
