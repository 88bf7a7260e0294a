"""One side of a comparison: what is known of each column, and its distribution on request, a column at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from agents.column_types import NUMERIC, TEMPORAL, ColumnType, Kind, infer_types, is_null_sql, trim_sql
from agents.privacy.detect import personal_columns
from agents.profiling.readings import value_sql
from agents.table import Table

_NEARLY_UNIQUE = 0.5
_ALWAYS_LISTED = 50
_REPEATED = 4


@dataclass(frozen=True)
class Facts:
    """What one column is. `personal`: that its values lead to a person, so that none may be shown; `withheld`:
    that they were not even kept."""

    column: str
    kind: Kind
    rows: int
    missing: int
    distinct: int
    personal: bool = False
    withheld: bool = False

    @property
    def present(self) -> int:
        """Cells that hold something."""
        return self.rows - self.missing

    @property
    def family(self) -> str:
        """What its values can be compared as."""
        if self.kind in NUMERIC:
            return "numbers"
        return "dates" if self.kind in TEMPORAL else "nothing" if self.kind is Kind.EMPTY else "categories"

    @property
    def repeats(self) -> bool:
        """Whether its values come again often enough for their frequencies to say something."""
        return self.distinct <= max(_ALWAYS_LISTED, _NEARLY_UNIQUE * self.present)


@dataclass(frozen=True)
class Distribution:
    """The values of one column. values: (v, n), a text or, of numbers and dates, a DOUBLE, and its rows.

    others: rows of values that were not kept, in a saved profile.
    """

    values: Table
    others: int = 0


class Side(Protocol):
    """A state of a table."""

    @property
    def rows(self) -> int:
        """How many rows it has."""

    @property
    def columns(self) -> Mapping[str, Facts]:
        """Its columns in order."""

    def distribution(self, column: str) -> Distribution:
        """The values of a column."""


class TableSide:
    """A table that is here: exact."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._types: Mapping[str, ColumnType] = infer_types(table)
        self._personal = personal_columns(table)
        self.rows = table.rows
        self.columns = {name: self._facts(name, found) for name, found in self._types.items()}

    def _facts(self, name: str, found: ColumnType) -> Facts:
        return Facts(name, found.kind, self.rows, found.missing, found.distinct, name in self._personal)

    def distribution(self, column: str) -> Distribution:
        """The values of a column, each once."""
        cell, found = Table.q(column), self._types[column]
        if self.columns[column].family == "categories":
            grouped = f"SELECT {trim_sql(cell)} AS v, count(*) AS n FROM {{self}} WHERE NOT {is_null_sql(cell)}"
            return Distribution(self._table.sql(f"{grouped} GROUP BY ALL"))
        texts = f"SELECT {cell} AS t, 1 AS n FROM {{self}}"
        if found.distinct < self.rows / _REPEATED:
            # Reading a text costs more than finding out that it came before.
            texts = f"SELECT {cell} AS t, count(*) AS n FROM {{self}} GROUP BY ALL"
        numbers = f"SELECT {value_sql('t', found)} AS v, n FROM ({texts})"
        finite = f"SELECT v, CAST(sum(n) AS BIGINT) AS n FROM ({numbers}) WHERE v IS NOT NULL AND isfinite(v)"
        return Distribution(self._table.sql(f"{finite} GROUP BY v"))
