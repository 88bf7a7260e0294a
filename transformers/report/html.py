"""report.html: one file that needs no network and no script to be read."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, Template

from transformers.manifest import jsonable
from transformers.report.document import by_severity, profiled_columns, write_text

THINGS_TO_KNOW = 5
SHOWN_COLUMNS = 300
SHOWN_ROWS = 200
SHOWN_CHARTS = 12
SHOWN_ADVICE = 8

TONES = {
    "good": ("good", "ok", "success", "ready", "passed", "pass", "done", "excellent", "low"),
    "fair": ("fair", "warning", "warn", "needs_review", "medium", "review"),
    "poor": ("poor", "bad", "critical", "high", "error", "failed", "fail", "not_ready"),
}
_SEEN = str.maketrans({" ": "␣", "\t": "⇥", "\n": "⏎", "\r": "⏎", "\u00a0": "⍽"})
NUMBER_WORDS = ("Things", "One thing", "Two things", "Three things", "Four things", "Five things")


def write_html(report: Mapping[str, Any], path: Path) -> None:
    """Write the report as a self-contained page; every value of the user's is escaped, rows count from 1."""
    write_text(path, _template().render(_view(jsonable(report))))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        figure=figure,
        label=label,
        tone=tone,
        moment=moment,
        json=_json,
        cell=_cell,
        short=_short,
        share=_share,
        edges=_edges,
    )
    return environment.get_template("report.html.j2")


def _view(report: Mapping[str, Any]) -> dict[str, Any]:
    columns = profiled_columns(report)
    alerts = by_severity(report.get("alerts") or [])
    return {
        "report": report,
        "meta": report.get("metadata") or {},
        "title": label(str((report.get("metadata") or {}).get("tool", "report"))),
        "known": alerts[:THINGS_TO_KNOW],
        "known_title": f"{NUMBER_WORDS[min(len(alerts), THINGS_TO_KNOW)]} to know",
        "more_alerts": alerts[THINGS_TO_KNOW:],
        "issues": by_severity(report.get("issues") or []),
        "recommendations": by_severity(report.get("recommendations") or [], "priority"),
        "columns": columns[:SHOWN_COLUMNS],
        "columns_total": len(columns),
        "column_charts": _column_charts(report, columns),
        "agents": [_agent(name, result, columns) for name, result in (report.get("agent_results") or {}).items()],
        "shown_rows": SHOWN_ROWS,
        "shown_advice": SHOWN_ADVICE,
    }


def _agent(name: str, result: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One agent's section, without what the column cards show already."""
    own = {column.get("column") for column in columns}
    charts = [chart for chart in result.get("charts") or [] if chart.get("column") not in own]
    data = {key: value for key, value in (result.get("data") or {}).items() if value not in (None, [], {})}
    if name == "unified-profiler":
        data.pop("columns", None)
    return {**result, "id": name, "charts": charts[:SHOWN_CHARTS], "hidden_charts": charts[SHOWN_CHARTS:], "data": data}


def _column_charts(
    report: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]
) -> dict[str, list[Mapping[str, Any]]]:
    charts: dict[str, list[Mapping[str, Any]]] = {str(column.get("column")): [] for column in columns}
    for result in (report.get("agent_results") or {}).values():
        for chart in result.get("charts") or []:
            if chart.get("column") in charts:
                charts[chart["column"]].append(chart)
    return charts


def figure(value: Any, name: str = "") -> str:
    """A value as a person reads it: thousands apart, short fractions, a percent sign where the name says so."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value) + (" %" if name.endswith(("percent", "_pct")) else "")
    return str(value)


def _number(value: float) -> str:
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    if 1e-3 <= abs(value) < 1e15:
        decimals = 4 if abs(value) < 1 else 2
        return f"{value:,.{decimals}f}".rstrip("0").rstrip(".")
    return f"{value:.4g}"


def label(name: str) -> str:
    """`missing_percent` as `Missing`, `clean-my-data` as `Clean my data`: a wire name as a heading."""
    words = name.removesuffix("_percent").replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def tone(status: Any) -> str:
    """Which of the page's tones a status takes; neutral where it says nothing of good or bad."""
    word = str(status or "").lower()
    return next((name for name, words in TONES.items() if word in words), "plain")


def moment(value: Any) -> str:
    """An ISO time as `20 Nov 2026, 10:22 UTC`; anything else as it is."""
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value or "")
    zone = parsed.tzname() or ""
    return f"{parsed.day} {parsed:%b %Y, %H:%M} {zone.replace('UTC+00:00', 'UTC')}".strip()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _cell(value: Any) -> str:
    """A value inside a table's cell: one line, however deep it is."""
    if isinstance(value, list) and all(not isinstance(each, list | dict) for each in value):
        return _short(", ".join(figure(each) for each in value))
    if isinstance(value, list | dict):
        return _short(json.dumps(value, ensure_ascii=False))
    return _short(figure(value))


def _short(value: Any, limit: int = 160) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _edges(value: Any) -> str:
    """A text whose blank space at both ends can be seen."""
    text = str(value)
    inner = text.strip()
    if not inner:
        return text.translate(_SEEN)
    start = text.index(inner)
    return text[:start].translate(_SEEN) + inner + text[start + len(inner) :].translate(_SEEN)


def _share(value: Any, values: Sequence[Any]) -> float:
    """How long a bar is, in percent of the longest."""
    longest = max((abs(each or 0) for each in values), default=0)
    return round(100 * abs(value or 0) / longest, 2) if longest else 0.0
