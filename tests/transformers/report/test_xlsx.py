"""report.xlsx holds text as text and numbers as numbers."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from tests.transformers.report.documents import EVIL, everything
from transformers.report import write_xlsx
from transformers.report.xlsx import DETAILS, PER_COLUMN


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    path = tmp_path_factory.mktemp("whole") / "report.xlsx"
    write_xlsx(everything(), path)
    return openpyxl.load_workbook(path)


@pytest.fixture
def book(report: dict[str, Any], tmp_path: Path) -> Workbook:
    write_xlsx(report, tmp_path / "report.xlsx")
    return openpyxl.load_workbook(tmp_path / "report.xlsx")


def test_the_sheets_are_there_with_frozen_headers(book: Workbook) -> None:
    names = ["Summary", "Alerts", "Issues", "Row issues", "Recommendations", "Columns", "Patterns", "Changes", "Agents"]
    assert book.sheetnames == names
    assert {sheet.freeze_panes for sheet in book} == {"A2"}


def test_a_formula_in_the_data_stays_text(book: Workbook) -> None:
    issue, row_issue = book["Issues"]["B2"], book["Row issues"]["F2"]
    assert (issue.value, issue.data_type) == ("=1+1", "s")
    assert (row_issue.value, row_issue.data_type) == ("=2+2", "s")


def test_numbers_are_numbers_and_rows_are_the_files_own(book: Workbook) -> None:
    assert book["Row issues"]["A2"].value == 41
    assert book["Summary"]["B8"].value == 81.25


def test_a_columns_figures_lie_side_by_side(book: Workbook) -> None:
    header = [cell.value for cell in book["Columns"][1]]
    figures = dict(zip(header, [cell.value for cell in book["Columns"][2]], strict=True))
    assert (figures["column"], figures["numeric mean"], figures["numeric max"]) == ("amount", 3.25, None)


def test_every_table_of_the_page_has_a_sheet(whole: Workbook) -> None:
    expected = {title for title, *_ in (*DETAILS, *PER_COLUMN)} | {"Schema drift"}
    assert expected - set(whole.sheetnames) == set()


def test_what_is_nested_lies_side_by_side_and_texts_stay_texts(whole: Workbook) -> None:
    risks = [[cell.value for cell in row] for row in whole["Risks"].iter_rows()]
    first = dict(zip(*risks, strict=True))
    assert (first["column"], first["evidence"][:9], first["basis"]) == (EVIL, "a•••@b•••", "values")
    assert {cell.data_type for sheet in whole for row in sheet.iter_rows() for cell in row} <= {"s", "n", "b"}


def test_several_sources_are_named_beside_the_row(tmp_path: Path) -> None:
    rows = [{"row": 0, "source": "source_a", "column": "c"}]
    write_xlsx({"row_level_issues": rows}, tmp_path / "report.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "report.xlsx")["Row issues"]
    assert [sheet["A2"].value, sheet["B2"].value] == ["source_a", 0]


@pytest.mark.parametrize(
    "text", ["x" * 40_000, "a\x00b\x1fc", "half \ud800 pair", "http://example.com", "00123", "1e5"]
)
def test_any_text_can_be_written(text: str, tmp_path: Path) -> None:
    write_xlsx({"issues": [{"message": text}, {"message": 2**60}]}, tmp_path / "report.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "report.xlsx")["Issues"]
    assert sheet["D2"].data_type == "s"
    assert sheet["D2"].hyperlink is None
    assert sheet["D3"].value == str(2**60)
