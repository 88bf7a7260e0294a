"""cleanse-writeback: prove that the result is the original plus the log, then hand over the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.base import (
    CHANGE_COLUMNS,
    QUARANTINE_COLUMNS,
    REMOVED_COLUMNS,
    AgentContext,
    AgentResult,
    Alert,
    Chart,
    Issue,
    Params,
    agent,
)
from agents.column_types import ColumnType, Kind, conforms_sql, infer_types, is_null_sql, known_types
from agents.edits import concat
from agents.exact_types import typed
from agents.replay import cells_changed, verify
from agents.table import ROW, Table, literal
from agents.turns import turns
from agents.wide import groups

_CHANGE_FILE = ("row", "column", "old", "new", "agent", "rule", "evidence", "confidence")
_REMOVED_FILE = ("row", "agent", "reason")
_QUARANTINE_FILE = ("row", "column", "value", "agent", "rule", "reason")
_AGENT = {"agent": "VARCHAR"}
_CLEAR = 0.9
"""A column whose values are of one kind to this share is clear enough to call the others broken."""
_LOOSE = frozenset({Kind.TEXT, Kind.EMPTY, Kind.CODE})
"""Kinds that a right value of the column may well break."""
_RETENTION = 0.9
_SPREADSHEET_DIGITS = 15
_TYPED_FORMATS = ("xlsx", "json", "jsonl")


class CleanseWriteback(Params):
    """Nothing to set: what has to be proved does not depend on taste."""


@agent(
    credits=30,
    after=(
        "quarantine-agent",
        "type-fixer",
        "field-standardization",
        "value-repairer",
        "duplicate-resolver",
        "null-handler",
        "outlier-remover",
    ),
    always=True,
)
def run(table: Table, _: CleanseWriteback, ctx: AgentContext) -> AgentResult:
    """Check the result against the original and write the outputs.

    The log is replayed: the original, with every change applied and every removed row taken away, must equal the
    cleaned table cell for cell. Cells that break their column's pattern and could not be repaired are listed in
    quarantine.csv; they stay in cleaned.csv.
    """
    changes = ctx.changes or table.beside(CHANGE_COLUMNS | _AGENT)
    removed = ctx.removed or table.beside(REMOVED_COLUMNS | _AGENT)
    verify(ctx.original, table, changes, removed)
    ctx.report_progress(0.4)
    types = infer_types(table)
    ctx.report_progress(0.6)
    before, after = _missing(ctx.original), {column: found.missing for column, found in types.items()}
    broken = _broken_cells(table, types)
    known = _unresolved(table, ctx.quarantine)
    fresh = _not_yet_known(broken, known)
    quarantine = concat([known, fresh.sql("SELECT *, 'cleanse-writeback' AS agent FROM {self}")])
    return AgentResult(
        quarantine=fresh,
        issues=_issues(fresh, types),
        alerts=_alerts(ctx.original, table),
        charts=_charts(before, after, changes),
        metrics=_metrics(ctx, table, changes, removed, quarantine)
        | {"missing_before": sum(before.values()), "missing_after": sum(after.values())},
        data={"conformity": {column: round(found.confidence, 6) for column, found in types.items()}},
        extras=_files(table, types, changes, removed, quarantine, ctx),
    )


# Unresolved cells


def _broken_cells(table: Table, types: Mapping[str, ColumnType]) -> Table:
    """Cells that are not of the kind that their column clearly is."""
    parts = [table.beside(QUARANTINE_COLUMNS)]
    for column, found in types.items():
        if found.kind not in _LOOSE and _CLEAR <= found.confidence < 1:
            cell = Table.q(column)
            parts.append(
                table.sql(
                    f"SELECT {Table.q(ROW)} AS row, {literal(column)} AS column, {cell} AS value,"
                    " 'breaks_the_pattern' AS rule, $reason AS reason"
                    f" FROM {{self}} WHERE NOT {conforms_sql(cell, found)} ORDER BY 1",
                    reason=f"{found.confidence:.1%} of the column is {found.kind.value}",
                )
            )
    return concat(parts)


def _unresolved(table: Table, quarantine: Table | None) -> Table:
    """What earlier agents set aside and nobody has mended since."""
    if quarantine is None:
        return table.beside(QUARANTINE_COLUMNS | _AGENT)
    selected = ", ".join(f"q.{Table.q(name)}" for name in (*QUARANTINE_COLUMNS, "agent"))
    rows = quarantine.sql(f'SELECT {selected} FROM {{self}} q WHERE q."column" IS NULL')
    columns = [c for (c,) in quarantine.query('SELECT DISTINCT "column" FROM {self} ORDER BY 1') if c in table.columns]
    parts = [
        quarantine.sql(
            f"SELECT {selected} FROM {{self}} q JOIN {{table}} t ON t.{Table.q(ROW)} = q.row"
            f' WHERE q."column" = $column AND q.value IS NOT DISTINCT FROM t.{Table.q(column)} ORDER BY q.row',
            table=table,
            column=column,
        )
        for column in columns
    ]
    return concat([rows, *parts])


def _not_yet_known(broken: Table, known: Table) -> Table:
    return broken.sql(
        'SELECT b.* FROM {self} b ANTI JOIN {known} k ON k.row = b.row AND k."column" = b."column"'
        ' ORDER BY b."column", b.row',
        known=known,
    )


def _issues(broken: Table, types: Mapping[str, ColumnType]) -> tuple[Issue, ...]:
    counted = broken.query('SELECT "column", count(*) FROM {self} GROUP BY ALL ORDER BY count(*) DESC, 1')
    return tuple(
        Issue(
            field_name=column,
            issue_type="breaks_the_pattern",
            severity="medium",
            message=f"{rows} values of {column!r} are no {types[column].kind.value}, unlike the others; they were left",
            rows=int(rows),
        )
        for column, rows in counted
    )


# Figures


def _alerts(original: Table, table: Table) -> tuple[Alert, ...]:
    if table.rows >= _RETENTION * original.rows:
        return ()
    message = f"{original.rows - table.rows} of {original.rows} rows were removed; removed.csv says why"
    return (Alert(severity="high", category="retention", message=message),)


def _metrics(ctx: AgentContext, table: Table, changes: Table, removed: Table, quarantine: Table) -> dict[str, object]:
    return {
        "verified": True,
        "rows_in": ctx.original.rows,
        "rows_out": table.rows,
        "row_retention": table.rows / ctx.original.rows if ctx.original.rows else 1.0,
        "rows_removed": removed.rows,
        "changes": changes.rows,
        "cells_changed": cells_changed(changes),
        "columns_changed": int(changes.scalar('SELECT count(DISTINCT "column") FROM {self}')),
        "suggestions": ctx.suggestions.rows if ctx.suggestions else 0,
        "quarantined": quarantine.rows,
        "duplicates_after": _duplicates(table),
    }


def _missing(table: Table) -> dict[str, int]:
    """Missing cells by column, as they were counted for the column's type where that is known."""
    known = known_types(table)
    found = {column: known[column].missing if column in known else 0 for column in table.columns}
    unknown = [column for column in table.columns if column not in known]
    for start in range(0, len(unknown), 10):
        names = unknown[start : start + 10]
        counts = ", ".join(f"count(*) FILTER ({is_null_sql(Table.q(name))})" for name in names)
        found |= dict(zip(names, map(int, table.query(f"SELECT {counts} FROM {{self}}")[0]), strict=True))
    return found


def _duplicates(table: Table) -> int:
    """Rows whose 64-bit hash an earlier row has: a figure, not a verdict."""
    if not table.columns:
        return 0
    hashes = _hashed(table)
    different = (
        hashes.scalar(f"SELECT count(DISTINCT h) FROM {{self}} WHERE {some}") for some in turns(table.rows, "h")
    )
    return table.rows - sum(map(int, different))


def _hashed(table: Table) -> Table:
    """The rows' hashes, `h`."""
    cells = [", ".join(f"nullif({Table.q(column)}, '')" for column in group) for group in groups(table.columns)]
    if len(cells) == 1:
        return table.sql(f"SELECT hash({cells[0]}) AS h FROM {{self}}")
    # Hundreds of columns of many rows can't be looked at side by side.
    first, *others = (
        table.sql(f"SELECT {ROW}, hash({some}) AS h{number} FROM {{self}}") for number, some in enumerate(cells)
    )
    return first.widened(others).sql(f"SELECT hash({', '.join(f'h{n}' for n in range(len(cells)))}) AS h FROM {{self}}")


def _charts(before: Mapping[str, int], after: Mapping[str, int], changes: Table) -> tuple[Chart, ...]:
    charts = []
    by_rule = changes.query("SELECT rule, count(*) FROM {self} GROUP BY ALL ORDER BY count(*) DESC, 1 LIMIT 20")
    if by_rule:
        charts.append(_bars("Changes by rule", by_rule, "cells"))
    by_column = changes.query('SELECT "column", count(*) FROM {self} GROUP BY ALL ORDER BY count(*) DESC, 1 LIMIT 20')
    if by_column:
        charts.append(_bars("Changes by column", by_column, "cells"))
    holed = sorted((c for c in before if before[c]), key=lambda column: -before[column])[:20]
    if holed:
        charts.append(_bars("Missing before cleaning", [(c, before[c]) for c in holed], "rows"))
        charts.append(_bars("Missing after cleaning", [(c, after.get(c, 0)) for c in holed], "rows"))
    return tuple(charts)


def _bars(title: str, bars: Sequence[tuple[str, int]], unit: str) -> Chart:
    labels, values = zip(*bars, strict=True)
    return Chart(title=title, labels=labels, values=tuple(map(float, values)), unit=unit)


# Files


def _files(
    table: Table,
    types: Mapping[str, ColumnType],
    changes: Table,
    removed: Table,
    quarantine: Table,
    ctx: AgentContext,
) -> dict[str, Table]:
    suggestions = ctx.suggestions or table.beside(CHANGE_COLUMNS | _AGENT)
    listed = changes.only(_CHANGE_FILE)
    files = {
        "cleaned.csv": table,
        "cleaned.parquet": typed(table, types),
        "changes.csv": listed,
        "changes.parquet": listed,
        "suggestions.csv": suggestions.only(_CHANGE_FILE),
        "removed.csv": removed.only(_REMOVED_FILE),
        "quarantine.csv": quarantine.only(_QUARANTINE_FILE),
    }
    if ctx.source_format in _TYPED_FORMATS:
        files[f"cleaned.{ctx.source_format}"] = typed(table, types, digits=_SPREADSHEET_DIGITS)
    return files
