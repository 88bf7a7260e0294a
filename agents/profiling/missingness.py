"""Which columns are missing together, over all rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from agents.profiling.grid import MOST_COLUMNS, Array, is_missing_sql
from agents.table import Table

_PATTERNS = 20
_TOGETHER = 50
_CORRELATED = 0.2
_MASKS_AT_ONCE = 500_000


def missingness(table: Table, columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The most frequent sets of columns that a row misses, and the pairs that are missing together.

    Columns that hold nothing at all are left out; so are, of more than sixty with holes, those with the fewest.
    """
    holed = [column for column in columns if 0 < column["missing"] < column["rows"]]
    most = sorted(holed, key=lambda column: -column["missing"])[:MOST_COLUMNS]
    kept = [column for column in holed if column in most]
    names = [column["column"] for column in kept]
    found = {"columns_with_missing": [column["column"] for column in holed], "patterns": [], "together": []}
    if not names:
        return found
    masks = table.sql(f"SELECT {_mask_sql(kept)} AS mask, count(*) AS n FROM {{self}} GROUP BY ALL")
    top = masks.query(f"SELECT mask, n FROM {{self}} ORDER BY n DESC, mask LIMIT {_PATTERNS}")
    return found | {
        "patterns": [
            {"missing": _names(names, mask), "rows": rows, "percent": 100 * rows / table.rows} for mask, rows in top
        ],
        "together": list(_together(names, _both_missing(masks, len(names)), table.rows))[:_TOGETHER],
    }


def _mask_sql(columns: Sequence[Mapping[str, Any]]) -> str:
    """One bit per column, set where its cell says nothing."""
    return " | ".join(f"(CAST({is_missing_sql(each)} AS UBIGINT) << {at})" for at, each in enumerate(columns))


def _names(names: Sequence[str], mask: int) -> list[str]:
    return [name for at, name in enumerate(names) if mask >> at & 1]


def _both_missing(masks: Table, width: int) -> Array:
    """The rows that miss both of each pair of columns; on the diagonal, those that miss one."""
    both = np.zeros((width, width))
    for part in _parts(masks):
        flags = (part["mask"][:, None] >> np.arange(width, dtype=np.uint64)) & np.uint64(1)
        both += (flags * part["n"][:, None].astype(np.float64)).T @ flags.astype(np.float64)
    return both


def _parts(masks: Table) -> Iterator[dict[str, Array]]:
    parts = masks.rows // _MASKS_AT_ONCE + 1
    for part in range(parts):
        yield masks.arrays(f"SELECT mask, n FROM {{self}} WHERE hash(mask) % {parts} = {part}")


def _together(names: Sequence[str], both: Array, rows: int) -> list[dict[str, Any]]:
    """The pairs whose holes go together, by the correlation of being missing, the closest first."""
    pairs = []
    for i, j in combinations(range(len(names)), 2):
        a, b, ab = both[i, i], both[j, j], both[i, j]
        spread = math.sqrt(a * (rows - a) * b * (rows - b))
        correlation = (rows * ab - a * b) / spread if spread else 0.0
        if correlation >= _CORRELATED:
            pairs.append({"columns": [names[i], names[j]], "rows_both": int(ab), "correlation": correlation})
    return sorted(pairs, key=lambda each: (-each["correlation"], each["columns"]))
