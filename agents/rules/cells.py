"""The cells of some columns as rules look at them: their texts, and what can be measured of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from agents.column_types import NUMERIC, TEMPORAL, ColumnType, Kind, is_null_sql
from agents.profiling.readings import value_sql
from agents.table import ROW, Table
from agents.turns import GROUPS_AT_ONCE

MEASURED = NUMERIC | TEMPORAL | {Kind.TEXT}
"""Kinds whose cells have a measure: of codes, addresses and the like neither size nor length says anything."""

_CELLS_AT_ONCE = 1_000_000
_COLUMNS_AT_ONCE = 50
_MOST_TEXTS = 50_000


@dataclass(frozen=True)
class Cells:
    """Some columns of a table, each known in queries by its place `c` among `types`.

    In a query, `texts` has (c, v, n, r): a text, how many rows have it, and the first of them; `measures` has
    (c, x, n, r) of the columns of `MEASURED` kinds, where x is the text's `measure_of_cell_sql`. A text may come more
    than once in a long column that has few repeated ones: it isn't `grouped`.
    """

    types: Mapping[str, ColumnType]
    table: Table
    grouped: bool
    _texts: Table
    _texts_sql: str
    _measures: Table

    @property
    def places(self) -> dict[str, int]:
        """The columns' places."""
        return {name: place for place, name in enumerate(self.types)}

    @property
    def rows(self) -> int:
        """How many cells a column has."""
        return self.table.rows

    def filled(self, column: str) -> int:
        """How many cells of a column hold something."""
        return self.rows - self.types[column].missing

    def edges(self) -> dict[str, tuple[int, int]]:
        """The first row with the smallest, and the first with the largest measure of each column that has two."""
        ends = "SELECT c, min(x) AS low, max(x) AS high FROM measures GROUP BY c HAVING low < high"
        rows = self.of_measures(
            "SELECT c, min(r) FILTER (x = low), min(r) FILTER (x = high)"
            f" FROM measures JOIN ({ends}) USING (c) GROUP BY c ORDER BY c"
        )
        names = list(self.types)
        return {names[place]: (low, high) for place, low, high in rows}

    def of_texts(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query over `texts`."""
        return self._texts.query(f"WITH texts AS NOT MATERIALIZED ({self._texts_sql}) {query}")

    def of_measures(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query over `measures`."""
        return self._measures.query(f"WITH measures AS NOT MATERIALIZED (SELECT c, x, n, r FROM {{self}}) {query}")


def parts_of(table: Table, types: Mapping[str, ColumnType]) -> Iterator[Mapping[str, ColumnType]]:
    """A table's columns, as many at a time as fit in memory side by side, and in two parts at least for two threads.

    Neighbours, which are often of one kind, fall to different parts, so that neither thread waits long for the other.
    """
    step = max(1, min(_COLUMNS_AT_ONCE, _CELLS_AT_ONCE // max(table.rows, 1), -(-len(types) // 2)))
    pending = iter(types.items())
    while pair := list(islice(pending, 2 * step)):
        yield from map(dict, filter(None, (pair[::2], pair[1::2])))


def by_place(pieces: Mapping[int, str], otherwise: str) -> str:
    """SQL that has a piece of its own for each column; columns with the same piece share it."""
    places: dict[str, list[str]] = {}
    for place, piece in pieces.items():
        places.setdefault(piece, []).append(str(place))
    cases = " ".join(f"WHEN c IN ({', '.join(own)}) THEN {piece}" for piece, own in places.items())
    return f"CASE {cases} ELSE {otherwise} END" if cases else otherwise


def measure_of_cell_sql(cell: str, found: ColumnType) -> str:
    """SQL giving what can be measured of a cell: its number, a date's seconds since 1970, a text's length."""
    if found.kind is not Kind.TEXT:
        # Not a number is a spelling of "missing".
        return f"nullif({value_sql(cell, found)}, CAST('nan' AS DOUBLE))"
    return f"CASE WHEN NOT {is_null_sql(cell)} THEN CAST(length({cell}) AS DOUBLE) END"


def cells_of(table: Table, types: Mapping[str, ColumnType]) -> Cells:
    """The cells of some columns of a table."""
    of_place = enumerate(types.values())
    measures = {place: measure_of_cell_sql("v", found) for place, found in of_place if found.kind in MEASURED}
    x = by_place(measures, "CAST(NULL AS DOUBLE)")
    measured = f"c IN ({', '.join(map(str, measures))})" if measures else "false"
    grouped = len(types) > 1 or not _mostly_once(table, *types.values())
    if not grouped:
        (name,) = types
        texts = table, f"SELECT 0::UTINYINT AS c, {Table.q(name)} AS v, 1::UTINYINT AS n, {ROW} AS r FROM {{self}}"
    else:
        texts = _grouped(table, list(types)), "SELECT c, v, n, r FROM {self}"
    return Cells(
        types, table, grouped, *texts, texts[0].sql(f"SELECT c, {x} AS x, n, r FROM ({texts[1]}) WHERE {measured}")
    )


def _mostly_once(table: Table, found: ColumnType) -> bool:
    """Whether grouping a column's texts would copy most of them, or take more memory than there is."""
    return 2 * found.distinct > table.rows or (table.rows > GROUPS_AT_ONCE and found.distinct > _MOST_TEXTS)


def _grouped(table: Table, names: Sequence[str]) -> Table:
    if len(names) == 1:
        return table.sql(
            f"SELECT 0 AS c, {Table.q(names[0])} AS v, count() AS n, min({ROW}) AS r FROM {{self}} GROUP BY ALL"
        )
    cells = f"SELECT unnest(range({len(names)})) AS c, unnest([{', '.join(map(Table.q, names))}]) AS v, {ROW} AS r"
    return table.sql(f"SELECT c, v, count() AS n, min(r) AS r FROM ({cells} FROM {{self}}) GROUP BY c, v")
