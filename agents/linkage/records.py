"""The rows as the model sees them: rows that are equal in every compared column are one record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy
import numpy.typing
import pandas

from agents.linkage.candidates import Positions
from agents.linkage.comparison import Integers
from agents.linkage.fields import Field, comparable
from agents.table import ROW, Table


@dataclass(frozen=True)
class Records:
    """values: one row per record, `p` from 0. of_row: each row's record, in the order of `rows` (the `__row` numbers).
    sides: each record's source as a number, or None."""

    values: Table
    of_row: Integers
    rows: Integers
    sides: Positions | None

    @property
    def count(self) -> int:
        """How many records there are."""
        return self.values.rows

    @cached_property
    def first_row(self) -> Integers:
        """The position in `rows` of each record's first row."""
        return numpy.unique(self.of_row, return_index=True)[1]

    def record_of(self, row: int) -> int:
        """The record of a `__row` number that is there."""
        return int(self.of_row[numpy.searchsorted(self.rows, row)])


def records(table: Table, fields: Sequence[Field], side: str | None, alone: Sequence[int]) -> Records:
    """The records of a table. side: SQL for the source of a row; alone: rows that are a record by themselves."""
    values = comparable(table, fields)
    names = ", ".join(field.name for field in fields)
    sided = table.sql(f"SELECT __row, {side or 'NULL'} AS side FROM {{self}}")
    apart = ", ".join(str(int(row)) for row in alone) or "-1"
    frame = values.df(
        f"""
        SELECT __row, coalesce(side_number, 0) AS side,
            min(p) OVER (PARTITION BY hash({names}), hash('second', {names}), side,
                         CASE WHEN __row IN ({apart}) THEN __row END) AS first
        FROM {{self}} JOIN {{sided}} USING (__row)
        LEFT JOIN (SELECT side, row_number() OVER (ORDER BY side) - 1 AS side_number FROM {{sided}} GROUP BY side)
            USING (side)
        ORDER BY p
        """,
        sided=sided,
    )
    first, of_row = numpy.unique(frame["first"].to_numpy(numpy.int64), return_inverse=True)
    kept = values.replace(pandas.DataFrame({"p": first.astype(numpy.int32)}))
    chosen = kept.sql(
        "SELECT CAST(row_number() OVER (ORDER BY p) - 1 AS INTEGER) AS p, * EXCLUDE (p)"
        " FROM {self} JOIN {values} USING (p) ORDER BY p",
        values=values,
    )
    sides = frame["side"].to_numpy(numpy.int32)[first] if side else None
    return Records(chosen, of_row.astype(numpy.int64), frame[ROW].to_numpy(numpy.int64), sides)
