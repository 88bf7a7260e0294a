"""Files into tables: every column text, as it is spelt in the file; a missing or empty cell is NULL.

What a file is, is told by its first bytes; its name only decides where the bytes leave a choice.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from agents.encoding import to_utf8
from agents.read_base import MB, Content, ReadOptions, blocks
from agents.read_csv import no_mended_rows, read_csv
from agents.read_excel import read_excel
from agents.read_json import SHAPES, looks_like_json, read_json
from agents.read_parquet import read_parquet
from agents.table import Database, Table
from agents.unpack import kind_of, unpack
from errors import TooLarge, UnreadableFile, UnsupportedMediaType

__all__ = ["ReadOptions", "ReadResult", "read_table"]

# What parsers raise over contents that nobody thought of. Any other error is a fault of this program's.
_BY_CONTENTS = (
    duckdb.DataError,
    duckdb.InvalidInputException,
    duckdb.IOException,
    duckdb.NotSupportedError,
    ValueError,
    ArithmeticError,
    EOFError,
    RecursionError,
)
_MARKUP = (b"<!doctype", b"<!--", b"<html", b"<head", b"<body", b"<div", b"<script", b"<?xml", b"<table")
_JSON_NAMES = (".json", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class ReadResult:
    """A file as a table, how it was read, and every row that had to be mended."""

    table: Table
    format: str
    encoding: str | None
    delimiter: str | None
    sha256: str
    size_bytes: int
    mended: Table
    notes: tuple[str, ...]


def read_table(path: Path, filename: str, database: Database, options: ReadOptions = ReadOptions()) -> ReadResult:
    """Read one file inside `database.folder`; raise UnreadableFile, TooLarge or UnsupportedMediaType if it can't be."""
    size = path.stat().st_size
    if size > options.max_mb * MB:
        raise TooLarge(f"The file has {size // MB:,} MB; at most {options.max_mb:,} MB are read.", size_bytes=size)
    try:
        # Hashing needs a core of its own and nothing else.
        with _scratch(database.folder) as folder, ThreadPoolExecutor(1) as beside:
            hashing = beside.submit(_sha256, path)
            inner, name = unpack(path, filename, folder, options)
            content, encoding = _read(inner, name, folder, database, options)
    except _BY_CONTENTS as error:
        raise UnreadableFile("The file is damaged, or written in a way that isn't understood here.") from error
    return ReadResult(
        table=content.table,
        format=content.format,
        encoding=encoding,
        delimiter=content.delimiter,
        sha256=hashing.result(),
        size_bytes=size,
        mended=content.mended or no_mended_rows(content.table),
        notes=content.notes if content.table.rows else (*content.notes, "The file has names of columns and no rows."),
    )


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    """A folder for decompressed and transcoded copies, gone afterwards."""
    reading = parent / "reading"
    reading.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=reading) as folder:
            yield Path(folder)
    finally:
        with suppress(OSError):
            reading.rmdir()


def _read(path: Path, name: str, folder: Path, database: Database, options: ReadOptions) -> tuple[Content, str | None]:
    kind = kind_of(path)
    if kind == "parquet":
        return read_parquet(path, database, options), None
    if kind == "xlsx":
        return read_excel(path, folder, database, options), None
    text = to_utf8(path, folder)
    head = next(blocks(text.path), b"")[:4096].lstrip()
    if head.lower().startswith(_MARKUP):
        raise UnsupportedMediaType("The file is a web page or XML, not a table. Export it as CSV or XLSX.")
    if looks_like_json(head):
        content = read_json(text.path, name, folder, database, options)
    else:
        content = read_csv(text, name, folder, database, options)
        if content.delimiter is None and name.lower().endswith(_JSON_NAMES):
            raise UnreadableFile(f"The file is called JSON, but doesn't begin as JSON does. {SHAPES}")
    notes = text.notes + content.notes
    return Content(content.table, content.format, notes, content.delimiter, content.mended), text.encoding


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for block in blocks(path):
        digest.update(block)
    return digest.hexdigest()
