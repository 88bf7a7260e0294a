"""What every format has in common: which one it is, its fingerprint, its limits, and that nothing is left behind."""

import gzip
import hashlib
import io
import json
import zipfile

import openpyxl
import pytest

from agents.table import Database
from errors import TooLarge, UnreadableFile, UnsupportedMediaType
from tests.agents.reading import cells, read

CSV = "id,amount\n007,1.10\n8,\n"
ROWS = [("007", "1.10"), ("8", None)]
# No time in it: it stands in tests' names, which must be the same in every process that collects them.
PACKED = gzip.compress(CSV.encode(), mtime=0)


def zipped(**files: bytes | str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def test_text_enters_as_it_is_spelt(database: Database) -> None:
    result = read(database, CSV)
    assert result.table.columns == ("id", "amount")
    assert cells(result.table) == ROWS
    assert (result.format, result.encoding, result.delimiter, result.notes) == ("csv", "utf-8", ",", ())


def test_fingerprint_and_size_are_those_of_the_file_as_sent(database: Database) -> None:
    result = read(database, PACKED, "people.csv.gz")
    assert result.sha256 == hashlib.sha256(PACKED).hexdigest()
    assert result.size_bytes == len(PACKED)


@pytest.mark.parametrize(
    ("data", "filename"),
    [
        (PACKED, "people.csv.gz"),
        (zipped(people=CSV), "people.zip"),
        (zipped(**{"__MACOSX/._people.csv": "x", "inner/people.csv": CSV, "inner/.hidden": "x"}), "people.zip"),
    ],
)
def test_packed_table(database: Database, data: bytes, filename: str) -> None:
    assert cells(read(database, data, filename).table) == ROWS


def test_content_decides_before_the_name(database: Database) -> None:
    records = [{"id": "007"}, {"id": "8"}]
    assert read(database, json.dumps(records), "people.csv").format == "json"
    assert read(database, PACKED, "people.xlsx").format == "csv"
    assert read(database, CSV, "people.json").format == "csv"


@pytest.mark.parametrize("filename", ["people.csv.gz", "people.zst", "people[1].csv"])
def test_a_name_that_is_wrong_about_packing_changes_nothing(database: Database, filename: str) -> None:
    assert cells(read(database, CSV, filename).table) == ROWS
    assert cells(read(database, json.dumps([{"id": "007"}]), filename).table) == [("007",)]


@pytest.mark.parametrize(
    ("data", "filename", "error", "says"),
    [
        (b"", "people.csv", UnreadableFile, "empty"),
        (b"\n \n", "people.csv", UnreadableFile, "empty"),
        (bytes(range(256)) * 20, "people.csv", UnreadableFile, "binary"),
        (b"%PDF-1.7 ...", "people.csv", UnsupportedMediaType, "PDF"),
        (b"<!DOCTYPE html><table>", "people.xls", UnsupportedMediaType, "web page"),
        (PACKED[:-5], "people.csv.gz", UnreadableFile, "damaged"),
        (zipped(people=CSV)[:-9], "people.zip", UnreadableFile, "damaged"),
        (zipped(one=CSV, two=CSV), "people.zip", UnreadableFile, "exactly one"),
        (zipped(one=PACKED), "people.zip", UnsupportedMediaType, "archive"),
        (b"PAR1 and no more", "people.parquet", UnreadableFile, "damaged"),
        (zipped(), "people.zip", UnreadableFile, "it holds nothing"),
        (b"<!-- saved --><p>Log in</p>", "people.csv", UnsupportedMediaType, "web page"),
        (b"// a remark\n[{}]", "people.json", UnreadableFile, "called JSON"),
        (b"null", "people.JSON", UnreadableFile, "called JSON"),
    ],
)
def test_refusal_says_what_to_do(
    database: Database, data: bytes, filename: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        read(database, data, filename)


def test_file_that_unpacks_into_far_more_is_refused(database: Database) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as out:
        for _ in range(110):
            out.write(b"1,2\n" * (1 << 18))
    with pytest.raises(TooLarge, match="unpacks"):
        read(database, packed.getvalue(), "bomb.csv.gz")


def test_limits(database: Database) -> None:
    with pytest.raises(TooLarge, match="at most 0 MB"):
        read(database, "a,b\n" * 300_000, max_mb=0)
    with pytest.raises(TooLarge, match="11 columns"):
        read(database, ",".join(f"c{n}" for n in range(11)), max_columns=10)
    with pytest.raises(TooLarge, match="1 MB"):
        read(database, "a,b\n1," + "x" * (3 << 20), max_field_mb=1)


def test_names_that_clash_or_hide_are_made_safe(database: Database) -> None:
    result = read(database, "A,a,,__row,a_2,\U0001f600," + "n" * 300 + "\n1,2,3,4,5,6,7\n")
    assert result.table.columns == ("A", "a_3", "column_3", "_row", "a_2", "\U0001f600", "n" * 300)
    assert len(result.notes) == 3
    assert cells(result.table) == [("1", "2", "3", "4", "5", "6", "7")]


def test_a_zip_whose_directory_points_before_its_beginning_is_damaged(database: Database) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("t.csv", "a,b\n1,2\n")
    data = bytearray(stream.getvalue())
    data[-6] += 100
    with pytest.raises(UnreadableFile, match="damaged or cut off"):
        read(database, bytes(data), "t.zip")


def test_a_workbook_with_spoilt_contents_is_damaged(database: Database) -> None:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    for row in range(200):
        book.active.append([row, f"name {row}"])
    book.save(stream)
    with zipfile.ZipFile(stream) as archive:
        sheet = archive.getinfo("xl/worksheets/sheet1.xml")
    data = bytearray(stream.getvalue())
    begin = sheet.header_offset + 30 + len(sheet.filename)
    data[begin : begin + 20] = b"\xff" * 20
    with pytest.raises(UnreadableFile, match="damaged or cut off"):
        read(database, bytes(data), "t.xlsx")
