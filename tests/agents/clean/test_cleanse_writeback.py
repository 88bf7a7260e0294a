"""cleanse-writeback proves the result from its log."""

from dataclasses import replace

import pytest

from agents.base import CHANGE_COLUMNS, AgentContext, AgentResult, registry
from agents.table import Table
from errors import VerificationFailed
from tests.agents.chain import Chain, run_tool
from tests.agents.conftest import MakeTable

AGENT = "cleanse-writeback"
DIRTY = {
    "id": ["1", "2", "3", "2"],
    "weight": ["1.0 kg", "2 kgs", "3", "2 kgs"],
    "born": ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-03"],
    "note": [" a", "n/a", "=b", "n/a"],
}


def writeback(chain: Chain) -> AgentResult:
    result = chain.steps[-1].result
    assert result is not None
    return result


def lines(table: Table) -> list[tuple[object, ...]]:
    names = ", ".join(map(Table.q, table.columns))
    return table.query(f"SELECT {names} FROM {{self}}{table.in_order}")


def test_the_files_of_a_run(make_table: MakeTable) -> None:
    files = writeback(run_tool("clean-my-data", make_table(DIRTY))).extras

    assert lines(files["cleaned.csv"]) == [
        ("1", "1", "2024-01-02", "a"),
        ("2", "2", "2024-01-03", None),
        ("3", "3", "2024-01-04", "=b"),
    ]
    assert files["changes.csv"].columns == ("row", "column", "old", "new", "agent", "rule", "evidence", "confidence")
    assert lines(files["removed.csv"]) == [(3, "duplicate-resolver", "equal in every column to row 1")]
    assert files["quarantine.csv"].columns == ("row", "column", "value", "agent", "rule", "reason")
    assert files["suggestions.csv"].columns == files["changes.csv"].columns


def test_parquet_is_typed_only_where_nothing_is_lost(make_table: MakeTable) -> None:
    columns = {
        "whole": ["1", "2"],
        "zip": ["01234", "23456"],
        "price": ["1.50", "2.25"],
        "share": ["0.5", "12"],
        "version": ["1.10", "1.9"],
        "day": ["2024-01-02", "2024-01-03"],
        "euro": ["13.02.2024", "14.02.2024"],
    }

    types = writeback(run_tool("clean-my-data", make_table(columns))).extras["cleaned.parquet"].types

    assert {name: types[name] for name in columns} == {
        "whole": "BIGINT",
        "zip": "VARCHAR",
        "price": "DECIMAL(38,2)",
        "share": "DOUBLE",
        "version": "VARCHAR",
        "day": "DATE",
        "euro": "VARCHAR",
    }


@pytest.mark.parametrize("source_format", ["xlsx", "json", "jsonl", "csv"])
def test_the_input_format_comes_back(make_table: MakeTable, source_format: str) -> None:
    table = make_table({"a": ["1", "123456789012345678"]})
    chain = Chain(table, table, source_format=source_format)

    result = chain.run(registry()[AGENT])

    assert result is not None
    assert (f"cleaned.{source_format}" in result.extras) is True
    assert result.extras["cleaned.parquet"].types["a"] == "BIGINT"
    if source_format != "csv":
        assert result.extras[f"cleaned.{source_format}"].types["a"] == "VARCHAR"


def _context(chain: Chain) -> tuple[Table, AgentContext]:
    return chain.steps[-1].table, chain.steps[-1].context


@pytest.mark.parametrize(
    "tampered",
    [
        "SELECT * REPLACE ('9' AS weight) FROM {self}",
        "SELECT * FROM {self} WHERE __row > 0",
        "SELECT * EXCLUDE (note) FROM {self}",
        "SELECT *, 'x' AS more FROM {self}",
        "SELECT * REPLACE (coalesce(note, '') AS note) FROM {self}",
        "SELECT * FROM {self} UNION ALL SELECT * FROM {self} WHERE __row = 0",
    ],
)
def test_a_difference_that_the_log_does_not_explain_is_refused(make_table: MakeTable, tampered: str) -> None:
    table, context = _context(run_tool("clean-my-data", make_table(DIRTY)))

    with pytest.raises(VerificationFailed):
        registry()[AGENT].run(table.sql(tampered), registry()[AGENT].params(), context)


def test_a_log_that_lies_about_the_old_value_is_refused(make_table: MakeTable) -> None:
    table, context = _context(run_tool("clean-my-data", make_table(DIRTY)))
    assert context.changes is not None
    lie = context.changes.sql("SELECT * REPLACE ('zzz' AS old) FROM {self}")

    with pytest.raises(VerificationFailed, match="do not begin with the value that was there"):
        registry()[AGENT].run(table, registry()[AGENT].params(), replace(context, changes=lie))


def test_a_dropped_column_is_explained_by_its_line(make_table: MakeTable) -> None:
    parameters = {"null-handler": {"column_strategies": {"note": "drop_column"}}}

    chain = run_tool("clean-my-data", make_table(DIRTY), parameters)

    assert writeback(chain).metrics["verified"]
    assert "note" not in chain.table.columns


def test_cells_that_break_a_clear_pattern_are_quarantined(make_table: MakeTable) -> None:
    result = writeback(run_tool("clean-my-data", make_table({"a": [*map(str, range(19)), "1x"]})))

    assert lines(result.extras["quarantine.csv"]) == [
        (19, "a", "1x", AGENT, "breaks_the_pattern", "95.0% of the column is integer")
    ]
    assert lines(result.extras["cleaned.csv"])[19] == ("1x",)


def test_a_table_nobody_touched_verifies(make_table: MakeTable) -> None:
    table = make_table({"a": ["x", None]})

    result = Chain(table, table).run(registry()[AGENT])

    assert result is not None
    assert result.extras["changes.csv"].rows == 0
    assert set(CHANGE_COLUMNS) - {"applied"} < {*result.extras["changes.csv"].columns}
