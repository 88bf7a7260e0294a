"""Inputs that real users send by mistake, and what each must be told: the one table of cases for both doors."""

import gzip
import io
import json
import random
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import openpyxl

MAX_INPUT_MB = 120
CLEAN, PROFILE, MASTER = "clean-my-data", "profile-my-data", "master-my-data"
MB = 1 << 20


@dataclass(frozen=True)
class Case:
    """A file, how it is ordered, and the answer.

    code: that of the error, None where the file is read after all. says: words of the message. http: the status where
    the API sees the fault before anything is queued, else 202. shows: words of the report of a file that is read.
    """

    name: str
    content: Callable[[], bytes]
    code: str | None = None
    says: str = ""
    filename: str = "table.csv"
    tool: str = CLEAN
    agents: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    http: int = 202
    shows: str = ""

    def write(self, folder: Path) -> Path:
        """The file on disk, as the command line is given it."""
        path = folder / self.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.content())
        return path


def text(content: str, encoding: str = "utf-8") -> Callable[[], bytes]:
    return lambda: content.encode(encoding)


def table(columns: int, rows: int = 3) -> bytes:
    header = ",".join(f"c{number}" for number in range(columns))
    return "\n".join([header, *(",".join(str(row) for _ in range(columns)) for row in range(rows))]).encode()


def workbook(columns: int = 2, rows: int = 50) -> bytes:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    book.active.append([f"c{number}" for number in range(columns)])
    for row in range(rows):
        book.active.append([row] * columns)
    book.save(stream)
    return stream.getvalue()


def protected_workbook() -> bytes:
    """An OLE container with the stream that every encrypted Office file has."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1016) + "EncryptedPackage".encode("utf-16-le") + bytes(3072)


def workbook_bomb() -> bytes:
    """A workbook whose sheet is half a megabyte, and 130 when it is unpacked."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook())) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name) + (b" " * 130 * MB if "sheet1" in name else b""))
    return stream.getvalue()


def gzip_bomb() -> bytes:
    """Two gigabytes in ten megabytes: one packed piece again and again."""
    return gzip.compress(b"a,b\n" + b"1,2\n" * MB, 1) * 500


def protected_zip() -> bytes:
    """A zip whose one entry is marked as encrypted, in its own header and in the directory."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("table.csv", "a,b\n1,2\n")
    data = bytearray(stream.getvalue())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def zip_of(*names: str) -> Callable[[], bytes]:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "a\n1\n")
    return stream.getvalue


def parquet(query: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        path = Path(folder) / "t.parquet"
        connection.execute(f"COPY ({query}) TO '{path.as_posix()}' (FORMAT parquet)")
        return path.read_bytes()


NESTED = (
    "SELECT range AS id, {'city': 'Oslo', 'zip': range} AS place, [range, 1] AS tags, "
    "MAP {'a': range} AS facts, NULL::INTEGER AS nothing FROM range(5)"
)
LONG_FIELD = b"x" * (50 * MB)
ODD_NAMES = 'name,name,,"say ""hi""","a,b",' + "n" * 300 + ",🦊,{self},__row\n" + "1,2,3,4,5,6,7,8,9\n" * 3
PEOPLE = text("name,age\nAda,36\nBo,41\nAda,36\n")

CASES = [
    Case("empty file", lambda: b"", "UNREADABLE_FILE", "empty"),
    Case("only blank lines", text("\n \n\n"), "UNREADABLE_FILE", "empty"),
    Case("header only", text("name,age\n")),
    Case("header only, profiled", text("name,age\n"), tool=PROFILE),
    Case("header only, mastered", text("name,age\n"), tool=MASTER),
    Case("one column", text("name\nAda\nBo\n")),
    Case("2,000 columns", lambda: table(2000), tool=PROFILE, agents="governance-checker", shows='"columns": 2000'),
    Case("10,001 columns", lambda: table(10_001), "TOO_LARGE", "10,001 columns; at most 10,000"),
    Case("odd column names", text(ODD_NAMES)),
    Case("odd column names, profiled", text(ODD_NAMES), tool=PROFILE),
    Case("odd column names, mastered", text(ODD_NAMES), tool=MASTER),
    Case("a path as filename", PEOPLE, filename="a/../../etc/passwd"),
    Case("password-protected XLSX", protected_workbook, "UNREADABLE_FILE", "password", "book.xlsx"),
    Case("truncated XLSX", lambda: workbook()[:-400], "UNREADABLE_FILE", "damaged or cut off", "book.xlsx"),
    Case("a sheet that isn't there", workbook, "UNREADABLE_FILE", "no sheet 'May'", "book.xlsx",
         parameters={"input": {"sheet": "May"}}),
    Case("XLSX bomb", workbook_bomb, "TOO_LARGE", "Unpacked", "book.xlsx"),
    Case("gzip bomb", gzip_bomb, "TOO_LARGE", "Unpacked", "table.csv.gz"),
    Case("truncated gzip", lambda: gzip.compress(table(9))[:-9], "UNREADABLE_FILE", "cut off", "table.csv.gz"),
    Case("password-protected zip", protected_zip, "UNREADABLE_FILE", "password", "table.zip"),
    Case("a zip of two tables", zip_of("one.csv", "two.csv"), "UNREADABLE_FILE", "exactly one table", "table.zip"),
    Case("an empty zip", zip_of(), "UNREADABLE_FILE", "holds nothing", "table.zip"),
    Case("a gzip in a gzip", lambda: gzip.compress(gzip.compress(b"a,b\n1,2\n")), "UNSUPPORTED_MEDIA_TYPE",
         "another archive", "table.csv.gz"),
    Case("a field of 50 MB", lambda: b"a,b\n1,2\n3," + LONG_FIELD + b"\n", "TOO_LARGE", "16 MB"),
    Case("a quoted field of 50 MB", lambda: b'a,b\n1,2\n3,"' + LONG_FIELD + b'"\n', "TOO_LARGE", "16 MB"),
    Case("a header of 50 MB", lambda: b"a," + LONG_FIELD + b"\n1,2\n", "TOO_LARGE", "16 MB"),
    Case("a quote that never closes", lambda: b'a,b\n1,"2\n' + b"3,4\n" * 10_000, shows="broken quotes"),
    Case("a JSON field of 50 MB", lambda: b'[{"a":1},{"a":"' + LONG_FIELD + b'"}]', "TOO_LARGE", "16 MB", "t.json"),
    Case("a Parquet field of 50 MB", lambda: parquet("SELECT repeat('x', 50 << 20) AS a"), "TOO_LARGE", "16 MB",
         "t.parquet"),
    Case("binary junk named .csv", lambda: random.Random(7).randbytes(MB), "UNREADABLE_FILE", "binary"),
    Case("a PDF named .csv", text("%PDF-1.7\n1 0 obj"), "UNSUPPORTED_MEDIA_TYPE", "PDF"),
    Case("a web page named .csv", text("<!doctype html><p>Log in"), "UNSUPPORTED_MEDIA_TYPE", "web page"),
    Case("lines above the table", text("May\nmade today\n\nid,name,city\n1,Ada,Oslo\n"), shows="begins below 2 lines"),
    Case("a name too few in the header", text("a,b\n1,2,3\n4,5,6\n"), shows="column_3"),
    Case("ragged rows", text("a,b,c\n1,2,3\n1,2\n1,2,3,4,5\n1,2,3\n"), shows="mended"),
    Case("mixed line ends", text("a,b\n1,2\r\n3,4\r5,6\n")),
    Case("NUL bytes", text("a,b\n1,x\0y\n3,4\n"), shows="zero bytes left out"),
    Case("UTF-16 without BOM", text("name,city\nZoë,Köln\nBo,Oslo\n", "utf-16-le"), shows="utf-16-le"),
    Case("UTF-8 cut in a letter", lambda: "name,city\nZoë,Köln\nAda,Genè".encode()[:-1], shows="a place in it is not"),
    Case("Parquet without rows", lambda: parquet("SELECT 1 AS a WHERE false"), filename="t.parquet", shows="no rows"),
    Case("nested Parquet", lambda: parquet(NESTED), filename="t.parquet"),
    Case("truncated Parquet", lambda: parquet(NESTED)[:-9], "UNREADABLE_FILE", "cut off", "t.parquet"),
    Case("JSON of mixed shapes", text('[{"a": 1}, [2], "x", 3]'), "UNREADABLE_FILE", "not an object", "t.json"),
    Case("JSON objects of mixed keys", text('[{"a": 1}, {"b": {"c": [1, "x"]}}, {}]'), filename="t.json"),
    Case("a JSON key twice in an object", text('[{"a": 1, "a": 2}]'), filename="t.json", shows="more than once"),
    Case("no JSON but by name", text("null"), "UNREADABLE_FILE", "called JSON", "t.json"),
    Case("a comma too many in JSON", text('[{"a": 1},]'), "UNREADABLE_FILE", "item 2: an item is empty", "t.json"),
    Case("cut JSON", text('[{"a": 1}, {"a": '), "UNREADABLE_FILE", "malformed", "t.json"),
    Case("a parameter out of range", PEOPLE, "INVALID_PARAMETERS", "null-handler.knn_neighbors",
         parameters={"null-handler": {"knn_neighbors": -1}}, http=422),
    Case("an unknown parameter", PEOPLE, "INVALID_PARAMETERS", "null-handler.guess",
         parameters={"null-handler": {"guess": 1}}, http=422),
    Case("a regex that doesn't compile", PEOPLE, "INVALID_PARAMETERS", "format_tests", tool=PROFILE,
         agents="test-coverage-agent", parameters={"test-coverage-agent": {"format_tests": {"name": "[A"}}}, http=422),
    Case("a regex of another dialect", PEOPLE, "INVALID_PARAMETERS", "name.pattern", tool=MASTER,
         parameters={"survivorship-resolver": {"field_validation_rules": {"name": {"pattern": "(?=A)"}}}}, http=422),
    Case("an unknown tool", PEOPLE, "UNKNOWN_TOOL", "guess-my-data", tool="guess-my-data", http=400),
    Case("an unknown agent", PEOPLE, "UNKNOWN_AGENT", "type-fixr", agents="type-fixr", http=422),
    Case("a column that isn't there", PEOPLE, "COLUMN_NOT_FOUND", "doesn't have; did you mean 'name'?",
         parameters={"field-standardization": {"target_columns": ["nme"]}}),
    Case("a file over the limit", lambda: bytes(MAX_INPUT_MB * MB + 1), "TOO_LARGE", "MB", http=413),
]  # fmt: skip


def parameters_text(case: Case) -> str:
    """Its parameters as parameters.json."""
    return json.dumps(case.parameters)
