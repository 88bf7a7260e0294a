"""The rows that pairs of columns are measured on, as arrays: a code for every text, a double for every number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from agents.column_types import is_null_sql
from agents.sampling import Sample
from agents.table import Table

MOST_COLUMNS = 60
"""Pairs are measured on so many columns, those that hold most information."""

_COLUMNS_AT_ONCE = 4

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"


@dataclass(frozen=True)
class Grid:
    """`codes` by column: equal texts have equal codes, counted from 0, and a cell that says nothing has -1.

    `numbers` by column: its finite numbers, NaN where there is none. sampled: how many rows these are, or None where
    they are all.
    """

    rows: int
    sampled: int | None
    codes: Mapping[str, Array]
    numbers: Mapping[str, Array]

    def size(self, column: str) -> int:
        """How many different texts there are."""
        return int(self.codes[column].max(initial=-1)) + 1


def most_informative(columns: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """The columns to pair, in the table's order, and those left out: by entropy, what is unique in every row last."""
    said = [column for column in columns if column["role"] not in ("empty", "constant")]
    ranked = sorted(said, key=lambda each: (each["role"] == "identifier", -each["entropy"]))
    chosen = {each["column"] for each in ranked[:MOST_COLUMNS]}
    return (
        [each["column"] for each in said if each["column"] in chosen],
        [each["column"] for each in said if each["column"] not in chosen],
    )


def grid_of(sample: Sample, columns: Sequence[Mapping[str, Any]], readings: Mapping[str, str]) -> Grid:
    """The sampled rows of some columns, from their profiles; `readings` maps those of numbers to the SQL of a cell's
    number."""
    codes: dict[str, Array] = {}
    numbers: dict[str, Array] = {}

    def code(start: int) -> tuple[dict[str, Array], dict[str, Array]]:
        some = columns[start : start + _COLUMNS_AT_ONCE]
        names = [column["column"] for column in some]
        coded = {f"t{at}": _code_sql(column) for at, column in enumerate(some)}
        read = {f"x{at}": readings[name] for at, name in enumerate(names) if name in readings}
        chosen = ", ".join(f"{sql} AS {name}" for name, sql in (coded | read).items())
        shown = ", ".join([*coded, *(f"{number_or_nan_sql(name)} AS {name}" for name in read)])
        found = sample.rows.arrays(f"SELECT {shown} FROM (SELECT {chosen} FROM {{self}})")
        return (
            {name: _dense(found[f"t{at}"]) for at, name in enumerate(names)},
            {name: found[f"x{at}"] for at, name in enumerate(names) if f"x{at}" in found},
        )

    for own_codes, own_numbers in sample.rows.each(code, range(0, len(columns), _COLUMNS_AT_ONCE)):
        codes |= own_codes
        numbers |= own_numbers
    return Grid(sample.rows.rows, sample.size, codes, numbers)


def number_or_nan_sql(reading: str) -> str:
    """SQL for a finite number, or NaN."""
    return f"coalesce(CASE WHEN isfinite({reading}) THEN {reading} END, CAST('nan' AS DOUBLE))"


def _code_sql(column: Mapping[str, Any]) -> str:
    return f"CASE WHEN {is_missing_sql(column)} THEN 0 ELSE greatest(hash({Table.q(column['column'])}), 1) END"


def is_missing_sql(column: Mapping[str, Any]) -> str:
    cell = Table.q(column["column"])
    return is_null_sql(cell) if column["blank"] or column["disguised_missing"] else f"({cell} IS NULL)"


def _dense(hashes: Array) -> Array:
    """Hashes as small codes; the 0 of cells that say nothing becomes -1."""
    known, codes = np.unique(hashes, return_inverse=True)
    missing = int(len(known) > 0 and known[0] == 0)
    return (codes - missing).astype(np.int32)
