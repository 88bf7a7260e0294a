"""From a finished run to the report document: the one place that knows the document's keys (docs/api.md shows it)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agents.base import AgentResult
from agents.table import Table
from transformers.manifest import Step, jsonable

if TYPE_CHECKING:
    from transformers.pipeline import Run
    from transformers.report.masking import Shield

ROW_ISSUES_SHOWN = 1000
CHANGES_SHOWN = 200
RULES_SHOWN = 500


def build_report(run: Run, versions: Mapping[str, str], shield: Shield | None = None) -> dict[str, Any]:
    """The report of a run as plain JSON values, masked where there is a shield; its `downloads` aren't there yet."""
    issues = _numbered(run, "issues", "issue_id")
    row_issues = run.listed("row_issues")
    if row_issues is not None and shield is not None:
        row_issues = shield.rows(row_issues)
    report = {
        "metadata": _metadata(run, versions) | {"masked_columns": list(shield.leading) if shield else []},
        "executive_summary": [asdict(each) for each in run.tool.summarise(run)],
        "alerts": _numbered(run, "alerts", "alert_id"),
        "issues": issues,
        "recommendations": _numbered(run, "recommendations", "recommendation_id"),
        "row_level_issues": _rows(row_issues, ROW_ISSUES_SHOWN),
        "issue_summary": _issue_summary(issues, row_issues),
        "agent_results": {step.agent_id: _agent_result(step, run.results.get(step.agent_id)) for step in run.steps},
        "changes_by_rule": _changes_by_rule(run.gathered.get("changes")),
        "changes_sample": _rows(run.listed("changes"), CHANGES_SHOWN),
        "routing": [dict(each) for result in run.results.values() for each in result.routing],
    }
    plain: dict[str, Any] = jsonable(report)
    return shield.document(plain) if shield else plain


def _metadata(run: Run, versions: Mapping[str, str]) -> dict[str, Any]:
    specification = run.specification
    return {
        "task_id": specification.task_id,
        "tool": run.tool.id,
        "title": run.tool.title,
        "versions": dict(versions),
        "started": run.started.isoformat(),
        "finished": datetime.now(UTC).isoformat(),
        "input": {
            "name": run.inputs[0].filename,
            "sha256": run.inputs[0].sha256,
            "rows": run.original.rows,
            "columns": len(run.original.columns),
        },
        "inputs": [asdict(each) for each in run.inputs],
        "agents": [{"id": step.agent_id, "status": step.status, "reason": step.reason} for step in run.steps],
        "credits": {"quoted": sum(specification.prices.values()), "charged": run.credits},
    }


def _numbered(run: Run, kind: str, id_name: str) -> list[dict[str, Any]]:
    found = [(agent_id, each) for agent_id, result in run.results.items() for each in getattr(result, kind)]
    return [
        {id_name: f"{id_name.removesuffix('_id')}-{number}", "agent_id": agent_id, **asdict(each)}
        for number, (agent_id, each) in enumerate(found, start=1)
    ]


def _rows(table: Table | None, limit: int) -> list[dict[str, Any]]:
    if table is None:
        return []
    rows = table.query(f"SELECT * FROM {{self}} ORDER BY rowid LIMIT {int(limit)}")
    return [dict(zip(table.types, row, strict=True)) for row in rows]


def _changes_by_rule(changes: Table | None) -> list[dict[str, Any]]:
    """What was done to each column, the most first, with one example each."""
    if changes is None:
        return []
    grouped = changes.sql("""
        SELECT "column", agent, rule, count(*) AS cells,
               arg_min(coalesce(old, ''), rowid) AS example_old, arg_min(coalesce(new, ''), rowid) AS example_new
        FROM {self} GROUP BY ALL ORDER BY cells DESC, "column", agent, rule
    """)
    return _rows(grouped, RULES_SHOWN)


def _issue_summary(issues: Sequence[Mapping[str, Any]], row_issues: Table | None) -> dict[str, Any]:
    affected = 0
    if row_issues is not None:
        rows = "(source, row)" if "source" in row_issues.types else "row"
        affected = row_issues.scalar(f"SELECT count(DISTINCT {rows}) FROM {{self}}")
    return {
        "total": len(issues),
        "by_type": _counted(issues, "issue_type"),
        "by_severity": _counted(issues, "severity"),
        "affected_rows": affected,
        "affected_columns": len({each["field_name"] for each in issues if each["field_name"]}),
    }


def _counted(issues: Sequence[Mapping[str, Any]], key: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in issues:
        counts[each[key]] = counts.get(each[key], 0) + 1
    return counts


def _agent_result(step: Step, result: AgentResult | None) -> dict[str, Any]:
    return {
        "status": step.status,
        "reason": step.reason,
        "seconds": step.seconds,
        "rows_in": step.rows_in,
        "rows_out": step.rows_out,
        "metrics": dict(step.metrics),
        "data": dict(result.data) if result else {},
        "charts": [asdict(each) for each in result.charts] if result else [],
    }
