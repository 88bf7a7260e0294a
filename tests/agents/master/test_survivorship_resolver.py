"""survivorship-resolver."""

from typing import Any

import pytest
from pydantic import ValidationError

from agents.base import AgentResult
from agents.linkage.golden import golden_records
from agents.master.survivorship_resolver import SurvivorshipResolver
from agents.table import Table
from errors import ColumnNotFound, NotApplicable
from tests.agents.conftest import MakeTable
from tests.agents.master.conftest import Columns, RunAgents

CHAIN = ("record-linker", "survivorship-resolver")
ONE_THING = {"record-linker": {"match_key_columns": ["no"], "enable_fuzzy_matching": False}}
CARD: Columns = {
    "no": ["1", "1", "1"],
    "name": ["Jon Dahl", "John Dahl", "Johnny Dahlberg-Olsen"],
    "street": ["Elm Road 1", None, "Oak Lane 22"],
    "city": [None, "Graz", "Lyon"],
    "points": ["9", "10", "10"],
    "seen_at": ["2024-05-01", "2025-01-31", "2023-12-24"],
    "register": ["shop", "crm", "web"],
}


def resolved(table: Table, run_agents: RunAgents, **asked: Any) -> tuple[dict[str, str | None], AgentResult]:
    """The golden record of the table's first entity, and the resolver's result."""
    results = run_agents(table, *CHAIN, parameters=ONE_THING | {CHAIN[1]: asked})
    entities, survivors = (
        results[each].extras[name] for each, name in zip(CHAIN, ("entities", "survivors"), strict=True)
    )
    record = golden_records(table, entities, survivors, None).df().iloc[0]
    return {column: record[column] for column in table.columns}, results[CHAIN[1]]


@pytest.fixture
def card(make_table: MakeTable) -> Table:
    """One customer, three rows."""
    return make_table(CARD)


@pytest.mark.parametrize(
    ("rule", "column", "value"),
    [
        ("freshness", "name", "John Dahl"),
        ("completeness", "name", "Johnny Dahlberg-Olsen"),
        ("richness", "name", "Johnny Dahlberg-Olsen"),
        ("frequency", "points", "10"),
        ("consensus", "points", "10"),
        ("min", "points", "9"),
        ("max", "points", "10"),
        ("min", "seen_at", "2023-12-24"),
        ("first", "name", "Jon Dahl"),
        ("last", "name", "Johnny Dahlberg-Olsen"),
    ],
)
def test_each_rule_keeps_its_value(card: Table, run_agents: RunAgents, rule: str, column: str, value: str) -> None:
    record, _ = resolved(card, run_agents, survivorship_rules={column: rule}, timestamp_column="seen_at")

    assert record[column] == value


def test_the_default_rule_holds_for_all_other_columns(card: Table, run_agents: RunAgents) -> None:
    record, _ = resolved(card, run_agents, default_rule="last", survivorship_rules={"name": "first"})

    assert (record["name"], record["street"]) == ("Jon Dahl", "Oak Lane 22")


def test_the_most_trusted_source_wins_before_the_newest_row(card: Table, run_agents: RunAgents) -> None:
    asked = {"source_priority": ["web", "shop"], "source_column": "register"}

    assert resolved(card, run_agents, **asked)[0]["name"] == "Johnny Dahlberg-Olsen"
    assert resolved(card, run_agents)[0]["name"] == "John Dahl"
    explicit = asked | {"survivorship_rules": {"name": "source_priority"}, "source_priority": ["shop"]}
    assert resolved(card, run_agents, **explicit)[0]["name"] == "Jon Dahl"


def test_without_source_or_date_the_value_most_like_the_others_survives(
    make_table: MakeTable, run_agents: RunAgents
) -> None:
    names = ["Zoe", "Margarethe", "Margarete", "Margaret"]
    record, _ = resolved(make_table({"no": ["1"] * 4, "name": names}), run_agents)

    assert record["name"] == "Margarethe"


def test_quality_is_what_the_other_rows_confirm(make_table: MakeTable, run_agents: RunAgents) -> None:
    columns: Columns = {
        "no": ["1", "1", "1"],
        "town": ["Oslo", "Graz", "Graz"],
        "zip": ["8020", "8010", "8020"],
        "name": ["Zoe", "Eva", "Ada"],
    }
    record, _ = resolved(
        make_table(columns), run_agents, default_rule="first", survivorship_rules={"name": "quality_score"}
    )

    assert (record["town"], record["name"]) == ("Oslo", "Ada")


def test_the_timestamp_column_is_found_by_its_name(make_table: MakeTable, run_agents: RunAgents) -> None:
    columns: Columns = {"no": ["1", "1"], "town": ["Graz", "Oslo"], "updated_at": ["2025-03-01", "2024-03-01"]}
    record, result = resolved(make_table(columns), run_agents)

    assert record["town"] == "Graz"
    assert result.data["timestamp_column"] == "updated_at"


def test_no_majority_is_no_consensus(card: Table, run_agents: RunAgents) -> None:
    record, _ = resolved(card, run_agents, survivorship_rules={"name": "consensus"})

    assert record["name"] is None


def test_columns_of_a_group_come_from_one_row(card: Table, run_agents: RunAgents) -> None:
    single, _ = resolved(card, run_agents, default_rule="first")
    record, _ = resolved(card, run_agents, default_rule="first", field_groups=[["street", "city"]])

    assert (single["street"], single["city"]) == ("Elm Road 1", "Graz")
    assert (record["street"], record["city"]) == ("Oak Lane 22", "Lyon")


@pytest.mark.parametrize("rule", [{"pattern": "Joh.*n [A-Z][a-z]+"}, {"allowed": ["John Dahl"]}])
def test_an_invalid_value_survives_only_where_none_is_valid(
    card: Table, run_agents: RunAgents, rule: dict[str, Any]
) -> None:
    asked = {"default_rule": "first", "field_validation_rules": {"name": rule, "points": {"max": 5}}}
    record, _ = resolved(card, run_agents, **asked)

    assert (record["name"], record["points"]) == ("John Dahl", "9")


def test_the_rule_validation_needs_a_rule_of_what_is_valid(card: Table, run_agents: RunAgents) -> None:
    asked = {"survivorship_rules": {"points": "validation"}, "field_validation_rules": {"points": {"max": 9}}}

    assert resolved(card, run_agents, **asked)[0]["points"] == "9"
    with pytest.raises(ValidationError, match="validation"):
        SurvivorshipResolver(survivorship_rules={"points": "validation"})


def test_values_that_few_rows_confirm_are_reported(card: Table, run_agents: RunAgents) -> None:
    _, lenient = resolved(card, run_agents, min_confidence_threshold=0.1, survivorship_rules={"name": "frequency"})
    _, strict = resolved(card, run_agents, min_confidence_threshold=0.5, survivorship_rules={"name": "frequency"})

    assert lenient.metrics["low_confidence_cells"] == 0
    assert "name" in {issue.field_name for issue in strict.issues}
    assert strict.row_issues is not None
    assert strict.row_issues.rows == strict.metrics["low_confidence_cells"]


@pytest.mark.parametrize(
    "asked",
    [
        {"default_rule": "source_priority"},
        {"field_groups": [["a", "b"], ["b", "c"]]},
        {"field_validation_rules": {"a": {"pattern": "("}}},
        {"field_validation_rules": {"a": {"pattern": "(?=x)"}}},
        {"field_validation_rules": {"a": {"pattern": "x{2000}"}}},
    ],
)
def test_rules_that_can_not_work_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SurvivorshipResolver(**asked)


@pytest.mark.parametrize(
    "asked",
    [
        {"survivorship_rules": {"x": "first"}},
        {"timestamp_column": "x"},
        {"field_groups": [["name", "x"]]},
        {"field_validation_rules": {"x": {"min": 1}}},
        {"source_column": "x"},
    ],
)
def test_unknown_columns_are_refused(card: Table, run_agents: RunAgents, asked: dict[str, Any]) -> None:
    with pytest.raises(ColumnNotFound):
        resolved(card, run_agents, **asked)


def test_single_rows_leave_nothing_to_choose(make_table: MakeTable, run_agents: RunAgents) -> None:
    with pytest.raises(NotApplicable):
        resolved(make_table({"no": ["1", "2"], "name": ["a", "b"]}), run_agents)
