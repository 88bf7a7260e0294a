"""CSV and TSV: delimiters, quotes, line ends, and rows that have to be mended."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.table import Database
from tests.agents.reading import cells, mended, read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(database: Database, delimiter: str) -> None:
    result = read(database, "\n".join(delimiter.join(row) for row in (["id", "name"], ["1", "a b"], ["2", "c"])))
    assert result.delimiter == delimiter
    assert result.format == ("tsv" if delimiter == "\t" else "csv")
    assert cells(result.table) == [("1", "a b"), ("2", "c")]


def test_decimal_commas_do_not_delimit(database: Database) -> None:
    result = read(database, "id;wert\n1;1,5\n2;2,25\n")
    assert (result.delimiter, cells(result.table)) == (";", [("1", "1,5"), ("2", "2,25")])


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_and_quoted_ones(database: Database, line_end: str) -> None:
    text = line_end.join(["a,b", '1,"x\r\ny\nz"', '"say ""hi"", ok",', "", "3,4"])
    result = read(database, text)
    assert cells(result.table) == [("1", "x\r\ny\nz"), ('say "hi", ok', None), ("3", "4")]
    assert mended(result) == []


def test_mixed_line_ends(database: Database) -> None:
    assert cells(read(database, 'a,b\r1,2\n3,"x\ry"\r\n5,6').table) == [("1", "2"), ("3", "x\ry"), ("5", "6")]


def test_header_alone_is_a_table_without_rows(database: Database) -> None:
    result = read(database, "a,b")
    assert (result.table.columns, result.table.rows) == (("a", "b"), 0)


def test_one_column_keeps_its_blank_rows_and_commas(database: Database) -> None:
    result = read(database, "name\nDoe, Jane\n\nRoe, Jan\n")
    assert (result.delimiter, cells(result.table)) == (None, [("Doe, Jane",), (None,), ("Roe, Jan",)])


def test_a_third_of_the_rows_short(database: Database) -> None:
    result = read(database, "a,b,c\n" + "1,2,3\n4,5,6\n7,8\n" * 100)
    assert result.table.columns == ("a", "b", "c")
    assert cells(result.table)[2] == ("7", "8", None)
    assert [row for row, _, original in mended(result) if original == "7,8"] == list(range(2, 300, 3))
    assert "100 rows" in result.notes[0]


def test_long_row_is_not_cut(database: Database) -> None:
    result = read(database, "id,note\n1,one, two\n2,x,,\n")
    assert cells(result.table) == [("1", "one, two"), ("2", "x")]
    assert [(row, original) for row, _, original in mended(result)] == [(0, "1,one, two")]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ('1,5" pipe', ("1", '5" pipe')),
        ('1,"He said "hi" to me"', ("1", 'He said "hi" to me')),
        (r'1,"a \"b\", c"', ("1", 'a "b", c')),
        ('1,"never closed', ("1", '"never closed')),
        ('1, "x, y" ', ("1", "x, y")),
    ],
)
def test_careless_quotes_stay_within_their_row(database: Database, line: str, row: tuple[str, str]) -> None:
    result = read(database, f'a,b\n0,"q"\n{line}\n2,"r"\n')
    assert cells(result.table) == [("0", "q"), row, ("2", "r")]


def test_zero_bytes_are_left_out_and_recorded(database: Database) -> None:
    result = read(database, b"a,b\n1,x\0y\n2,z\n")
    assert cells(result.table) == [("1", "xy"), ("2", "z")]
    assert mended(result) == [(0, "zero bytes left out", "1,x\u2400y")]


def test_lines_above_the_table_are_no_part_of_it(database: Database) -> None:
    result = read(database, "Report of May\nmade on Monday\n\nid,name,city\n1,Ann,Oslo\n2,Bo,Rome\n")
    assert result.table.columns == ("id", "name", "city")
    assert cells(result.table) == [("1", "Ann", "Oslo"), ("2", "Bo", "Rome")]
    assert result.notes == ("The table begins below 2 lines of text ('Report of May', 'made on Monday').",)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("id\n1,2,3\n4,5,6\n", ("id", "column_2", "column_3")),
        ("note\nhello\nhe said, well, ok\nyes\nno\n", ("note",)),
    ],
)
def test_a_first_line_that_is_no_title_stays_the_header(database: Database, text: str, header: tuple[str, ...]) -> None:
    assert read(database, text).table.columns == header


def test_a_table_without_rows_is_told(database: Database) -> None:
    assert read(database, "a,b\n").notes == ("The file has names of columns and no rows.",)


def test_excel_names_its_delimiter(database: Database) -> None:
    assert cells(read(database, "sep=|\na|b\n1|2\n").table) == [("1", "2")]


def test_our_own_formula_escapes_are_undone(database: Database, tmp_path: Path) -> None:
    values = ["=1+1", "@x", "+cmd|x", "-5", "'quoted", "'-5", "+49 30 1", "-x", None]
    table = read(database, "v,w\n" + "".join(f'"{value or ""}",\n' for value in values)).table
    table.write_csv(tmp_path / "out.csv")
    data = (tmp_path / "out.csv").read_bytes()
    (tmp_path / "out.csv").unlink()
    result = read(database, data)
    assert [row[0] for row in cells(result.table)] == values
    assert "4 cells" in result.notes[0]


def test_rows_are_numbered_in_file_order_when_read_in_parallel(database: Database) -> None:
    lines = "".join(f'{number},"text, {number}",{number % 7}\n' for number in range(400_000))
    table = read(database, "id,text,x\n" + lines).table
    assert table.scalar("SELECT count(*) FROM {self} WHERE CAST(id AS BIGINT) <> __row") == 0
    assert table.rows == 400_000


TABLES = st.lists(
    st.lists(st.text(alphabet='ab0 ,;|\t"\r\né\\', max_size=6), min_size=3, max_size=3), min_size=1, max_size=8
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=TABLES,
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252"]),
)
def test_what_a_csv_writer_wrote_is_read_back(
    database: Database, rows: list[list[str]], delimiter: str, line_end: str, quoting: int, encoding: str
) -> None:
    out = io.StringIO()
    # Python's writer quotes a line end only where it is its own.
    rows = [[cell.replace("\r", "\n") for cell in row] if line_end != "\r\n" else row for row in rows]
    rows = [[cell.replace("\n", line_end) for cell in row] for row in rows]
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=line_end)
    writer.writerows([["first", "second", "third"], *rows])
    result = read(database, out.getvalue().encode(encoding))
    assert cells(result.table) == [tuple(cell or None for cell in row) for row in rows]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet='a1 ,;"\r\n\\', min_size=1, max_size=60))
def test_no_text_breaks_the_reader(database: Database, text: str) -> None:
    result = read(database, "a,b\n" + text)
    assert len(cells(result.table)) == result.table.rows


def test_a_table_too_wide_for_one_scan_is_read_in_several(database: Database) -> None:
    names = [f"c{number}" for number in range(2000)]
    rows = [",".join(f"{row}-{number}" for number in range(2000)) for row in range(3)]
    table = read(database, "\n".join([",".join(names), *rows])).table
    assert table.columns == tuple(names)
    assert table.query("SELECT c0, c499, c500, c1999 FROM {self} WHERE __row = 2") == [
        ("2-0", "2-499", "2-500", "2-1999")
    ]
