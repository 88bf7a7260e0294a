"""Replaying a log of changes: original + changes - removed rows must be the result, cell for cell."""

from __future__ import annotations

from collections.abc import Sequence

from agents.table import ROW, Table, literal
from errors import VerificationFailed

_COLUMNS_AT_ONCE = 10
_NOTHING = "\x00"


def verify(original: Table, result: Table, changes: Table, removed: Table) -> None:
    """Raise VerificationFailed unless the log explains every difference between `original` and `result`.

    changes: row, column, old, new in the order applied; removed: row. Cells are compared by the sum of the 64-bit
    hashes of (row, value) per column, so that no table has to be joined to another.
    """
    gone = removed.sql("SELECT DISTINCT row FROM {self}")
    _verify_columns(original, result, changes)
    _verify_rows(original, result, gone)
    shared = [column for column in original.columns if column in result.columns]
    expected, found = _sums(original, shared), _sums(result, shared)
    _subtract_removed(original, gone, expected)
    for column in _changed_columns(changes, shared):
        expected[column] += _moved_by(original, column, changes, gone)
    wrong = [column for column in shared if expected[column] != found[column]]
    if wrong:
        raise VerificationFailed(f"the log does not explain the cells of {_named(wrong)}", columns=wrong)


def _named(columns: Sequence[str]) -> str:
    return ", ".join(repr(column) for column in columns[:5])


def _verify_columns(original: Table, result: Table, changes: Table) -> None:
    dropped = {old for (old,) in changes.query("SELECT old FROM {self} WHERE row IS NULL AND new IS NULL")}
    added = {new for (new,) in changes.query("SELECT new FROM {self} WHERE row IS NULL AND old IS NULL")}
    expected = (set(original.columns) - dropped) | added
    wrong = sorted(expected ^ set(result.columns))
    if wrong:
        raise VerificationFailed(f"the log does not explain the columns {_named(wrong)}", columns=wrong)


def _verify_rows(original: Table, result: Table, gone: Table) -> None:
    row = Table.q(ROW)
    (before,), (after,), (taken,) = (
        table.query(f"SELECT (count(*), count(DISTINCT {name}), coalesce(sum(hash({name})), 0)) FROM {{self}}")[0]
        for table, name in ((original, row), (result, row), (gone, "row"))
    )
    if after[0] != after[1] or after[0] != before[0] - taken[0] or after[2] != before[2] - taken[2]:
        raise VerificationFailed(
            f"the log does not explain the rows: {before[0]} were read, {taken[0]} removed, {after[0]} are left"
        )


def _cell_hash(row: str, value: str) -> str:
    return f"hash({row}, coalesce({value}, {literal(_NOTHING)}))::HUGEINT"


def _sums(table: Table, columns: Sequence[str]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for start in range(0, len(columns), _COLUMNS_AT_ONCE):
        names = columns[start : start + _COLUMNS_AT_ONCE]
        added = ", ".join(f"coalesce(sum({_cell_hash(Table.q(ROW), Table.q(name))}), 0)" for name in names)
        sums |= dict(zip(names, map(int, table.query(f"SELECT {added} FROM {{self}}")[0]), strict=True))
    return sums


def _subtract_removed(original: Table, gone: Table, sums: dict[str, int]) -> None:
    if gone.rows:
        for column, total in _sums(original.of_rows(gone), list(sums)).items():
            sums[column] -= total


def _changed_columns(changes: Table, shared: Sequence[str]) -> list[str]:
    changed = {column for (column,) in changes.query('SELECT DISTINCT "column" FROM {self} WHERE row IS NOT NULL')}
    return [column for column in shared if column in changed]


def _moved_by(original: Table, column: str, changes: Table, gone: Table) -> int:
    """How far the changes of one column move its sum; every change must begin where the one before it ended."""
    steps = changes.sql(
        "SELECT row, old, new, lag(new) OVER chain AS before, row_number() OVER chain AS step,"
        " row_number() OVER (PARTITION BY row ORDER BY number DESC) AS left_over"
        ' FROM (SELECT rowid AS number, * FROM {self} WHERE "column" = $column AND row IS NOT NULL)'
        " WINDOW chain AS (PARTITION BY row ORDER BY number)",
        column=column,
    )
    broken = steps.scalar("SELECT count(*) FROM {self} WHERE step > 1 AND old IS DISTINCT FROM before")
    firsts = steps.sql("SELECT row, old FROM {self} WHERE step = 1")
    broken += original.scalar(
        f"SELECT count(*) FROM {{firsts}} f LEFT JOIN {{self}} t ON t.{Table.q(ROW)} = f.row"
        f" WHERE t.{Table.q(column)} IS DISTINCT FROM f.old",
        firsts=firsts,
    )
    if broken:
        raise VerificationFailed(f"{broken} changes of {column!r} do not begin with the value that was there")
    kept = "FROM {self} s ANTI JOIN {gone} g ON g.row = s.row"
    out = steps.scalar(f"SELECT coalesce(sum({_cell_hash('s.row', 's.old')}), 0) {kept} WHERE s.step = 1", gone=gone)
    in_ = steps.scalar(
        f"SELECT coalesce(sum({_cell_hash('s.row', 's.new')}), 0) {kept} WHERE s.left_over = 1", gone=gone
    )
    return int(in_) - int(out)
