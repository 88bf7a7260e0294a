"""Filled and lone cells are counted on all rows, and by the profiler no differently."""

from datetime import UTC, datetime

from agents.filled_cells import Cells, _known, count_cells
from agents.profiling.columns import Thresholds, profile_columns
from tests.agents.conftest import MakeTable

COLUMNS = {"a": ["x", "x", "y", None, "n/a", ""], "b": [" x", "x", "x", "?", "1", "2"], "c": [None] * 6}


def test_cells_are_counted_on_all_rows(make_table: MakeTable) -> None:
    found = count_cells(make_table(COLUMNS), COLUMNS)
    assert found == {"a": Cells(filled=3, lone=1), "b": Cells(filled=5, lone=3), "c": Cells(filled=0, lone=0)}


def test_what_the_profiler_counted_is_what_would_be_counted(make_table: MakeTable) -> None:
    profiled, table = make_table(COLUMNS), make_table(COLUMNS)
    profile_columns(profiled, Thresholds(), now=datetime(2026, 1, 1, tzinfo=UTC))
    assert _known[profiled] == count_cells(table, COLUMNS)
