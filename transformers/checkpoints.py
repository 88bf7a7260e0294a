"""A finished agent on disk: its result as JSON, its tables as Parquet. What a later attempt resumes after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from agents.base import AgentResult, Alert, Chart, Issue, Recommendation
from agents.table import ROW, Table, literal
from agents.wide import groups
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
"""Where a table is: its file; or several, each of some columns, and all columns in order; or the name of a table that
is held already, where the columns are that it has beside those of that table, if there are any, and all in order."""


def save(
    place: Path,
    fingerprint: str,
    given: Table,
    step: Step,
    result: AgentResult,
    gathered: Mapping[str, Table] | None = None,
) -> None:
    """Write the checkpoint of an agent that was `given` a table; the JSON comes last: half-written, it is none.

    gathered: what was gathered from the agents before it, whose checkpoints hold it.
    """
    place.mkdir(parents=True, exist_ok=True)
    paths = _write_tables(place, {_SAME: given, **(gathered or {})}, _tables_of(result))
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


def load(
    place: Path, fingerprint: str, given: Table, gathered: Mapping[str, Table] | None = None
) -> tuple[Step, AgentResult] | None:
    """Read a checkpoint into the database of the table `given` to its agent; None where there is none of this run."""
    path = place / _RESULT
    if not path.exists():
        return None
    facts = json.loads(path.read_text(encoding="utf-8"))
    if facts["fingerprint"] != fingerprint:
        return None
    held = {_SAME: given, **(gathered or {})}
    tables: dict[str, Any] = {name: _read(place, file, held) for name, file in facts["tables"].items()}
    lists: dict[str, Any] = {name: tuple(_restore(kind, each) for each in facts[name]) for name, kind in _LISTS.items()}
    result = AgentResult(
        **tables,
        **lists,
        extras={name: _read(place, file, held) for name, file in facts["extras"].items()},
        metrics=facts["metrics"],
        data=facts["data"],
        documents=facts["documents"],
        store=facts["store"] | {name: _read(place, file, held) for name, file in facts["stored_tables"].items()},
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


def _write_tables(place: Path, held: Mapping[str, Table], tables: Mapping[str, Table]) -> dict[str, _File]:
    """Write each table once, also where it goes by several names (cleaned.csv, cleaned.parquet)."""
    written: dict[int, _File] = {id(table): name for name, table in held.items()}
    for number, table in enumerate(tables.values()):
        if id(table) not in written:
            written[id(table)] = _write_table(place, f"{number}.parquet", held, table)
    return {name: written[id(table)] for name, table in tables.items()}


def _write_table(place: Path, file: str, held: Mapping[str, Table], table: Table) -> _File:
    for name, known in held.items():
        shared = table.shared_with(known)
        if shared:
            own = [column for column in table.types if column not in shared]
            differs = own not in ([], [ROW])
            beside = _write_own(place, file, table.only(own)) if differs else None
            return {"held": name, "file": beside, "columns": list(table.types)}
    return _write_own(place, file, table)


def _write_own(place: Path, file: str, table: Table) -> _File:
    parts = groups(list(table.types))
    if len(parts) == 1 or ROW not in table.types:
        table.write_parquet(place / file, hidden=True)
        return file
    files = [f"{number}-{file}" for number in range(len(parts))]
    for each, part in zip(files, parts, strict=True):
        table.only([ROW, *part]).write_parquet(place / each, hidden=True)
    return {"files": files, "columns": list(table.types)}


def _read(place: Path, file: _File, held: Mapping[str, Table]) -> Table:
    if isinstance(file, dict) and "files" in file:
        first, *others = (_read(place, each, held) for each in file["files"])
        return first.joined(others).only(file["columns"])
    if isinstance(file, dict):
        known = held[file["held"]]
        laid = known.overlaid(_read(place, file["file"], held)) if file["file"] else known
        return laid.only(file["columns"])
    if file in held:
        return held[file]
    return held[_SAME].sql(f"SELECT * FROM read_parquet({literal(str(place / file))})")


def _restore(kind: type[Any], values: Mapping[str, Any]) -> Any:
    lists = {each.name for each in fields(kind)}
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in lists})
