"""Report documents for tests: one that holds everything that a report can hold, and one of very many columns."""

from typing import Any

HOSTILE = '</svg></script><script>alert("1")</script>'
EVIL = '"><img src=x onerror=alert(1)>'


def column(name: str, kind: str = "decimal", **more: Any) -> dict[str, Any]:
    """A column as the profiler describes it: a measure, unless `kind` says otherwise."""
    counts = [1, 3, 9, 14, 8, 4, 1, 0, 2, 1]
    measure = {
        "role": "measure",
        "numeric": {
            "count": 43,
            "min": 0.5,
            "max": 97.25,
            "mean": 41.125,
            "median": 40.0,
            "std": 17.5,
            "skewness": 0.4,
            "p1": 1.0,
            "p5": 12.0,
            "q1": 31.0,
            "q3": 52.0,
            "p95": 77.0,
            "p99": 96.0,
            "outliers": 2,
        },
        "histogram": {
            "edges": [10.0 * at for at in range(11)],
            "labels": [f"{10 * at} – {10 * at + 10}" for at in range(10)],
            "counts": counts,
        },
    }
    text = {
        "role": "category",
        "patterns": [{"pattern": "Aa", "count": 40, "percent": 93.0}, {"pattern": "A-9", "count": 3, "percent": 7.0}],
        "rarest_values": [{"value": "once", "count": 1, "percent": 2.3}],
    }
    common = {
        "column": name,
        "kind": kind,
        "semantic": "",
        "rows": 50,
        "missing": 7,
        "missing_percent": 14.0,
        "distinct": 9,
        "distinct_percent": 20.9,
        "min_length": 1,
        "mean_length": 4.5,
        "quality": {"completeness": 86.0, "validity": 100.0, "score": 93.2},
        "top_values": [{"value": f"value {at}", "count": 12 - at, "percent": 20.0 - at} for at in range(9)],
    }
    return common | (measure if kind == "decimal" else text) | more


def profiled(columns: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The document of a run in which only the profiler took part."""
    formulas = {"completeness": "cells that hold something / all cells"}
    return {
        "metadata": {
            "task_id": "t-1",
            "tool": "profile-my-data",
            "finished": "2026-01-02T03:04:05+00:00",
            "masked_columns": [EVIL],
            "input": {"name": "orders.csv", "rows": 50, "columns": len(columns), "sha256": "ab"},
        },
        "executive_summary": [
            {"id": "shape", "title": "Rows × columns", "value": f"50 × {len(columns)}", "status": "neutral"},
            {"id": "quality", "title": "Data quality", "value": 93.2, "status": "good", "description": "of 100"},
        ],
        "agent_results": {
            "unified-profiler": {
                "status": "done",
                "reason": "",
                "seconds": 0.5,
                "charts": [],
                "metrics": {"quality_score": 93.2, "completeness_percent": 86.0, "validity_percent": 100.0},
                "data": {"columns": columns, "formulas": formulas} | more,
            }
        },
    }


def everything() -> dict[str, Any]:
    """A document in which every section has something to show, texts that would break out of the page among it."""
    names = ["amount", "tax", "city", EVIL]
    columns = [
        column("amount"),
        column("tax"),
        column(
            "city", "text", semantic="city", top_values=[{"value": HOSTILE, "count": 3}, {"value": " b ", "count": 1}]
        ),
        column(EVIL, "text", counter_examples=[HOSTILE]),
        column("joined", "date", role="date", numeric=None, dates=_DATES),
    ]
    report = profiled(columns, **_relations(names))
    results = report["agent_results"]
    results["drift-detector"] = _done(_drift(names))
    results["score-risk"] = _done(_risks(names), {"risk_score": 82.0, "risk_level": "high"})
    results["governance-checker"] = _done(_GOVERNANCE)
    results["test-coverage-agent"] = _done(_rules(names))
    results["readiness-rater"] = _done(
        {"deductions": [_deduction(at) for at in range(9)], "weights": {"completeness": 1.0}},
        {"readiness_score": 91.0, "verdict": "ready"},
    )
    results["null-handler"] = _done({"types": {"city": {"kind": HOSTILE}}})
    results["outlier-remover"] = {"status": "skipped", "reason": "nothing to do", "metrics": {}, "data": {}}
    return report | {
        "alerts": [_alert(severity) for severity in ("low", "critical", "medium", "medium", "high", "high")],
        "issues": [
            {"field_name": names[at % 4], "issue_type": "outlier", "severity": "low", "message": HOSTILE, "rows": at}
            for at in range(12)
        ],
        "recommendations": [{"field_name": "tax", "priority": "high", "recommendation": "look at it"}] * 9,
        "row_level_issues": [
            {"row": at, "column": EVIL, "message": "m", "severity": "low", "value": HOSTILE} for at in range(12)
        ],
        "issue_summary": {"total": 12, "affected_rows": 4, "affected_columns": 2},
        "routing": [{"tool_id": "clean-my-data", "reason": "holes", "parameters": {"null-handler": {"x": HOSTILE}}}],
        "changes_by_rule": [{"column": "city", "rule": "trim", "cells": 3, "example_old": " a", "example_new": "a"}],
        "changes_sample": [{"row": 6, "column": "city", "old": None, "new": HOSTILE, "rule": "r", "confidence": 0.5}],
        "downloads": [{"filename": "report.xlsx", "size_bytes": 2048}],
    }


def wide(columns: int) -> dict[str, Any]:
    """A document of so many columns, every third a text."""
    listed = [column(f"column {at:03d}", "decimal" if at % 3 else "text") for at in range(columns)]
    names = [each["column"] for each in listed[:60]]
    square = [[round(((x * y) % 21 - 10) / 10, 1) for x in range(60)] for y in range(60)]
    pearson = {"columns": names, "matrix": square, "rows": 50, "sampled": None}
    return profiled(listed, correlations={"pearson": pearson, "strongest": []})


def _done(data: dict[str, Any], metrics: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"status": "done", "reason": "", "seconds": 0.1, "metrics": metrics or {}, "data": data, "charts": []}


_DATES = {
    "min": "2020-01-01",
    "median": "2021-06-01",
    "max": "2022-12-31",
    "span_days": 1095.0,
    "granularity": "day",
    "weekdays": {"Monday": 9, "Tuesday": 7, "Sunday": 1},
}


def _alert(severity: str) -> dict[str, Any]:
    message, fields = f"{severity} alert {HOSTILE}", ["amount", EVIL]
    return {"severity": severity, "category": "c", "message": message, "affected_fields": fields}


def _deduction(at: int) -> dict[str, Any]:
    remedy = "fill what other columns determine"
    return {"points": 1.0, "dimension": "completeness", "column": "tax", "reason": f"hole {at}", "remedy": remedy}


def _relations(names: list[str]) -> dict[str, Any]:
    matrix = [[1.0, 0.91, -0.2, None], [0.91, 1.0, 0.1, 0.0], [-0.2, 0.1, 1.0, -0.77], [None, 0.0, -0.77, 1.0]]
    return {
        "correlations": {
            "pearson": {"columns": names, "matrix": matrix, "rows": 50, "sampled": None},
            "strongest": [{"columns": names[:2], "measure": "pearson", "value": 0.91, "rows": 50}],
        },
        "missingness": {
            "patterns": [{"missing": ["city", EVIL], "rows": 7, "percent": 14.0}],
            "together": [{"columns": names[2:], "rows_both": 7, "correlation": 1.0}],
            "columns_with_missing": names[1:],
        },
        "keys": {
            "candidates": [{"columns": names[:2], "unique": True}],
            "nearly": [{"columns": [EVIL], "distinct_percent": 98.0, "repeated_rows": 1}],
        },
        "dependencies": [
            {
                "determinant": ["tax"],
                "dependent": "city",
                "holds_percent": 98.0,
                "exceptions": 1,
                "examples": [{"tax": HOSTILE}],
            }
        ],
        "baseline_inclusion": [
            {"column": "city", "baseline_column": "town", "contained_percent": 99.0, "distinct_new": 1}
        ],
        "dimensions": [{"dimension": "completeness", "formula": HOSTILE, "score": 86.0, "grade": "B"}],
        "pairwise": {"columns": names, "left_out": ["joined"]},
    }


def _drift(names: list[str]) -> dict[str, Any]:
    side = {"count": 50, "missing_percent": 2.0, "mean": 3.0}
    plot = {"kind": "histogram", "labels": ["0 – 1", "1 – 2", HOSTILE], "baseline": [0.5, 0.3, 0.2]}
    moved = {
        "status": "drifted",
        "severity": "high",
        "test": "kolmogorov_smirnov",
        "psi": 0.31,
        "p_adjusted": 1e-9,
        "baseline": side,
        "current": side,
        "new_categories": {"total": 2, "percent": 4.0},
        "reason": "",
    }
    return {
        "baseline": {"source": "file", "name": HOSTILE, "rows": 40},
        "current": {"rows": 50},
        "schema": {
            "added": [{"column": EVIL, "kind": "text"}],
            "removed": [{"column": HOSTILE, "kind": "text"}],
            "renamed": [{"from": "town", "to": "city", "reason": "holds the same values"}],
            "type_changed": [{"column": "tax", "from": "integer", "to": "decimal", "severity": "low"}],
            "moved": [{"column": "tax", "from": 1, "to": 2}],
        },
        "columns": [
            moved | {"column": names[0], "plot": plot | {"current": [0.2, 0.3, 0.5]}},
            moved | {"column": EVIL, "plot": plot | {"kind": "bar", "current": [0.2, 0.3, 0.5]}},
            moved | {"column": "tax", "status": "stable", "severity": None, "plot": None},
        ],
        "trend": [
            {"at": "2026-01-02T03:04:05+00:00", "rows": 50, "columns": 5, "missing_percent": 1.0, "severity": "low"}
        ]
        * 2,
    }


def _risks(names: list[str]) -> dict[str, Any]:
    finding = {
        "column": EVIL,
        "kind": "email",
        "title": "E-mail addresses",
        "category": "contact",
        "confidence": 0.98,
        "cells": 50,
        "share_percent": 100.0,
        "basis": ["values"],
        "evidence": ["a•••@b•••.org", HOSTILE],
        "frameworks": [{"framework": "GDPR", "reason": "a person"}],
        "score": 82,
        "level": "high",
        "remedy": "hash",
    }
    classes = ("public", "internal", "confidential", "restricted")
    return {
        "columns": [
            {"column": name, "classification": which, "risk_score": 10, "status": "suggested", "reason": HOSTILE}
            for name, which in zip(names, classes, strict=True)
        ],
        "findings": [finding],
        "frameworks": [{"framework": "GDPR", "columns": [EVIL], "reason": "It holds e-mail addresses of people."}],
        "anonymity": {
            "quasi_identifiers": names[:2],
            "chosen": "suggested",
            "k": 1,
            "unique_rows": 3,
            "unique_percent": 6.0,
            "below": [{"k": 2, "rows": 3, "percent": 6.0}, {"k": 5, "rows": 9, "percent": 18.0}],
            "most_identifying": [{"column": "tax", "unique_rows_without": 1, "percent": 2.0}],
        },
        "diversity": [{"column": "city", "l": 1, "rows_below_2": 4}],
        "governance": [{"check": "data owner", "status": "missing", "column": None, "remedy": "add one"}],
        "masked_copy": {
            "file": "masked.csv",
            "before": {"k": 1},
            "after": {"k": 5},
            "suppressed_rows": 2,
            "columns": [{"column": EVIL, "method": "hash", "detail": "keyed"}, {"column": "tax", "method": "keep"}],
        },
    }


_GOVERNANCE = {
    "parts": [{"part": "consent", "weight": 0.5, "points": 20.0, "of": 50.0}],
    "score": 20.0,
    "threshold": 80.0,
    "compliant": False,
    "fields": [
        {"part": "consent", "required": "consent_status", "column": None, "filled_percent": None, "points": 0, "of": 25}
    ],
    "consent": [
        {"column": "city", "valid": 40, "invalid": 8, "missing": 2, "invalid_values": [{"value": HOSTILE, "rows": 8}]}
    ],
}


def _rules(names: list[str]) -> dict[str, Any]:
    rule = {
        "rule": "unique:tax",
        "origin": "user",
        "kind": "unique",
        "columns": ["tax"],
        "description": HOSTILE,
        "support": 50,
        "failing_rows": 2,
        "conformity_percent": 96.0,
        "passed": False,
    }
    return {
        "rules": [
            rule,
            rule | {"origin": "suggested", "passed": True, "columns": [EVIL], "suggested_because": "always"},
        ],
        "coverage": {"columns_covered": 2, "columns": 5},
        "scoping": [
            {"column": EVIL, "priority": "high", "score": 7.0, "parts": {"risk": 4.0, "use": 3.0}, "reason": "r"}
        ],
        "sample": {"rows": 20, "by_strategy": {"boundary": 12, "random": 8}},
    }
