"""XLSX: the right sheet, every cell as a person sees it, by both readers."""

import io
from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl
import pytest

from agents.read_excel import spelt
from agents.table import Database
from errors import TooLarge, UnreadableFile, UnsupportedMediaType
from tests.agents.reading import cells, read

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
ROWS: list[list[Any]] = [
    ["id", "when", "note"],
    ["007", datetime(2024, 2, 29), "x\ny"],
    [7.0, datetime(2024, 2, 29, 13, 5), ' "q" '],
    [None, None, None],
    [0.1, time(3, 4), True],
    [1234567890123456.0, timedelta(hours=30), "late"],
]


def workbook(**sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("calamine_cells", [1_000_000, 0])
def test_cells_as_a_person_sees_them(database: Database, monkeypatch: pytest.MonkeyPatch, calamine_cells: int) -> None:
    monkeypatch.setattr("agents.read_excel._CALAMINE_CELLS", calamine_cells)
    result = read(database, workbook(data=ROWS), "people.xlsx")
    assert (result.format, result.table.columns) == ("xlsx", ("id", "when", "note"))
    assert cells(result.table) == [
        ("007", "2024-02-29", "x\ny"),
        ("7", "2024-02-29 13:05:00", ' "q" '),
        (None, None, None),
        ("0.1", "03:04:00", "TRUE"),
        ("1234567890123460", "30:00:00", "late"),
    ]


@pytest.mark.parametrize("calamine_cells", [1_000_000, 0])
def test_table_in_the_middle_of_a_sheet(
    database: Database, monkeypatch: pytest.MonkeyPatch, calamine_cells: int
) -> None:
    monkeypatch.setattr("agents.read_excel._CALAMINE_CELLS", calamine_cells)
    rows = [[], [], [None, None, "a", None, "A"], [None, None, 1, 2, 3, 4], [None, None, None, None, "x"], [None], []]
    result = read(database, workbook(data=rows), "people.xlsx")
    assert result.table.columns == ("a", "column_2", "A_2", "column_4")
    assert cells(result.table) == [("1", "2", "3", "4"), (None, None, "x", None)]
    assert any("row 3" in note and "column 3" in note for note in result.notes)


def test_first_sheet_with_data_or_the_one_asked_for(database: Database) -> None:
    data = workbook(empty=[], first=[["a"], [1]], second=[["b"], [2]])
    result = read(database, data, "people.xlsx")
    assert result.table.columns == ("a",)
    assert "'empty', 'second'" in result.notes[0]
    assert read(database, data, "people.xlsx", sheet="Second").table.columns == ("b",)
    with pytest.raises(UnreadableFile, match="'empty', 'first', 'second'"):
        read(database, data, "people.xlsx", sheet="third")


def test_what_has_no_value_is_told(database: Database) -> None:
    book = openpyxl.Workbook()
    book.active.append(["a", "b", "c"])
    book.active.append(["#DIV/0!", "=1+1", "x"])
    book.active["A2"].data_type = "e"
    book.active.merge_cells("B3:C3")
    out = io.BytesIO()
    book.save(out)
    result = read(database, out.getvalue(), "people.xlsx")
    assert cells(result.table) == [(None, None, "x")]
    assert any("Excel error" in note for note in result.notes)
    assert any("no saved result" in note for note in result.notes)
    assert any("merged in 1 places" in note for note in result.notes)


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (workbook(data=ROWS)[:-200], UnreadableFile, "damaged"),
        (workbook(data=[]), UnreadableFile, "no sheet with data"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), UnreadableFile, "password"),
        (OLE, UnsupportedMediaType, r"\.xlsx"),
    ],
)
def test_refusals(database: Database, data: bytes, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        read(database, data, "people.xlsx")


def test_too_many_cells(database: Database) -> None:
    with pytest.raises(TooLarge, match="15 cells"):
        read(database, workbook(data=[["a", "b", "c"]] * 5), "people.xlsx", max_xlsx_cells=10)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (-7.0, "-7"),
        (1e-7, "0.0000001"),
        (1e21, "1e+21"),
        (123456789012.5, "123456789012.5"),
        (date(2020, 1, 2), "2020-01-02"),
        (timedelta(days=1, seconds=61), "24:01:01"),
        (12, "12"),
    ],
)
def test_spelling(value: object, text: str) -> None:
    assert spelt(value) == text


@pytest.mark.parametrize("calamine_cells", [1_000_000, 0])
def test_codes_keep_the_zeros_that_a_person_sees(
    database: Database, monkeypatch: pytest.MonkeyPatch, calamine_cells: int
) -> None:
    monkeypatch.setattr("agents.read_excel._CALAMINE_CELLS", calamine_cells)
    book = openpyxl.Workbook()
    forms = {"A": "00000", "B": r"000\-00\-0000", "C": "0.0%", "D": "0", "E": "00"}
    book.active.append(["zip", "number", "share", "count", "mixed"])
    for values in ([123, 7, 0.25, 5, 5], ["0042", 123456789, 1, None, 6], [1234567, 1.5, 0.125, 7, "x"]):
        book.active.append(values)
        for letter, form in forms.items():
            book.active[f"{letter}{book.active.max_row}"].number_format = form
    book.active["E3"].number_format = book.active["E2"].number_format = "General"
    out = io.BytesIO()
    book.save(out)
    assert cells(read(database, out.getvalue(), "codes.xlsx").table) == [
        ("00123", "000-00-0007", "0.25", "5", "5"),
        ("0042", "123-45-6789", "1", None, "6"),
        ("1234567", "1.5", "0.125", "7", "x"),
    ]
