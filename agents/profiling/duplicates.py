"""Rows that repeat an earlier row in every cell."""

from dataclasses import dataclass

from agents.equal_rows import equal_rows
from agents.table import ROW, Table


@dataclass(frozen=True)
class Duplicates:
    """repeats: row numbers of the rows that repeat an earlier one; groups: how many rows are repeated."""

    repeats: Table
    rows: int
    groups: int


def no_duplicates(table: Table) -> Duplicates:
    """What is known where a column tells all rows apart."""
    return Duplicates(table.beside({ROW: "BIGINT"}), 0, 0)


def duplicate_rows(table: Table) -> Duplicates:
    """Find repeated rows, missing cells being equal to each other."""
    found = equal_rows(table, [f"t.{Table.q(column)}" for column in table.columns], missing_matches=True)
    rows, groups = found.query("SELECT count(*), count(DISTINCT kept) FROM {self}")[0]
    return Duplicates(found.sql(f"SELECT row AS {ROW} FROM {{self}}"), int(rows), int(groups))
