"""Edits change cells and log every change."""

import pytest

from agents.base import CHANGE_COLUMNS
from agents.edits import CELL_COLUMNS, Edits, Replacement, concat
from agents.table import ROW, Table
from tests.agents.conftest import MakeTable


def lines(changes: Table) -> list[tuple[object, ...]]:
    return changes.query('SELECT row, "column", old, new, rule, applied FROM {self}')


def values(table: Table, column: str) -> list[str | None]:
    return [value for (value,) in table.query(f"SELECT {Table.q(column)} FROM {{self}} ORDER BY {Table.q(ROW)}")]


def test_a_rewrite_logs_only_cells_that_differ(make_table: MakeTable) -> None:
    edits = Edits(make_table({"a": ["x", "Y", None], "b": ["Y", "Y", "Y"]}))
    edits.rewrite("a", lambda value: f"lower({value})", rule="lower", evidence="asked for", confidence=0.5)

    table, changes = edits.apply()

    assert lines(changes) == [(1, "a", "Y", "y", "lower", True)]
    assert values(table, "a") == ["x", "y", None]
    assert values(table, "b") == ["Y", "Y", "Y"]
    assert dict(changes.types) == CHANGE_COLUMNS


def test_edits_of_one_cell_chain_in_order(make_table: MakeTable) -> None:
    edits = Edits(make_table({"a": [" N/A "]}))
    edits.rewrite("a", lambda value: f"trim({value})", rule="trim", evidence="-")
    edits.replace_values("a", [Replacement("N/A", None, "null", "-")])
    edits.rewrite("a", lambda value: f"coalesce({value}, 'none')", rule="fill", evidence="-")

    table, changes = edits.apply()

    assert [(old, new) for _, _, old, new, _, _ in lines(changes)] == [(" N/A ", "N/A"), ("N/A", None), (None, "none")]
    assert values(table, "a") == ["none"]


def test_a_suggestion_is_logged_and_not_applied(make_table: MakeTable) -> None:
    edits = Edits(make_table({"a": ["x"], "b": ["x"]}))
    edits.rewrite("a", lambda value: f"upper({value})", rule="case", evidence="-", applied=False)
    edits.replace_values("b", [Replacement("x", "y", "typo", "-", 0.3, applied=False)])

    table, changes = edits.apply()

    assert lines(changes) == [(0, "a", "x", "X", "case", False), (0, "b", "x", "y", "typo", False)]
    assert (values(table, "a"), values(table, "b")) == (["x"], ["x"])


def test_cells_are_set_by_row(make_table: MakeTable) -> None:
    table = make_table({"a": ["1", "2", "3"], "b": ["1", "2", "3"]})
    edits = Edits(table)
    edits.set_cells("a", table.beside(CELL_COLUMNS, [(2, "x", "r", "e", 1.0, True), (0, "1", "r", "e", 1.0, True)]))
    edits.set_cells("b", table.beside(CELL_COLUMNS, [(1, None, "r", "e", 1.0, True)]))

    changed, changes = edits.apply()

    assert (values(changed, "a"), values(changed, "b")) == (["1", "2", "x"], ["1", None, "3"])
    assert lines(changes) == [(2, "a", "3", "x", "r", True), (1, "b", "2", None, "r", True)]
    assert values(table, "a") == ["1", "2", "3"]


def test_a_dropped_column_is_one_line(make_table: MakeTable) -> None:
    edits = Edits(make_table({"a": ["1"], "b": ["2"]}))
    edits.drop_column("a", rule="drop_column", evidence="asked for")

    table, changes = edits.apply()

    assert table.columns == ("b",)
    assert lines(changes) == [(None, "a", "a", None, "drop_column", True)]


def test_odd_names(make_table: MakeTable) -> None:
    name = "\"{self}\" 'select' 🙂"
    edits = Edits(make_table({name: ["a"], "row": ["a"], "new": ["a"]}))
    for column in (name, "row", "new"):
        edits.rewrite(column, lambda value: f"upper({value})", rule="r", evidence="it's {self}")
        edits.replace_values(column, [Replacement("A", "b", "r", "e")])

    table, changes = edits.apply()

    assert [values(table, column) for column in table.columns] == [["b"]] * 3
    assert changes.rows == 6


def test_no_edits_answer_the_very_table(make_table: MakeTable) -> None:
    table = make_table({"a": ["x"]})

    same, changes = Edits(table).apply()

    assert same is table
    assert changes.rows == 0


def test_many_changes_come_one_after_the_other(make_table: MakeTable, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [make_table({"a": [letter, letter]}) for letter in "xyz"]
    monkeypatch.setattr("agents.edits._CELLS_AT_ONCE", 1)
    whole = concat(tables)
    assert [row for (row,) in whole.query("SELECT a FROM {self}")] == list("xxyyzz")
    assert tables[0].rows == 2
