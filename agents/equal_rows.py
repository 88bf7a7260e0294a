"""Rows that are equal in every cell, found by hashes and confirmed on the cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.edits import concat
from agents.table import ROW, Table
from agents.turns import turns

_COLUMNS_AT_ONCE = 20


def equal_rows(table: Table, cells: Sequence[str], *, missing_matches: bool) -> Table:
    """The rows that equal an earlier one: row, kept (the first row of those that are equal).

    cells: SQL over a row `t`, one per column. missing_matches: whether NULL equals NULL.
    """
    pairs = _equal_hashes(table, cells, missing_matches=missing_matches)
    for part in _parts(cells):
        if pairs.rows:
            pairs = _confirmed(table, part, pairs)
    return pairs.sql("SELECT * FROM {self} ORDER BY row")


def _parts(cells: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(cells), _COLUMNS_AT_ONCE):
        yield cells[start : start + _COLUMNS_AT_ONCE]


def _equal_hashes(table: Table, cells: Sequence[str], *, missing_matches: bool) -> Table:
    """The rows whose 128-bit hash an earlier row has."""
    # A part is a table of its own: hundreds of expressions side by side don't fit in memory, even for three rows.
    hashed = None
    for number, part in enumerate(_parts(cells)):
        whole = "true" if missing_matches else " AND ".join(f"{cell} IS NOT NULL" for cell in part)
        # Only what has to be added up takes 16 bytes.
        kind = "UBIGINT" if len(cells) <= _COLUMNS_AT_ONCE else "HUGEINT"
        one, two = (f"hash({salt}, {number}, {', '.join(part)})::{kind} AS {name}" for salt, name in enumerate("ab"))
        added = table.sql(f"SELECT t.{Table.q(ROW)} AS row, {one}, {two}, {whole} AS whole FROM {{self}} t")
        hashed = added.sql("SELECT * FROM {self} UNION ALL SELECT * FROM {hashed}", hashed=hashed) if hashed else added
    assert hashed is not None
    if len(cells) > _COLUMNS_AT_ONCE:
        hashed = hashed.sql("SELECT row, sum(a) AS a, sum(b) AS b, bool_and(whole) AS whole FROM {self} GROUP BY row")
    equal = [
        hashed.sql(
            f"WITH held AS (SELECT row, a, b FROM {{self}} WHERE whole AND {chosen}),"
            " shared AS (SELECT a, b, min(row) AS kept FROM held GROUP BY a, b HAVING count(*) > 1)"
            " SELECT held.row, shared.kept FROM held JOIN shared USING (a, b) WHERE held.row <> shared.kept"
        )
        for chosen in turns(table.rows, "a")
    ]
    return concat(equal)


def _confirmed(table: Table, cells: Sequence[str], pairs: Table) -> Table:
    """The pairs whose cells are equal too."""
    named = ", ".join(f"{cell} AS c{number}" for number, cell in enumerate(cells))
    both = pairs.sql("SELECT row FROM {self} UNION ALL SELECT kept FROM {self}")
    held = table.of_rows(both).sql(f"SELECT t.{Table.q(ROW)} AS row, {named} FROM {{self}} t")
    same = " AND ".join(f"a.c{number} IS NOT DISTINCT FROM b.c{number}" for number in range(len(cells)))
    return pairs.sql(
        f"SELECT p.* FROM {{self}} p JOIN {{held}} a ON a.row = p.row JOIN {{held}} b ON b.row = p.kept WHERE {same}",
        held=held,
    )
