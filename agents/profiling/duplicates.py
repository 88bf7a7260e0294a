"""Rows that repeat an earlier row in every cell."""

from dataclasses import dataclass

from agents.table import ROW, Table

_HASHED_AT_ONCE = 50


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
    """Find repeated rows: by a hash of all cells first, then confirmed on the cells themselves."""
    hashed = table.sql(f"SELECT {ROW}, {_hash_sql(table.columns)} AS h FROM {{self}}")
    shared = hashed.sql(
        f"SELECT {ROW} FROM {{self}} WHERE h IN (SELECT h FROM {{self}} GROUP BY h HAVING count(*) > 1)"
    )
    cells = ", ".join(Table.q(column) for column in table.columns)
    groups = table.sql(
        f"SELECT min({ROW}) AS first, list({ROW}) AS members FROM {{self}} SEMI JOIN {{shared}} USING ({ROW})"
        f" GROUP BY {cells} HAVING count(*) > 1",
        shared=shared,
    )
    repeats = groups.sql(
        f"SELECT {ROW} FROM (SELECT first, unnest(members) AS {ROW} FROM {{self}}) WHERE {ROW} <> first"
    )
    return Duplicates(repeats, repeats.rows, groups.rows)


def _hash_sql(columns: tuple[str, ...]) -> str:
    """One hash of any number of cells, folded in parts."""
    folded = "0"
    for start in range(0, len(columns), _HASHED_AT_ONCE):
        cells = ", ".join(Table.q(column) for column in columns[start : start + _HASHED_AT_ONCE])
        folded = f"hash({folded}, {cells})"
    return folded
