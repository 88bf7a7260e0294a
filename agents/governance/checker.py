"""What governance-checker does: score the fields of lineage, consent and classification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.base import (
    ROW_ISSUE_COLUMNS,
    AgentContext,
    AgentResult,
    Alert,
    Chart,
    Issue,
    Recommendation,
    Severity,
)
from agents.column_types import is_null_sql, trim_sql
from agents.governance.fields import Field, filled_cells, match_fields, says_status
from agents.privacy.detect import survey
from agents.profile.governance_checker import GovernanceChecker
from agents.table import ROW, Table, literal
from errors import NotApplicable

WEIGHTS = {"lineage": 30.0, "consent": 40.0, "classification": 30.0}
"""What each part counts of 100; parts in which nothing is required give theirs to the others."""

CONSENT = ["consent_status", "consent_date"]

LISTED = 100

_ADVICE = {
    "lineage": "Add it where the table is made: without it nobody can tell where a wrong row came from.",
    "consent": "Add it from the system in which people agree: without it no use of the data can be defended.",
    "classification": "Add it, so that every copy of the table is treated as it must be.",
}


@dataclass(frozen=True)
class _Scored:
    """A required field with its points: `of` times the share of rows in which it says something that counts."""

    part: str
    field: Field
    filled: int
    counted: int
    rows: int
    of: float

    @property
    def filled_percent(self) -> float:
        return 100 * self.filled / self.rows

    @property
    def points(self) -> float:
        return self.of * self.counted / self.rows

    @property
    def remedy(self) -> str:
        if self.field.column is None:
            return _ADVICE[self.part]
        if self.counted < self.filled:
            return "Replace the answers that are no consent status."
        return "Fill the empty cells." if self.filled < self.rows else ""


def check(table: Table, params: GovernanceChecker, ctx: AgentContext) -> AgentResult:
    """Score which governance fields are there, filled and valid."""
    required = _required(table, params, ctx)
    if not table.rows or not any(required.values()):
        raise NotApplicable("the table has no rows" if not table.rows else "no field is required")
    fields = {part: match_fields(names, table.columns) for part, names in required.items()}
    statuses = _status_columns(fields["consent"])
    answers = {column: _answers(table, column, params.valid_consent_statuses) for column in statuses}
    invalid = {
        column: {text: rows for text, (rows, good) in found.items() if not good} for column, found in answers.items()
    }
    scored = list(_scored(table, fields, invalid))
    score = round(sum(each.points for each in scored), 2)
    compliant = score >= params.compliance_threshold
    return AgentResult(
        row_issues=_row_issues(table, params, [column for column in statuses if invalid[column]]),
        alerts=tuple(_alerts(score, compliant, params, scored)),
        issues=tuple(_issues(scored, invalid)),
        recommendations=tuple(_recommendations(scored)),
        charts=(_chart(scored),),
        metrics={
            "compliance_score": score,
            "compliant": compliant,
            "fields_required": len(scored),
            "fields_found": sum(each.field.column is not None for each in scored),
            "invalid_consent_rows": sum(sum(found.values()) for found in invalid.values()),
        },
        data={
            "score": score,
            "threshold": params.compliance_threshold,
            "compliant": compliant,
            "parts": [_part(part, scored) for part in required if required[part]],
            "fields": [_shown(each) for each in scored],
            "consent": [_consent(column, answers[column], table.rows, params) for column in statuses],
        },
    )


def _required(table: Table, params: GovernanceChecker, ctx: AgentContext) -> Mapping[str, Sequence[str]]:
    consent = params.required_consent_fields
    if consent is None:
        consent = CONSENT if _about_people(table, ctx) else []
    return {
        "lineage": params.required_lineage_fields,
        "consent": consent,
        "classification": params.required_classification_fields,
    }


def _about_people(table: Table, ctx: AgentContext) -> bool:
    """Whether the rows are people, or a column says what they agreed to."""
    named = any(field.column for field in match_fields(CONSENT, table.columns))
    return named or survey(table, seed=ctx.seed).people


def _status_columns(fields: Iterable[Field]) -> list[str]:
    return list(dict.fromkeys(each.column for each in fields if each.column and says_status(each.column)))


def _answers(table: Table, column: str, valid: Sequence[str]) -> dict[str, tuple[int, bool]]:
    """Every different answer of a consent column with its rows, and whether it is a valid one."""
    cell = Table.q(column)
    good = _valid_sql("v", valid)
    found = table.query(
        f"SELECT v, n, {good} FROM (SELECT {cell} AS v, count(*) AS n FROM {{self}} GROUP BY ALL)"
        f" WHERE NOT {is_null_sql('v')} ORDER BY n DESC, v"
    )
    return {text: (rows, bool(is_good)) for text, rows, is_good in found}


def _valid_sql(value: str, valid: Sequence[str]) -> str:
    listed = ", ".join(literal(_folded(each)) for each in valid)
    return f"(regexp_replace(lower({trim_sql(value)}), '[\\s_-]+', '', 'g') IN ({listed}))"


def _folded(status: str) -> str:
    return "".join(letter for letter in status.lower() if letter not in "_-" and not letter.isspace())


def _scored(
    table: Table, fields: Mapping[str, Sequence[Field]], invalid: Mapping[str, Mapping[str, int]]
) -> Iterator[_Scored]:
    filled = filled_cells(table, [each.column for found in fields.values() for each in found if each.column])
    whole = sum(WEIGHTS[part] for part, found in fields.items() if found)
    for part, found in fields.items():
        for field in found:
            cells = filled[field.column] if field.column else 0
            wrong = sum(invalid.get(field.column or "", {}).values()) if part == "consent" else 0
            yield _Scored(part, field, cells, cells - wrong, table.rows, 100 * WEIGHTS[part] / whole / len(found))


def _row_issues(table: Table, params: GovernanceChecker, columns: Sequence[str]) -> Table | None:
    if not columns:
        return None
    valid = params.valid_consent_statuses
    parts = " UNION ALL ".join(
        f"SELECT {ROW} AS row, {literal(column)} AS column, 'invalid_consent' AS issue_type, 'high' AS severity,"
        f" 'is no valid consent status' AS message, {Table.q(column)} AS value FROM {{self}}"
        f" WHERE NOT {is_null_sql(Table.q(column))} AND NOT {_valid_sql(Table.q(column), valid)}"
        for column in columns
    )
    named = ", ".join(Table.q(name) for name in ROW_ISSUE_COLUMNS)
    return table.sql(f'SELECT {named} FROM ({parts}) ORDER BY row, "column"')


def _alerts(score: float, compliant: bool, params: GovernanceChecker, scored: Sequence[_Scored]) -> Iterator[Alert]:
    if compliant:
        return
    lost = sorted(scored, key=lambda each: each.points - each.of)
    missing = [each.field.required for each in lost if each.field.column is None]
    yield Alert(
        severity=_gravity(score, params, scored),
        category="governance",
        message=f"Governance scores {score:g} of 100, under the {params.compliance_threshold:g} that is asked for."
        + (f" Not there: {', '.join(missing)}." if missing else ""),
        affected_fields=tuple(each.field.column for each in lost if each.field.column and each.points < each.of),
        recommendation=lost[0].remedy,
    )


def _gravity(score: float, params: GovernanceChecker, scored: Sequence[_Scored]) -> Severity:
    """Fields that nobody ever made are a gap; fields that are there and badly kept are a fault."""
    if any(each.field.column for each in scored):
        return "high" if score < params.compliance_threshold / 2 else "medium"
    return "medium" if any(each.part == "consent" for each in scored) else "low"


def _issues(scored: Sequence[_Scored], invalid: Mapping[str, Mapping[str, int]]) -> Iterator[Issue]:
    for each in scored:
        if each.field.column is None:
            yield Issue(
                field_name=each.field.required,
                issue_type="missing_governance_field",
                severity="medium",
                message=f"No column says {each.field.required} ({each.part}).",
            )
        elif each.filled < each.rows:
            yield Issue(
                field_name=each.field.column,
                issue_type="unfilled_governance_field",
                severity=_severity(each),
                message=f"Says nothing in {each.rows - each.filled:,} rows, and stands for {each.field.required}.",
                rows=each.rows - each.filled,
            )
    for column, found in invalid.items():
        if found:
            yield Issue(
                field_name=column,
                issue_type="invalid_consent",
                severity="high",
                message=f"{sum(found.values()):,} rows hold {len(found):,} answers that are no valid consent status.",
                rows=sum(found.values()),
            )


def _severity(each: _Scored) -> Severity:
    return "medium" if each.filled_percent < 95 else "low"


def _recommendations(scored: Sequence[_Scored]) -> Iterator[Recommendation]:
    for each in sorted(scored, key=lambda each: each.points - each.of):
        if each.remedy and each.of - each.points >= 1:
            name = each.field.column or each.field.required
            yield Recommendation(
                field_name=name,
                priority="medium" if each.field.column or each.part == "consent" else "low",
                recommendation=f"{name}: {each.remedy}",
            )


def _chart(scored: Sequence[_Scored]) -> Chart:
    return Chart(
        title="Points by required field",
        labels=tuple(each.field.required for each in scored),
        values=tuple(round(each.points, 2) for each in scored),
        unit="points",
    )


def _part(part: str, scored: Sequence[_Scored]) -> dict[str, Any]:
    own = [each for each in scored if each.part == part]
    return {"part": part, "points": sum(each.points for each in own), "of": sum(each.of for each in own)}


def _shown(each: _Scored) -> dict[str, Any]:
    return {
        "part": each.part,
        "required": each.field.required,
        "column": each.field.column,
        "match": each.field.match,
        "filled_percent": each.filled_percent,
        "points": each.points,
        "of": each.of,
        "remedy": each.remedy,
    }


def _consent(
    column: str, answers: Mapping[str, tuple[int, bool]], rows: int, params: GovernanceChecker
) -> dict[str, Any]:
    valid = sum(count for count, good in answers.values() if good)
    invalid = {text: count for text, (count, good) in answers.items() if not good}
    return {
        "column": column,
        "valid": valid,
        "invalid": sum(invalid.values()),
        "missing": rows - valid - sum(invalid.values()),
        "invalid_values": [{"value": text, "rows": count} for text, count in list(invalid.items())[:LISTED]],
        "valid_values": list(params.valid_consent_statuses),
    }
