"""A log is replayed in turns, and each lie in it is found in any of them."""

import pytest

from agents import replay
from agents.base import CHANGE_COLUMNS
from agents.edits import Edits, Replacement
from agents.replay import cells_changed, verify
from agents.table import Table
from errors import VerificationFailed
from tests.agents.conftest import MakeTable


@pytest.fixture(params=[1_000_000, 7])
def made(make_table: MakeTable, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[Table]:
    """A table of 30 rows, what became of it, and the log: all of `a` once, some of `b` twice, a row removed."""
    monkeypatch.setattr(replay, "_ROWS_AT_ONCE", request.param)
    monkeypatch.setattr("agents.turns.GROUPS_AT_ONCE", request.param)
    table = make_table({"a": ["x"] * 30, "b": ["p", "q", None] * 10, "c": ["c"] * 30})
    edits = Edits(table)
    edits.replace_values("a", [Replacement("x", "y", "-", "-")])
    edits.replace_values("b", [Replacement("p", "q", "-", "-")])
    edits.replace_values("b", [Replacement("q", None, "-", "-")])
    after, changes = edits.apply()
    removed = table.beside({"row": "BIGINT"}, [(17,)])
    return [table, after.of_rows(removed, among=False), changes, removed]


def test_a_true_log_verifies(made: list[Table]) -> None:
    verify(*made)
    assert cells_changed(made[2]) == 30 + 20


@pytest.mark.parametrize(
    "lie",
    [
        "SELECT * REPLACE (CASE WHEN row = 20 AND \"column\" = 'a' THEN 'z' ELSE old END AS old) FROM {self}",
        "SELECT * REPLACE (CASE WHEN row = 20 AND \"column\" = 'a' THEN 'z' ELSE new END AS new) FROM {self}",
        "SELECT * FROM {self} WHERE NOT (row = 3 AND old = 'p')",
        "SELECT * FROM {self} UNION ALL SELECT * FROM {self} WHERE row = 20 AND \"column\" = 'a'",
    ],
)
def test_a_lie_is_found(made: list[Table], lie: str) -> None:
    table, after, changes, removed = made
    with pytest.raises(VerificationFailed):
        verify(table, after, changes.sql(lie), removed)


def test_a_row_that_comes_twice_is_found(made: list[Table]) -> None:
    table, after, changes, removed = made
    twice = after.sql("SELECT * FROM {self} WHERE __row <> 5 UNION ALL SELECT * FROM {self} WHERE __row = 4")
    with pytest.raises(VerificationFailed, match="does not explain the rows"):
        verify(table, twice, changes, removed)


def test_a_dropped_column_counts_as_one(made: list[Table]) -> None:
    changes, dropped = made[2], made[0].beside(CHANGE_COLUMNS, [(None, "c", "c", None, "-", "-", 1.0, True)])
    both = changes.sql("SELECT * FROM {self} UNION ALL SELECT * FROM {dropped}", dropped=dropped)
    assert cells_changed(both) == 51
