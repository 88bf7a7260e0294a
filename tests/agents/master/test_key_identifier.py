"""key-identifier."""

from typing import Any

import pytest
from pydantic import ValidationError

from agents.master.key_identifier import KeyIdentifier
from agents.table import Table
from errors import ColumnNotFound, InvalidParameters, NotApplicable
from tests.agents.conftest import MakeTable
from tests.agents.master.conftest import RunAgents

KEYS = "key-identifier"


@pytest.fixture
def orders(make_table: MakeTable) -> Table:
    """100 order lines: unique line, customer repeated now and then, order + position unique together."""
    return make_table(
        {
            "line": [str(number) for number in range(100)],
            "customer": [f"C{number % 80}" for number in range(100)],
            "order": [f"O{number // 4}" for number in range(100)],
            "position": [str(number % 4) for number in range(100)],
            "note": [f"n{number}" if number else None for number in range(100)],
        }
    )


def columns_of(found: list[dict[str, Any]]) -> list[list[str]]:
    return [each["columns"] for each in found]


def test_a_column_that_never_repeats_is_a_primary_key(orders: Table, run_agents: RunAgents) -> None:
    result = run_agents(orders, KEYS)[KEYS]

    assert columns_of(result.data["primary_keys"]) == [["line"]]
    assert result.metrics["best_key"] == "line"


def test_the_null_threshold_lets_gaps_pass(orders: Table, run_agents: RunAgents) -> None:
    result = run_agents(orders, KEYS, parameters={KEYS: {"pk_null_threshold": 1}})[KEYS]

    assert columns_of(result.data["primary_keys"]) == [["line"], ["note"]]


def test_the_uniqueness_threshold_lets_repetition_pass(orders: Table, run_agents: RunAgents) -> None:
    result = run_agents(orders, KEYS, parameters={KEYS: {"pk_uniqueness_threshold": 80}})[KEYS]

    assert ["customer"] in columns_of(result.data["primary_keys"])


@pytest.mark.parametrize(("least", "most", "found"), [(50, 99, True), (85, 99, False), (10, 70, False)])
def test_an_entity_key_repeats_within_bounds(
    orders: Table, run_agents: RunAgents, least: float, most: float, found: bool
) -> None:
    asked = {KEYS: {"entity_key_uniqueness_min": least, "entity_key_uniqueness_max": most}}

    assert (["customer"] in columns_of(run_agents(orders, KEYS, parameters=asked)[KEYS].data["entity_keys"])) is found


def test_columns_that_name_a_row_together(orders: Table, run_agents: RunAgents) -> None:
    lines = orders.sql('SELECT __row, "order", position, note FROM {self}')

    assert columns_of(run_agents(lines, KEYS)[KEYS].data["composite_keys"]) == [["order", "position"]]
    off = {KEYS: {"analyze_composite_keys": False}}
    assert run_agents(lines, KEYS, parameters=off)[KEYS].metrics["composite_keys"] == 0


def test_the_most_columns_of_a_composite_key(make_table: MakeTable, run_agents: RunAgents) -> None:
    digits = {name: [str(number // 10**place % 10) for number in range(1000)] for place, name in enumerate("abc")}
    table = make_table(digits)

    assert columns_of(run_agents(table, KEYS)[KEYS].data["composite_keys"]) == [["a", "b", "c"]]
    two = {KEYS: {"max_composite_key_columns": 2}}
    assert run_agents(table, KEYS, parameters=two)[KEYS].metrics["composite_keys"] == 0


def test_a_foreign_key_finds_its_values_in_another_file(
    orders: Table, make_table: MakeTable, run_agents: RunAgents
) -> None:
    customers = {"number": [f"C{number}" for number in range(60)], "grade": [f"C{number % 3}" for number in range(60)]}
    inputs = {"reference": make_table(customers)}

    found = run_agents(orders, KEYS, inputs=inputs)[KEYS].data["foreign_keys"]
    assert found == [{"column": "customer", "table": "reference", "references": "number", "overlap": 75.0}]
    stricter = {KEYS: {"fk_overlap_threshold": 80}}
    assert not run_agents(orders, KEYS, parameters=stricter, inputs=inputs)[KEYS].data["foreign_keys"]
    elsewhere = {KEYS: {"reference_tables": {"reference": ["grade"]}}}
    assert not run_agents(orders, KEYS, parameters=elsewhere, inputs=inputs)[KEYS].data["foreign_keys"]


def test_unknown_reference_tables_and_columns_are_refused(
    orders: Table, make_table: MakeTable, run_agents: RunAgents
) -> None:
    inputs = {"reference": make_table({"number": ["C1"]})}

    with pytest.raises(InvalidParameters):
        run_agents(orders, KEYS, parameters={KEYS: {"reference_tables": {"other": ["x"]}}}, inputs=inputs)
    with pytest.raises(ColumnNotFound):
        run_agents(orders, KEYS, parameters={KEYS: {"reference_tables": {"reference": ["x"]}}}, inputs=inputs)


def test_no_key_at_all_is_an_alert(make_table: MakeTable, run_agents: RunAgents) -> None:
    assert run_agents(make_table({"a": ["x", "x"], "b": ["y", "y"]}), KEYS)[KEYS].alerts


def test_bounds_that_cross_are_refused() -> None:
    with pytest.raises(ValidationError):
        KeyIdentifier(entity_key_uniqueness_min=80, entity_key_uniqueness_max=60)


def test_no_rows_is_not_applicable(make_table: MakeTable, run_agents: RunAgents) -> None:
    with pytest.raises(NotApplicable):
        run_agents(make_table({"a": []}), KEYS)
