"""Replaying a log of changes: original + changes - removed rows must be the result, cell for cell."""

from __future__ import annotations

from collections.abc import Sequence

from agents.edits import concat
from agents.table import ROW, Table, literal
from agents.turns import turns
from errors import VerificationFailed

_COLUMNS_AT_ONCE = 10
_ROWS_AT_ONCE = 1_000_000
_NOTHING = "\x00"


def verify(original: Table, result: Table, changes: Table, removed: Table) -> None:
    """Raise VerificationFailed unless the log explains every difference between `original` and `result`.

    changes: row, column, old, new in the order applied; removed: row. Cells are compared by the sum of the 64-bit
    hashes of (row, value) per column, so that no table has to be joined to another; a column that both tables share is
    the same without a look at it.
    """
    gone = concat(
        [removed.sql(f"SELECT DISTINCT row FROM {{self}} WHERE {some}") for some in turns(removed.rows, "row")]
    )
    _verify_columns(original, result, changes)
    _verify_rows(original, result, gone)
    same = original.shared_with(result)
    copied = [column for column in original.columns if column in result.columns and column not in same]
    expected, found = _sums(original, copied), _sums(result, copied)
    _subtract_removed(original, gone, expected)
    both = [column for column in original.columns if column in result.columns]
    ranges = _ranges(original)
    moved = {column: _moved_by(original, column, changes, gone, ranges) for column in _changed_columns(changes, both)}
    wrong = [column for column in both if expected.get(column, 0) + moved.get(column, 0) != found.get(column, 0)]
    if wrong:
        raise VerificationFailed(f"the log does not explain the cells of {_named(wrong)}", columns=wrong)


def cells_changed(changes: Table) -> int:
    """How many cells a log names; a column that was dropped or added is one."""
    if changes.rows <= _ROWS_AT_ONCE:
        return int(changes.scalar('SELECT count(DISTINCT ("column", row)) FROM {self}'))
    whole = int(changes.scalar('SELECT count(DISTINCT "column") FROM {self} WHERE row IS NULL'))
    return whole + sum(_cells_of(changes, column) for column in _columns_of(changes))


def _cells_of(changes: Table, column: str) -> int:
    own = f'"column" = {literal(column)} AND row IS NOT NULL'
    counted = "count(*)" if _ascends(changes, "row", own) else "count(DISTINCT row)"
    ways = ["true"] if counted == "count(*)" else turns(changes.rows, "row")
    return sum(int(changes.scalar(f"SELECT {counted} FROM {{self}} WHERE {own} AND {some}")) for some in ways)


def _ascends(table: Table, row: str, where: str = "true") -> bool:
    """Whether each row's number is greater than the one before it, which tells in one look that none comes twice."""
    numbers = f"SELECT {row} AS number FROM {{self}} WHERE {where}"
    steps = f"SELECT number <= lag(number) OVER () AS back FROM ({numbers})"
    return not table.scalar(f"SELECT coalesce(bool_or(back), false) FROM ({steps})")


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
    (before, _), (after, sum_after), (taken, sum_taken) = counted = [
        table.query(f"SELECT count(*), coalesce(sum(hash({name})), 0) FROM {{self}}")[0]
        for table, name in ((original, row), (result, row), (gone, "row"))
    ]
    if after != before - taken or sum_after != counted[0][1] - sum_taken or _repeats(result):
        raise VerificationFailed(
            f"the log does not explain the rows: {before} were read, {taken} removed, {after} are left"
        )


def _repeats(table: Table) -> bool:
    """Whether a row is there twice."""
    row = Table.q(ROW)
    if _ascends(table, row):
        return False
    different = (
        int(table.scalar(f"SELECT count(DISTINCT {row}) FROM {{self}} WHERE {some}")) for some in turns(table.rows, row)
    )
    return sum(different) != table.rows


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


def _columns_of(changes: Table) -> list[str]:
    """The columns with a changed cell."""
    return [
        column for (column,) in changes.query('SELECT DISTINCT "column" FROM {self} WHERE row IS NOT NULL ORDER BY 1')
    ]


def _changed_columns(changes: Table, both: Sequence[str]) -> list[str]:
    changed = set(_columns_of(changes))
    return [column for column in both if column in changed]


def _ranges(table: Table) -> list[str]:
    """Conditions that part the rows by their number."""
    last = int(table.scalar(f"SELECT coalesce(max({Table.q(ROW)}), 0) FROM {{self}}"))
    return [f"BETWEEN {start} AND {start + _ROWS_AT_ONCE - 1}" for start in range(0, last + 1, _ROWS_AT_ONCE)]


def _moved_by(original: Table, column: str, changes: Table, gone: Table, ranges: Sequence[str]) -> int:
    """How far the changes of one column move its sum; every change must begin where the one before it ended."""
    own = f'"column" = {literal(column)} AND row IS NOT NULL'
    steps = _single_steps if _ascends(changes, "row", own) else _chains
    broken = moved = 0
    for some in ranges:
        more, by = _replayed(original, column, changes, steps(f"{own} AND row {some}"), gone, some)
        broken, moved = broken + more, moved + by
    if broken:
        raise VerificationFailed(f"{broken} changes of {column!r} do not begin with the value that was there")
    return moved


def _single_steps(own: str) -> str:
    """SQL for the changes of a column whose cells were changed once each."""
    return f"SELECT row, old, new, old AS before, 1 AS step, 1 AS left_over FROM {{changes}} WHERE {own}"


def _chains(own: str) -> str:
    """SQL for the changes of a column, each with the one before it and its place from either end of its cell's."""
    return (
        "SELECT row, old, new, lag(new) OVER chain AS before, row_number() OVER chain AS step,"
        " row_number() OVER (PARTITION BY row ORDER BY number DESC) AS left_over"
        f" FROM (SELECT rowid AS number, row, old, new FROM {{changes}} WHERE {own})"
        " WINDOW chain AS (PARTITION BY row ORDER BY number)"
    )


def _replayed(original: Table, column: str, changes: Table, steps: str, gone: Table, some: str) -> tuple[int, int]:
    """Of some rows, how many changes begin with another value than was there, and how far all move the sum."""
    row, cell = Table.q(ROW), Table.q(column)
    broken, ended, begun = original.query(
        "SELECT count(*) FILTER (s.old IS DISTINCT FROM CASE WHEN s.step = 1 THEN t.cell ELSE s.before END),"
        f" coalesce(sum({_cell_hash('s.row', 's.new')}) FILTER (s.left_over = 1 AND g.row IS NULL), 0),"
        f" coalesce(sum({_cell_hash('s.row', 's.old')}) FILTER (s.step = 1 AND g.row IS NULL), 0)"
        f" FROM ({steps}) s LEFT JOIN (SELECT {row} AS row, {cell} AS cell FROM {{self}} WHERE {row} {some}) t"
        f" ON t.row = s.row LEFT JOIN (SELECT row FROM {{gone}} WHERE row {some}) g ON g.row = s.row",
        changes=changes,
        gone=gone,
    )[0]
    return int(broken), int(ended) - int(begun)
