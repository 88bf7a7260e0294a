"""What was done, exactly: the manifest that every run leaves beside its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic_core import to_jsonable_python

StepStatus = Literal["done", "skipped"]


@dataclass(frozen=True)
class InputFile:
    """A file as the user gave it. `rows` and `columns` are what was read from it."""

    role: str
    filename: str
    sha256: str
    size_bytes: int
    format: str
    encoding: str | None
    delimiter: str | None
    rows: int
    columns: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One agent: its parameters as run and what came of it. `reason` says why one was skipped."""

    agent_id: str
    status: StepStatus
    parameters: Mapping[str, Any]
    seconds: float
    rows_in: int
    rows_out: int
    metrics: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class OutputFile:
    """A file of the result. `escaped_columns`: where a `'` stands before what a spreadsheet would run as a formula."""

    filename: str
    size_bytes: int
    sha256: str
    escaped_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """The whole run. `credits` is the price of the steps that were not skipped."""

    task_id: str
    tool_id: str
    versions: Mapping[str, str]
    parameters: Mapping[str, Any]
    started: str
    finished: str
    inputs: tuple[InputFile, ...]
    steps: tuple[Step, ...]
    credits: int
    files: tuple[OutputFile, ...]

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(jsonable(asdict(self)), indent=2, ensure_ascii=False), encoding="utf-8")


def describe_file(path: Path, escaped_columns: tuple[str, ...] = ()) -> OutputFile:
    """An output file's size and SHA-256."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return OutputFile(path.name, path.stat().st_size, digest, escaped_columns)


def jsonable(value: Any) -> Any:
    """The same as plain JSON types; NaN and infinities become null, numpy's scalars what they hold."""
    return to_jsonable_python(value, inf_nan_mode="null", fallback=scalar)


def scalar(value: Any) -> Any:
    """What one of numpy's scalars holds."""
    return value.item()
