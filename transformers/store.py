"""The state of a dataset as files: what agents may read of it, and what they want it to hold afterwards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agents.base import AgentResult
from agents.table import Table, literal
from transformers.manifest import jsonable
from transformers.specification import KEPT, STORE


def read_store(folder: Path, beside: Table) -> dict[str, Any]:
    """Every file of the state by name: a .parquet as a Table in the database of `beside`, a .json as its value."""
    found: dict[str, Any] = {}
    for path in sorted((folder / STORE).glob("*")):
        if path.suffix == ".parquet":
            found[path.name] = beside.sql(f"SELECT * FROM read_parquet({literal(str(path))})")
        elif path.suffix == ".json":
            found[path.name] = json.loads(path.read_text(encoding="utf-8"))
    return found


def write_kept(folder: Path, results: Iterable[AgentResult]) -> None:
    """Write what agents want kept."""
    kept = folder / KEPT
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    for name, value in _wanted(results).items():
        if isinstance(value, Table):
            value.write_parquet(kept / name, hidden=True)
        else:
            (kept / name).write_text(json.dumps(jsonable(value), ensure_ascii=False), encoding="utf-8")


def _wanted(results: Iterable[AgentResult]) -> Mapping[str, Any]:
    return {name: value for result in results for name, value in result.store.items()}
