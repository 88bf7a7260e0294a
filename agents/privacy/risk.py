"""What score-risk does: personal data found, its risk scored, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.base import AgentContext, AgentResult, Alert, Chart, Issue, Recommendation, Severity
from agents.filled_cells import count_cells
from agents.governance.fields import protection_fields
from agents.privacy.anonymity import ROWS_SHOWN, Anonymity, Encoded, measure, unique_without_each
from agents.privacy.detect import Finding, Survey, survey
from agents.privacy.kinds import KINDS, QUASI, SPECIAL, Classification, Method, frameworks_of
from agents.privacy.masked_copy import ColumnMask, MaskedCopy, masked_copy, usual_mask
from agents.privacy.masks import masked_texts
from agents.privacy.scores import Scored, classification_of, scored
from agents.profile.score_risk import Decision, Level, ScoreRisk
from agents.table import Table
from errors import NotApplicable

MOST_QUASI_IDENTIFIERS = 8
MOST_SENSITIVE = 5
CHARTED = 20
_MASKED = "masked.csv"

_SENSITIVE_CATEGORIES = frozenset({"special category", "financial", "secret", "child"})
_MANY_ALONE = 5.0
"""From this percentage of rows that are alone in their class on, the table can't be called anonymous by far."""


@dataclass(frozen=True)
class _Column:
    """The verdict on one column."""

    name: str
    found: Sequence[Scored]
    suggested: Classification
    decision: Decision | None

    @property
    def classification(self) -> Classification:
        return self.suggested if self.decision is None or self.decision == "accept" else self.decision

    @property
    def status(self) -> str:
        return {None: "suggested", "accept": "accepted"}.get(self.decision, "overridden")

    @property
    def score(self) -> float:
        return max((each.score for each in self.found), default=0.0)


@dataclass(frozen=True)
class _Crowd:
    """How few rows a person hides among, over which columns, and which rows are alone."""

    anonymity: Anonymity
    given: bool
    alone: Table
    alone_without: Mapping[str, int]


@dataclass(frozen=True)
class _Facts:
    """All that the report is made of."""

    table: Table
    params: ScoreRisk
    seen: Survey
    columns: Sequence[_Column]
    crowd: _Crowd | None
    copy: MaskedCopy | None
    governance: Sequence[Mapping[str, Any]]


def assess(table: Table, params: ScoreRisk, ctx: AgentContext) -> AgentResult:
    """Find personal and sensitive data, and score the risk of having it."""
    for name in ("quasi_identifiers", "classifications", "mask_methods"):
        table.require(getattr(params, name), f"score-risk.{name}")
    if not table.rows or not table.columns:
        raise NotApplicable("the table has no rows to look at")
    seen = survey(table, sample_size=params.pii_sample_size, seed=ctx.seed)
    columns = _columns(table, seen, params)
    ctx.report_progress(0.5)
    crowd = _crowd(table, columns, params)
    copy = _copy(table, columns, crowd, params, ctx) if params.masked_copy else None
    governance = protection_fields(table) if params.governance_check_enabled and _risky(columns) else []
    return AgentResult(
        alerts=tuple(_alerts(columns, crowd, params)),
        issues=tuple(_issues(columns, params)),
        recommendations=tuple(_recommendations(columns, crowd, governance, params)),
        charts=tuple(_charts(columns)),
        metrics=_metrics(columns, crowd, params),
        data=_data(_Facts(table, params, seen, columns, crowd, copy, governance)),
        extras=_extras(crowd, copy),
    )


def _wanted(finding: Finding, params: ScoreRisk) -> bool:
    sensitive = KINDS[finding.kind].category in _SENSITIVE_CATEGORIES
    return params.sensitive_field_detection_enabled if sensitive else params.pii_detection_enabled


def _columns(table: Table, seen: Survey, params: ScoreRisk) -> list[_Column]:
    findings = [each for each in seen.findings if _wanted(each, params)]
    cells = count_cells(table, dict.fromkeys(each.column for each in findings))
    scores: dict[str, list[Scored]] = {}
    for each in findings:
        scores.setdefault(each.column, []).append(scored(each, cells[each.column]))
    columns = []
    for name in table.columns:
        found = sorted(scores.get(name, []), key=lambda each: -each.score)
        suggested = classification_of([each.finding for each in found], reference=name in seen.reference)
        columns.append(_Column(name, found, suggested, params.classifications.get(name)))
    return columns


def _risky(columns: Iterable[_Column]) -> list[_Column]:
    """The columns with findings, the worst first."""
    return sorted((column for column in columns if column.found), key=lambda column: -column.score)


# Anonymity


def _crowd(table: Table, columns: Sequence[_Column], params: ScoreRisk) -> _Crowd | None:
    suggested = [column.name for column in columns if _main_kind(column) in QUASI][:MOST_QUASI_IDENTIFIERS]
    chosen = list(dict.fromkeys(params.quasi_identifiers)) or suggested
    sensitive = [
        column.name for column in columns if _main_kind(column) in (*SPECIAL, "salary") and column.name not in chosen
    ][:MOST_SENSITIVE]
    if not chosen:
        return None
    encoded = Encoded(table, [*chosen, *sensitive])
    anonymity, alone = measure(encoded, chosen, sensitive)
    alone_without = unique_without_each(encoded, chosen) if anonymity.unique_rows else {}
    return _Crowd(anonymity, bool(params.quasi_identifiers), alone, alone_without)


def _main_kind(column: _Column) -> str:
    return column.found[0].finding.kind if column.found else ""


# A copy to share


def _copy(
    table: Table, columns: Sequence[_Column], crowd: _Crowd | None, params: ScoreRisk, ctx: AgentContext
) -> MaskedCopy:
    chosen = crowd.anonymity.quasi_identifiers if crowd else ()
    masks = [_mask(column, params.mask_methods.get(column.name), column.name in chosen) for column in columns]
    return masked_copy(table, masks, chosen, k=params.target_k, salt=params.mask_salt or ctx.salt)


def _mask(column: _Column, method: Method | None, quasi_identifier: bool) -> ColumnMask:
    share = column.found[0].finding.share if column.found else 0.0
    usual = usual_mask(column.name, _main_kind(column), share, quasi_identifier=quasi_identifier)
    return ColumnMask(column.name, method, usual.kind) if method else usual


def _shown_copy(copy: MaskedCopy, crowd: _Crowd | None, params: ScoreRisk) -> dict[str, Any]:
    after = None
    if crowd:
        chosen = crowd.anonymity.quasi_identifiers
        after, _ = measure(Encoded(copy.table, chosen), chosen)
    return {
        "file": _MASKED,
        "k": params.target_k,
        "columns": [{"column": m.column, "method": m.method, "level": m.level, "detail": m.detail} for m in copy.masks],
        "before": crowd.anonymity.as_json() if crowd else None,
        "after": after.as_json() if after else None,
        "suppressed_rows": copy.suppressed_rows,
    }


def _extras(crowd: _Crowd | None, copy: MaskedCopy | None) -> dict[str, Table]:
    alone = {"unique_rows.csv": crowd.alone} if crowd and crowd.anonymity.unique_rows else {}
    return alone | ({_MASKED: copy.table} if copy else {})


# What is said


def _alerts(columns: Sequence[_Column], crowd: _Crowd | None, params: ScoreRisk) -> Iterator[Alert]:
    severities: dict[Level, Severity] = {"high": "critical", "medium": "medium"}
    for level, severity in severities.items():
        if found := [column for column in _risky(columns) if params.level(column.score) == level]:
            yield _alert(found, level, severity)
    if crowd and crowd.anonymity.unique_rows:
        yield _alone_alert(crowd)


def _alert(found: Sequence[_Column], level: str, severity: Severity) -> Alert:
    kinds = list(dict.fromkeys(KINDS[_main_kind(column)].within for column in found))
    named = f"“{found[0].name}”" if len(found) == 1 else f"{len(found):,} columns"
    return Alert(
        severity=severity,
        category="privacy",
        message=f"{level.capitalize()} risk in {named}: {', '.join(kinds)}.",
        affected_fields=tuple(column.name for column in found),
        recommendation=KINDS[_main_kind(found[0])].remedy,
    )


def _alone_alert(crowd: _Crowd) -> Alert:
    figures = crowd.anonymity
    percent = 100 * figures.unique_rows / figures.rows
    return Alert(
        severity="high" if percent >= _MANY_ALONE else "medium",
        category="privacy",
        message=f"{figures.unique_rows:,} rows ({percent:.3g} %) are the only ones with their combination of "
        f"{', '.join(figures.quasi_identifiers)}: who knows these of a person finds the row.",
        affected_fields=figures.quasi_identifiers,
        recommendation="Generalise or drop the column that singles out most before the table is shared.",
    )


def _issues(columns: Sequence[_Column], params: ScoreRisk) -> Iterator[Issue]:
    for column in _risky(columns):
        for each in column.found:
            yield Issue(
                field_name=column.name,
                issue_type=f"personal_data_{each.finding.kind}",
                severity=params.severity(each.score),
                message=f"{KINDS[each.finding.kind].title} in {each.cells:,} cells "
                f"({_because(each.finding)}); risk {each.score:g} of 100.",
                rows=each.cells,
            )


def _because(finding: Finding) -> str:
    said = {
        "values": "the values say so",
        "name": "the column's name says so",
        "context": "the columns beside it fit",
    }
    return ", ".join(said[basis] for basis in finding.basis)


def _recommendations(
    columns: Sequence[_Column], crowd: _Crowd | None, governance: Sequence[Mapping[str, Any]], params: ScoreRisk
) -> Iterator[Recommendation]:
    for column in _risky(columns):
        severity = params.severity(column.score)
        if severity != "low":
            remedy = KINDS[_main_kind(column)].remedy
            yield Recommendation(field_name=column.name, priority=severity, recommendation=f"{column.name}: {remedy}")
    if crowd and crowd.alone_without:
        telling = min(crowd.alone_without, key=lambda name: crowd.alone_without[name])
        left = crowd.alone_without[telling]
        yield Recommendation(
            field_name=telling,
            priority="high",
            recommendation=f"{telling}: generalise or drop it: without it {left:,} rows are alone instead of "
            f"{crowd.anonymity.unique_rows:,}.",
        )
    for check in governance:
        if check["status"] == "missing":
            yield Recommendation(
                field_name=check["check"], priority="medium", recommendation=f"{check['check']}: {check['remedy']}"
            )


def _charts(columns: Sequence[_Column]) -> Iterator[Chart]:
    if risky := _risky(columns)[:CHARTED]:
        yield Chart(
            title="Risk by column",
            labels=tuple(column.name for column in risky),
            values=tuple(column.score for column in risky),
            unit="points",
        )


def _metrics(columns: Sequence[_Column], crowd: _Crowd | None, params: ScoreRisk) -> dict[str, Any]:
    worst = max(column.score for column in columns)
    classes = [column.classification for column in columns]
    return {
        "risk_score": worst,
        "risk_level": params.level(worst),
        "personal_columns": sum(bool(column.found) for column in columns),
        "restricted_columns": classes.count("restricted"),
        "confidential_columns": classes.count("confidential"),
        "k_anonymity": crowd.anonymity.k if crowd else None,
        "unique_rows_percent": 100 * crowd.anonymity.unique_rows / crowd.anonymity.rows if crowd else None,
    }


def _data(facts: _Facts) -> dict[str, Any]:
    crowd, params = facts.crowd, facts.params
    found = sorted((each for column in facts.columns for each in column.found), key=lambda each: -each.score)
    with_health = any(each.finding.kind in ("health", "medical_id") for each in found)
    return {
        "columns": [_shown_column(column, params) for column in facts.columns],
        "findings": _shown_findings(facts, found, with_health),
        "frameworks": _frameworks(found, with_health),
        "anonymity": _shown_crowd(crowd) if crowd else None,
        "diversity": crowd.anonymity.diversity_as_json() if crowd else [],
        "governance": list(facts.governance),
        "masked_copy": _shown_copy(facts.copy, crowd, params) if facts.copy else None,
        "thresholds": {"high": params.high_risk_threshold, "medium": params.medium_risk_threshold},
        "looked_at": {"rows": facts.seen.rows, "of": facts.table.rows},
    }


def _shown_column(column: _Column, params: ScoreRisk) -> dict[str, Any]:
    return {
        "column": column.name,
        "classification": column.classification,
        "suggested": column.suggested,
        "status": column.status,
        "risk_score": column.score,
        "risk_level": params.level(column.score),
        "kinds": [each.finding.kind for each in column.found],
        "reason": "; ".join(f"{KINDS[each.finding.kind].within}: {_because(each.finding)}" for each in column.found)
        or "no sign of personal data",
    }


def _shown_findings(facts: _Facts, found: Sequence[Scored], with_health: bool) -> list[dict[str, Any]]:
    texts = [(text, KINDS[each.finding.kind].style) for each in found for text in each.finding.examples]
    masked = masked_texts(facts.table, texts)
    sampled = facts.seen.rows if facts.seen.rows < facts.table.rows else None
    return [
        {
            "column": each.finding.column,
            "kind": each.finding.kind,
            "title": KINDS[each.finding.kind].title,
            "category": KINDS[each.finding.kind].category,
            "confidence": each.finding.confidence,
            "cells": each.cells,
            "share_percent": 100 * each.finding.share,
            "sampled": None if each.finding.of_all else sampled,
            "basis": list(each.finding.basis),
            "evidence": [masked[text, KINDS[each.finding.kind].style] for text in each.finding.examples],
            "frameworks": [
                {"framework": framework, "reason": reason}
                for framework, reason in frameworks_of(each.finding.kind, with_health=with_health)
            ],
            "score": each.score,
            "points": [{"part": part, "points": points} for part, points in each.points.items()],
            "level": facts.params.level(each.score),
            "remedy": KINDS[each.finding.kind].remedy,
            "masking": KINDS[each.finding.kind].method,
        }
        for each in found
    ]


def _frameworks(found: Sequence[Scored], with_health: bool) -> list[dict[str, Any]]:
    touched: dict[str, tuple[list[str], list[str]]] = {}
    for each in found:
        for framework, reason in frameworks_of(each.finding.kind, with_health=with_health):
            columns, reasons = touched.setdefault(framework, ([], []))
            columns.append(each.finding.column)
            reasons.append(reason)
    return [
        {"framework": name, "columns": list(dict.fromkeys(columns)), "reason": "; ".join(dict.fromkeys(reasons))}
        for name, (columns, reasons) in touched.items()
    ]


def _shown_crowd(crowd: _Crowd) -> dict[str, Any]:
    rows = crowd.anonymity.rows
    return crowd.anonymity.as_json() | {
        "chosen": "given" if crowd.given else "suggested",
        "most_identifying": [
            {"column": name, "unique_rows_without": alone, "percent": 100 * alone / rows}
            for name, alone in sorted(crowd.alone_without.items(), key=lambda pair: pair[1])
        ],
        "first_unique_rows": [row for (row,) in crowd.alone.query(f"SELECT row FROM {{self}} LIMIT {ROWS_SHOWN}")],
    }
