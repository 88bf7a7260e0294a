"""Edits: cell changes collected column by column, applied together, and logged one line a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from agents.base import CHANGE_COLUMNS
from agents.column_types import keep_types, known_types
from agents.table import ROW, Table, literal
from agents.texts import few_texts, texts_sql

SqlFunction = Callable[[str], str]
"""From the SQL of a value to the SQL of the value that takes its place."""

CELL_COLUMNS = {
    "row": "BIGINT",
    "new": "VARCHAR",
    "rule": "VARCHAR",
    "evidence": "VARCHAR",
    "confidence": "DOUBLE",
    "applied": "BOOLEAN",
}
"""What `set_cells` takes: one row per cell; `applied` false makes it a suggestion."""

REPLACEMENT_COLUMNS = {"old": "VARCHAR"} | {name: kind for name, kind in CELL_COLUMNS.items() if name != "row"}
"""What `join_values` takes: one row per value."""

_CELLS_AT_ONCE = 1_000_000
_COLUMNS_AT_ONCE = 20
"""To make ready what changes hundreds of columns at once takes four times as long, and several times the memory."""

FEW_ROWS = 20_000
"""Up to so many, making a query ready takes longer than running it: ten columns are asked at once what would change."""


@dataclass(frozen=True)
class Replacement:
    """One value that takes another's place everywhere in a column; `old` None stands for empty cells."""

    old: str | None
    new: str | None
    rule: str
    evidence: str
    confidence: float = 1.0
    applied: bool = True


@dataclass(frozen=True)
class _Rewrite:
    new: SqlFunction
    rule: str
    evidence: str
    confidence: float
    applied: bool


@dataclass(frozen=True)
class _Cells:
    """`cells` gives, from the table as it is by then, the cells to set."""

    cells: Callable[[Table], Table]


@dataclass
class Edits:
    """Changes to the cells of `table`, which itself never changes."""

    table: Table
    _steps: dict[str, list[_Rewrite | _Cells]] = field(default_factory=dict)
    _dropped: list[tuple[str, str, str]] = field(default_factory=list)

    def rewrite(
        self,
        column: str,
        new: SqlFunction,
        *,
        rule: str,
        evidence: str,
        confidence: float = 1.0,
        applied: bool = True,
    ) -> None:
        """Change every cell of a column by an SQL expression of its own value."""
        self._add(column, _Rewrite(new, rule, evidence, confidence, applied))

    def replace_values(self, column: str, replacements: Iterable[Replacement]) -> None:
        """Change every cell whose whole value is `old`; one replacement per old value."""
        held = [(r.old, r.new, r.rule, r.evidence, r.confidence, r.applied) for r in replacements]
        if held:
            mapping = self.table.beside(
                {"old": "VARCHAR"} | {k: v for k, v in CELL_COLUMNS.items() if k != "row"}, held
            )
            self.join_values(column, mapping)

    def join_values(self, column: str, mapping: Table) -> None:
        """Like `replace_values`, from a table with the columns of REPLACEMENT_COLUMNS."""

        def cells(current: Table) -> Table:
            return current.sql(
                f"SELECT t.{Table.q(ROW)} AS row, m.new, m.rule, m.evidence, m.confidence, m.applied"
                f" FROM {{self}} t JOIN {{mapping}} m ON t.{Table.q(column)} IS NOT DISTINCT FROM m.old",
                mapping=mapping,
            )

        self._add(column, _Cells(cells))

    def set_cells(self, column: str, cells: Table) -> None:
        """Set the cells of a column by row number, from a table with the columns of CELL_COLUMNS."""
        self._add(column, _Cells(lambda _: cells))

    def drop_column(self, column: str, *, rule: str, evidence: str) -> None:
        """Take a column away, after everything else was done."""
        self._dropped.append((column, rule, evidence))

    def _add(self, column: str, step: _Rewrite | _Cells) -> None:
        self._steps.setdefault(column, []).append(step)

    def apply(self) -> tuple[Table, Table]:
        """The changed table, and the changes and suggestions in the order applied."""
        current, log = self.table, _Log(self.table)
        pending = {column: list(steps) for column, steps in self._steps.items()}
        while pending:
            current = _rewrite_round(current, _leading_rewrites(pending), log)
            current = _cells_round(current, _leading_cells(pending), log)
            pending = {column: steps for column, steps in pending.items() if steps}
        current, changes = self._without_dropped(current, log), log.lines
        if current is not self.table:
            changed = {column for (column,) in changes.query('SELECT DISTINCT "column" FROM {self} WHERE applied')}
            keep_types(self.table, current, [column for column in current.columns if column not in changed])
        return current, changes

    def _without_dropped(self, current: Table, log: _Log) -> Table:
        if not self._dropped:
            return current
        lines = [(None, column, column, None, rule, evidence, 1.0, True) for column, rule, evidence in self._dropped]
        log.add(current.beside(CHANGE_COLUMNS, lines))
        gone = {column for column, _, _ in self._dropped}
        return current.only(name for name in current.types if name not in gone)


def concat(tables: Sequence[Table]) -> Table:
    """The rows of several tables of the same columns, one after the other."""
    tables = [table for table in tables if table.rows] or tables[:1]
    if len(tables) == 1:
        return tables[0]
    if sum(table.rows for table in tables) > _CELLS_AT_ONCE:
        return _concat_in_turns(tables)
    names = {f"part_{number}": table for number, table in enumerate(tables)}
    return tables[0].sql(" UNION ALL ".join(f"SELECT * FROM {{{name}}}" for name in names), **names)


def _concat_in_turns(tables: Sequence[Table]) -> Table:
    """The same, some rows at a time: to keep the order of millions, DuckDB holds more of them than fits in memory."""
    whole = tables[0].sql("SELECT * FROM {self} WHERE false")
    for table in tables:
        whole = append(whole, table, "SELECT * FROM {more}")
    return whole


def append(whole: Table, table: Table, query: str) -> Table:
    """`whole`, which nobody else may hold, and below it what a query makes of the rows of a table, `{more}` in it."""
    for start in range(0, table.rows, _CELLS_AT_ONCE):
        whole = whole.extended(query, more=table.stretch(start, start + _CELLS_AT_ONCE))
    return whole


class _Log:
    """The changes and suggestions so far, in the order applied."""

    def __init__(self, table: Table) -> None:
        self.lines = table.growing(CHANGE_COLUMNS)

    def add(self, lines: Table, query: str = "SELECT * FROM {more}") -> None:
        """Put what a query makes of a table's rows below them."""
        self.lines = append(self.lines, lines, query)


def _leading_rewrites(pending: dict[str, list[_Rewrite | _Cells]]) -> dict[str, list[_Rewrite]]:
    """Take each column's rewrites that come before its next cells."""
    taken: dict[str, list[_Rewrite]] = {}
    for column, steps in pending.items():
        while steps and isinstance(step := steps[0], _Rewrite):
            taken.setdefault(column, []).append(step)
            steps.pop(0)
    return taken


def _leading_cells(pending: dict[str, list[_Rewrite | _Cells]]) -> dict[str, _Cells]:
    taken: dict[str, _Cells] = {}
    for column, steps in pending.items():
        if steps and isinstance(step := steps[0], _Cells):
            taken[column] = step
            steps.pop(0)
    return taken


def _rewrite_round(current: Table, rewrites: dict[str, list[_Rewrite]], log: _Log) -> Table:
    changed: dict[str, list[_Rewrite]] = {}
    if current.rows <= FEW_ROWS:
        differing = current.where_any(list(rewrites), lambda column: _differs(Table.q(column), rewrites[column]))
        rewrites = {column: rewrites[column] for column in differing}
    looked = current.each(lambda each: _touched(current, *each), rewrites.items())
    for column, touched in zip(rewrites, looked, strict=True):
        if touched is not None and touched.rows:
            _record(log, touched, column, rewrites[column])
            changed[column] = [step for step in rewrites[column] if step.applied]
    return _project(current, changed)


def _touched(current: Table, column: str, steps: Sequence[_Rewrite]) -> Table | None:
    """What a chain of rewrites touches, as `_chain` has it; None where its few texts show that there is nothing."""
    found = known_types(current).get(column)
    if few_texts(current, found):
        texts = _chain(f"SELECT true AS r, v AS s0 FROM {texts_sql(current, column, found)}", steps)
        if not current.scalar(f"SELECT count(*) FROM ({texts})"):
            return None
    return current.sql(_chain(f"SELECT {Table.q(ROW)} AS r, {Table.q(column)} AS s0 FROM {{self}}", steps))


def _chain(query: str, steps: Sequence[_Rewrite]) -> str:
    """SQL for what a chain of rewrites touches: `r`, and the value before (`s0`) and after each step (`s1`, …)."""
    value, differs = "s0", []
    names = "r, s0"  # named one by one: a star would make a wide table bring all its columns
    for number, step in enumerate(steps, 1):
        query = f"SELECT {names}, CAST({step.new(value)} AS VARCHAR) AS s{number} FROM ({query})"
        names += f", s{number}"
        differs.append(f"s{number} IS DISTINCT FROM {value}")
        value = f"s{number}" if step.applied else value
    return f"SELECT {names} FROM ({query}) WHERE {' OR '.join(differs)}"


def _differs(cell: str, steps: Sequence[_Rewrite]) -> str:
    """SQL that is true where a chain of rewrites may change a cell: where the first step that does anything does."""
    return " OR ".join(f"CAST({step.new(cell)} AS VARCHAR) IS DISTINCT FROM {cell}" for step in steps)


def _record(log: _Log, touched: Table, column: str, steps: Sequence[_Rewrite]) -> None:
    value = "s0"
    for number, step in enumerate(steps, 1):
        log.add(
            touched,
            f"SELECT r AS row, {literal(column)} AS column, {value} AS old, s{number} AS new,"
            f" {literal(step.rule)} AS rule, {literal(step.evidence)} AS evidence,"
            f" CAST({step.confidence} AS DOUBLE) AS confidence, {step.applied} AS applied"
            f" FROM {{more}} WHERE s{number} IS DISTINCT FROM {value}",
        )
        value = f"s{number}" if step.applied else value


def _project(current: Table, changed: dict[str, list[_Rewrite]]) -> Table:
    changed = {column: steps for column, steps in changed.items() if steps}
    pending = iter(changed.items())
    while group := dict(islice(pending, _COLUMNS_AT_ONCE)):
        current = _project_group(current, group)
    return current


def _project_group(current: Table, changed: dict[str, list[_Rewrite]]) -> Table:
    origin = "{self}"
    for level in range(max(map(len, changed.values()))):
        cells = ", ".join(
            f"CAST({steps[level].new(Table.q(column))} AS VARCHAR) AS {Table.q(column)}"
            if len(steps) > level
            else Table.q(column)
            for column, steps in changed.items()
        )
        origin = f"(SELECT {Table.q(ROW)}, {cells} FROM {origin})"
    return current.replaced({column: Table.q(column) for column in changed}, origin)


def _cells_round(current: Table, steps: dict[str, _Cells], log: _Log) -> Table:
    group: dict[str, Table] = {}
    waiting = 0
    for column, step in steps.items():
        lines = _changed_cells(current, column, step.cells(current))
        log.add(lines)
        applied = lines.sql("SELECT row, new FROM {self} WHERE applied")
        if waiting + applied.rows > _CELLS_AT_ONCE:
            current, group, waiting = _join_cells(current, group), {}, 0
        if applied.rows:
            group[column] = applied
            waiting += applied.rows
    return _join_cells(current, group)


def _changed_cells(current: Table, column: str, cells: Table) -> Table:
    cell = f"t.{Table.q(column)}"
    return current.sql(
        f"SELECT c.row, {literal(column)} AS column, {cell} AS old, c.new, c.rule, c.evidence, c.confidence, c.applied"
        f" FROM {{self}} t JOIN {{cells}} c ON t.{Table.q(ROW)} = c.row"
        f" WHERE c.new IS DISTINCT FROM {cell} ORDER BY c.row",
        cells=cells,
    )


def _join_cells(current: Table, group: dict[str, Table]) -> Table:
    for columns in current.by_part(group):
        current = _join_part(current, {column: group[column] for column in columns})
    return current


def _join_part(current: Table, group: dict[str, Table]) -> Table:
    tables = {f"cells_{number}": cells for number, cells in enumerate(group.values())}
    cells = {
        column: f"CASE WHEN {name}.row IS NULL THEN t.{Table.q(column)} ELSE {name}.new END"
        for name, column in zip(tables, group, strict=True)
    }
    joins = " ".join(f"LEFT JOIN {{{name}}} {name} ON {name}.row = t.{Table.q(ROW)}" for name in tables)
    return current.replaced(cells, f"{{self}} t {joins}", **tables)
