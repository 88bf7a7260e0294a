"""report.html: one file that needs no network and no script to be read."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, Template
from jinja2.bccache import Bucket

from transformers.manifest import jsonable
from transformers.report import plots, wording
from transformers.report.cards import column_cards
from transformers.report.document import by_severity, profiled_columns, write_text
from transformers.report.overview import grouped_advice, quality_dimensions, things_to_know

_PAGE = Path(__file__).parent / "page"
SHOWN_CHARTS = 12
SHOWN = {
    "shown_rows": 200,
    "shown_issues": 500,
    "shown_advice": 6,
    "shown_deductions": 6,
    "shown_grid": 30,
    "shown_drift": 24,
}
"""How much of a list the page holds; all of it is in report.json. Of a grid: columns whose names fit beside it."""

# These agents' data have sections of their own; the others' are shown with the agent.
DRAWN = {
    "unified-profiler",
    "readiness-rater",
    "drift-detector",
    "score-risk",
    "governance-checker",
    "test-coverage-agent",
}


def write_html(report: Mapping[str, Any], path: Path) -> None:
    """Write the report as a self-contained page; every value of the user's is escaped, rows count from 1."""
    write_text(path, _template().render(_view(jsonable(report))))


class _Compiled(FileSystemBytecodeCache):
    """The templates as Python keeps compiled modules: in `__pycache__` beside them, if that can be written.

    To compile them takes 0.4 s of every new process, a third of a small table's report.
    """

    def __init__(self) -> None:
        place = _PAGE / "__pycache__"
        with suppress(OSError):
            place.mkdir(exist_ok=True)
        super().__init__(str(place))

    def get_source_checksum(self, source: str) -> str:
        """A filter's answer to a constant is compiled in, so what was compiled with other filters isn't taken."""
        code = "".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in (plots, wording))
        return super().get_source_checksum(source + code + Path(__file__).read_text(encoding="utf-8"))

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take one, or do without."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep one, or do without."""
        with suppress(OSError):
            super().dump_bytecode(bucket)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_PAGE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=_Compiled(),
    )
    environment.filters.update(
        figure=wording.figure,
        label=wording.label,
        tone=wording.tone,
        score_tone=wording.score_tone,
        moment=wording.moment,
        json=wording.as_json,
        cell=wording.cell,
        short=wording.short,
        share=wording.share,
        edges=wording.edges,
        percent=plots.percent,
        values_of=plots.values_of,
    )
    environment.globals.update(
        **SHOWN,
        histogram=plots.histogram,
        overlay=plots.overlay,
        line=plots.line,
        box=plots.box,
        heatmap=plots.heatmap,
    )
    return environment.get_template("report.html.j2")


def _view(report: Mapping[str, Any]) -> dict[str, Any]:
    results: Mapping[str, Any] = report.get("agent_results") or {}
    columns = profiled_columns(report)
    cards = column_cards(report, columns)
    return {
        "report": report,
        "meta": report.get("metadata") or {},
        "title": wording.label(str((report.get("metadata") or {}).get("tool", "report"))),
        "known": things_to_know(report),
        "alerts": by_severity(report.get("alerts") or []),
        "issues": by_severity(report.get("issues") or []),
        "recommendations": grouped_advice(report),
        "cards": cards,
        "dimensions": quality_dimensions(report),
        "columns_total": len(columns),
        "places": {card["name"]: card["id"] for card in cards},
        "found": {name: result.get("data") or {} for name, result in results.items()},
        "measured": {name: result.get("metrics") or {} for name, result in results.items()},
        "agents": [_agent(name, result, columns) for name, result in results.items()],
    }


def _agent(name: str, result: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One agent's section, without what has a place of its own."""
    own = {column.get("column") for column in columns}
    charts = [chart for chart in result.get("charts") or [] if chart.get("column") not in own]
    own_data = {} if name in DRAWN else result.get("data") or {}
    data = {key: value for key, value in own_data.items() if value not in (None, [], {})}
    return {**result, "id": name, "charts": charts[:SHOWN_CHARTS], "hidden_charts": charts[SHOWN_CHARTS:], "data": data}
