"""Approximate functional dependencies: columns whose value is nearly always told by that of another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from agents.column_types import is_null_sql
from agents.edits import concat
from agents.profiling.grid import Array, Grid
from agents.sampling import Sample
from agents.table import ROW, Table
from agents.turns import turns

Column = Mapping[str, Any]

_HOLDS = 0.95
_STRONG = 0.7
_FIRST_LOOK = 4_000
_HINT = 0.8
_FEWEST_REPEATS = 10
_LISTED = 20
_CONFIRMED = 10
_EXAMPLES = 3
_SMALL = 1 << 20


@dataclass(frozen=True)
class Agreement:
    """How far one column tells another. Rows that miss either are left out.

    rows: how many were looked at; held: those with their determinant's most frequent value; usual: those with the most
    frequent value of all; repeats: rows whose determinant was seen before; agreeing: those that agree with the most.
    """

    rows: int
    held: int
    usual: int
    repeats: int
    agreeing: int

    @property
    def exceptions(self) -> int:
        """Rows with another value than the one that goes with theirs."""
        return self.rows - self.held

    @property
    def share(self) -> float:
        """The agreement among rows that could disagree."""
        return self.agreeing / self.repeats if self.repeats else 0.0

    @property
    def strength(self) -> float:
        """Goodman and Kruskal's lambda: how many of the errors of always guessing the usual value are spared."""
        errors = self.rows - self.usual
        return (self.held - self.usual) / errors if errors else 0.0


def dependencies(table: Table, sample: Sample, grid: Grid, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """The strongest dependencies between the grid's columns, confirmed on all rows, with some of their exceptions."""
    found = sorted(_candidates(grid, columns), key=lambda each: (-each[2].share, -each[2].strength, each[:2]))
    limit = _CONFIRMED if grid.sampled else _LISTED
    shown = []
    for determinant, dependent, seen in found[:limit]:
        exact = _on_all_rows(table, determinant, dependent) if grid.sampled else seen
        if _tells(exact):
            shown.append(_described(sample.rows, determinant, dependent, exact))
    return shown


def _candidates(grid: Grid, columns: Sequence[Column]) -> Iterator[tuple[str, str, Agreement]]:
    known = {column["column"]: column for column in columns if column["column"] in grid.codes}
    for a, b in permutations(known, 2):
        if _may_tell(known[a]) and 1 < known[b]["distinct"] <= known[a]["distinct"] / _HOLDS:
            first = agreement(grid.codes[a][:_FIRST_LOOK], grid.codes[b][:_FIRST_LOOK])
            if first.repeats >= _FEWEST_REPEATS and first.share < _HINT:
                continue
            seen = agreement(grid.codes[a], grid.codes[b])
            if _tells(seen):
                yield a, b, seen


def _may_tell(column: Column) -> bool:
    """Most of a determinant's values come again: what is nearly unique tells everything and means nothing."""
    present = column["rows"] - column["missing"]
    return bool(1 < column["distinct"] <= present / 2) and column["kind"] not in ("decimal", "percent", "quantity")


def _tells(found: Agreement) -> bool:
    return found.repeats >= _FEWEST_REPEATS and found.share >= _HOLDS and found.strength >= _STRONG


def agreement(determinant: Array, dependent: Array) -> Agreement:
    """How far the codes of one column tell those of another."""
    both = (determinant >= 0) & (dependent >= 0)
    a, b = determinant[both], dependent[both]
    if not len(a):
        return Agreement(0, 0, 0, 0, 0)
    groups, counts = _pairs(a, b)
    most = np.zeros(int(a.max()) + 1, dtype=np.int64)
    np.maximum.at(most, groups, counts)
    sizes = np.bincount(a)
    seen = int((sizes > 0).sum())
    return Agreement(
        rows=len(a),
        held=int(most.sum()),
        usual=int(np.bincount(b).max()),
        repeats=len(a) - seen,
        agreeing=int(most.sum()) - seen,
    )


def _pairs(a: Array, b: Array) -> tuple[Array, Array]:
    """For every pair of codes that occurs: the first of them, and how many rows have the pair."""
    width = int(b.max()) + 1
    together = a.astype(np.int64) * width + b
    if (int(a.max()) + 1) * width <= _SMALL:
        counts = np.bincount(together)
        pairs = np.flatnonzero(counts)
        return pairs // width, counts[pairs]
    pairs, counts = np.unique(together, return_counts=True)
    return pairs // width, counts


def _on_all_rows(table: Table, determinant: str, dependent: str) -> Agreement:
    cells = f"{Table.q(determinant)} AS a, {Table.q(dependent)} AS b"
    rows = held = groups = 0
    effects: list[Table] = []
    for some in turns(table.rows, "a"):
        # Few pairs are left after grouping: only those are looked at for what says nothing.
        pairs = table.sql(f"SELECT a, b, count(*) AS n FROM (SELECT {cells} FROM {{self}}) WHERE {some} GROUP BY ALL")
        said = pairs.sql(f"SELECT a, b, n FROM {{self}} WHERE NOT {is_null_sql('a')} AND NOT {is_null_sql('b')}")
        found = said.query(
            "SELECT coalesce(sum(n), 0), coalesce(sum(most), 0), count(*)"
            " FROM (SELECT sum(n) AS n, max(n) AS most FROM {self} GROUP BY a)"
        )[0]
        rows, held, groups = (total + int(more) for total, more in zip((rows, held, groups), found, strict=True))
        effects.append(said.sql("SELECT b, sum(n) AS n FROM {self} GROUP BY b"))
    usual = concat(effects).scalar("SELECT coalesce(max(n), 0) FROM (SELECT sum(n) AS n FROM {self} GROUP BY b)")
    return Agreement(rows, held, int(usual), rows - groups, held - groups)


def _described(rows: Table, determinant: str, dependent: str, found: Agreement) -> dict[str, Any]:
    return {
        "determinant": [determinant],
        "dependent": dependent,
        "rows": found.rows,
        "holds_percent": 100 * found.held / found.rows,
        "exceptions": found.exceptions,
        "strength": found.strength,
        "examples": _examples(rows, determinant, dependent) if found.exceptions else [],
    }


def _examples(rows: Table, determinant: str, dependent: str) -> list[dict[str, Any]]:
    """Some rows that break a dependency, with the value that goes with theirs elsewhere."""
    a, b = Table.q(determinant), Table.q(dependent)
    found = rows.query(
        f"""
        WITH cells AS (
            SELECT {ROW} AS place, {a} AS a, {b} AS b FROM {{self}} WHERE NOT {is_null_sql(a)} AND NOT {is_null_sql(b)}
        ), usual AS (
            SELECT a, min(row(-n, b))[2] AS usual FROM (SELECT a, b, count(*) AS n FROM cells GROUP BY a, b) GROUP BY a
        )
        SELECT place, a, b, usual FROM cells JOIN usual USING (a) WHERE b <> usual ORDER BY place LIMIT {_EXAMPLES}
        """
    )
    return [{"row": row, "determinant": a, "dependent": b, "usual": usual} for row, a, b, usual in found]
