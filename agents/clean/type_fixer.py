"""type-fixer: one spelling per kind of value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from agents.base import AgentContext, AgentResult, Chart, Issue, Params, agent
from agents.column_types import (
    NUMERIC,
    TEMPORAL,
    ColumnType,
    DateOrder,
    Kind,
    date_sql,
    infer_types,
    is_null_sql,
    trim_sql,
)
from agents.date_formats import dominant_format, reformat_sql
from agents.edits import Edits, concat
from agents.number_spellings import mend_numbers
from agents.table import ROW, Table, literal
from agents.texts import texts_sql
from errors import NotApplicable

_FEW_CATEGORIES = 50


class TypeFixer(Params):
    """How a column's values are brought to one spelling."""

    auto_convert_numeric: bool = Field(
        True, description="Mend numbers: mixed units, percent signs, separators, float artefacts."
    )
    auto_convert_datetime: bool = Field(True, description="Write a column's odd dates in the format of its others.")
    auto_convert_category: bool = Field(
        False, description="In columns of few values, unite spellings that differ only in case or blank space."
    )
    preserve_mixed_types: bool = Field(False, description="Leave a column alone where some values are not of its kind.")
    date_order: Literal["auto", "dmy", "mdy", "ymd"] = Field(
        "auto", description="How 03/04/2025 is read; auto asks the whole column."
    )


@dataclass
class _Findings:
    edits: Edits
    issues: list[Issue] = field(default_factory=list)
    unresolved: list[Table] = field(default_factory=list)


@agent(credits=25, after=("quarantine-agent",))
def run(table: Table, params: TypeFixer, ctx: AgentContext) -> AgentResult:
    """Find out what each column holds and give values of the same kind the same spelling.

    Numbers lose mixed units, percent signs and float artefacts, dates take the format that dominates their column.
    Codes with leading zeros are never touched, and a date that can be read in two ways is reported, not guessed.
    """
    if not table.rows or not table.columns:
        raise NotApplicable("the table has no rows")
    types = infer_types(table)
    findings = _Findings(Edits(table))
    for position, (column, found) in enumerate(types.items()):
        ctx.report_progress(position / len(types))
        if not (params.preserve_mixed_types and found.confidence < 1):
            _fix(table, column, found, params, findings)
    changed, changes = findings.edits.apply()
    return AgentResult(
        table=changed,
        changes=changes,
        quarantine=concat(findings.unresolved) if findings.unresolved else None,
        issues=tuple(findings.issues),
        charts=(_kinds_chart(types),),
        metrics={
            "columns": len(types),
            "cells_changed": int(changes.scalar("SELECT count(*) FROM {self} WHERE applied")),
        },
        data={
            "types": {column: _described(found, _untouched(changes, column, found)) for column, found in types.items()}
        },
    )


def _fix(table: Table, column: str, found: ColumnType, params: TypeFixer, findings: _Findings) -> None:
    if found.kind in NUMERIC and params.auto_convert_numeric:
        findings.issues.extend(mend_numbers(table, column, found, findings.edits))
    if found.kind in TEMPORAL and params.auto_convert_datetime:
        _fix_dates(table, column, found, params, findings)
    if found.kind in (Kind.TEXT, Kind.BOOLEAN, Kind.CODE) and params.auto_convert_category:
        _unite_categories(table, column, found, findings)


# Dates


def _fix_dates(table: Table, column: str, found: ColumnType, params: TypeFixer, findings: _Findings) -> None:
    order = found.date_order if params.date_order == "auto" else params.date_order
    form = dominant_format(table, column, found, order)
    date_only = found.kind is Kind.DATE
    if form and (form.share < 1 or (date_only and any(shape.endswith("_datetime") for shape in found.shapes))):
        evidence = f"{form.share:.0%} of the dates are written {form.form}"
        findings.edits.rewrite(
            column,
            lambda value: reformat_sql(value, form, order, date_only=date_only),
            rule="dominant_date_format",
            evidence=evidence,
            confidence=0.95,
        )
    _report_unreadable(table, column, found, order, findings)


def _report_unreadable(
    table: Table, column: str, found: ColumnType, order: DateOrder | None, findings: _Findings
) -> None:
    if not table.scalar(f"SELECT count(*) FROM {texts_sql(table, column, found)} WHERE {_unread_sql('v', order)}"):
        return
    cell = Table.q(column)
    unread = table.sql(
        f"SELECT {Table.q(ROW)} AS row, {literal(column)} AS column, {cell} AS value"
        f" FROM {{self}} WHERE {_unread_sql(cell, order)}"
    )
    unread = unread.sql(
        f'SELECT row, "column", value, CASE WHEN {date_sql("value", "dmy")} IS NULL'
        f" AND {date_sql('value', 'mdy')} IS NULL THEN 'not_a_date' ELSE 'ambiguous_date' END AS rule FROM {{self}}"
    )
    for rule, rows in unread.query("SELECT rule, count(*) FROM {self} GROUP BY rule ORDER BY rule"):
        findings.issues.append(_date_issue(column, rule, int(rows)))
    reasons = " ".join(f"WHEN {literal(rule)} THEN {literal(reason)}" for rule, reason in _REASONS.items())
    findings.unresolved.append(unread.sql(f"SELECT *, CASE rule {reasons} END AS reason FROM {{self}}"))


def _unread_sql(cell: str, order: DateOrder | None) -> str:
    """SQL that is true where a text that says something is no date that can be read in this order."""
    slowly = f"NOT {is_null_sql(cell)} AND {date_sql(cell, order)} IS NULL"
    # Dates as programs write them are told apart ten times faster.
    quickly = f"strlen({cell}) IN (10, 19) AND regexp_full_match({cell}, '{_ISO}')"
    return f"CASE WHEN {quickly} AND TRY_CAST({cell} AS TIMESTAMP) IS NOT NULL THEN false ELSE {slowly} END"


_ISO = r"[12]\d{3}-\d\d-\d\d(?:[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)?"
_REASONS = {
    "not_a_date": "the other values of the column are dates",
    "ambiguous_date": "day and month can't be told apart in this column",
}


def _date_issue(column: str, rule: str, rows: int) -> Issue:
    if rule == "ambiguous_date":
        message = (
            f"{rows} dates of {column!r} can be read with the day or with the month first; set date_order to say which"
        )
        return Issue(field_name=column, issue_type=rule, severity="medium", message=message, rows=rows)
    message = f"{rows} values of {column!r} are no dates, unlike the others"
    return Issue(field_name=column, issue_type=rule, severity="low", message=message, rows=rows)


# Categories


def _unite_categories(table: Table, column: str, found: ColumnType, findings: _Findings) -> None:
    if found.distinct > min(_FEW_CATEGORIES, table.rows // 2):
        return
    cell = Table.q(column)
    mapping = table.sql(
        f"WITH counted AS (SELECT {cell} AS old, count(*) AS n, lower({trim_sql(cell)}) AS folded FROM {{self}}"
        f"  WHERE {cell} IS NOT NULL GROUP BY ALL),"
        f" ranked AS (SELECT old, n, folded, first(old) OVER same AS new, first(n) OVER same AS top FROM counted"
        "  WINDOW same AS (PARTITION BY folded ORDER BY n DESC, old))"
        " SELECT old, new, 'category_spelling' AS rule, 'written so ' || top || ' times' AS evidence,"
        " CAST(top AS DOUBLE) / (top + n) AS confidence, true AS applied FROM ranked WHERE old <> new"
    )
    findings.edits.join_values(column, mapping)


# Report


def _kinds_chart(types: Mapping[str, ColumnType]) -> Chart:
    counted: dict[str, int] = {}
    for found in types.values():
        counted[found.kind.value] = counted.get(found.kind.value, 0) + 1
    labels = sorted(counted, key=lambda kind: (-counted[kind], kind))
    values = tuple(float(counted[kind]) for kind in labels)
    return Chart(title="What the columns hold", labels=tuple(labels), values=values, unit="columns")


def _untouched(changes: Table, column: str, found: ColumnType) -> list[str]:
    """The most frequent cells of another kind than their column's that nothing was done to."""
    if not found.counter_examples:
        return []
    listed = ", ".join(map(literal, found.counter_examples))
    changed = changes.query(
        f'SELECT DISTINCT old FROM {{self}} WHERE applied AND "column" = {literal(column)} AND old IN ({listed})'
    )
    return [example for example in found.counter_examples if (example,) not in changed]


def _described(found: ColumnType, untouched: list[str]) -> dict[str, object]:
    return {
        "kind": found.kind.value,
        "confidence": round(found.confidence, 6),
        "of_another_kind_and_left": untouched,
        "date_order": found.date_order,
    }
