"""How many cells of a column say something, and how many of them alone: counted once for all who ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from agents.column_types import is_null_sql
from agents.table import Table


@dataclass(frozen=True)
class Cells:
    """The filled cells of a column, and those whose value stands in no other row."""

    filled: int
    lone: int


_known: WeakKeyDictionary[Table, dict[str, Cells]] = WeakKeyDictionary()
"""Counts of tables that still exist: a table never changes, so neither do they."""


def know_cells(table: Table, found: Mapping[str, Cells]) -> None:
    """Remember counts that somebody else came by, on all rows."""
    _known.setdefault(table, {}).update(found)


def count_cells(table: Table, columns: Iterable[str]) -> dict[str, Cells]:
    """Count the cells of some columns, on all rows."""
    known = _known.setdefault(table, {})
    # One column at a time: each brings a hash table of its own.
    found = {name: known.get(name) or _count(table, name) for name in columns}
    known.update(found)
    return found


def _count(table: Table, column: str) -> Cells:
    missing = is_null_sql("v")
    filled, lone = table.query(
        f"SELECT sum(n) FILTER (NOT {missing}), count(*) FILTER (n = 1 AND NOT {missing})"
        f" FROM (SELECT {Table.q(column)} AS v, count(*) AS n FROM {{self}} GROUP BY ALL)"
    )[0]
    return Cells(int(filled or 0), int(lone))
