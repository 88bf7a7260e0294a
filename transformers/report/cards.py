"""What the page shows of each column: the profiler's figures, ready to be drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from transformers.report.document import by_severity
from transformers.report.wording import figure

MOST_CARDS = 500
MANY_CARDS = 100
"""From so many columns on a card lists fewer values, so that the page stays small."""

_MOMENTS = (
    *("mean", "std", "variance", "skewness", "kurtosis", "sum", "range", "iqr", "lower_fence", "upper_fence"),
    *("outliers", "zeros", "negatives", "positives", "infinities"),
)
_CELLS = (
    *("blank", "disguised_missing", "suspected_missing", "strangers", "infinite", "padded", "spelling_variants"),
    *("ambiguous_dates", "order", "distinct_error_percent"),
)
_LENGTHS = ("unique_values", "min_length", "mean_length", "median_length", "max_length", "std_length", "entropy")
_TYPICAL = 40
_END_OF_TIME = 253_402_300_799


def column_cards(report: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The first columns as cards, each with its issues."""
    issues: dict[str, list[Mapping[str, Any]]] = {}
    for issue in by_severity(report.get("issues") or []):
        issues.setdefault(str(issue.get("field_name") or ""), []).append(issue)
    issues = {name: list(_said_once(each)) for name, each in issues.items()}
    risk = (report.get("agent_results") or {}).get("score-risk") or {}
    classes = {each["column"]: each.get("classification") for each in (risk.get("data") or {}).get("columns") or []}
    masked = frozenset((report.get("metadata") or {}).get("masked_columns") or ())
    shown = columns[:MOST_CARDS]
    listed = 8 if len(shown) <= MANY_CARDS else 5
    return [
        _card(place, column, issues.get(str(column.get("column")), []), listed)
        | {"classification": classes.get(column.get("column")), "masked": column.get("column") in masked}
        for place, column in enumerate(shown)
    ]


def _said_once(issues: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The issues of a column, without the profiler's word that it is personal where score-risk says what it holds."""
    named = any(str(issue.get("issue_type")).startswith("personal_data_") for issue in issues)
    yield from (issue for issue in issues if not (named and issue.get("issue_type") == "personal_data"))


def _card(place: int, column: Mapping[str, Any], issues: Sequence[Mapping[str, Any]], listed: int) -> dict[str, Any]:
    numbers = column.get("numeric") or {}
    dates = column.get("dates") or {}
    values = column.get("top_values") or []
    return {
        **column,
        "id": f"c{place}",
        "place": place,
        "name": column.get("column"),
        "type": _type(column),
        "quality_score": (column.get("quality") or {}).get("score"),
        "issues": issues,
        "worst": issues[0].get("severity") if issues else "",
        "low": numbers.get("min", dates.get("min")),
        "high": numbers.get("max", dates.get("max")),
        "typical": _typical(column, numbers, dates, values),
        "axis": _axis(column.get("histogram") or {}, dates),
        "bars": [] if _all_alone(values) else values[:listed],
        "examples": values[:3] if _all_alone(values) else [],
        "facts": list(_facts(column, numbers, dates)),
        "cuts": _cuts(numbers),
        "rarest": [] if _all_alone(values) else (column.get("rarest_values") or [])[:listed],
        "weekdays": _weekdays(dates),
        "strange": (column.get("counter_examples") or [])[:listed],
        "sure": (column.get("semantic_type") or {}).get("confidence", column.get("type_confidence")),
        "patterns": (column.get("patterns") or [])[:listed],
    }


def _type(column: Mapping[str, Any]) -> str:
    semantic = column.get("semantic")
    return str(semantic if isinstance(semantic, str) and semantic else column.get("kind") or "")


def _all_alone(values: Sequence[Mapping[str, Any]]) -> bool:
    """Whether no value comes twice: bars of one row each would say nothing."""
    return all((each.get("count") or 0) <= 1 for each in values)


def _typical(
    column: Mapping[str, Any], numbers: Mapping[str, Any], dates: Mapping[str, Any], values: Sequence[Mapping[str, Any]]
) -> Any:
    if column.get("role") in ("category", "constant") and values:
        return str(values[0].get("value"))[:_TYPICAL]
    found = numbers.get("median", dates.get("median"))
    return str(values[0].get("value"))[:_TYPICAL] if found is None and values else found


def _axis(bins: Mapping[str, Any], dates: Mapping[str, Any]) -> tuple[str, str] | None:
    """What stands under the first and the last bar."""
    labels = bins.get("labels") or []
    if labels and dates.get("min") and dates.get("max"):
        return str(dates["min"]), str(dates["max"])
    return (_end(str(labels[0]).split(" – ")[0]), _end(str(labels[-1]).split(" – ")[-1])) if labels else None


def _end(text: str) -> str:
    """A number with its thousands apart; anything else as it is."""
    try:
        number = float(text)
    except ValueError:
        return text
    return figure(number) if math.isfinite(number) else text


def _facts(
    column: Mapping[str, Any], numbers: Mapping[str, Any], dates: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """The smaller figures, those that say nothing left out."""
    yield from ((name, column[name]) for name in _CELLS if column.get(name))
    yield from ((name, numbers[name]) for name in _MOMENTS if isinstance(numbers.get(name), int | float))
    yield from _time_facts(dates)
    yield from _epoch_facts(column, numbers)
    step = (column.get("auto_increment") or {}).get("step")
    if step is not None:
        yield "counts up by", step
    yield from ((name, column[name]) for name in _LENGTHS if isinstance(column.get(name), int | float))


def _time_facts(dates: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in ("granularity", "span_days", "future", "epoch"):
        if dates.get(name):
            yield name, dates[name]
    gaps = dates.get("gaps") or {}
    if gaps.get("count"):
        yield "gaps", gaps["count"]
        yield "longest gap in days", gaps.get("longest_days")


def _epoch_facts(column: Mapping[str, Any], numbers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The moments between which numbers of seconds or milliseconds lie."""
    unit = {"epoch_seconds": 1, "epoch_milliseconds": 1000}.get(str(column.get("semantic")))
    for name, number in (("earliest", numbers.get("min")), ("latest", numbers.get("max"))):
        if unit and number is not None and 0 <= number / unit <= _END_OF_TIME:
            yield name, f"{datetime.fromtimestamp(number / unit, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _weekdays(dates: Mapping[str, Any]) -> dict[str, Any]:
    days = dates.get("weekdays") or {}
    return days if any(days.values()) else {}


def _cuts(numbers: Mapping[str, Any]) -> list[tuple[str, Any]]:
    names = {"min": "min", "p1": "1 %", "p5": "5 %", "p10": "10 %", "q1": "25 %", "median": "50 %"}
    names |= {"q3": "75 %", "p90": "90 %", "p95": "95 %", "p99": "99 %", "max": "max"}
    return [(shown, numbers[name]) for name, shown in names.items() if numbers.get(name) is not None]
