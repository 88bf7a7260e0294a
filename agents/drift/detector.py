"""What drift-detector does: compare a table with its baseline, and say how it has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from agents.base import AgentContext, AgentResult, Alert, Chart, Issue, Recommendation, Severity
from agents.drift.columns import Side, TableSide
from agents.drift.compare import MEASURES, ColumnDrift, Thresholds, Verdict, judge, measure
from agents.drift.distances import FORMULAS
from agents.drift.saved import PROFILE, VALUES, SavedSide, saved
from agents.drift.schema import NO_SCHEMA_DRIFT, SchemaDrift, schema_drift
from agents.profile.drift_detector import DriftDetector
from agents.table import Table
from errors import NotApplicable

FIGURES, RUNS = "run.json", "runs.json"
"""In a dataset: what this run says of itself, and what all earlier ones said."""

_MANY_NEW = 5.0
_LISTED = 20
_GRADES: tuple[Severity, ...] = ("critical", "high", "medium", "low")


def detect(table: Table, params: DriftDetector, ctx: AgentContext) -> AgentResult:
    """Compare the table with its baseline, if there is one, and keep what the next run compares itself with."""
    baseline, described = _baseline(ctx)
    current = TableSide(table)
    ctx.report_progress(0.2)
    if baseline is None:
        return _first(table, current, ctx)
    schema = schema_drift(baseline, current)
    thresholds = Thresholds(**params.model_dump())
    drifts = judge(_measured(baseline, current, schema, thresholds, ctx.report_progress), thresholds)
    issues = tuple(_issues(schema, drifts))
    figures = _figures_of_run(current, drifts)
    return AgentResult(
        alerts=tuple(_alerts(issues)),
        issues=issues,
        recommendations=tuple(_recommendations(issues)),
        charts=tuple(_charts(drifts)),
        metrics=_metrics(schema, drifts),
        data={
            "baseline": described | {"rows": baseline.rows, "columns": len(baseline.columns)},
            "current": {"rows": current.rows, "columns": len(current.columns)},
            "schema": _schema_json(schema),
            "columns": [_column_json(each) for each in drifts],
            "trend": _trend(ctx, figures),
            "formulas": FORMULAS,
        },
        store=_kept(table, current, figures, ctx),
    )


def _baseline(ctx: AgentContext) -> tuple[Side | None, dict[str, Any]]:
    """What to compare with, and where it comes from; None in the first run of a dataset."""
    if "baseline" in ctx.inputs:
        return TableSide(ctx.inputs["baseline"]), {"source": "file"}
    if ctx.store is None:
        raise NotApplicable("there is no baseline to compare with")
    if PROFILE not in ctx.store:
        return None, {}
    return SavedSide(ctx.store[PROFILE], ctx.store[VALUES]), {"source": "dataset"}


def _first(table: Table, current: Side, ctx: AgentContext) -> AgentResult:
    """The first run of a dataset has nothing to compare with; it leaves what the next one compares with."""
    figures = _figures_of_run(current, ())
    return AgentResult(
        metrics=_metrics(NO_SCHEMA_DRIFT, ()),
        data={
            "baseline": {"source": "none", "rows": 0, "columns": 0},
            "current": {"rows": current.rows, "columns": len(current.columns)},
            "schema": _schema_json(NO_SCHEMA_DRIFT),
            "columns": [],
            "trend": _trend(ctx, figures),
            "formulas": FORMULAS,
        },
        store=_kept(table, current, figures, ctx),
    )


def _kept(table: Table, current: Side, figures: Mapping[str, Any], ctx: AgentContext) -> dict[str, Any]:
    """What a dataset keeps of this run: the profile, and what it says of itself."""
    if ctx.store is None:
        return {}
    return {**saved(current, table, ctx.report_progress), FIGURES: figures}


def _trend(ctx: AgentContext, figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All runs of the dataset, this one last; nothing without a dataset."""
    if ctx.store is None:
        return []
    earlier = list(ctx.store.get(RUNS, ()))
    run = 1 + max((int(each["run"]) for each in earlier), default=0)
    return [*earlier, {"run": run, "task_id": None, "at": ctx.now.isoformat(), **figures}]


def _figures_of_run(current: Side, drifts: Sequence[ColumnDrift]) -> dict[str, Any]:
    """What the trend shows of one run."""
    cells = current.rows * len(current.columns)
    missing = sum(each.missing for each in current.columns.values())
    severities = {each.column: _worst(each) for each in drifts if _worst(each)}
    return {
        "rows": current.rows,
        "columns": len(current.columns),
        "missing_percent": 100 * missing / cells if cells else 0.0,
        "drifted_columns": sum(each.status == "drifted" for each in drifts),
        "severity": min(severities.values(), key=_GRADES.index) if severities else None,
        "columns_drifted": severities,
    }


def _worst(drift: ColumnDrift) -> Severity | None:
    found = [each.severity for each in (drift.verdict, drift.missingness) if each.severity]
    return min(found, key=_GRADES.index) if found else None


def _measured(
    baseline: Side,
    current: Side,
    schema: SchemaDrift,
    thresholds: Thresholds,
    report_progress: Callable[[float], None],
) -> list[ColumnDrift]:
    drifts = []
    for names in schema.pairs:
        drifts.append(measure(baseline, current, names, thresholds))
        report_progress(0.2 + 0.8 * len(drifts) / len(schema.pairs))
    return drifts


# As JSON


def _schema_json(schema: SchemaDrift) -> dict[str, Any]:
    return {
        "added": [{"column": each.column, "kind": str(each.kind)} for each in schema.added],
        "removed": [{"column": each.column, "kind": str(each.kind)} for each in schema.removed],
        "renamed": [
            {"from": each.before, "to": each.after, "confidence": each.confidence, "reason": each.reason}
            for each in schema.renamed
        ],
        "type_changed": [
            {"column": each.column, "from": each.before, "to": each.after, "severity": each.severity}
            for each in schema.type_changed
        ],
        "moved": [{"column": each.column, "from": each.before, "to": each.after} for each in schema.moved],
    }


def _column_json(drift: ColumnDrift) -> dict[str, Any]:
    return {
        "column": drift.column,
        "baseline_column": drift.baseline.column,
        "kind": str(drift.current.kind),
        "compared_as": drift.compared_as,
        "status": drift.status,
        "reason": drift.reason,
        **asdict(drift.verdict),
        **{name: drift.measures.get(name) for name in MEASURES},
        "baseline": _side_json(drift.baseline, drift.baseline_figures),
        "current": _side_json(drift.current, drift.current_figures),
        "missingness": _missingness_json(drift),
        "new_categories": drift.new.as_json() if drift.new else None,
        "vanished_categories": drift.vanished.as_json() if drift.vanished else None,
        "plot": drift.plot,
    }


def _side_json(facts: Any, figures: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "rows": facts.rows,
        "count": facts.present,
        "missing": facts.missing,
        "missing_percent": _missing_percent(facts),
        "distinct": facts.distinct,
        **figures,
    }


def _missing_percent(facts: Any) -> float:
    return 100 * facts.missing / facts.rows if facts.rows else 0.0


def _missingness_json(drift: ColumnDrift) -> dict[str, Any]:
    verdict: Verdict = drift.missingness
    return {
        "baseline_percent": _missing_percent(drift.baseline),
        "current_percent": _missing_percent(drift.current),
        "psi": verdict.effect,
        "p_value": verdict.p_value,
        "p_adjusted": verdict.p_adjusted,
        "significant": verdict.significant,
        "severity": verdict.severity,
    }


# What is said of it


def _issues(schema: SchemaDrift, drifts: Sequence[ColumnDrift]) -> Iterator[Issue]:
    yield from _schema_issues(schema)
    for drift in drifts:
        yield from _column_issues(drift)


def _schema_issues(schema: SchemaDrift) -> Iterator[Issue]:
    for gone in schema.removed:
        yield _issue(gone.column, "column_removed", "high", "The column is gone.")
    for new in schema.added:
        yield _issue(new.column, "column_added", "low", f"The column is new; it holds {new.kind}.")
    for rename in schema.renamed:
        message = f"Seems to be what was called {rename.before!r}: {rename.reason}."
        yield _issue(rename.after, "column_renamed", "medium", message)
    for change in schema.type_changed:
        message = f"The column held {change.before} and holds {change.after} now."
        yield _issue(change.column, "type_changed", change.severity, message)
    for move in schema.moved:
        message = f"Was column {move.before + 1} of those that both have, and is column {move.after + 1}."
        yield _issue(move.column, "column_moved", "low", message)


def _issue(column: str, issue_type: str, severity: Severity, message: str, rows: int = 0) -> Issue:
    return Issue(field_name=column, issue_type=issue_type, severity=severity, message=message, rows=rows)


def _column_issues(drift: ColumnDrift) -> Iterator[Issue]:
    if drift.verdict.severity:
        because = f" ({drift.reason})" if drift.reason else ""
        message = f"Its values are distributed differently{because}: {_figures(drift)}."
        yield _issue(drift.column, "distribution_drift", drift.verdict.severity, message, drift.current.present)
    if drift.missingness.severity:
        before, after = _missing_percent(drift.baseline), _missing_percent(drift.current)
        message = f"{before:.3g} % of it were missing, {after:.3g} % are now."
        yield _issue(drift.column, "missingness_drift", drift.missingness.severity, message, drift.current.missing)
    if drift.status != "too_few" and drift.new and drift.new.total:
        severity: Severity = "medium" if drift.new.percent >= _MANY_NEW else "low"
        message = (
            f"{_values(drift.new.total)} that the baseline doesn't have, on {drift.new.percent:.3g} % of the rows."
        )
        yield _issue(drift.column, "new_categories", severity, message, drift.new.rows)
    if drift.status != "too_few" and drift.vanished and drift.vanished.total:
        message = (
            f"{_values(drift.vanished.total)} of the baseline, there on {drift.vanished.percent:.3g} % of its rows,"
        )
        severity = "medium" if drift.vanished.percent >= _MANY_NEW else "low"
        yield _issue(drift.column, "vanished_categories", severity, f"{message} are gone.")


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count:,} values"


def _figures(drift: ColumnDrift) -> str:
    said = [f"PSI {drift.measures['psi']:.3g}"]
    if (gap := drift.measures.get("ks")) is not None:
        said.append(f"largest gap {gap:.3g}")
    if (before := drift.baseline_figures.get("median")) is not None:
        after = drift.current_figures["median"]
        said.append(f"median {before} → {after}" if isinstance(before, str) else f"median {before:.6g} → {after:.6g}")
    return ", ".join(said)


_SAID: Mapping[str, tuple[str, str, str]] = {
    "column_removed": (
        "schema",
        "Columns of the baseline are gone: {where}.",
        "Whatever reads them will fail: ask why.",
    ),
    "column_renamed": (
        "schema",
        "Columns seem to have been renamed: {where}.",
        "Map them, or give them their old names.",
    ),
    "type_changed": (
        "schema",
        "Columns hold another kind of value: {where}.",
        "Look at the cells that changed the kind.",
    ),
    "distribution_drift": (
        "drift",
        "The values have drifted in {where}.",
        "Find out whether the world has changed or the way it is recorded; train models again that use it.",
    ),
    "missingness_drift": (
        "drift",
        "Much more or less is missing in {where}.",
        "Look where the values used to come from.",
    ),
    "new_categories": ("drift", "Values that were never there before in {where}.", "Add them to lists, or mend them."),
    "vanished_categories": ("drift", "Values that have vanished from {where}.", "Ask whether rows are missing."),
}


def _alerts(issues: Sequence[Issue]) -> Iterator[Alert]:
    """One alert per kind of drift that is more than a trifle."""
    for issue_type, (category, message, advice) in _SAID.items():
        found = [each for each in issues if each.issue_type == issue_type and each.severity != "low"]
        if found:
            where = f"“{found[0].field_name}”" if len(found) == 1 else f"{len(found):,} columns"
            yield Alert(
                severity=min((each.severity for each in found), key=_GRADES.index),
                category=category,
                message=message.format(where=where),
                affected_fields=tuple(each.field_name for each in found),
                recommendation=advice,
            )


def _recommendations(issues: Sequence[Issue]) -> Iterator[Recommendation]:
    for each in issues:
        if each.severity != "low" and each.issue_type in _SAID:
            advice = f"{each.field_name}: {_SAID[each.issue_type][2]}"
            yield Recommendation(field_name=each.field_name, priority=each.severity, recommendation=advice)


def _charts(drifts: Sequence[ColumnDrift]) -> Iterator[Chart]:
    measured = sorted((each for each in drifts if each.verdict.effect), key=lambda each: -(each.verdict.effect or 0))
    if measured:
        yield Chart(
            title="Drift by column",
            labels=tuple(each.column for each in measured[:_LISTED]),
            values=tuple(each.verdict.effect or 0.0 for each in measured[:_LISTED]),
            unit="population stability index",
        )


def _metrics(schema: SchemaDrift, drifts: Sequence[ColumnDrift]) -> dict[str, Any]:
    worst = [severity for drift in drifts if (severity := _worst(drift))]
    tested = [each for each in drifts if each.status not in ("not_compared", "too_few")]
    drifted = [each for each in tested if each.status == "drifted"]
    return {
        "columns_compared": len(drifts),
        "columns_tested": len(tested),
        "columns_drifted": len(drifted),
        "drifted_percent": 100 * len(drifted) / len(tested) if tested else 0.0,
        "missingness_drifted": sum(each.missingness.severity is not None for each in drifts),
        "columns_added": len(schema.added),
        "columns_removed": len(schema.removed),
        "columns_renamed": len(schema.renamed),
        "types_changed": len(schema.type_changed),
        "columns_moved": len(schema.moved),
        "severity": min(worst, key=_GRADES.index) if worst else "none",
    }
