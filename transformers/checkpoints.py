"""A finished agent on disk: its result as JSON, its tables as Parquet. What a later attempt resumes after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from agents.base import AgentResult, Alert, Chart, Issue, Recommendation
from agents.table import Table, literal
from transformers.manifest import Step, jsonable

_TABLES = ("table", "changes", "removed", "quarantine", "row_issues")
_LISTS: Mapping[str, type[Any]] = {
    "alerts": Alert,
    "issues": Issue,
    "recommendations": Recommendation,
    "charts": Chart,
}
_RESULT = "result.json"
_SAME = "same"
"""Stands for the table that the agent was given: the checkpoint before has it already."""

_File = str | dict[str, Any]
"""Where a table is: its file, or that of the columns in which it differs from the table given, with all its columns."""


def save(place: Path, fingerprint: str, given: Table, step: Step, result: AgentResult) -> None:
    """Write the checkpoint of an agent that was `given` a table; the JSON comes last: half-written, it is none."""
    place.mkdir(parents=True, exist_ok=True)
    paths = _write_tables(place, given, _tables_of(result))
    facts = {
        "fingerprint": fingerprint,
        "step": asdict(step),
        "tables": {name: path for name, path in paths.items() if "/" not in name},
        "extras": _paths_of("extras/", paths),
        "stored_tables": _paths_of("store/", paths),
        "metrics": result.metrics,
        "data": result.data,
        "documents": result.documents,
        "store": {name: value for name, value in result.store.items() if not isinstance(value, Table)},
        "routing": result.routing,
        **{name: [asdict(each) for each in getattr(result, name)] for name in _LISTS},
    }
    (place / _RESULT).write_text(json.dumps(jsonable(facts)), encoding="utf-8")


def load(place: Path, fingerprint: str, given: Table) -> tuple[Step, AgentResult] | None:
    """Read a checkpoint into the database of the table `given` to its agent; None where there is none of this run."""
    path = place / _RESULT
    if not path.exists():
        return None
    facts = json.loads(path.read_text(encoding="utf-8"))
    if facts["fingerprint"] != fingerprint:
        return None
    tables: dict[str, Any] = {name: _read(place, file, given) for name, file in facts["tables"].items()}
    lists: dict[str, Any] = {name: tuple(_restore(kind, each) for each in facts[name]) for name, kind in _LISTS.items()}
    result = AgentResult(
        **tables,
        **lists,
        extras={name: _read(place, file, given) for name, file in facts["extras"].items()},
        metrics=facts["metrics"],
        data=facts["data"],
        documents=facts["documents"],
        store=facts["store"] | {name: _read(place, file, given) for name, file in facts["stored_tables"].items()},
        routing=tuple(facts["routing"]),
    )
    return Step(**facts["step"]), result


def _tables_of(result: AgentResult) -> dict[str, Table]:
    own = {name: getattr(result, name) for name in _TABLES}
    extras = {f"extras/{name}": table for name, table in result.extras.items()}
    stored = {f"store/{name}": value for name, value in result.store.items() if isinstance(value, Table)}
    return {name: table for name, table in (own | extras | stored).items() if table is not None}


def _paths_of(folder: str, paths: Mapping[str, _File]) -> dict[str, _File]:
    return {name.removeprefix(folder): path for name, path in paths.items() if name.startswith(folder)}


def _write_tables(place: Path, given: Table, tables: Mapping[str, Table]) -> dict[str, _File]:
    """Write each table once, also where it goes by several names (cleaned.csv, cleaned.parquet)."""
    written: dict[int, _File] = {id(given): _SAME}
    for table in tables.values():
        if id(table) not in written:
            written[id(table)] = _write_table(place, f"{len(written) - 1}.parquet", given, table)
    return {name: written[id(table)] for name, table in tables.items()}


def _write_table(place: Path, name: str, given: Table, table: Table) -> _File:
    shared = table.shared_with(given)
    own = table.only(column for column in table.types if column not in shared) if shared else table
    own.write_parquet(place / name, hidden=True)
    return {"file": name, "columns": list(table.types)} if shared else name


def _read(place: Path, file: _File, given: Table) -> Table:
    if file == _SAME:
        return given
    if isinstance(file, dict):
        own = _read(place, file["file"], given)
        return given.overlaid(own).only(file["columns"])
    return given.sql(f"SELECT * FROM read_parquet({literal(str(place / file))})")


def _restore(kind: type[Any], values: Mapping[str, Any]) -> Any:
    lists = {each.name for each in fields(kind)}
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in lists})
