"""Strict dependencies: one column determines another without a single exception."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from agents.column_types import ColumnType, Kind, is_null_sql
from agents.edits import CELL_COLUMNS, concat
from agents.table import ROW, Table, literal
from agents.turns import turns

if TYPE_CHECKING:
    import numpy

_SAMPLE_ROWS = 2_000
_STRETCHES = 10
_MOST_PAIRS = 2_000
_CHANCE = 1e-6
"""A dependency counts when so many agreements by chance are less likely than this."""
_NEARLY_UNIQUE = 0.95
_COLUMNS_AT_ONCE = 10
_Codes: TypeAlias = "numpy.ndarray[Any, numpy.dtype[numpy.int64]]"
_SURE_ROWS = 2
"""A value seen on fewer rows is suggested, not filled in."""

_ROWS_AT_ONCE = 1_000_000
_ONE_GROUP_IN = 50
_OF_TEXTS = 0.25
"""So many times as many groups fit into memory where each holds texts."""


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
    if table.rows <= _ROWS_AT_ONCE:
        # About that many: choosing exactly so many means sorting rows, and wide ones don't fit into memory for it.
        chosen = f"hash({Table.q(ROW)} + {seed}) % {table.rows} < {_SAMPLE_ROWS}"
        return table.sql(f"SELECT * FROM {{self}} WHERE {chosen}")
    # Rows side by side cost nothing to find, and repeat each other's values more often than others.
    apart, length = table.rows // _STRETCHES, _SAMPLE_ROWS // _STRETCHES
    starts = (place * apart + seed % (apart - length) for place in range(_STRETCHES))
    return concat([table.stretch(start, start + length).sql("SELECT * FROM {self}") for start in starts])


def _codes(table: Table, columns: Sequence[str]) -> dict[str, _Codes]:
    """A number for each cell: equal texts have equal ones, and a cell that says nothing has 0."""
    import numpy

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
    import numpy

    both = (source > 0) & (target > 0)
    pairs = numpy.unique(source[both] * (target.max(initial=0) + 1) + target[both])
    return len(pairs) == len(numpy.unique(source[both]))


def _is_strict(table: Table, source: str, target: str) -> bool:
    """No exception, and more agreements than chance explains in a column of this many and these frequent values."""
    left, right = Table.q(source), Table.q(target)
    # Texts are told apart by their 64-bit hashes, which take less memory than the least and the greatest of them.
    filled = f"WHERE NOT {is_null_sql(left)} AND NOT {is_null_sql(right)}"
    pairs = f"SELECT hash({left}) AS source, hash({right}) AS target FROM {{self}} {filled}"
    if table.rows > _ROWS_AT_ONCE:
        # Most that hold in a sample of rows fail in some of the groups.
        if _agreements(table, f"{pairs} AND hash({left}) % {_ONE_GROUP_IN} = 0", "true") is None:
            return False
        table, pairs = table.sql(pairs), "SELECT source, target FROM {self}"
    agreements = 0
    for some in turns(table.rows, "source"):
        more = _agreements(table, pairs, some)
        if more is None:
            return False
        agreements += more
    chance = _chance(table, pairs)
    return 0 < chance < 1 and agreements * math.log(chance) < math.log(_CHANCE)


def _agreements(table: Table, pairs: str, some: str) -> int | None:
    """How many rows repeat what another has said of the same source; None where one contradicts."""
    grouped = (
        f"SELECT min(target) AS low, max(target) AS high, count(*) AS n FROM ({pairs}) WHERE {some} GROUP BY source"
    )
    violations, agreeing = table.query(
        f"SELECT count(*) FILTER (low <> high), coalesce(sum(n - 1), 0) FROM ({grouped})"
    )[0]
    return None if violations else int(agreeing)


def _chance(table: Table, target: str) -> float:
    """How likely two of a column's cells that say something are equal: `target` is a query for their hashes."""
    total = squares = 0
    for some in turns(table.rows, "target"):
        counted = f"SELECT count(*)::HUGEINT AS n FROM ({target}) WHERE {some} GROUP BY target"
        more, square = table.query(f"SELECT coalesce(sum(n), 0), coalesce(sum(n * n), 0) FROM ({counted})")[0]
        total, squares = total + int(more), squares + int(square)
    return squares / total**2 if total else 0.0


def fill_cells(table: Table, target: str, sources: Sequence[str]) -> Table:
    """The empty cells of a column with the value that its determinants agree on."""
    found = [
        each.sql(_beside(target, source, place, some))
        for place, source in enumerate(sources)
        for each in [_about(table, target, source)]
        for some in turns(each.rows, Table.q(source), times=_OF_TEXTS)
    ]
    if not found:
        return table.beside(CELL_COLUMNS)
    known = concat(found)
    filled = [
        known.sql(
            "SELECT row, min(value) AS new, 'dependency' AS rule,"
            f" 'every ' || arg_max(source, (n, -place)) || ' has one ' || {literal(target)}"
            " || '; seen on ' || max(n) || ' rows' AS evidence,"
            f" max(n) / (max(n) + 1.0) AS confidence, max(n) >= {_SURE_ROWS} AS applied"
            f" FROM {{self}} WHERE {some} GROUP BY row HAVING min(value) = max(value)"
        )
        for some in turns(known.rows, "row")
    ]
    return concat(filled).sql("SELECT * FROM {self} ORDER BY row")


def _about(table: Table, target: str, source: str) -> Table:
    """A long table's rows with a value of the source that stands beside an empty cell of the target, or a short one."""
    if table.rows <= _ROWS_AT_ONCE:
        return table
    cell, key = Table.q(target), Table.q(source)
    held = table.sql(f"SELECT {Table.q(ROW)}, {key}, {cell} FROM {{self}}")
    asked = held.sql(f"SELECT hash({key}) AS key FROM {{self}} WHERE {is_null_sql(cell)} AND NOT {is_null_sql(key)}")
    both = zip(turns(asked.rows, f"hash({key})"), turns(asked.rows, "key"), strict=True)
    told = f"SELECT * FROM {{self}} WHERE hash({key}) IN (SELECT key FROM {{asked}} WHERE "
    return concat([held.sql(f"{told}{same}) AND {some}", asked=asked) for some, same in both])


def _beside(target: str, source: str, place: int, some: str) -> str:
    """SQL for what a source says of the target's empty cells."""
    cell, key = Table.q(target), Table.q(source)
    return (
        f"SELECT t.{Table.q(ROW)} AS row, known.value, known.n, {literal(source)} AS source, {place} AS place"
        f" FROM {{self}} t JOIN (SELECT {key} AS key, min({cell}) AS value, count(*) AS n FROM {{self}}"
        f"   WHERE {some} AND NOT {is_null_sql(key)} AND NOT {is_null_sql(cell)} GROUP BY ALL) known"
        f" ON t.{key} = known.key WHERE {is_null_sql(f't.{cell}')}"
    )
