"""Parquet: every column as text that says all the value says."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

from agents.read_base import MB, Content, ReadOptions, column_names, is_large
from agents.read_csv import too_wide
from agents.table import ROW, Database, Table, literal
from errors import OutOfMemory, TooLarge, UnreadableFile

_NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")
_COLUMNS_AT_ONCE = 10


def read_parquet(path: Path, database: Database, options: ReadOptions) -> Content:
    """A table from a Parquet file: nested values as JSON, times with a zone in UTC."""
    source = f"read_parquet({literal(str(path))})"
    try:
        described = database.run(f"DESCRIBE SELECT * FROM {source}")
    except duckdb.Error as error:
        raise _damaged(error) from error
    names, notes = column_names([column[0] for column in described], options.max_columns)
    cells = ", ".join(
        f"nullif({_text(Table.q(column[0]), column[1])}, '') AS {Table.q(name)}"
        for column, name in zip(described, names, strict=True)
    )
    try:
        query = f"SELECT row_number() OVER () - 1 AS {ROW}, {cells} FROM {source}"
        table = database.table(query, large=is_large(path))
        _check_fields(table, path, database, options.max_field_mb)
    except OutOfMemory as error:
        raise too_wide(names) from error
    except duckdb.Error as error:
        raise _damaged(error) from error
    return Content(table, "parquet", notes)


def _check_fields(table: Table, path: Path, database: Database, most_mb: int) -> None:
    """Raise TooLarge for a field over the limit; where no piece of a column is so large, none can be."""
    metadata = f"parquet_metadata({literal(str(path))})"
    largest = database.run(f"SELECT coalesce(max(total_uncompressed_size), 0) FROM {metadata}")[0][0]
    if largest <= most_mb * MB:
        return
    for first in range(0, len(table.columns), _COLUMNS_AT_ONCE):
        some = table.columns[first : first + _COLUMNS_AT_ONCE]
        lengths = table.query(f"SELECT {', '.join(f'max(strlen({Table.q(name)}))' for name in some)} FROM {{self}}")[0]
        for name, length in zip(some, lengths, strict=True):
            if (length or 0) > most_mb * MB:
                raise TooLarge(f"A field of the column {name!r} is longer than {most_mb} MB.", column=name)


def _text(cell: str, kind: str) -> str:
    if kind.startswith(_NESTED) or kind.endswith("]"):
        # As JSON a short decimal would go through a float and lose its zeros; a long one keeps them.
        exact = re.sub(r"DECIMAL\(\d+,", "DECIMAL(38,", kind)
        return f"CAST(to_json(CAST({cell} AS {exact})) AS VARCHAR)"
    if kind == "TIMESTAMP WITH TIME ZONE":
        # A cast would spell it in the time zone of the machine.
        return f"CAST(make_timestamp(epoch_us({cell})) AS VARCHAR) || '+00'"
    if kind == "BLOB":
        return f"coalesce(TRY(decode({cell})), CAST({cell} AS VARCHAR))"
    return f"CAST({cell} AS VARCHAR)"


def _damaged(error: duckdb.Error) -> UnreadableFile:
    if "encrypt" in str(error).lower():
        return UnreadableFile("The Parquet file is encrypted. Send it without encryption.")
    return UnreadableFile("The Parquet file is damaged or cut off. Send it again.")
