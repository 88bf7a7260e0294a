"""Which columns, alone or together, tell every row from all others, and which nearly do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from agents.profiling.grid import Array, Grid
from agents.table import Table
from agents.turns import turns

Column = Mapping[str, Any]

_NEARLY = 98.0
_LISTED = 20
_LONGEST = 3
_MOST_TRIED = 3_000
_MOST_CONFIRMED = 5
_FIRST_LOOK = 5_000
_LONG_TEXT = 40
_BY_CHANCE = 3.0
_IDENTIFYING = {"integer": 1.0, "code": 1.0, "email": 0.9, "url": 0.7, "phone": 0.6, "text": 0.5}
_OTHERWISE = 0.2


def keys(table: Table, grid: Grid, columns: Sequence[Column]) -> dict[str, list[dict[str, Any]]]:
    """Candidate keys, single and composite, confirmed on all rows, the likeliest first; and columns that nearly are."""
    single = [column for column in columns if _is_unique(column)]
    found = [_candidate([column["column"]], column["rows"], _plausibility(column)) for column in single]
    found += [_candidate(list(names), table.rows, 0.8) for names in _composite(table, grid, columns)]
    return {
        "candidates": sorted(found, key=lambda each: -each["score"])[:_LISTED],
        "nearly": [_nearly(column) for column in columns if _is_nearly_unique(column)][:_LISTED],
    }


def _candidate(names: list[str], rows: int, score: float) -> dict[str, Any]:
    return {"columns": names, "distinct": rows, "rows": rows, "unique": True, "minimal": True, "score": score}


def _is_unique(column: Column) -> bool:
    return bool(1 < column["rows"] == column["distinct"])


def _is_nearly_unique(column: Column) -> bool:
    unlike_a_key = column["missing"] or column["rows"] > column["distinct"]
    return bool(unlike_a_key) and column["distinct_percent"] >= _NEARLY and _plausibility(column) > _OTHERWISE


def _plausibility(column: Column) -> float:
    """How likely a column of such values was made to tell rows apart: a unique price or moment is so by chance."""
    return _IDENTIFYING.get(column["kind"], _OTHERWISE)


def _nearly(column: Column) -> dict[str, Any]:
    return {
        "columns": [column["column"]],
        "distinct_percent": column["distinct_percent"],
        "repeated_rows": column["rows"] - column["missing"] - column["distinct"],
        "missing_rows": column["missing"],
        "examples": [each["value"] for each in column["top_values"][:3] if each["count"] > 1],
    }


def _composite(table: Table, grid: Grid, columns: Sequence[Column]) -> Iterator[tuple[str, ...]]:
    """The smallest sets of two or three columns that are a key and wouldn't be one by chance."""
    parts = {column["column"]: column["distinct"] for column in columns if _can_be_part(column, grid)}
    confirmed: list[tuple[str, ...]] = []
    tried = 0
    has_key = any(_is_unique(column) and _plausibility(column) == 1 for column in columns)
    for names in _by_size(parts, table.rows, grid.rows, 2 if has_key else _LONGEST):
        if any(set(known) <= set(names) for known in confirmed):
            continue
        tried += 1
        if tried > _MOST_TRIED or len(confirmed) >= _MOST_CONFIRMED:
            return
        if _is_unique_in(grid, names) and (grid.sampled is None or _confirmed(table, names)):
            confirmed.append(names)
            yield names


def _can_be_part(column: Column, grid: Grid) -> bool:
    return (
        column["column"] in grid.codes
        and not column["missing"]
        and 1 < column["distinct"] < _NEARLY / 100 * column["rows"]
        and column["kind"] not in ("decimal", "percent", "quantity")
        and column["mean_length"] <= _LONG_TEXT
    )


def _by_size(parts: Mapping[str, int], rows: int, seen: int, longest: int) -> Iterator[tuple[str, ...]]:
    """Sets of columns with combinations enough for all rows, but so few that some of the rows seen would meet if they
    fell at random."""
    for length in range(2, longest + 1):
        possible = []
        for names in combinations(parts, length):
            combined = float(np.prod([float(parts[name]) for name in names]))
            if combined >= rows and seen * (seen - 1) / 2 / combined >= _BY_CHANCE:
                possible.append((combined, names))
        yield from (names for _, names in sorted(possible))


def _is_unique_in(grid: Grid, names: Sequence[str]) -> bool:
    """Whether the grid's rows are told apart; a look at the first few thousand rules most sets out."""
    for rows in (slice(0, _FIRST_LOOK), slice(None)):
        together: Array = np.zeros(len(grid.codes[names[0]][rows]), dtype=np.int64)
        for name in names:
            together = together * (grid.size(name) + 1) + grid.codes[name][rows]
        together.sort()
        if (together[1:] == together[:-1]).any():
            return False
    return True


def _confirmed(table: Table, names: Sequence[str]) -> bool:
    """Whether no two rows have the same hash of 128 bits; so none have the same cells."""
    cells = ", ".join(Table.q(name) for name in names)
    hashes = f"SELECT hash(0, {cells}) AS a, hash(1, {cells}) AS b FROM {{self}}"
    return not any(
        table.scalar(f"SELECT count(*) FROM (SELECT 1 FROM ({hashes}) WHERE {some} GROUP BY a, b HAVING count(*) > 1)")
        for some in turns(table.rows, "a")
    )
