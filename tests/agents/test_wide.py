"""Tables that lie in several groups of columns behave like any other, and are never taken for narrow ones."""

import csv
from pathlib import Path

import duckdb
import pytest

from agents import wide
from agents.read import read_table
from agents.table import Database, Table
from transformers.files import write_table

COLUMNS, ROWS = 25, 40
ODD = ["", 'say "hi"', "a,b", "two\nlines", "cr\rhere", " spaced ", "=1+1", "-5", "é🦊", "'quoted'", "null", "00123"]


@pytest.fixture
def table(database: Database, monkeypatch: pytest.MonkeyPatch) -> Table:
    """Three groups of columns, odd cells in all of them."""
    monkeypatch.setattr(wide, "GROUP", 10)
    path = database.folder / "wide.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([f"c{number}" if number != 15 else 'odd "name"' for number in range(COLUMNS)])
        writer.writerows([ODD[(row * 7 + number) % len(ODD)] for number in range(COLUMNS)] for row in range(ROWS))
    return read_table(path, "wide.csv", database).table


def rows_of(table: Table) -> list[tuple[str | None, ...]]:
    return list(table.fetch([Table.q(column) for column in table.columns], 7))


def test_every_cell_is_where_it_was(table: Table) -> None:
    expected = [tuple(ODD[(row * 7 + number) % len(ODD)] or None for number in range(COLUMNS)) for row in range(ROWS)]
    assert (len(table._parts), len(table.columns), table.rows) == (3, COLUMNS, ROWS)
    assert rows_of(table) == expected


def test_a_query_over_several_groups_keeps_rows_together(table: Table) -> None:
    two = table.query('SELECT __row, "c3", "c24" FROM {self} ORDER BY __row')
    assert two == [(row, cells[3], cells[24]) for row, cells in enumerate(rows_of(table))]


def test_a_change_of_one_column_leaves_the_others(table: Table) -> None:
    changed = table.sql("SELECT * REPLACE ('x' AS \"c20\") FROM {self} t WHERE __row % 2 = 0 ORDER BY hash(__row)")
    order = [row for (row,) in changed.query("SELECT __row FROM {self} ORDER BY __row")]
    before = rows_of(table)
    found = dict(zip(order, changed.fetch([Table.q(column) for column in changed.columns], 1000), strict=True))
    assert order == list(range(0, ROWS, 2))
    assert all(cells == (*before[row][:20], "x", *before[row][21:]) for row, cells in found.items())


def test_groups_whose_rows_lie_in_another_order_are_put_in_order(database: Database) -> None:
    names = ", ".join(f"__row AS c{number}" for number in range(COLUMNS))
    one, _ = database._create("SELECT range AS __row FROM range(9)")
    two, _ = database._create("SELECT range AS __row FROM range(9) ORDER BY range DESC")
    assert not database._aligned(one, two)
    ordered = database.side_by_side([one, two])
    assert database._aligned(*ordered)
    assert database.table(f"SELECT __row, {names} FROM (SELECT range AS __row FROM range(9))").rows == 9


def test_tables_of_the_same_rows_become_one(table: Table) -> None:
    names = [Table.q(column) for column in table.columns]
    narrow = [table.sql(f"SELECT __row, {', '.join(names[at : at + 4])} FROM {{self}}") for at in range(0, COLUMNS, 4)]
    again = narrow[0].widened(iter(narrow[1:]))
    assert (again.columns, again.types) == (table.columns, table.types)
    assert (len(again._parts), rows_of(again)) == (4, rows_of(table))
    with pytest.raises(RuntimeError):
        narrow[0].widened([narrow[1].sql("SELECT * FROM {self} WHERE __row <> 3")])


def test_files_of_a_wide_table_are_those_of_a_narrow_one(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.table._TEXTS_AT_ONCE", 2)
    narrow = table.sql('SELECT __row, "c3", "c4", "c5", "odd ""name""", "c24" FROM {self}')
    for name in ("t.csv", "t.json", "t.jsonl"):
        write_table(narrow, tmp_path / name)
        once = (tmp_path / name).read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(wide, "GROUP", 3)
            write_table(narrow, tmp_path / name)
        assert (tmp_path / name).read_bytes() == once


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.json", "t.jsonl", "t.xlsx"])
def test_a_wide_table_written_and_read_again_is_the_same(table: Table, database: Database, name: str) -> None:
    path = database.folder / name
    write_table(table, path)
    again = read_table(path, name, database).table
    assert again.columns == table.columns
    assert rows_of(again) == rows_of(table)


def test_what_a_query_may_need() -> None:
    columns = ["a", "b", 'odd "x"', "__row"]
    assert wide.named_in("SELECT count(*), a * 2 FROM t", columns) == ["a"]
    assert wide.named_in('SELECT t."odd ""x""", \'"b"\' FROM t', columns) == ['odd "x"']
    for every in ("SELECT *", "SELECT t.*", "SELECT a, * EXCLUDE (b)", "SELECT COLUMNS('a')"):
        assert wide.named_in(f"{every} FROM t", columns) == columns


def test_a_table_of_other_cells_shares_all_columns_but_those(database: Database) -> None:
    table = database.table("SELECT range AS __row, range AS a, 'v' || range AS b, 'w' AS c FROM range(5)")
    other = table.replaced({"b": "upper(b)"}).replaced({"a": "a + 10"})
    assert other.columns == ("a", "b", "c")
    assert other.query("SELECT * FROM {self} WHERE a > 12") == [(3, 13, "V3", "w"), (4, 14, "V4", "w")]
    assert (other.shared_with(table), table.scalar("SELECT max(b) FROM {self}")) == ({"c"}, "v4")
    del table
    assert other.query("SELECT c, a FROM {self} WHERE __row = 0") == [("w", 10)]


def test_cells_that_come_in_another_order_find_their_rows(database: Database) -> None:
    table = database.table("SELECT range AS __row, range AS a, range AS b FROM range(5)")
    other = table.replaced({"b": "b * 2"}, "(SELECT * FROM {self} ORDER BY a DESC)")
    assert other.query("SELECT a, b FROM {self}") == [(row, 2 * row) for row in range(5)]
    with pytest.raises(RuntimeError):
        table.replaced({"b": "b"}, "(SELECT * FROM {self} WHERE a > 0)")


def test_some_columns_of_a_table_are_no_copy(database: Database) -> None:
    table = database.table("SELECT range AS __row, range AS a, 'v' AS b FROM range(2)").replaced({"a": "a + 1"})
    some = table.only(["b", "a"])
    assert (some.query("SELECT * FROM {self}"), some.columns) == ([("v", 1), ("v", 2)], ("b", "a"))
    assert (some.shared_with(table), table.only(["a"]).query("SELECT * FROM {self}")) == ({"a", "b"}, [(1,), (2,)])


@pytest.mark.parametrize(("among", "expected"), [(True, [1, 3]), (False, [0, 2, 4])])
def test_rows_are_picked_from_every_part(database: Database, among: bool, expected: list[int]) -> None:
    table = database.table("SELECT range AS __row, range AS a, range AS b FROM range(5)").replaced({"b": "b * 2"})
    rows = database.table("SELECT unnest([3, 1, 9]) AS row")
    picked = table.of_rows(rows, among=among)
    assert picked.query("SELECT __row, a, b FROM {self}") == [(row, row, 2 * row) for row in expected]


def test_a_stretch_of_rows_is_no_copy(database: Database) -> None:
    table = database.table("SELECT range AS __row, range AS a, range AS b FROM range(9)").replaced({"b": "b * 2"})
    some = table.stretch(3, 5)
    assert (some.rows, some.query("SELECT * FROM {self}")) == (2, [(3, 3, 6), (4, 4, 8)])
    assert (some.query("SELECT b FROM {self}"), table.stretch(8, 12).query("SELECT a FROM {self}")) == (
        [(6,), (8,)],
        [(8,)],
    )
    assert not some.shared_with(table)


def test_a_column_called_rowid_is_a_column(database: Database) -> None:
    table = database.table("""SELECT range AS __row, 'x' || range AS "RowID", range AS b FROM range(9)""")
    table = table.replaced({"b": "b * 2"})
    assert table.stretch(3, 5).query('SELECT "RowID", b FROM {self}') == [("x3", 6), ("x4", 8)]
    assert table.only(["b"]).stretch(3, 5).query("SELECT * FROM {self}") == [(6,), (8,)]
    hidden = database.table("""SELECT range AS __row, 'x' AS "rowid", range AS b FROM range(9)""").only(["rowid"])
    assert hidden.query("""SELECT * FROM {self} WHERE "rowid" = 'x' LIMIT 1""") == [("x",)]


def test_a_table_of_too_many_parts_is_put_together(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide, "MOST_PARTS", 3)
    table = database.table("SELECT range AS __row, range AS a, range AS b, range AS c FROM range(5)")
    for column in "abc":
        table = table.replaced({column: f"{column} + 1"}).replaced({column: f"{column} + 1"})
    assert len(table._parts) <= 3
    assert table.query("SELECT * FROM {self}") == [(row, *[row + 2] * 3) for row in range(5)]


def test_two_thousand_columns_are_written_within_a_childs_memory(tmp_path: Path) -> None:
    database = Database(tmp_path, memory_limit="200MB")
    cells = ", ".join(f"'value {number} ' || range * {number} % 97 AS c{number}" for number in range(2_000))
    table = database.table(f"SELECT range AS __row, {cells} FROM range(3000)")

    parts = table.for_parquet
    for number, part in enumerate(parts):
        part.write_parquet(tmp_path / f"{number}.parquet")

    assert [column for part in parts for column in part.columns] == list(table.columns)
    read = duckdb.sql(f"SELECT min(c1999), max(c1999), count(*) FROM '{tmp_path}/{len(parts) - 1}.parquet'").fetchall()
    assert read == table.query("SELECT min(c1999), max(c1999), count(*) FROM {self}")
