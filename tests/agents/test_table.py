"""Tables as files: in the order of `__row`, whole however large they are."""

import errno
import itertools
from pathlib import Path

import duckdb
import pytest

from agents import table as module
from agents.table import Database
from errors import ColumnNotFound, OutOfMemory


def _numbered(database: Database, order: str) -> module.Table:
    return database.table(f"SELECT range AS __row, 'v' || range AS v FROM range(25) ORDER BY {order}")


@pytest.mark.parametrize("order", ["range", "range DESC", "hash(range)"])
def test_csv_in_parts_is_one_file_in_row_order(
    database: Database, tmp_path: Path, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 10)

    _numbered(database, order).write_csv(tmp_path / "out.csv")

    assert (tmp_path / "out.csv").read_text().split() == ["v", *(f"v{number}" for number in range(25))]
    assert not list(tmp_path.glob("*.part"))


def test_csv_of_no_rows_has_its_header(database: Database, tmp_path: Path) -> None:
    database.table("SELECT 1 AS __row, 'x' AS v WHERE false").write_csv(tmp_path / "out.csv")

    assert (tmp_path / "out.csv").read_text().split() == ["v"]


def test_a_table_of_few_rows_is_that_of_many(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"n": "BIGINT", "share": "DOUBLE", "text": "VARCHAR", "yes": "BOOLEAN"}
    rows = [(1, 0.5, "a\0\n'", True), (None, None, None, None), (2**62, 1e300, "", False)]
    few = database.table("SELECT 1 AS one").beside(columns, rows)
    monkeypatch.setattr(module, "_ROWS_AS_LISTS", 0)
    many = database.table("SELECT 1 AS one").beside(columns, rows)
    assert few.query("SELECT * FROM {self} ORDER BY rowid") == many.query("SELECT * FROM {self} ORDER BY rowid") == rows
    assert few.types == many.types == columns


def test_only_rows_out_of_order_are_sorted(database: Database) -> None:
    assert _numbered(database, "range").in_order == ""
    assert _numbered(database, "hash(range)").in_order == ' ORDER BY "__row"'
    assert database.table("SELECT 'no rows are counted here' AS v").in_order == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_full_disk_is_told_as_what_it_is(database: Database) -> None:
    database._own.connection = duckdb.connect()  # the database's own may not reach /dev
    with pytest.raises(OSError, match="disk is full") as caught:
        database.run("COPY (SELECT range FROM range(9)) TO '/dev/full' (FORMAT csv, USE_TMP_FILE false)")
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    ("asked", "hint"),
    [("Nme", "did you mean 'name'?"), ("NAME ", "did you mean 'name'?"), ("x", "it has 'name', 'age'")],
)
def test_a_column_that_is_not_there_is_told_with_the_nearest(database: Database, asked: str, hint: str) -> None:
    table = database.table("SELECT 0::BIGINT AS __row, 'Ada' AS name, '36' AS age")
    with pytest.raises(ColumnNotFound) as refused:
        table.require([asked], "target_columns")
    assert str(refused.value) == f"target_columns names {asked!r}, which the table doesn't have; {hint}"


def test_a_large_table_is_kept_in_a_file_of_its_own_until_nobody_holds_it(database: Database) -> None:
    rows = "SELECT range AS __row, 'town ' || range % 7 AS city, range::VARCHAR AS id FROM range(300_000)"
    small, large = database.table(rows), database.table(rows, large=True)
    file = database.folder / "spill" / "large.duckdb"
    assert file.stat().st_size > 1 << 20
    question = "SELECT count(*), min(city), max(hash(city, id)), bool_and(rowid = __row) FROM {self}"
    assert large.query(question) == small.query(question)
    assert large.widened([small.sql("SELECT __row, city AS town FROM {self}")]).columns == ("city", "id", "town")
    count = "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'large'"
    assert database.run(count) == [(1,)]
    del large
    assert database.run(count) == [(0,)]


def test_several_questions_at_once_are_answered_in_order(database: Database) -> None:
    table = database.table("SELECT range AS __row, range % 9 AS n FROM range(1000)")
    answers = table.each(lambda n: table.sql(f"SELECT __row FROM {{self}} WHERE n = {n}").rows, range(9))
    assert list(answers) == [112] + [111] * 8


def test_the_first_of_several_questions_that_fails_ends_them(database: Database) -> None:
    table = database.table("SELECT range AS __row FROM range(10)")

    def ask(n: int) -> int:
        table.require(["gone"] if n == 3 else [], "target_columns")
        return n

    answers = table.each(ask, itertools.count())
    with pytest.raises(ColumnNotFound):
        list(answers)
    assert table.rows == 10


def test_what_runs_out_of_memory_beside_another_is_tried_alone(database: Database) -> None:
    table = database.table("SELECT range AS __row FROM range(10)")
    tried: list[int] = []

    def ask(n: int) -> int:
        tried.append(n)
        if n == 2 and tried.count(2) == 1:
            raise OutOfMemory(engine="full")
        return n

    assert list(table.each(ask, range(4))) == [0, 1, 2, 3]
    assert tried.count(2) == 2
