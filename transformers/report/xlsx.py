"""report.xlsx: the report's tables as sheets; text is never a formula or a link, numbers are numbers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from transformers.manifest import jsonable
from transformers.report.document import by_severity, profiled_columns

# Excel's own bounds: a longer text is refused, a larger whole number silently loses its last digits.
LONGEST_TEXT = 32_767
LARGEST_WHOLE = 2**53
WIDEST, NARROWEST = 60, 8
MEASURED_ROWS = 200

Rows = Iterable[Sequence[Any]]
Sheet = tuple[str, Sequence[str], list[Sequence[Any]]]

ALERTS = ("severity", "category", "message", "affected_fields", "recommendation", "agent_id")
ISSUES = ("severity", "field_name", "issue_type", "message", "rows", "agent_id")
ROW_ISSUES = ("row", "column", "issue_type", "severity", "message", "value", "agent_id")
CHANGES = ("row", "column", "old", "new", "agent", "rule", "evidence", "confidence")
RECOMMENDATIONS = ("priority", "field_name", "recommendation", "agent_id")
AGENTS = ("agent", "status", "reason", "seconds", "metric", "value")

# The tables within agents' data: sheet, agent, where in its data. A sheet is there where its table has rows.
DETAILS = (
    ("Quality", "unified-profiler", "dimensions"),
    ("Readiness", "readiness-rater", "deductions"),
    ("Correlations", "unified-profiler", "correlations.strongest"),
    ("Missing together", "unified-profiler", "missingness.patterns"),
    ("Keys", "unified-profiler", "keys.candidates"),
    ("Nearly keys", "unified-profiler", "keys.nearly"),
    ("Dependencies", "unified-profiler", "dependencies"),
    ("In the baseline", "unified-profiler", "baseline_inclusion"),
    ("Drift", "drift-detector", "columns"),
    ("Drift over runs", "drift-detector", "trend"),
    ("Risks", "score-risk", "findings"),
    ("Frameworks", "score-risk", "frameworks"),
    ("Classification", "score-risk", "columns"),
    ("k-anonymity", "score-risk", "anonymity.below"),
    ("Masked copy", "score-risk", "masked_copy.columns"),
    ("Governance", "governance-checker", "fields"),
    ("Consent", "governance-checker", "consent"),
    ("Rules", "test-coverage-agent", "rules"),
    ("Test first", "test-coverage-agent", "scoping"),
)
PER_COLUMN = (("Top values", "top_values"), ("Rarest values", "rarest_values"), ("Patterns", "patterns"))
LEFT_OUT = frozenset({"plot", "histogram"})


def write_xlsx(report: Mapping[str, Any], path: Path) -> None:
    """Write the report as a workbook: eight sheets, and one for each table that agents found, with frozen headers."""
    document = jsonable(report)
    options = {
        "constant_memory": True,
        "tmpdir": str(path.parent),
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        heading = book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEF1F5", "valign": "vcenter"})
        for title, header, rows in _sheets(document):
            _fill(book.add_worksheet(title), heading, header, rows)


def _sheets(report: Mapping[str, Any]) -> list[Sheet]:
    columns = [_flat(column) for column in profiled_columns(report)]
    column_header = list(dict.fromkeys(name for column in columns for name in column)) or ["column"]
    changes = _named(report.get("changes_sample"), CHANGES)
    return [
        ("Summary", ("Figure", "Value", "Status", "Description"), _summary(report)),
        ("Alerts", ALERTS, _named(by_severity(report.get("alerts") or []), ALERTS)),
        ("Issues", ISSUES, _named(by_severity(report.get("issues") or []), ISSUES)),
        ("Row issues", *_with_source(report.get("row_level_issues"), ROW_ISSUES)),
        ("Recommendations", RECOMMENDATIONS, _named(report.get("recommendations"), RECOMMENDATIONS)),
        ("Columns", column_header, _named(columns, column_header)),
        *_details(report),
        ("Changes", CHANGES, changes),
        ("Agents", AGENTS, list(_agents(report))),
    ]


def _details(report: Mapping[str, Any]) -> Iterator[Sheet]:
    columns = profiled_columns(report)
    for title, name in PER_COLUMN:
        yield from _table(
            title, [{"column": column.get("column"), **each} for column in columns for each in column.get(name) or []]
        )
    for title, agent, path in DETAILS:
        yield from _table(title, _found(report, agent, path))
    schema = _found(report, "drift-detector", "schema")
    yield from _table("Schema drift", [{"change": change, **each} for change in schema for each in schema[change]])


def _found(report: Mapping[str, Any], agent: str, path: str) -> Any:
    """What an agent's data hold at a path of names; nothing where it didn't run."""
    found: Any = ((report.get("agent_results") or {}).get(agent) or {}).get("data")
    for name in path.split("."):
        found = (found or {}).get(name)
    return found or []


def _table(title: str, found: Iterable[Mapping[str, Any]]) -> Iterator[Sheet]:
    """Records as a sheet: what is nested becomes columns of its own, lists of texts one cell."""
    rows = [_flat(each) for each in found]
    if rows:
        header = list(dict.fromkeys(name for row in rows for name in row))
        yield title, header, _named(rows, header)


def _summary(report: Mapping[str, Any]) -> list[Sequence[Any]]:
    meta = report.get("metadata") or {}
    source = meta.get("input") or {}
    facts: list[Sequence[Any]] = [
        ("Tool", meta.get("tool")),
        ("File", source.get("name")),
        ("Rows", source.get("rows")),
        ("Columns", source.get("columns")),
        ("Finished", meta.get("finished")),
        ("Task", meta.get("task_id")),
    ]
    cards = report.get("executive_summary") or []
    return facts + [[card.get(key) for key in ("title", "value", "status", "description")] for card in cards]


def _agents(report: Mapping[str, Any]) -> Rows:
    for agent, result in (report.get("agent_results") or {}).items():
        yield agent, result.get("status"), result.get("reason"), result.get("seconds")
        for metric, value in (result.get("metrics") or {}).items():
            yield agent, None, None, None, metric, value


def _with_source(
    found: Iterable[Mapping[str, Any]] | None, header: Sequence[str]
) -> tuple[Sequence[str], list[Sequence[Any]]]:
    """Where a run had several source files, a row number means nothing without its file."""
    held = list(found or [])
    names = ("source", *header) if any(each.get("source") for each in held) else header
    return names, _named(held, names)


def _named(found: Iterable[Mapping[str, Any]] | None, header: Sequence[str]) -> list[Sequence[Any]]:
    return [[each.get(name) for name in header] for each in found or []]


def _flat(column: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in column.items():
        if key in LEFT_OUT:
            continue
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key} ")
        elif not (isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value)):
            flat[prefix + key] = value
    return flat


def _fill(sheet: Worksheet, heading: Format, header: Sequence[str], rows: list[Sequence[Any]]) -> None:
    for place, name in enumerate(header):
        measured = [name, *(row[place] for row in rows[:MEASURED_ROWS] if place < len(row))]
        longest = max(len(_text(value)) for value in measured)
        sheet.set_column(place, place, min(max(longest + 2, NARROWEST), WIDEST))
        sheet.write_string(0, place, _text(name), heading)
    sheet.freeze_panes(1, 0)
    if rows:
        sheet.autofilter(0, 0, len(rows), len(header) - 1)
    for number, row in enumerate(rows, start=1):
        for place, value in enumerate(row):
            _write(sheet, number, place, value)


def _write(sheet: Worksheet, row: int, place: int, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, place, value)
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) <= LARGEST_WHOLE):
        sheet.write_number(row, place, value)
    else:
        sheet.write_string(row, place, _text(value))


def _text(value: Any) -> str:
    """Text that a cell can hold: within Excel's length, without half surrogate pairs."""
    if isinstance(value, list):
        value = ", ".join(str(each) for each in value)
    text = "" if value is None else str(value)
    return text.encode("utf-8", errors="replace").decode()[:LONGEST_TEXT]
