"""Tables as files: the format is the file name's ending."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import xlsxwriter

from agents import wide
from agents.table import Table, literal
from transformers.manifest import OutputFile, describe_file

_XLSX_CELLS = 200_000
_XLSX_ROWS = 1_048_575


def write_table(table: Table, path: Path) -> OutputFile:
    """Write the visible columns, in `__row` order where the table has it, and describe the file."""
    escaped = _WRITERS[path.suffix](table, path)
    return describe_file(path, escaped or ())


def _write_json(table: Table, path: Path) -> None:
    _copy_json(table, path, "true", ("[\n\t", ",\n\t", "\n]\n"))


def _write_jsonl(table: Table, path: Path) -> None:
    _copy_json(table, path, "false", ("", "\n", "\n"))


def _copy_json(table: Table, path: Path, array: str, around: tuple[str, str, str]) -> None:
    """around: what stands before, between and after the objects; for tables too wide for one COPY."""
    if len(table.columns) <= wide.GROUP:
        query = f"SELECT {', '.join(map(table.q, table.columns))} FROM {{self}}{table.in_order}"
        table.query(f"COPY ({query}) TO {literal(str(path))} (FORMAT json, ARRAY {array})")
        return
    keys = [json.dumps(name, ensure_ascii=False) for name in table.columns]
    values = [f"coalesce(CAST(to_json({table.q(name)}) AS VARCHAR), 'null')" for name in table.columns]
    cells = [f"{literal(key)} || ':' || {value}" for key, value in zip(keys, values, strict=True)]
    before, between, after = around
    with path.open("w", encoding="utf-8", newline="") as out:
        for number, line in enumerate(table.lines(cells)):
            out.write(f"{between if number else before}{{{line}}}")
        out.write(after if table.rows else "[]\n" if before else "")


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
    rows = table.fetch(list(map(table.q, table.columns)), max(1, _XLSX_CELLS // len(table.columns)))
    with xlsxwriter.Workbook(path, options) as book:
        for _ in range(0, max(table.rows, 1), _XLSX_ROWS):
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, table.columns)
            sheet.freeze_panes(1, 0)
            for number, row in enumerate(itertools.islice(rows, _XLSX_ROWS), start=1):
                sheet.write_row(number, 0, row)


_WRITERS: dict[str, Callable[[Table, Path], tuple[str, ...] | None]] = {
    ".csv": Table.write_csv,
    ".parquet": Table.write_parquet,
    ".json": _write_json,
    ".jsonl": _write_jsonl,
    ".xlsx": _write_xlsx,
}
