"""report.xlsx holds text as text and numbers as numbers."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from transformers.report import write_xlsx


@pytest.fixture
def book(report: dict[str, Any], tmp_path: Path) -> Workbook:
    write_xlsx(report, tmp_path / "report.xlsx")
    return openpyxl.load_workbook(tmp_path / "report.xlsx")


def test_the_sheets_are_there_with_frozen_headers(book: Workbook) -> None:
    names = ["Summary", "Alerts", "Issues", "Row issues", "Recommendations", "Columns", "Changes", "Agents"]
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
