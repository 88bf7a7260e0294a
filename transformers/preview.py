"""A look at the beginning of one file: how it is read, its first rows, and what its columns seem to hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.column_types import infer_types
from agents.read import ReadOptions, read_table
from agents.table import ROW, Database, Table
from transformers.pipeline import Emit
from transformers.specification import Specification
from transformers.tools import INPUT

ROWS = 20
TYPED_ROWS = 1000
MOST_COLUMNS = 200
LONGEST_CELL = 200


@dataclass(frozen=True)
class Preview:
    """What a preview shows. `columns_total` may be more than the `columns` that are listed."""

    format: str
    encoding: str | None
    delimiter: str | None
    columns_total: int
    columns: list[dict[str, Any]]
    rows: list[list[str | None]]
    notes: list[str]


def preview(folder: Path, specification: Specification, emit: Emit) -> Preview:
    """Preview the specification's only input; raises what reading raises."""
    emit({"event": "started"})
    (file,) = specification.inputs
    options = ReadOptions(
        sheet=specification.parameters.get(INPUT, {}).get("sheet"),
        max_mb=specification.max_input_mb,
        max_columns=specification.max_columns,
        max_field_mb=specification.max_field_mb,
        max_xlsx_cells=specification.max_xlsx_cells,
    )
    database = Database(folder, memory_limit=specification.duckdb_memory, threads=specification.duckdb_threads)
    try:
        read = read_table(folder / file.path, file.filename, database, options)
        names = read.table.columns[:MOST_COLUMNS]
        head = _head(read.table, names)
        types = infer_types(head, names)
        return Preview(
            format=read.format,
            encoding=read.encoding,
            delimiter=read.delimiter,
            columns_total=len(read.table.columns),
            columns=[{"name": name, "type": str(types[name].kind)} for name in names],
            rows=_rows(head, names),
            notes=list(read.notes),
        )
    finally:
        database.close()


def _head(table: Table, names: tuple[str, ...]) -> Table:
    chosen = ", ".join([Table.q(ROW), *map(Table.q, names)])
    return table.sql(f"SELECT {chosen} FROM {{self}} ORDER BY {ROW} LIMIT {TYPED_ROWS}")


def _rows(head: Table, names: tuple[str, ...]) -> list[list[str | None]]:
    cells = ", ".join(f"left({Table.q(name)}, {LONGEST_CELL})" for name in names)
    return [list(row) for row in head.query(f"SELECT {cells} FROM {{self}} ORDER BY {ROW} LIMIT {ROWS}")]
