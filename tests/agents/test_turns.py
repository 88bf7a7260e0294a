"""What is grouped in turns comes to the same as what is grouped at once."""

import pytest

import agents.turns
from agents.base import AgentContext
from agents.column_types import infer_types
from agents.dependencies import dependencies_of
from agents.privacy.anonymity import Encoded, measure, unique_without_each
from agents.profile.test_coverage_agent import TestCoverageAgent as Parameters
from agents.profile.test_coverage_agent import run
from agents.profiling.dependencies import _on_all_rows
from agents.profiling.duplicates import duplicate_rows
from agents.profiling.keys import _confirmed
from agents.rules.check import check_rows, failing_rows
from agents.rules.rule import Rule
from agents.table import Table
from agents.turns import turns
from tests.agents.conftest import MakeTable


@pytest.fixture(params=[1_000_000, 7])
def table(make_table: MakeTable, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Table:
    monkeypatch.setattr("agents.turns.GROUPS_AT_ONCE", request.param)
    return make_table(
        {
            "a": [str(i // 2) for i in range(60)],
            "b": [str(i % 2) for i in range(60)],
            "city": [None if i == 9 else f"town {i % 6}" for i in range(60)],
            "land": ["X" if i == 7 else "ABC"[i % 6 // 2] for i in range(60)],
        }
    )


def test_every_row_has_its_turn(table: Table) -> None:
    parted = [table.scalar(f"SELECT count(*) FROM {{self}} WHERE {some}") for some in turns(table.rows, "a, b")]
    assert sum(parted) == 60
    assert len(parted) == 1 + 60 // agents.turns.GROUPS_AT_ONCE


def test_repeated_rows(table: Table) -> None:
    found = duplicate_rows(table.sql("SELECT __row, b, city FROM {self}"))
    assert (found.rows, found.groups) == (53, 6)


def test_keys_of_two_columns(table: Table) -> None:
    assert _confirmed(table, ("a", "b"))
    assert not _confirmed(table, ("a", "land"))


def test_dependencies(table: Table) -> None:
    found = _on_all_rows(table, "city", "land")
    assert (found.rows, found.held, found.usual, found.repeats, found.agreeing) == (59, 58, 20, 53, 52)


def test_strict_dependencies(table: Table) -> None:
    types = infer_types(table)
    assert dependencies_of(table, ["land"], types, 0) == {}
    assert dependencies_of(table.sql("SELECT * FROM {self} WHERE __row <> 7"), ["land"], types, 0) == {
        "land": ["a", "city"]
    }


def test_rules_of_what_determines_another(table: Table) -> None:
    rule = Rule("dependency", ("city", "land"), "user")
    outcome = check_rows(table, rule)
    assert (outcome.support, outcome.failing) == (59, 1)
    assert failing_rows(table, [outcome], infer_types(table)).query("SELECT row, value FROM {self}") == [(7, "X")]


def test_anonymity(table: Table) -> None:
    found, alone = measure(Encoded(table, ["b", "city", "land"]), ["b", "city"], ["land"])
    assert (found.rows, found.classes, found.k, found.diversity["land"][0]) == (60, 7, 1, 1)
    assert alone.query("SELECT row FROM {self}") == [(9,)]
    assert unique_without_each(Encoded(table, ["a", "b", "city"]), ["a", "b", "city"]) == {"a": 1, "b": 60, "city": 60}


def test_rules_on_what_comes_twice(table: Table, context_of: object) -> None:
    assert callable(context_of)
    context: AgentContext = context_of(table)
    result = run(table, Parameters(unique_columns=["a", ["b", "city"], ["a", "b"]]), context)
    failing = {each["rule"]: each["failing_rows"] for each in result.data["rules"] if each["origin"] == "user"}
    assert failing == {"user.unique(a)": 60, "user.unique(b, city)": 59, "user.unique(a, b)": 0}
    listed = "SELECT rule, count(*) FROM {self} WHERE origin = 'user' GROUP BY rule"
    assert dict(result.extras["failing.csv"].query(listed)) == {k: v for k, v in failing.items() if v}
