"""A repeated row is one whose every cell repeats."""

import pandas

from agents.profiling.duplicates import duplicate_rows
from tests.agents.conftest import MakeTable


def test_repeats_equal_pandas(make_table: MakeTable) -> None:
    frame = pandas.DataFrame({"a": [i % 7 for i in range(60)], "b": [None if i % 3 else "x" for i in range(60)]})
    table = make_table({name: [None if pandas.isna(v) else str(v) for v in frame[name]] for name in frame})
    found = duplicate_rows(table)
    expected = frame.duplicated()
    assert found.rows == expected.sum()
    assert sorted(row for (row,) in found.repeats.query("SELECT * FROM {self}")) == list(frame.index[expected])
    assert found.groups == (frame.value_counts(dropna=False) > 1).sum()


def test_missing_and_empty_are_two_things(make_table: MakeTable) -> None:
    assert duplicate_rows(make_table({"a": ["", None, "1", "2"], "b": ["", "", "1", "1"]})).rows == 0


def test_a_wide_table_is_hashed_in_parts(make_table: MakeTable) -> None:
    columns = {f"c{i}": ["1", "1", "1"] for i in range(120)} | {"last": ["1", "1", "2"]}
    found = duplicate_rows(make_table(columns))
    assert (found.rows, found.groups) == (1, 1)


def test_names_of_our_own_are_free_for_columns(make_table: MakeTable) -> None:
    assert duplicate_rows(make_table({"h": ["1", "1"], "first": ["2", "2"], "members": ["3", "3"]})).rows == 1


def test_two_thousand_columns_fit_in_memory(make_table: MakeTable) -> None:
    columns = {f"c{number}": [str(row % 3 * number) for row in range(60)] for number in range(2_000)}
    found = duplicate_rows(make_table(columns))
    assert (found.rows, found.groups) == (57, 3)
