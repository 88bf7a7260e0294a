"""What readiness-rater does: a score whose deductions add up to it, each with its remedy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agents.base import AgentContext, AgentResult, Alert, Chart, Recommendation, Severity
from agents.profile.readiness_rater import ReadinessRater
from agents.profiling.columns import Thresholds, profile_columns
from agents.profiling.duplicates import duplicate_rows
from agents.table import Table
from errors import NotApplicable

Column = Mapping[str, Any]

# From these percentages on a column (or, for repeated rows, the table) has lost all there is to lose.
ALL_LOST = {"missing": 50.0, "unlike": 20.0, "invalid": 20.0, "repeated": 20.0}
CONSTANT_LOSS = 0.25

LISTED = 200
RECOMMENDED = 5


@dataclass(frozen=True)
class Deduction:
    """Points lost for one fault. `loss` is its share of its dimension; `agent` of clean-my-data would mend it."""

    dimension: str
    column: str
    loss: float
    reason: str
    remedy: str
    agent: str = ""
    points: float = 0.0


def rate(table: Table, params: ReadinessRater, ctx: AgentContext) -> AgentResult:
    """Rate the table, with every point lost and its remedy."""
    if not table.rows or not table.columns:
        raise NotApplicable("the table has no rows to rate")
    columns, repeats = _facts(table, ctx)
    deductions = _weighed(_deductions(columns, repeats, table.rows), params.weights)
    lost = {name: math.fsum(d.points for d in deductions if d.dimension == name) for name in params.weights}
    score = round(100 - sum(lost.values()), 2)
    verdict = _verdict(score, params)
    return AgentResult(
        alerts=tuple(_alerts(score, verdict, deductions)),
        recommendations=tuple(_recommendations(deductions)),
        charts=tuple(_charts(lost)),
        metrics={
            "readiness_score": score,
            "verdict": verdict,
            **{f"{name}_score": _dimension_score(lost[name], weight) for name, weight in params.weights.items()},
        },
        data={
            "deductions": [_shown(each) for each in deductions],
            "dimensions": [
                {
                    "dimension": name,
                    "weight": weight,
                    "points_lost": round(lost[name], 2),
                    "score": _dimension_score(lost[name], weight),
                }
                for name, weight in params.weights.items()
            ],
            "weights": params.weights,
        },
        routing=tuple(_routing(deductions)),
    )


def _facts(table: Table, ctx: AgentContext) -> tuple[Sequence[Column], int]:
    """The columns' profiles and how many rows repeat: the profiler's where it ran, else measured here."""
    profiled = ctx.earlier.get("unified-profiler")
    if profiled is not None:
        return profiled.data["columns"], int(profiled.metrics["duplicate_rows"])
    found = profile_columns(table, Thresholds(), now=ctx.now, seed=ctx.seed, report_progress=ctx.report_progress)
    return [asdict(column) for column in found.columns], duplicate_rows(table).rows


def _deductions(columns: Sequence[Column], repeats: int, rows: int) -> Iterator[Deduction]:
    if repeats:
        percent = 100 * repeats / rows
        yield Deduction(
            "consistency",
            "",
            min(1.0, percent / ALL_LOST["repeated"]),
            f"{repeats:,} rows ({percent:.3g} %) repeat an earlier one",
            "remove them with duplicate-resolver",
            "duplicate-resolver",
        )
    for column in columns:
        for fault in (_missing, _empty, _unlike, _invalid, _ambiguous, _constant):
            if (deduction := fault(column, 1 / len(columns))) is not None:
                yield deduction


def _missing(column: Column, share: float) -> Deduction | None:
    percent = column["missing_percent"]
    if not percent:
        return None
    return Deduction(
        "completeness",
        column["column"],
        share * min(1.0, percent / ALL_LOST["missing"]),
        f"{percent:.3g} % of it is missing",
        "let null-handler fill what other columns determine, and decide on the rest",
        "null-handler",
    )


def _empty(column: Column, share: float) -> Deduction | None:
    if column["role"] != "empty":
        return None
    return Deduction(
        "schema_health", column["column"], share, "it holds nothing at all", "drop the column", "null-handler"
    )


def _unlike(column: Column, share: float) -> Deduction | None:
    percent = 100 - (100.0 if column["quality"]["consistency"] is None else column["quality"]["consistency"])
    if percent <= 0:
        return None
    return Deduction(
        "consistency",
        column["column"],
        share * min(1.0, percent / ALL_LOST["unlike"]),
        f"{percent:.3g} % of its values are spelled unlike the rest",
        "let field-standardization and type-fixer choose one spelling",
        "field-standardization",
    )


def _invalid(column: Column, share: float) -> Deduction | None:
    wrong, present = column["strangers"] + column["infinite"], column["rows"] - column["missing"]
    if not wrong:
        return None
    percent = 100 * wrong / present
    return Deduction(
        "schema_health",
        column["column"],
        share * min(1.0, percent / ALL_LOST["invalid"]),
        f"{percent:.3g} % of its values are no {column['kind']}, or infinite",
        "look at these cells; type-fixer mends what can be read in one way only",
        "type-fixer",
    )


def _ambiguous(column: Column, share: float) -> Deduction | None:
    doubtful, present = column["ambiguous_dates"], column["rows"] - column["missing"]
    if not doubtful:
        return None
    return Deduction(
        "schema_health",
        column["column"],
        share * min(1.0, 100 * doubtful / present / ALL_LOST["invalid"]),
        "nothing tells whether its dates begin with the day or with the month",
        "say which with type-fixer's date_order",
    )


def _constant(column: Column, share: float) -> Deduction | None:
    if not column["constant"]:
        return None
    reason, remedy = "all its values are the same", "leave the column out, unless it is meant to say so"
    return Deduction("schema_health", column["column"], share * CONSTANT_LOSS, reason, remedy)


def _weighed(found: Iterable[Deduction], weights: Mapping[str, float]) -> list[Deduction]:
    """The deductions in points, the most costly first; a dimension can't lose more than its weight.

    Points are rounded one by one and the score is what they leave, so that they always add up.
    """
    held = list(found)
    total = {name: sum(each.loss for each in held if each.dimension == name) for name in weights}
    weighed = [
        Deduction(**{**asdict(each), "points": _points(each, weights[each.dimension], total[each.dimension])})
        for each in held
    ]
    return sorted((each for each in weighed if each.points), key=lambda each: -each.points)


def _points(deduction: Deduction, weight: float, total: float) -> float:
    return round(100 * weight * deduction.loss / max(1.0, total), 2)


def _dimension_score(lost: float, weight: float) -> float | None:
    return round(max(0.0, 100 - lost / weight), 2) if weight else None


def _verdict(score: float, params: ReadinessRater) -> str:
    if score >= params.ready_threshold:
        return "ready"
    return "needs_review" if score >= params.needs_review_threshold else "not_ready"


def _shown(deduction: Deduction) -> dict[str, Any]:
    return {
        "points": deduction.points,
        "dimension": deduction.dimension,
        "column": deduction.column,
        "reason": deduction.reason,
        "remedy": deduction.remedy,
        "agent": deduction.agent or None,
    }


def _alerts(score: float, verdict: str, deductions: Sequence[Deduction]) -> Iterator[Alert]:
    if verdict == "ready":
        return
    severity: Severity = "medium" if verdict == "needs_review" else "high"
    worst = deductions[0]
    said = "needs a review before it is used" if verdict == "needs_review" else "is not ready to be used"
    yield Alert(
        severity=severity,
        category="readiness",
        message=f"The table {said}: {score:.4g} of 100 points. Most are lost because {_because(worst)}.",
        affected_fields=tuple(dict.fromkeys(each.column for each in deductions[:LISTED] if each.column)),
        recommendation=f"First of all: {worst.remedy}.",
    )


def _because(deduction: Deduction) -> str:
    return f"of {deduction.column}: {deduction.reason}" if deduction.column else deduction.reason


def _recommendations(deductions: Sequence[Deduction]) -> Iterator[Recommendation]:
    for each in deductions[:RECOMMENDED]:
        yield Recommendation(
            field_name=each.column,
            priority="high" if each.points >= 5 else "medium" if each.points >= 1 else "low",
            recommendation=f"Win back {each.points:.3g} points: {each.remedy}"
            + (f" ({each.column})." if each.column else "."),
        )


def _charts(lost: Mapping[str, float]) -> Iterator[Chart]:
    if any(lost.values()):
        yield Chart(
            title="Points lost",
            labels=tuple(name.replace("_", " ") for name in lost),
            values=tuple(round(points, 2) for points in lost.values()),
            unit="points",
        )


def _routing(deductions: Sequence[Deduction]) -> Iterator[Mapping[str, Any]]:
    """clean-my-data with parameters ready to post, where it can win points back."""
    mendable = [each for each in deductions if each.agent]
    if not mendable:
        return
    points = sum(each.points for each in mendable)
    yield {
        "tool_id": "clean-my-data",
        "reason": f"{points:.3g} points are lost for faults that it deals with: {_listed(mendable)}.",
        "parameters": _parameters(mendable),
    }


def _listed(deductions: Sequence[Deduction]) -> str:
    return ", ".join(dict.fromkeys(each.agent for each in deductions))


def _parameters(deductions: Sequence[Deduction]) -> dict[str, dict[str, Any]]:
    """What the agents of clean-my-data are told beyond their defaults."""
    by_agent: dict[str, list[Deduction]] = {}
    for each in deductions:
        by_agent.setdefault(each.agent, []).append(each)
    parameters: dict[str, dict[str, Any]] = {}
    if "duplicate-resolver" in by_agent:
        parameters["duplicate-resolver"] = {"detection_types": ["exact"], "merge_strategy": "remove_duplicates"}
    if "field-standardization" in by_agent:
        parameters["field-standardization"] = {"trim_whitespace": True, "normalize_internal_spacing": True}
    if "type-fixer" in by_agent:
        parameters["type-fixer"] = {"auto_convert_numeric": True, "auto_convert_datetime": True}
    if "null-handler" in by_agent:
        empty = [each.column for each in by_agent["null-handler"] if each.dimension == "schema_health"]
        parameters["null-handler"] = {
            "global_strategy": "infer",
            "column_strategies": dict.fromkeys(empty, "drop_column"),
        }
    return parameters
