"""Parquet: every type as text that says all of it."""

import pytest

from agents.table import Database
from errors import UnreadableFile
from tests.agents.reading import cells, read


def parquet(database: Database, query: str) -> bytes:
    path = database.folder / "made.parquet"
    database.run(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    data = path.read_bytes()
    path.unlink()
    return data


def test_values_of_many_types(database: Database) -> None:
    query = """SELECT '007' AS code, 1.10::DECIMAL(9, 2) AS price, 7.0::DOUBLE AS number, '' AS nothing, true AS yes,
        DATE '2024-02-29' AS day, TIMESTAMPTZ '2024-01-01 01:00:00+01' AS moment, 'text'::BLOB AS bytes,
        '\\xAA'::BLOB AS raw, {'x': 1.50::DECIMAL(9, 2), 'y': [1, NULL]} AS nested"""
    table = read(database, parquet(database, query), "people.parquet").table
    assert table.columns[:2] == ("code", "price")
    assert cells(table)[0][:5] == ("007", "1.10", "7.0", None, "true")
    assert cells(table)[0][5:9] == ("2024-02-29", "2024-01-01 00:00:00+00", "text", "\\xAA")
    assert cells(table)[0][9] == '{"x":1.50,"y":[1,null]}'


def test_hidden_columns_of_ours_become_visible_ones(database: Database) -> None:
    result = read(database, parquet(database, "SELECT 5 AS __row, 'x' AS a"), "people.parquet")
    assert (result.table.columns, cells(result.table)) == (("_row", "a"), [("5", "x")])


def test_rows_keep_their_order(database: Database) -> None:
    data = parquet(database, "SELECT range AS id FROM range(300000)")
    table = read(database, data, "people.parquet").table
    assert table.scalar("SELECT count(*) FROM {self} WHERE CAST(id AS BIGINT) <> __row") == 0


def test_cut_off_file(database: Database) -> None:
    with pytest.raises(UnreadableFile, match="damaged"):
        read(database, parquet(database, "SELECT 1 AS a")[:-20], "people.parquet")
