"""XLSX: one sheet as a table, every cell as a person sees it."""

from __future__ import annotations

import csv
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb

from agents.read_base import MB, Content, ReadOptions, column_names, listed
from agents.read_csv import load
from agents.table import Database, Table
from agents.unpack import DAMAGED, check_expansion
from errors import OutOfMemory, TooLarge, UnreadableFile

_CALAMINE_CELLS = 1_000_000
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ERRORS = frozenset(("#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"))
_VALUE = re.compile(rb"<(?:\w+:)?(?:v|is)[ >]")
_COLUMN = re.compile(rb'<(?:\w+:)?c r="([A-Z]{1,3})')
_LAST_ROW = re.compile(rb'<(?:\w+:)?row [^>]*?r="(\d+)"')
_ERROR_CELL = re.compile(rb't="e"')
_NO_RESULT = re.compile(rb"</(?:\w+:)?f>(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?</(?:\w+:)?c>")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell ")
_STYLED = re.compile(rb'<(?:\w+:)?c r="([A-Z]{1,3})\d+" s="(\d+)"')
# Zeros alone, in groups or not, as codes are shown: 00000, 000-00-0000.
_CODE = re.compile(r"0{2,}(?:[- ]0+)*")
_MIDNIGHT = time()


@dataclass(frozen=True)
class _Sheet:
    """A worksheet as the workbook lists it: its name, whether it is seen, and its part of the zip."""

    name: str
    visible: bool
    part: str


@dataclass
class _Census:
    """What a sheet holds, counted on its XML without building a cell."""

    values: int = 0
    rows: int = 0
    errors: int = 0
    without_result: int = 0
    merged: int = 0
    cells: Counter[bytes] = field(default_factory=Counter)
    styled: Counter[tuple[bytes, bytes]] = field(default_factory=Counter)

    @property
    def width(self) -> int:
        return max((_column_number(letters) for letters in self.cells), default=0)

    @property
    def small(self) -> bool:
        """calamine holds the whole rectangle in memory."""
        return self.values <= _CALAMINE_CELLS and self.rows * self.width <= 2 * _CALAMINE_CELLS


def read_excel(path: Path, folder: Path, database: Database, options: ReadOptions) -> Content:
    """A table from the sheet asked for, or the first one with data; the first row with a value is the header."""
    from openpyxl.utils.exceptions import InvalidFileException
    from python_calamine import CalamineError

    damaged = (
        duckdb.InvalidInputException,
        CalamineError,
        InvalidFileException,
        ElementTree.ParseError,
        KeyError,
        *DAMAGED,
    )
    try:
        return _read(path, folder, database, options)
    except OutOfMemory as error:
        raise TooLarge("The sheet needs more memory than there is. Send it with fewer columns.") from error
    except damaged as error:
        raise UnreadableFile("The XLSX file is damaged or cut off. Open it, save it again and send it.") from error


def _read(path: Path, folder: Path, database: Database, options: ReadOptions) -> Content:
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        check_expansion(sum(part.file_size for part in parts), sum(part.compress_size for part in parts), options)
        sheets = _sheets(archive)
        sheet = _chosen(archive, sheets, options)
        census = _census(archive, sheet)
        codes = _codes(archive, census)
    if census.values > options.max_xlsx_cells:
        limit = f"at most {options.max_xlsx_cells:,} are read from XLSX. Send it as CSV or Parquet."
        raise TooLarge(f"The sheet {sheet.name!r} holds {census.values:,} cells; {limit}")
    rows = _calamine_rows(path, sheet.name) if census.small else _openpyxl_rows(path, sheet.name)
    area = _write(rows, folder / "sheet.csv", census.width, codes)
    table, notes = _table(folder / "sheet.csv", area, database, options)
    return Content(table, "xlsx", (*_sheet_notes(sheets, sheet, census, area), *notes))


def _sheets(archive: zipfile.ZipFile) -> list[_Sheet]:
    parts = {
        relation.get("Id"): relation.get("Target", "")
        for relation in _xml(archive, "xl/_rels/workbook.xml.rels")
        if relation.get("Type", "").endswith("/worksheet")
    }
    found = [element for element in _xml(archive, "xl/workbook.xml").iter() if element.tag.endswith("}sheet")]
    return [
        _Sheet(each.get("name", ""), each.get("state", "visible") == "visible", _part(parts[each.get(_RELATION)]))
        for each in found
        if each.get(_RELATION) in parts
    ]


def _part(target: str) -> str:
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _xml(archive: zipfile.ZipFile, part: str) -> ElementTree.Element:
    with archive.open(part) as stream:
        return ElementTree.fromstring(stream.read(16 * MB))


def _chosen(archive: zipfile.ZipFile, sheets: Sequence[_Sheet], options: ReadOptions) -> _Sheet:
    if options.sheet is not None:
        wanted = options.sheet.casefold()
        named = [sheet for sheet in sheets if sheet.name.casefold() == wanted]
        named.sort(key=lambda sheet: sheet.name != options.sheet)
        if not named:
            raise UnreadableFile(
                f"There is no sheet {options.sheet!r}; there is {listed(each.name for each in sheets)}."
            )
        return named[0]
    # What the user sees comes before what is hidden.
    for sheet in sorted(sheets, key=lambda sheet: not sheet.visible):
        if any(_VALUE.search(piece) for piece in _pieces(archive, sheet)):
            return sheet
    raise UnreadableFile("The workbook holds no sheet with data.")


def _pieces(archive: zipfile.ZipFile, sheet: _Sheet) -> Iterator[bytes]:
    """The XML of a sheet in pieces that end between two rows, where there are rows."""
    held = b""
    with archive.open(sheet.part) as stream:
        while block := stream.read(MB):
            held += block
            cut = held.rfind(b"</row>") + len(b"</row>")
            if cut >= len(b"</row>"):
                yield held[:cut]
                held = held[cut:]
    yield held


def _census(archive: zipfile.ZipFile, sheet: _Sheet) -> _Census:
    census = _Census()
    for piece in _pieces(archive, sheet):
        census.values += len(_VALUE.findall(piece))
        census.cells.update(_COLUMN.findall(piece))
        census.styled.update(_STYLED.findall(piece))
        census.errors += len(_ERROR_CELL.findall(piece))
        census.without_result += len(_NO_RESULT.findall(piece))
        census.merged += len(_MERGED.findall(piece))
        census.rows = int((_LAST_ROW.findall(piece) or [b"%d" % census.rows])[-1])
    return census


def _codes(archive: zipfile.ZipFile, census: _Census) -> dict[int, str]:
    """The columns, from 0, whose numbers are all shown as codes with leading zeros, and the form in which they are."""
    if "xl/styles.xml" not in archive.namelist():
        return {}
    styles = _xml(archive, "xl/styles.xml")
    forms = {each.get("numFmtId"): re.sub(r'[\\"]', "", each.get("formatCode", "")) for each in _each(styles, "numFmt")}
    used = [forms.get(each.get("numFmtId"), "") for every in _each(styles, "cellXfs") for each in every]
    found = {}
    for (letters, style), times in census.styled.items():
        form = used[int(style)] if int(style) < len(used) else ""
        # The header has a style of its own.
        if times >= census.cells[letters] - 1 and _CODE.fullmatch(form):
            found[_column_number(letters) - 1] = form
    return found


def _each(element: ElementTree.Element, tag: str) -> Iterator[ElementTree.Element]:
    return (each for each in element.iter() if each.tag.rpartition("}")[2] == tag)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _calamine_rows(path: Path, sheet: str) -> Iterator[Sequence[Any]]:
    from python_calamine import CalamineWorkbook

    with CalamineWorkbook.from_path(path) as workbook:
        worksheet = workbook.get_sheet_by_name(sheet)
        # It leaves out the empty columns before the table, but not the empty rows above it.
        before = [None] * (worksheet.start or (0, 0))[1]
        for row in worksheet.iter_rows():
            yield before + row


def _openpyxl_rows(path: Path, sheet: str) -> Iterator[Sequence[Any]]:
    import openpyxl

    with warnings.catch_warnings():
        # It warns of styles and extensions that it leaves out; only values are wanted.
        warnings.simplefilter("ignore")
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            worksheet = workbook[sheet]
            worksheet.reset_dimensions()
            yield from worksheet.iter_rows(values_only=True)
        finally:
            workbook.close()


@dataclass
class _Area:
    """Where on the sheet the table is: the header, its row, the outermost columns with a value."""

    width: int
    header: tuple[str, ...] = ()
    header_row: int = 0
    first: int = 1 << 14
    last: int = 0


def _write(rows: Iterable[Sequence[Any]], target: Path, width: int, codes: Mapping[int, str]) -> _Area:
    """Write the rows below the header as CSV; blank rows at the end are no rows."""
    area = _Area(width)
    blank = 0
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for number, row in enumerate(rows, 1):
            cells = [spelt(value) for value in row]
            for place, form in codes.items():
                if place < len(row) and isinstance(row[place], int | float):
                    cells[place] = _in_form(cells[place], form)
            filled = [place for place, cell in enumerate(cells) if cell]
            if not filled:
                blank += bool(area.header_row)
                continue
            area.first, area.last = min(area.first, filled[0]), max(area.last, filled[-1] + 1)
            cells += [""] * (area.width - len(cells))
            if not area.header_row:
                area.header, area.header_row = tuple(cells), number
                continue
            writer.writerows([[""] * area.width] * blank)
            blank = 0
            writer.writerow(cells)
    return area


def _table(path: Path, area: _Area, database: Database, options: ReadOptions) -> tuple[Table, tuple[str, ...]]:
    names, notes = column_names(area.header[area.first : area.last], options.max_columns)
    places = [f"cell {place}" for place in range(len(area.header))]
    places[area.first : area.last] = names
    table = load(path, database, _distinct(places, names), options)
    outside = [place for place in table.columns if place not in names]
    if outside:
        table = table.sql(f"SELECT * EXCLUDE ({', '.join(map(Table.q, outside))}) FROM {{self}}")
    return table, notes


def _distinct(places: Sequence[str], names: Sequence[str]) -> list[str]:
    taken = set(names)
    return [place if place in taken else f"{place} outside the table" for place in places]


def spelt(value: Any) -> str:
    """A cell's value as a person sees it: 7 for 7.0, dates as ISO, an error as missing."""
    speller = _SPELLERS.get(type(value))
    if speller is None:
        return "" if value is None else str(value)
    return speller(value)


def _number(value: float) -> str:
    # Excel keeps and shows 15 digits; more are an artefact of binary fractions.
    text = format(value, ".15g")
    return format(Decimal(text), "f") if "e" in text and 1e-15 < abs(value) < 1e21 else text


def _in_form(digits: str, form: str) -> str:
    """Digits with leading zeros and hyphens as `form` has them; what isn't a whole number stays as it is."""
    zeros = form.count("0")
    if not digits.isdigit() or len(digits) > zeros:
        return digits
    padded = iter(digits.zfill(zeros))
    return "".join(next(padded) if mark == "0" else mark for mark in form)


def _moment(value: datetime) -> str:
    return value.date().isoformat() if value.time() == _MIDNIGHT else value.isoformat(sep=" ")


def _duration(value: timedelta) -> str:
    minutes, seconds = divmod(round(value.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


_SPELLERS: dict[type, Callable[[Any], str]] = {
    str: lambda value: "" if value in _ERRORS else value,
    bool: lambda value: "TRUE" if value else "FALSE",
    float: _number,
    int: lambda value: str(value) if abs(value) < 10**15 else _number(value),
    datetime: _moment,
    date: date.isoformat,
    time: time.isoformat,
    timedelta: _duration,
}


def _sheet_notes(sheets: Sequence[_Sheet], sheet: _Sheet, census: _Census, area: _Area) -> Iterator[str]:
    others = [each.name for each in sheets if each is not sheet]
    if others:
        yield f"The sheet {sheet.name!r} was read; the workbook also holds {listed(others)}."
    if area.header_row > 1 or area.first:
        yield f"The header is row {area.header_row} of the sheet, beginning in column {area.first + 1}."
    if census.merged:
        yield f"Cells are merged in {census.merged:,} places; only the first cell of each holds the value."
    if census.errors:
        yield f"{census.errors:,} cells show an Excel error (such as #N/A); they are read as missing."
    if census.without_result:
        yield f"{census.without_result:,} formulas have no saved result; they are read as missing."
