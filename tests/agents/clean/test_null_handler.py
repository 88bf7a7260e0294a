"""null-handler empties what says "missing" and fills what the table proves."""

import pytest
from pydantic import ValidationError

from agents.base import registry
from errors import InvalidParameters
from tests.agents.clean.running import column, rows_left, rules, run_agent
from tests.agents.conftest import MakeTable

AGENT = "null-handler"
NUMBERS = {"a": ["1", None, "3", "8"], "b": ["x", "x", "y", None]}


def test_null_spellings_become_empty(make_table: MakeTable) -> None:
    result = run_agent(AGENT, make_table({"a": ["N/A", "1", "null", "none", "-", "2"]}))

    assert column(result, "a") == [None, "1", None, None, None, "2"]


def test_words_and_codes_stay(make_table: MakeTable) -> None:
    table = make_table({"allergy": ["none", "nuts", "eggs", "N/A"], "country": ["NA", "DE", "FR", None]})

    result = run_agent(AGENT, table)

    assert column(result, "allergy") == ["none", "nuts", "eggs", None]
    assert column(result, "country") == ["NA", "DE", "FR", None]


def test_a_disguised_null_is_only_a_suspect(make_table: MakeTable) -> None:
    ages, words = ["31", "45", "28", "52", "-1", "-1"], ["a", "b", "c", "d", "unknown", "e"]

    result = run_agent(AGENT, make_table({"age": ages, "word": words}))

    assert [(issue.field_name, issue.rows) for issue in result.issues] == [("age", 2), ("word", 1)]
    assert (column(result, "age"), column(result, "word")) == (ages, words)


def _cities(filled: list[str | None]) -> dict[str, list[str | None]]:
    zips = ["10115", "20095", "50667", "80331", "70173", "60311"] * 4
    cities: list[str | None] = ["Berlin", "Hamburg", "Cologne", "Munich", "Stuttgart", "Frankfurt"] * 4
    return {"zip": [*zips, "10115", "80331"], "city": [*cities, *filled]}


def test_a_strict_dependency_fills(make_table: MakeTable) -> None:
    result = run_agent(AGENT, make_table(_cities([None, "n/a"])))

    assert column(result, "city")[24:] == ["Berlin", "Munich"]
    assert rules(result) == {"null_spelling": 1, "dependency": 2}


def test_a_long_table_is_filled_as_a_short_one(make_table: MakeTable, monkeypatch: pytest.MonkeyPatch) -> None:
    cities = ["Oslo", "Rome", "Bern"]
    rows = {
        "city": [cities[i % 3] if i % 7 else None for i in range(60)],
        "code": [f"0{i % 3}" if i % 5 else "n/a" for i in range(60)],
        "note": [f"n{i}" for i in range(60)],
    }
    results = []
    for at_once in (1_000_000, 10):
        monkeypatch.setattr("agents.dependencies._ROWS_AT_ONCE", at_once)
        monkeypatch.setattr("agents.turns.GROUPS_AT_ONCE", at_once)
        monkeypatch.setattr("agents.dependencies._SAMPLE_ROWS", 20)
        result = run_agent(AGENT, make_table(rows))
        assert result.changes is not None
        results.append((result.metrics, result.changes.query("SELECT * FROM {self}")))
    assert results[0] == results[1]
    assert results[0][0]["cells_filled"] > 10


def test_one_exception_ends_a_dependency(make_table: MakeTable) -> None:
    result = run_agent(AGENT, make_table(_cities([None, "Dachau"])))

    assert column(result, "city")[24:] == [None, "Dachau"]


def test_a_constant_column_proves_nothing(make_table: MakeTable) -> None:
    result = run_agent(AGENT, make_table({"a": ["x", "y"] * 10, "b": ["1"] * 19 + [None]}))

    assert column(result, "b")[19] is None


def test_drop_rows(make_table: MakeTable) -> None:
    result = run_agent(AGENT, make_table(NUMBERS), global_strategy="drop_rows")

    assert rows_left(result) == [0, 2]
    assert result.removed is not None
    assert result.removed.query("SELECT * FROM {self}") == [(1, "missing: a"), (3, "missing: b")]


def test_column_specific_does_nothing_else(make_table: MakeTable) -> None:
    table = make_table(_cities([None, None]))

    assert column(run_agent(AGENT, table, global_strategy="column_specific"), "city")[24:] == [None, None]
    chosen = {"global_strategy": "column_specific", "column_strategies": {"city": "dependency"}}
    assert column(run_agent(AGENT, table, **chosen), "city")[24:] == ["Berlin", "Munich"]


@pytest.mark.parametrize(
    ("strategy", "filled"),
    [("mean", "4"), ("median", "3"), ("mode", "1"), ("forward_fill", "1"), ("backward_fill", "3"), ("constant", "0")],
)
def test_column_strategies(make_table: MakeTable, strategy: str, filled: str) -> None:
    result = run_agent(AGENT, make_table(NUMBERS), column_strategies={"a": strategy}, fill_values={"a": "0"})

    assert column(result, "a") == ["1", filled, "3", "8"]
    assert rules(result) == {strategy: 1}


def test_drop_column(make_table: MakeTable) -> None:
    result = run_agent(AGENT, make_table(NUMBERS), column_strategies={"a": "drop_column"})

    assert result.table is not None
    assert result.table.columns == ("b",)


@pytest.mark.parametrize(("neighbors", "filled"), [(1, "10"), (3, "20")])
def test_knn_neighbors(make_table: MakeTable, neighbors: int, filled: str) -> None:
    table = make_table({"size": ["1", "2", "3", "9", "1.1"], "weight": ["10", "20", "30", "90", None]})

    result = run_agent(AGENT, table, column_strategies={"weight": "knn_imputation"}, knn_neighbors=neighbors)

    assert column(result, "weight")[4] == filled


def test_a_mean_of_words_is_refused(make_table: MakeTable) -> None:
    with pytest.raises(InvalidParameters, match="mean needs a column of numbers"):
        run_agent(AGENT, make_table(NUMBERS), column_strategies={"b": "mean"})


def test_a_constant_needs_its_value() -> None:
    with pytest.raises(ValidationError, match="fill_values needs 'a'"):
        registry()[AGENT].params.model_validate({"column_strategies": {"a": "constant"}})
