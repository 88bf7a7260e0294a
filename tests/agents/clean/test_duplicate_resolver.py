"""duplicate-resolver keeps one of rows that say the same."""

import pytest

from tests.agents.clean.running import column, rows_left, run_agent
from tests.agents.conftest import MakeTable

AGENT = "duplicate-resolver"
PEOPLE = {
    "id": ["1", "2", "1", "3", "2"],
    "name": ["Ann", "Bob", "Ann", "Cid", "bob "],
    "mail": ["a@example.com", "b@example.com", "a@example.com", None, "b@example.com"],
}


def test_only_rows_equal_in_every_column_go_by_default(make_table: MakeTable) -> None:
    result = run_agent(AGENT, make_table(PEOPLE))

    assert rows_left(result) == [0, 1, 3, 4]
    assert result.removed is not None
    assert result.removed.query("SELECT * FROM {self}") == [(2, "equal in every column to row 0")]


def test_case_variations(make_table: MakeTable) -> None:
    result = run_agent(AGENT, make_table(PEOPLE), detection_types=["exact", "case_variations"])

    assert rows_left(result) == [0, 1, 3]


@pytest.mark.parametrize(("columns", "left"), [((), [0, 2]), (("mail",), [0, 2]), (("name",), [0, 1, 2])])
def test_email_case(make_table: MakeTable, columns: tuple[str, ...], left: list[int]) -> None:
    mails = ["Ann@Example.com", "ann@example.com", "bob@example.com"]
    table = make_table({"name": ["Ann", "Ann", "Bob"], "mail": mails})

    assert rows_left(run_agent(AGENT, table, detection_types=["email_case"], email_columns=columns)) == left


def test_null_handling(make_table: MakeTable) -> None:
    table = make_table({"a": ["x", "x", "y", "y"], "b": [None, "N/A", "1", "1"]})

    assert rows_left(run_agent(AGENT, table)) == [0, 2]
    assert rows_left(run_agent(AGENT, table, null_handling="distinct")) == [0, 1, 2]


HOLES = {"id": ["1", "1", "2", "2"], "a": ["x", None, "p", None], "b": ["y", "y", None, "q"]}


def test_missing_values_keeps_the_row_that_says_more(make_table: MakeTable) -> None:
    result = run_agent(AGENT, make_table(HOLES), detection_types=["missing_values"], key_columns=["id"])

    assert rows_left(result) == [0, 2, 3]


def test_merge_smart_fills_holes_from_the_removed_rows(make_table: MakeTable) -> None:
    result = run_agent(
        AGENT, make_table(HOLES), detection_types=["missing_values"], key_columns=["id"], merge_strategy="merge_smart"
    )

    assert rows_left(result) == [0, 2]
    assert column(result, "b") == ["y", "q"]
    assert result.changes is not None
    assert result.changes.query('SELECT row, "column", new, rule FROM {self}') == [
        (2, "b", "q", "merged_from_duplicate")
    ]


CONFLICT = {"id": ["1", "1", "2"], "a": ["x", "z", "p"], "b": [None, "y", "q"]}


@pytest.mark.parametrize(
    ("resolution", "left"), [("flag", [0, 1, 2]), ("first", [0, 2]), ("last", [1, 2]), ("most_complete", [1, 2])]
)
def test_conflict_resolution(make_table: MakeTable, resolution: str, left: list[int]) -> None:
    result = run_agent(
        AGENT,
        make_table(CONFLICT),
        detection_types=["conflicting"],
        key_columns=["id"],
        conflict_resolution=resolution,
    )

    assert rows_left(result) == left
    flagged = result.row_issues.rows if result.row_issues else 0
    assert flagged == (2 if resolution == "flag" else 0)


def test_a_nearly_unique_id_is_a_key_by_itself(make_table: MakeTable) -> None:
    table = make_table({"customer_id": [*map(str, range(20)), "3"], "a": [*["x"] * 20, "y"]})

    result = run_agent(AGENT, table, detection_types=["conflicting"], conflict_resolution="last")

    assert rows_left(result) == [row for row in range(21) if row != 3]
