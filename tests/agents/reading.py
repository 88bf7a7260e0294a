"""Write bytes where a run's inputs lie, and read them as a table."""

import os

from agents.read import ReadOptions, ReadResult, read_table
from agents.table import ROW, Database, Table


def read(database: Database, data: bytes | str, filename: str = "people.csv", **options: object) -> ReadResult:
    """The file as read; nothing but the file itself may be left in the folder."""
    path = database.folder / filename
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    try:
        return read_table(path, filename, database, ReadOptions(**options))
    finally:
        assert set(os.listdir(database.folder)) == {filename, "spill"}
        path.unlink()


def cells(table: Table) -> list[tuple[str | None, ...]]:
    """The visible cells, in the order of the file; `__row` must count it."""
    assert all(table.types[column] == "VARCHAR" for column in table.columns)
    rows = table.query(f"SELECT * FROM {{self}} ORDER BY {ROW}")
    assert [row[0] for row in rows] == list(range(len(rows)))
    return [row[1:] for row in rows]


def mended(result: ReadResult) -> list[tuple[int, str, str]]:
    """The list of mended rows."""
    return result.mended.query("SELECT row, what, original FROM {self} ORDER BY row")
