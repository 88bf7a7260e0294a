"""What unified-profiler does: the profile of a table, and what of it should be noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agents.base import AgentContext, AgentResult, Alert, Chart, Issue, Recommendation, Severity
from agents.profile.unified_profiler import UnifiedProfiler
from agents.profiling.columns import ColumnProfile, TableProfile, Thresholds, profile_columns
from agents.profiling.duplicates import Duplicates, duplicate_rows, no_duplicates
from agents.profiling.quality import FORMULAS, Dimension, grade, table_dimensions
from agents.profiling.relations import relations
from agents.table import ROW, Table

CHARTED_COLUMNS = 20
_NOTICEABLE = 5.0
_NEARLY_ALL = 98.0


def describe(table: Table, params: UnifiedProfiler, ctx: AgentContext) -> AgentResult:
    """Describe the table, and say what of it should be noticed."""
    profile = profile_columns(
        table, _thresholds(params), now=ctx.now, seed=ctx.seed, report_progress=ctx.report_progress
    )
    has_key = any(column.distinct == table.rows for column in profile.columns)
    duplicates = no_duplicates(table) if has_key else duplicate_rows(table)
    columns = [dict(vars(column)) for column in profile.columns]
    dimensions = table_dimensions(columns, table.rows, duplicates.rows)
    issues = tuple(_issues(profile.columns, duplicates, params))
    return AgentResult(
        row_issues=_row_issues(profile, duplicates),
        alerts=tuple(_alerts(issues, table.rows)),
        issues=issues,
        recommendations=tuple(_recommendations(issues)),
        charts=tuple(_charts(profile.columns)),
        metrics=_metrics(profile.columns, duplicates, table.rows, dimensions),
        data={
            "columns": columns,
            "duplicates": {"rows": duplicates.rows, "groups": duplicates.groups},
            "dimensions": [asdict(each) for each in dimensions],
            **relations(table, columns, profile.readings, ctx.inputs.get("baseline"), ctx.seed),
            "formulas": FORMULAS,
        },
    )


def _thresholds(params: UnifiedProfiler) -> Thresholds:
    return Thresholds(
        categorical_threshold=params.categorical_threshold,
        categorical_ratio_threshold=params.categorical_ratio_threshold,
        top_n_values=params.top_n_values,
        outlier_iqr_multiplier=params.outlier_iqr_multiplier,
    )


def _row_issues(profile: TableProfile, duplicates: Duplicates) -> Table:
    return profile.row_issues.sql(
        f"""
        SELECT * FROM (
            SELECT * FROM {{self}} UNION ALL
            SELECT {ROW}, NULL, 'duplicate_row', 'medium', 'repeats an earlier row in every cell', NULL FROM {{repeats}}
        ) ORDER BY "row", "column", issue_type
        """,
        repeats=duplicates.repeats,
    )


SeverityOf = Callable[[ColumnProfile, int, UnifiedProfiler], Severity]


@dataclass(frozen=True)
class _Finding:
    """One kind of fault: how many cells of a column have it, how bad that is, and what is said and advised.

    `message` is filled with the column c and its {cells}; `alert`, said once for all columns where the fault is more
    than a trifle, with {where} and {rows}.
    """

    issue_type: str
    category: str
    rows: Callable[[ColumnProfile], int]
    severity: SeverityOf
    message: str
    alert: str
    advice: str


def _always(severity: Severity) -> SeverityOf:
    def fixed(_column: ColumnProfile, _rows: int, _params: UnifiedProfiler) -> Severity:
        return severity

    return fixed


def _by_share(column: ColumnProfile, rows: int, _params: UnifiedProfiler) -> Severity:
    """High from 5 % of the filled cells, medium from one in a hundred."""
    percent = 100 * rows / max(1, column.rows - column.missing)
    return "high" if percent >= _NOTICEABLE else "medium" if percent >= 1 else "low"


def _missing_severity(column: ColumnProfile, _rows: int, params: UnifiedProfiler) -> Severity:
    if column.missing_percent >= params.null_alert_threshold:
        return "high"
    return "medium" if column.missing_percent >= _NOTICEABLE else "low"


def _outlier_severity(column: ColumnProfile, _rows: int, params: UnifiedProfiler) -> Severity:
    percent = (column.numeric or {}).get("outliers_percent", 0.0)
    return "medium" if percent >= params.outlier_alert_threshold else "low"


def _outliers(column: ColumnProfile) -> int:
    return int((column.numeric or {}).get("outliers", 0))


def _repeated(column: ColumnProfile) -> int:
    """Cells of a column that is all but unique that repeat another one."""
    keylike = (
        column.kind in ("integer", "code") and not column.semantic and _NEARLY_ALL <= column.distinct_percent < 100
    )
    return column.rows - column.missing - column.distinct if keylike else 0


_PERSONAL = frozenset({"email", "phone", "card", "ssn", "iban", "ip_address", "mac_address"})
"""What values mean that name a person, or what is theirs alone."""

_FINDINGS = (
    _Finding(
        "empty_column",
        "completeness",
        lambda c: c.rows if c.role == "empty" else 0,
        _always("high"),
        "The column holds nothing at all.",
        "Not a single value in {where}.",
        "Drop it, or find out why it was never filled.",
    ),
    _Finding(
        "missing_values",
        "completeness",
        lambda c: c.missing if c.role != "empty" else 0,
        _missing_severity,
        "Nothing in {cells} ({c.missing_percent:.3g} %).",
        "Many missing values in {where}: {rows} cells.",
        "Decide with null-handler what stands for a missing value, before anything is averaged or joined.",
    ),
    _Finding(
        "disguised_missing",
        "completeness",
        lambda c: c.disguised_missing,
        _always("low"),
        "In {cells} a word says that the value is missing (n/a, null, -).",
        "",
        'Let null-handler turn the spellings of "missing" into empty cells.',
    ),
    _Finding(
        "suspected_missing",
        "completeness",
        lambda c: c.suspected_missing,
        _by_share,
        "In {cells} a value may stand for a missing one (unknown, 999, -1).",
        "Words or numbers that may stand for a missing value in {where}: {rows} cells.",
        "Ask whoever made the file what these values mean.",
    ),
    _Finding(
        "invalid_values",
        "validity",
        lambda c: c.strangers,
        _by_share,
        "{cells} can't be read as {c.kind}, which the rest of the column is.",
        "Cells of another kind than the rest in {where}: {rows}.",
        "Look at these cells; type-fixer repairs what can only be read in one way.",
    ),
    _Finding(
        "infinite_values",
        "validity",
        lambda c: c.infinite,
        _always("high"),
        "An infinity in {cells}.",
        "Infinities in {where}: {rows} cells.",
        "An infinity is the trace of a division by zero: repair it where it was made.",
    ),
    _Finding(
        "ambiguous_dates",
        "validity",
        lambda c: c.ambiguous_dates,
        _always("medium"),
        "{cells} can be read day first or month first.",
        "Dates that don't tell the day from the month in {where}.",
        "Set type-fixer's date_order.",
    ),
    _Finding(
        "outliers",
        "validity",
        _outliers,
        _outlier_severity,
        "{cells} outside {c.numeric[lower_fence]:.6g} to {c.numeric[upper_fence]:.6g}.",
        "Many numbers far from the rest in {where}: {rows} cells.",
        "Look at the most extreme rows first; an outlier is a question, not an error.",
    ),
    _Finding(
        "repeated_keys",
        "uniqueness",
        _repeated,
        _always("medium"),
        "In {cells} a value comes again, although the column is otherwise unique.",
        "Repeated values in {where}, otherwise unique: {rows} cells.",
        "Look whether these rows are duplicates or share a key by mistake.",
    ),
    _Finding(
        "spelling_variants",
        "consistency",
        lambda c: c.spelling_variants,
        _by_share,
        "In {cells} a value differs from a more frequent one only in case or blank space.",
        "One value spelled in several ways in {where}: {rows} cells.",
        "Let field-standardization choose one spelling.",
    ),
    _Finding(
        "surrounding_space",
        "consistency",
        lambda c: c.padded,
        _always("low"),
        "Blank space around {cells}.",
        "",
        "Let field-standardization trim them.",
    ),
    _Finding(
        "constant_column",
        "information",
        lambda c: c.rows - c.missing if c.constant else 0,
        _always("low"),
        "Every cell that is filled holds the same value.",
        "",
        "Leave it out where it tells nothing.",
    ),
    _Finding(
        "personal_data",
        "privacy",
        lambda c: c.rows - c.missing if c.semantic in _PERSONAL else 0,
        _always("medium"),
        "The values look like personal data ({c.semantic}); they are masked in this report.",
        "Values that look like personal data in {where}.",
        "Share the file only with people who may see these columns.",
    ),
)
_BY_TYPE = {finding.issue_type: finding for finding in _FINDINGS}
_DUPLICATES = "duplicate_rows"


def _issues(columns: Sequence[ColumnProfile], duplicates: Duplicates, params: UnifiedProfiler) -> Iterator[Issue]:
    if duplicates.rows:
        yield Issue(
            field_name="",
            issue_type=_DUPLICATES,
            severity="medium",
            message=f"{_repeating(duplicates.rows)} an earlier row in every cell.",
            rows=duplicates.rows,
        )
    for column in columns:
        for finding in _FINDINGS:
            if rows := finding.rows(column):
                yield Issue(
                    field_name=column.column,
                    issue_type=finding.issue_type,
                    severity=finding.severity(column, rows, params),
                    message=finding.message.format(c=column, cells="1 cell" if rows == 1 else f"{rows:,} cells"),
                    rows=rows,
                )


_GRADES: tuple[Severity, ...] = ("critical", "high", "medium", "low")


def _alerts(issues: Iterable[Issue], rows: int) -> Iterator[Alert]:
    """One alert per kind of fault, over all columns where it is more than a trifle."""
    grouped: dict[str, list[Issue]] = {}
    for issue in issues:
        if _alarming(issue):
            grouped.setdefault(issue.issue_type, []).append(issue)
    for issue_type, found in grouped.items():
        if issue_type == _DUPLICATES:
            yield _duplicate_alert(found[0], rows)
        elif _BY_TYPE[issue_type].alert:
            yield _alert(_BY_TYPE[issue_type], found)


def _alarming(issue: Issue) -> bool:
    """Missing values alarm from the user's own threshold on."""
    return issue.severity == "high" or (issue.severity == "medium" and issue.issue_type != "missing_values")


def _alert(finding: _Finding, found: Sequence[Issue]) -> Alert:
    where = f"“{found[0].field_name}”" if len(found) == 1 else f"{len(found):,} columns"
    return Alert(
        severity=min((issue.severity for issue in found), key=_GRADES.index),
        category=finding.category,
        message=finding.alert.format(where=where, rows=f"{sum(issue.rows for issue in found):,}"),
        affected_fields=tuple(issue.field_name for issue in found),
        recommendation=finding.advice,
    )


def _repeating(rows: int, percent: float | None = None) -> str:
    share = "" if percent is None else f" ({percent:.3g} %)"
    return f"1 row{share} repeats" if rows == 1 else f"{rows:,} rows{share} repeat"


def _duplicate_alert(issue: Issue, rows: int) -> Alert:
    percent = 100 * issue.rows / rows
    return Alert(
        severity="high" if percent >= _NOTICEABLE else "medium",
        category="uniqueness",
        message=f"{_repeating(issue.rows, percent)} an earlier row in every cell.",
        recommendation="Remove them with duplicate-resolver before anything is counted.",
    )


def _recommendations(issues: Iterable[Issue]) -> Iterator[Recommendation]:
    """The advice on every fault that is more than a trifle."""
    for issue in issues:
        if issue.severity != "low" and issue.issue_type in _BY_TYPE:
            yield Recommendation(
                field_name=issue.field_name,
                priority=issue.severity,
                recommendation=f"{issue.field_name}: {_BY_TYPE[issue.issue_type].advice}",
            )


def _charts(columns: Sequence[ColumnProfile]) -> Iterator[Chart]:
    holes = sorted((c for c in columns if c.missing), key=lambda c: -c.missing)[:CHARTED_COLUMNS]
    if holes:
        yield Chart(
            title="Missing cells by column",
            labels=tuple(c.column for c in holes),
            values=tuple(float(c.missing) for c in holes),
            unit="cells",
        )
    kinds = Counter(c.kind for c in columns).most_common()
    yield Chart(
        title="Kinds of columns",
        labels=tuple(kind for kind, _ in kinds),
        values=tuple(float(count) for _, count in kinds),
        unit="columns",
    )


def _metrics(
    columns: Sequence[ColumnProfile], duplicates: Duplicates, rows: int, dimensions: Sequence[Dimension]
) -> dict[str, Any]:
    cells = rows * len(columns)
    missing = sum(column.missing for column in columns)
    score = sum(each.score for each in dimensions) / len(dimensions)
    return {
        "rows": rows,
        "columns": len(columns),
        "cells": cells,
        "missing_cells": missing,
        "missing_percent": 100 * missing / cells if cells else 0.0,
        "duplicate_rows": duplicates.rows,
        "duplicate_percent": 100 * duplicates.rows / rows if rows else 0.0,
        "outlier_cells": sum(_outliers(column) for column in columns),
        "invalid_cells": sum(column.strangers + column.infinite for column in columns),
        "constant_columns": sum(column.constant for column in columns),
        "empty_columns": sum(column.role == "empty" for column in columns),
        "personal_data_columns": sum(column.semantic in _PERSONAL for column in columns),
        **{f"{each.dimension}_percent": each.score for each in dimensions},
        "quality_score": score,
        "quality_grade": grade(score),
    }
