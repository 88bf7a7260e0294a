"""The report as a document: plain JSON values, the same for all three writers."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from transformers.manifest import jsonable, scalar

SEVERITIES = ("critical", "high", "medium", "low")


def write_json(report: Mapping[str, Any], path: Path) -> None:
    """Write the report as UTF-8 JSON; a number that JSON can't hold (NaN, infinity) is null."""
    try:
        text = to_json(report, indent=2, inf_nan_mode="null", fallback=scalar).decode()
    except PydanticSerializationError:  # half a surrogate pair; Python's own indents ten times as slowly
        text = json.dumps(jsonable(report), ensure_ascii=False, allow_nan=False, indent=2)
    write_text(path, text + "\n")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 with the same bytes on every system; half a surrogate pair, which UTF-8 can't hold, becomes `?`."""
    path.write_bytes(text.encode("utf-8", errors="replace"))


def by_severity(found: Iterable[Mapping[str, Any]], key: str = "severity") -> list[Mapping[str, Any]]:
    """The worst first; the given order among equals."""
    rank = {severity: place for place, severity in enumerate(SEVERITIES)}
    return sorted(found, key=lambda each: rank.get(str(each.get(key)), len(rank)))


def profiled_columns(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What the profiler said of each column, where it ran."""
    profiler = report.get("agent_results", {}).get("unified-profiler") or {}
    columns = (profiler.get("data") or {}).get("columns")
    return columns if isinstance(columns, list) else []
