"""A small report document that the three writers show."""

from typing import Any

import pytest

from tests.transformers.report.documents import HOSTILE


@pytest.fixture
def report() -> dict[str, Any]:
    column = {
        "column": "amount",
        "kind": "decimal",
        "missing_percent": 12.5,
        "distinct": 7,
        "quality": {"score": 93.2},
        "numeric": {"min": -1.5, "max": float("inf"), "mean": 3.25},
        "histogram": {"edges": [0.0, 1.0, 2.0], "labels": [HOSTILE, "1 – 2"], "counts": [3, 4]},
        "patterns": [{"pattern": "9.9", "percent": 100.0}],
    }
    chart = {"title": "Share", "labels": (HOSTILE, "b"), "values": (2.0, float("nan")), "unit": "rows", "kind": "bar"}
    return {
        "metadata": {
            "task_id": "t-1",
            "tool": "profile-my-data",
            "finished": "2026-01-02T03:04:05+00:00",
            "input": {"name": HOSTILE, "rows": 1234567, "columns": 3, "sha256": "ab"},
        },
        "executive_summary": [{"id": "s", "title": "Score", "value": 81.25, "status": "ready", "description": "fine"}],
        "alerts": [
            {
                "severity": severity,
                "category": "c",
                "message": f"{severity} alert {HOSTILE}",
                "affected_fields": ["amount"],
            }
            for severity in ("low", "critical", "medium")
        ],
        "issues": [{"field_name": "=1+1", "issue_type": "outlier", "severity": "low", "message": HOSTILE, "rows": 4}],
        "recommendations": [{"field_name": "amount", "priority": "high", "recommendation": "look at it"}],
        "row_level_issues": [{"row": 41, "column": "amount", "message": "m", "severity": "low", "value": "=2+2"}],
        "issue_summary": {"total": 1, "affected_rows": 4},
        "agent_results": {
            "unified-profiler": {
                "status": "done",
                "seconds": 0.5,
                "metrics": {"missing_percent": 4.5},
                "data": {"columns": [column], "note": {"deep": {"deeper": [HOSTILE]}}},
                "charts": [chart, chart | {"kind": "histogram"}],
            },
            "drift-detector": {"status": "skipped", "reason": "no baseline was given", "metrics": {}, "data": {}},
        },
        "routing": [{"tool_id": "clean-my-data", "reason": "holes", "parameters": {"null-handler": {"x": HOSTILE}}}],
        "changes_sample": [{"row": 6, "column": "amount", "old": None, "new": HOSTILE, "rule": "r", "confidence": 0.5}],
        "steps": [{"agent": "unified-profiler", "rows_in": 3}],
        "downloads": [{"filename": "report.xlsx", "size_bytes": 2048}],
    }
