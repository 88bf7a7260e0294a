"""duplicate-resolver: one row where the file has the same row twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from agents.base import (
    AgentContext,
    AgentResult,
    Alert,
    Chart,
    Issue,
    Params,
    agent,
)
from agents.column_types import ColumnType, Kind, empty_spellings, infer_types, is_null_sql, trim_sql, without_sql
from agents.edits import Edits, concat
from agents.equal_rows import equal_rows
from agents.table import ROW, Table, literal
from errors import NotApplicable

DetectionType = Literal["exact", "case_variations", "email_case", "missing_values", "conflicting"]

_MANY = 0.1
_KEY_NAME = re.compile(r"(^|[\s_-])(id|key|uuid|guid|code|no|number|nr)$")
_NEARLY_UNIQUE = 0.9


class DuplicateResolver(Params):
    """What counts as a duplicate, and what becomes of it."""

    detection_types: tuple[DetectionType, ...] = Field(
        ("exact",),
        description="exact: equal in every column; case_variations: equal but for case and blank space;"
        " email_case: equal but for the case of e-mail addresses;"
        " missing_values: one key, and no cell contradicts; conflicting: one key,"
        " but cells that contradict.",
    )
    merge_strategy: Literal["remove_duplicates", "merge_smart"] = Field(
        "remove_duplicates",
        description="remove_duplicates keeps one row as it is; merge_smart also fills its empty cells from the others.",
    )
    key_columns: tuple[str, ...] = Field(
        (), description="The columns that say which rows are the same thing; empty looks for a nearly unique id column."
    )
    email_columns: tuple[str, ...] = Field((), description="E-mail columns for email_case; empty finds them.")
    null_handling: Literal["match", "distinct"] = Field(
        "match", description="Whether two missing values are equal when whole rows are compared."
    )
    conflict_resolution: Literal["flag", "first", "last", "most_complete"] = Field(
        "flag", description="Which row of conflicting ones stays; flag keeps all and reports them."
    )


@dataclass(frozen=True)
class _Outcome:
    """What one detection type did: `pairs` has the columns row, kept, reason."""

    table: Table
    pairs: Table
    changes: Table


@agent(credits=50, after=("field-standardization", "value-repairer"))
def run(table: Table, params: DuplicateResolver, ctx: AgentContext) -> AgentResult:
    """Remove rows that say the same as an earlier row.

    By default only rows that are equal in every column are removed; the first of them stays, and the order is kept.
    Rows that share a key but differ elsewhere are looked at when asked for.
    """
    table.require(params.key_columns, "key_columns")
    table.require(params.email_columns, "email_columns")
    if table.rows < 2 or not table.columns:
        raise NotApplicable("there are no two rows to compare")
    current, outcomes = table, []
    for kind, resolve in _RESOLVERS.items():
        if kind in params.detection_types:
            outcome = resolve(current, params)
            outcomes.append(outcome)
            current = outcome.table
        ctx.report_progress(0.15 * (len(outcomes) + 1))
    removed = concat([outcome.pairs for outcome in outcomes] or [_no_pairs(table)])
    conflicts = _flag_conflicts(current, params)
    return _result(
        table, current, removed, concat([Edits(table).apply()[1], *(o.changes for o in outcomes)]), conflicts
    )


# Whole rows


def _resolve_exact(table: Table, params: DuplicateResolver) -> _Outcome:
    return _resolve_equal(table, params, _cells(table), "equal in every column")


def _resolve_case(table: Table, params: DuplicateResolver) -> _Outcome:
    cells = [f"lower({trim_sql(cell)})" for cell in _cells(table)]
    return _resolve_equal(table, params, cells, "equal but for case and blank space")


def _resolve_email_case(table: Table, params: DuplicateResolver) -> _Outcome:
    emails = params.email_columns or _email_columns(table)
    cells = [
        f"lower({trim_sql(cell)})" if column in emails else cell
        for column, cell in zip(table.columns, _cells(table), strict=True)
    ]
    return _resolve_equal(table, params, cells, "equal but for the case of e-mail addresses")


def _cells(table: Table) -> list[str]:
    """SQL of the cells of a row `t`, in which every spelling of "missing" is NULL."""
    types = infer_types(table)
    return [_cell(table, column, types[column]) for column in table.columns]


def _cell(table: Table, column: str, found: ColumnType) -> str:
    cell = f"t.{Table.q(column)}"
    if not found.missing:
        return cell
    return without_sql(cell, empty_spellings(table, column, found) | {""})


def _email_columns(table: Table) -> tuple[str, ...]:
    return tuple(column for column, found in infer_types(table).items() if found.kind is Kind.EMAIL)


def _resolve_equal(table: Table, params: DuplicateResolver, cells: Sequence[str], reason: str) -> _Outcome:
    """Keep the first of the rows whose `cells` (SQL over a row `t`) are equal."""
    equal = equal_rows(table, cells, missing_matches=params.null_handling == "match")
    pairs = equal.sql(f"SELECT row, kept, {literal(reason)} || ' to row ' || kept AS reason FROM {{self}}")
    return _without(table, pairs, params)


# Rows of one key


def _resolve_missing(table: Table, params: DuplicateResolver) -> _Outcome:
    """Of rows with one key, those that don't contradict the most complete one."""
    key = _key(table, params)
    if not key:
        return _Outcome(table, _no_pairs(table), Edits(table).apply()[1])
    keyed = _keyed(table, key, "present DESC, row")
    others = [column for column in table.columns if column not in key]
    fits = "({a} IS NULL OR {a} = {b})" if params.merge_strategy == "remove_duplicates" else "({a} = {b}) IS NOT FALSE"
    names = [f"c{table.columns.index(column)}" for column in others]
    agree = " AND ".join(fits.format(a=f"a.{name}", b=f"b.{name}") for name in names) or "true"
    pairs = keyed.sql(
        f"SELECT a.row, b.row AS kept, 'the same ' || {literal(', '.join(key))} || ' as row ' || b.row"
        f" || ', and nothing that contradicts it' AS reason FROM {{self}} a JOIN {{self}} b ON a.kept = b.row"
        f" WHERE a.row <> b.row AND {agree} ORDER BY a.row"
    )
    return _without(table, pairs, params)


def _resolve_conflicts(table: Table, params: DuplicateResolver) -> _Outcome:
    """Of rows with one key, all but the one that conflict_resolution names."""
    key = _key(table, params)
    if not key or params.conflict_resolution == "flag":
        return _Outcome(table, _no_pairs(table), Edits(table).apply()[1])
    order = {"first": "row", "last": "row DESC", "most_complete": "present DESC, row"}[params.conflict_resolution]
    before, after = f"the same {', '.join(key)} as row ", f", of which the {params.conflict_resolution} stays"
    pairs = _keyed(table, key, order).sql(
        f"SELECT row, kept, {literal(before)} || kept || {literal(after)} AS reason"
        " FROM {self} WHERE row <> kept ORDER BY row"
    )
    return _without(table, pairs, params)


def _key(table: Table, params: DuplicateResolver) -> tuple[str, ...]:
    """The key asked for, or the one column that is named like an id and nearly unique."""
    if params.key_columns:
        return params.key_columns
    named = [column for column in table.columns if _KEY_NAME.search(column.lower())]
    types = infer_types(table, named)
    evident = [
        column
        for column, found in types.items()
        if not found.missing and table.rows > found.distinct >= _NEARLY_UNIQUE * table.rows
    ]
    return tuple(evident[:1])


def _keyed(table: Table, key: Sequence[str], order: str) -> Table:
    """The rows whose key another row has: row, kept (the first of them in `order`), c0, c1, … the cells."""
    cells = ", ".join(f"nullif(t.{Table.q(column)}, '') AS c{number}" for number, column in enumerate(table.columns))
    present = " + ".join(f"(coalesce(t.{Table.q(column)}, '') <> '')::INTEGER" for column in table.columns)
    keys = ", ".join(f"{Table.q(column)} AS k{number}" for number, column in enumerate(key))
    names = ", ".join(f"k{number}" for number in range(len(key)))
    whole = " AND ".join(f"NOT {is_null_sql(Table.q(column))}" for column in key)
    shared = table.sql(
        f"WITH keyed AS (SELECT {Table.q(ROW)} AS row, {keys} FROM {{self}} WHERE {whole}),"
        f" entities AS (SELECT {names}, min(row) AS entity FROM keyed GROUP BY ALL HAVING count(*) > 1)"
        f" SELECT row, entity FROM keyed JOIN entities USING ({names})"
    )
    held = table.of_rows(shared).sql(
        f"SELECT s.row, s.entity, {present} AS present, {cells}"
        f" FROM {{self}} t JOIN {{shared}} s ON t.{Table.q(ROW)} = s.row",
        shared=shared,
    )
    return held.sql(f"SELECT *, first(row) OVER (PARTITION BY entity ORDER BY {order}) AS kept FROM {{self}}")


def _flag_conflicts(table: Table, params: DuplicateResolver) -> Table | None:
    """The rows that still share a key, as row issues."""
    key = _key(table, params) if "conflicting" in params.detection_types else ()
    if not key or params.conflict_resolution != "flag":
        return None
    named = literal(", ".join(key))
    return _keyed(table, key, "row").sql(
        f"SELECT row, {named} AS column, 'conflicting_duplicate' AS issue_type, 'medium' AS severity,"
        f" 'several rows with this key differ in other columns' AS message,"
        f" c{table.columns.index(key[0])} AS value FROM {{self}} ORDER BY row"
    )


# Removing and merging


def _no_pairs(table: Table) -> Table:
    return table.beside({"row": "BIGINT", "kept": "BIGINT", "reason": "VARCHAR"})


def _without(table: Table, pairs: Table, params: DuplicateResolver) -> _Outcome:
    edits = Edits(table)
    if params.merge_strategy == "merge_smart" and pairs.rows:
        for column in table.columns:
            _fill_from_removed(table, column, pairs, edits)
    merged, changes = edits.apply()
    return _Outcome(merged.of_rows(pairs, among=False) if pairs.rows else table, pairs, changes)


def _fill_from_removed(table: Table, column: str, pairs: Table, edits: Edits) -> None:
    cell = Table.q(column)
    cells = table.sql(
        f"SELECT p.kept AS row, arg_min(gone.{cell}, p.row) AS new, 'merged_from_duplicate' AS rule,"
        " 'taken from row ' || min(p.row) AS evidence, 1.0::DOUBLE AS confidence, true AS applied"
        f" FROM {{pairs}} p JOIN {{self}} gone ON gone.{Table.q(ROW)} = p.row"
        f" JOIN {{self}} stays ON stays.{Table.q(ROW)} = p.kept"
        f" WHERE {is_null_sql(f'stays.{cell}')} AND NOT {is_null_sql(f'gone.{cell}')} GROUP BY p.kept",
        pairs=pairs,
    )
    if cells.rows:
        edits.set_cells(column, cells)


_RESOLVERS: dict[DetectionType, Callable[[Table, DuplicateResolver], _Outcome]] = {
    "exact": _resolve_exact,
    "case_variations": _resolve_case,
    "email_case": _resolve_email_case,
    "missing_values": _resolve_missing,
    "conflicting": _resolve_conflicts,
}


# Report


def _result(before: Table, after: Table, pairs: Table, changes: Table, conflicts: Table | None) -> AgentResult:
    removed = pairs.sql("SELECT row, reason FROM {self} ORDER BY row")
    share = pairs.rows / before.rows
    alerts = []
    if share > _MANY:
        message = f"{pairs.rows} of {before.rows} rows ({share:.0%}) were duplicates; look for the cause in the source"
        alerts.append(Alert(severity="medium", category="duplicates", message=message))
    flagged = conflicts.rows if conflicts else 0
    return AgentResult(
        table=after,
        changes=changes,
        removed=removed,
        row_issues=conflicts,
        alerts=tuple(alerts),
        issues=_issues(conflicts),
        charts=(Chart(title="Rows", labels=("kept", "removed"), values=(float(after.rows), float(pairs.rows))),),
        metrics={"rows_removed": pairs.rows, "cells_merged": changes.rows, "conflicting_rows": flagged},
    )


def _issues(conflicts: Table | None) -> tuple[Issue, ...]:
    if not conflicts or not conflicts.rows:
        return ()
    column = str(conflicts.scalar('SELECT any_value("column") FROM {self}'))
    message = f"{conflicts.rows} rows share their {column} with another row and differ elsewhere"
    issue = Issue(
        field_name=column, issue_type="conflicting_duplicate", severity="medium", message=message, rows=conflicts.rows
    )
    return (issue,)
