"""Tables as files: the format is the file name's ending."""

from collections.abc import Callable
from pathlib import Path

import xlsxwriter

from agents.table import Table, literal
from transformers.manifest import OutputFile, describe_file

_BATCH = 10_000
_XLSX_ROWS = 1_048_575


def write_table(table: Table, path: Path) -> OutputFile:
    """Write the visible columns, in `__row` order where the table has it, and describe the file."""
    escaped = _WRITERS[path.suffix](table, path)
    return describe_file(path, escaped or ())


def _write_json(table: Table, path: Path) -> None:
    _copy_json(table, path, "ARRAY true")


def _write_jsonl(table: Table, path: Path) -> None:
    _copy_json(table, path, "ARRAY false")


def _copy_json(table: Table, path: Path, array: str) -> None:
    columns = ", ".join(map(table.q, table.columns))
    table.query(f"COPY (SELECT {columns} FROM {{self}}{table.in_order}) TO {literal(str(path))} (FORMAT json, {array})")


def _write_xlsx(table: Table, path: Path) -> None:
    """Text as string cells, never formulas or links; more rows than a sheet holds go on in the next sheet."""
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": "yyyy-mm-dd",
        "tmpdir": str(path.parent),
    }
    with xlsxwriter.Workbook(path, options) as book:
        for first in range(0, max(table.rows, 1), _XLSX_ROWS):
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, table.columns)
            sheet.freeze_panes(1, 0)
            _fill_sheet(sheet, table, first)


def _fill_sheet(sheet: xlsxwriter.workbook.Worksheet, table: Table, first: int) -> None:
    columns = ", ".join(map(table.q, table.columns))
    ordered = table.sql(f"SELECT {columns} FROM {{self}}{table.in_order} LIMIT {_XLSX_ROWS} OFFSET {first}")
    for start in range(0, ordered.rows, _BATCH):
        rows = ordered.query(
            f"SELECT * FROM {{self}} WHERE rowid >= {start} AND rowid < {start + _BATCH} ORDER BY rowid"
        )
        for number, row in enumerate(rows, start=start + 1):
            sheet.write_row(number, 0, row)


_WRITERS: dict[str, Callable[[Table, Path], tuple[str, ...] | None]] = {
    ".csv": Table.write_csv,
    ".parquet": Table.write_parquet,
    ".json": _write_json,
    ".jsonl": _write_jsonl,
    ".xlsx": _write_xlsx,
}
