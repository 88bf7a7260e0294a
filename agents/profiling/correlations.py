"""How pairs of columns go together: numbers by Pearson and Spearman, categories by Cramér's V, both by eta."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from agents.profiling.grid import Array, Grid, number_or_nan_sql
from agents.table import ROW, Table

MOST_CATEGORIES = 100
"""A column of more different texts isn't taken for one of categories."""

_ROWS_AT_ONCE = 50_000
_NAN = "CAST('nan' AS DOUBLE)"
_CONSTANT = 1e-12
_STRONG = 0.3
_LISTED = 30
_BEYOND_A_LINE = 0.05

Matrix = list[list[float | None]]


@dataclass(frozen=True)
class Scale:
    """Where a column's numbers lie and how far they spread, so that products of them keep their digits."""

    mean: float
    std: float


def pearson(table: Table, readings: Mapping[str, str], scales: Mapping[str, Scale]) -> Matrix:
    """Pearson's coefficient of every pair, over all rows in which both have a finite number; None where undefined."""
    names = list(readings)
    sums = np.zeros((4, len(names), len(names)))
    middle = np.array([scales[name].mean for name in names])
    spread = np.array([scales[name].std or 1.0 for name in names])
    for numbers in _number_blocks(table, readings):
        present = np.isfinite(numbers)
        z = np.where(present, (numbers - middle) / spread, 0.0)
        there = present.astype(np.float64)
        for held, (left, right) in zip(sums, ((there, there), (z, there), (z * z, there), (z, z)), strict=True):
            held += left.T @ right
    return _coefficients(*sums)


def _number_blocks(table: Table, readings: Mapping[str, str]) -> Iterator[Array]:
    """The numbers of a few columns, block by block of rows, in order.

    What takes more than a cast is read once for every different text and looked up.
    """
    spelled = [name for name, reading in readings.items() if not reading.startswith("TRY_CAST")]
    known = {f"known{at}": _known_numbers(table, name, readings[name]) for at, name in enumerate(spelled)}
    cells = [
        f"coalesce(known{spelled.index(name)}.__x, {_NAN})" if name in spelled else number_or_nan_sql(reading)
        for name, reading in readings.items()
    ]
    chosen = ", ".join(f"{cell} AS x{at}" for at, cell in enumerate(cells))
    joins = " ".join(
        f"LEFT JOIN {{known{at}}} known{at} ON rows.{Table.q(name)} = known{at}.__v" for at, name in enumerate(spelled)
    )
    last = table.scalar(f"SELECT coalesce(max({ROW}), -1) FROM {{self}}")
    for start in range(0, last + 1, _ROWS_AT_ONCE):
        block = f"(SELECT * FROM {{self}} WHERE {ROW} BETWEEN {start} AND {start + _ROWS_AT_ONCE - 1})"
        found = table.arrays(f"SELECT {chosen} FROM {block} rows {joins} ORDER BY {ROW}", **known)
        yield np.column_stack([found[f"x{at}"] for at in range(len(readings))])


def _known_numbers(table: Table, column: str, reading: str) -> Table:
    cell = Table.q(column)
    return table.sql(
        f"SELECT {cell} AS __v, {number_or_nan_sql(reading)} AS __x FROM (SELECT DISTINCT {cell} FROM {{self}})"
        f" WHERE {cell} IS NOT NULL"
    )


def _coefficients(n: Array, s: Array, ss: Array, p: Array) -> Matrix:
    """From, per pair: the rows, the sums and the squares of the left one, and the products."""
    with np.errstate(divide="ignore", invalid="ignore"):
        left = ss - s * s / n
        right = left.T
        r = (p - s * s.T / n) / np.sqrt(left * right)
        defined = (n > 1) & (left > _CONSTANT * ss) & (right > _CONSTANT * ss.T)
    return _listed(np.where(defined, np.clip(r, -1, 1), np.nan))


def _listed(matrix: Array) -> Matrix:
    return [[float(value) if math.isfinite(value) else None for value in row] for row in matrix]


def spearman(grid: Grid, names: Sequence[str]) -> Matrix:
    """Spearman's coefficient of every pair over the grid's rows; ties have the mean of their ranks."""
    codes = {name: _ordered(grid.numbers[name]) for name in names}
    # Where a column has a number in every row, its ranks are the same beside any other such column.
    whole = {name: _centred(_ranks(each)) for name, each in codes.items() if len(each) and each.min() >= 0}

    def coefficient(a: str, b: str) -> float | None:
        if a in whole and b in whole:
            return _correlation(whole[a], whole[b])
        both = (codes[a] >= 0) & (codes[b] >= 0)
        return _correlation(_centred(_ranks(codes[a][both])), _centred(_ranks(codes[b][both])))

    return _square(names, coefficient)


def _ordered(numbers: Array) -> Array:
    """Codes in the order of the numbers, -1 where there is none."""
    known, codes = np.unique(numbers, return_inverse=True)
    return np.where(np.isnan(numbers), -1, codes) if len(known) else codes


def _ranks(codes: Array) -> Array:
    counts = np.bincount(codes) if len(codes) else np.zeros(1, dtype=np.int64)
    return (np.cumsum(counts) - (counts - 1) / 2)[codes]


def _centred(ranks: Array) -> tuple[Array, float]:
    """The ranks less their mean, and the sum of their squares."""
    centred = ranks - ranks.mean() if len(ranks) else ranks
    return centred, float(centred @ centred)


def _correlation(a: tuple[Array, float], b: tuple[Array, float]) -> float | None:
    (x, xx), (y, yy) = a, b
    if len(x) < 2:
        return None
    spread = math.sqrt(xx * yy)
    return max(-1.0, min(1.0, float(x @ y) / spread)) if spread else None


def cramers_v(grid: Grid, names: Sequence[str]) -> Matrix:
    """Cramér's V of every pair of categories, without a correction for chance."""
    return _square(names, lambda a, b: association(contingency(grid.codes[a], grid.codes[b])))


def contingency(a: Array, b: Array) -> Array:
    """How many rows have each pair of codes, rows that miss either left out."""
    both = (a >= 0) & (b >= 0)
    width = int(b.max(initial=-1)) + 1
    counts = np.bincount(a[both].astype(np.int64) * width + b[both], minlength=(int(a.max(initial=-1)) + 1) * width)
    return counts.reshape(-1, max(1, width))


def association(counts: Array) -> float | None:
    """Cramér's V of a contingency table; None where either side has one value only."""
    held = counts[counts.any(axis=1)][:, counts.any(axis=0)].astype(np.float64)
    if min(held.shape) < 2:
        return None
    total = held.sum()
    expected = held.sum(axis=1, keepdims=True) * held.sum(axis=0, keepdims=True) / total
    chi_squared = float(((held - expected) ** 2 / expected).sum())
    return math.sqrt(min(1.0, chi_squared / total / (min(held.shape) - 1)))


def correlation_ratio(codes: Array, numbers: Array) -> float | None:
    """Eta: which share of the numbers' spread the categories explain, its root; None where they don't spread."""
    both = (codes >= 0) & np.isfinite(numbers)
    groups, values = codes[both], numbers[both]
    if len(values) < 2:
        return None
    centred = values - values.mean()
    total = float(centred @ centred)
    counts = np.bincount(groups)
    sums = np.bincount(groups, weights=centred)
    between = float((sums[counts > 0] ** 2 / counts[counts > 0]).sum())
    return math.sqrt(min(1.0, between / total)) if total else None


def _square(names: Sequence[str], measure: Callable[[str, str], float | None]) -> Matrix:
    found = {pair: measure(*pair) for pair in combinations(names, 2)}
    return [
        [
            (1.0 if measure(a, a) is not None else None) if a == b else found.get((a, b), found.get((b, a)))
            for b in names
        ]
        for a in names
    ]


def correlations(
    table: Table, grid: Grid, columns: Sequence[Mapping[str, Any]], readings: Mapping[str, str]
) -> dict[str, Any]:
    """Every measure of every pair of the grid's columns, and the strongest pairs."""
    paired = [column for column in columns if column["column"] in grid.codes]
    numbers = [each["column"] for each in paired if is_number(each)]
    categories = [each["column"] for each in paired if _is_category(each, grid)]
    scales = {
        each["column"]: Scale(each["numeric"]["mean"], each["numeric"]["std"] or 0.0)
        for each in paired
        if each["column"] in numbers
    }
    looked_at = {"rows": grid.rows, "sampled": grid.sampled}
    found = {
        "pearson": {
            "columns": numbers,
            "matrix": pearson(table, {name: readings[name] for name in numbers}, scales) if numbers else [],
            "rows": table.rows,
            "sampled": None,
        },
        "spearman": {"columns": numbers, "matrix": spearman(grid, numbers), **looked_at},
        "cramers_v": {"columns": categories, "matrix": cramers_v(grid, categories), **looked_at},
        "correlation_ratio": {
            "categories": categories,
            "numbers": numbers,
            "matrix": [
                [None if a == b else correlation_ratio(grid.codes[a], grid.numbers[b]) for b in numbers]
                for a in categories
            ],
            **looked_at,
        },
    }
    return found | {"strongest": _strongest(found)}


def is_number(column: Mapping[str, Any]) -> bool:
    """A measure or a few numbers; a key or a code that is written in digits correlates with nothing."""
    spreads = column["numeric"] is not None and column["numeric"]["std"]
    return bool(spreads) and column["role"] in ("measure", "category") and not column["semantic"]


def _is_category(column: Mapping[str, Any], grid: Grid) -> bool:
    few = 2 <= grid.size(column["column"]) <= MOST_CATEGORIES
    return few and column["role"] in ("category", "text") and column["dates"] is None


def _strongest(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pairs above 0.3, strongest first; Spearman's only where it says more than Pearson's."""
    pairs = [
        {"columns": [a, b], "measure": measure, "value": value, "rows": found[measure]["rows"]}
        for measure, a, b, value in _values(found)
        if abs(value) >= _STRONG
    ]
    return sorted(pairs, key=lambda each: (-abs(each["value"]), each["columns"]))[:_LISTED]


def _values(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str, float]]:
    straight: dict[tuple[str, str], float] = {}
    for measure in ("pearson", "spearman", "cramers_v"):
        names, matrix = found[measure]["columns"], found[measure]["matrix"]
        for i, j in combinations(range(len(names)), 2):
            value, pair = matrix[i][j], (names[i], names[j])
            if value is None or (measure == "spearman" and abs(value) < abs(straight.get(pair, 0)) + _BEYOND_A_LINE):
                continue
            if measure == "pearson":
                straight[pair] = value
            yield measure, *pair, value
    eta = found["correlation_ratio"]
    for category, row in zip(eta["categories"], eta["matrix"], strict=True):
        for number, value in zip(eta["numbers"], row, strict=True):
            if value is not None:
                yield "correlation_ratio", category, number, value
