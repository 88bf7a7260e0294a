"""test-coverage-agent finds every row that breaks a rule, and suggests the rules that a table keeps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from agents.base import ROW_ISSUE_COLUMNS, AgentContext, AgentResult, registry
from agents.profile.test_coverage_agent import TestCoverageAgent as Parameters
from agents.profile.test_coverage_agent import run
from agents.table import Table
from errors import ColumnNotFound, InvalidParameters
from tests.agents.conftest import MakeTable
from transformers.tools import order

Check = Callable[..., AgentResult]

ORDERS: dict[str, list[str | None]] = {
    "id": ["1", "2", "3", "3", None],
    "price": ["9.5", "120", "-1", "free", "5"],
    "sold": ["2025-01-05", "2024-12-31", "2025-02-01", None, "2026-01-01"],
    "zip": ["12345", "1234", "00000", " 12345", ""],
}
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
schema:
- name: orders
  properties:
  - {name: id, logicalType: integer, primaryKey: true}
  - {name: price, logicalType: number, logicalTypeOptions: {minimum: 0, exclusiveMaximum: 120}}
  - {name: zip, logicalTypeOptions: {minLength: 5, pattern: '^\\d+$'}}
  - name: sold
    logicalType: date
    quality: [{metric: nullValues, mustBeLessThan: 50, unit: percent}, {type: sql, name: recent, query: select 1}]
  quality: [{metric: rowCount, mustBeBetween: [10, 20]}]
"""


def contract_of(**options: Any) -> dict[str, Any]:
    return {"apiVersion": "v3.1.0", "schema": [{"properties": [{"name": "a", **options}]}]}


@pytest.fixture
def check(make_table: MakeTable, context_of: Callable[[Table], AgentContext]) -> Check:
    def of(columns: Mapping[str, Sequence[str | None]] = ORDERS, **params: Any) -> AgentResult:
        table = make_table(columns)
        return run(table, Parameters(**params), context_of(table))

    return of


def failing(result: AgentResult, origin: str = "user") -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row, rule in result.extras["failing.csv"].query(
        "SELECT row, rule FROM {self} WHERE origin = $origin ORDER BY rule, row", origin=origin
    ):
        found.setdefault(rule.removeprefix(f"{origin}."), []).append(row)
    return found


def suggested(result: AgentResult, kind: str) -> dict[str, Any]:
    rules = [each for each in result.data["rules"] if each["origin"] == "suggested" and each["kind"] == kind]
    return {each["columns"][-1] if each["columns"] else "": each for each in rules}


def rows_of(table: Table) -> list[int]:
    return [row for (row,) in table.query("SELECT __row FROM {self} ORDER BY 1")]


def test_it_is_on_the_menu() -> None:
    agent = registry()["test-coverage-agent"]
    assert (agent.tool, agent.credits, agent.default) == ("profile-my-data", 30, True)
    assert agent.params is Parameters


def test_every_row_of_a_value_that_comes_twice_breaks_the_rule(check: Check) -> None:
    assert failing(check(unique_columns=["id"])) == {"unique(id)": [2, 3]}


def test_several_columns_can_be_one_key(check: Check) -> None:
    columns = {"a": ["1", "1", "2", "1"], "b": ["x", "y", "x", "x"]}
    assert failing(check(columns, unique_columns=[["a", "b"]])) == {"unique(a, b)": [0, 3]}


@pytest.mark.parametrize(
    ("limits", "rows"), [({"min": 0, "max": 100}, [1, 2, 3]), ({"max": 5}, [0, 1, 3]), ({"min": 9.5}, [2, 3, 4])]
)
def test_numbers_outside_a_range_and_what_is_no_number(check: Check, limits: Any, rows: list[int]) -> None:
    assert failing(check(range_tests={"price": limits})) == {"range(price)": rows}


def test_a_range_of_dates(check: Check) -> None:
    limits = {"min": "2025-01-01", "max": "2025-12-31"}
    assert failing(check(range_tests={"sold": limits})) == {"range(sold)": [1, 4]}


@pytest.mark.parametrize("test", [r"\d{5}", {"pattern": r"\d{5}", "description": "five digits"}])
def test_a_format_is_of_the_whole_cell(check: Check, test: Any) -> None:
    result = check(format_tests={"zip": test})
    assert failing(result) == {"format(zip)": [1, 3]}
    said = "five digits" if isinstance(test, dict) else "is written like"
    assert said in result.data["rules"][0]["description"]


def test_a_contract_is_checked_rule_by_rule(check: Check) -> None:
    result = check(contract=CONTRACT)
    assert failing(result, "contract") == {
        "range(price)": [1, 2, 3],
        "required(id)": [4],
        "required(sold)": [3],
        "length(zip)": [1],
        "format(zip)": [3],
        "type(price)": [3],
        "unique(id)": [2, 3],
    }
    passed = {each["rule"]: each["passed"] for each in result.data["rules"]}
    assert passed["contract.required(sold)"], "a fifth missing is less than the half that is let pass"
    assert not passed["contract.row_count()"]
    assert "sold: recent" in next(each.message for each in result.issues if each.issue_type == "unchecked_rule")
    assert result.data["key"] == {"columns": ["id"], "found": "contract"}


def test_a_contract_may_be_an_object(check: Check) -> None:
    contract = {"apiVersion": "v3.0.2", "schema": [{"properties": [{"name": "id", "required": True}]}]}
    assert failing(check(contract=contract), "contract") == {"required(id)": [4]}


def test_a_column_of_the_contract_that_is_not_there_is_an_issue(check: Check) -> None:
    contract = {"apiVersion": "v3.0.2", "schema": [{"properties": [{"name": "tax", "required": True}]}]}
    result = check(contract=contract)
    assert [(issue.field_name, issue.issue_type) for issue in result.issues] == [("tax", "absent_column")]


def test_failing_rows_name_their_key_and_cell(check: Check) -> None:
    result = check(range_tests={"price": {"min": 0}}, unique_columns=[["id", "zip"]])
    rows = result.extras["failing.csv"].query(
        "SELECT row, key, rule, \"column\", value FROM {self} WHERE origin = 'user' ORDER BY row"
    )
    assert rows == [
        (2, "3 | 00000", "user.range(price)", "price", "-1"),
        (3, "3 |  12345", "user.range(price)", "price", "free"),
    ]


def test_the_key_is_found_in_the_data(check: Check) -> None:
    columns = {"mail": [f"p{i}@example.com" for i in range(30)], "no": [f"A-{i}" for i in range(30)]}
    assert check(columns).data["key"] == {"columns": ["no"], "found": "data"}


def test_valid_and_invalid_rows_are_parted(check: Check) -> None:
    result = check(range_tests={"price": {"min": 0}})
    assert (rows_of(result.extras["valid.csv"]), rows_of(result.extras["invalid.csv"])) == ([0, 1, 4], [2, 3])
    assert (result.metrics["valid_rows"], result.metrics["invalid_rows"]) == (3, 2)
    assert "valid.csv" not in check().extras


def test_rows_that_break_a_rule_are_in_the_report(check: Check) -> None:
    result = check(unique_columns=["id"])
    assert result.row_issues is not None
    assert list(result.row_issues.types) == list(ROW_ISSUE_COLUMNS)
    assert result.row_issues.query("SELECT row, issue_type, severity, value FROM {self}") == [
        (2, "breaks_unique", "high", "3"),
        (3, "breaks_unique", "high", "3"),
    ]


CLEAN: dict[str, list[str | None]] = {
    "id": [str(i) for i in range(200)],
    "code": [f"AB-{i % 90 + 10}" for i in range(200)],
    "city": [["Rome", "Oslo"][i // 2 % 2] for i in range(200)],
    "country": [["IT", "NO"][i // 2 % 2] for i in range(200)],
    "price": [str(i % 50) for i in range(199)] + ["100000"],
    "mail": [f"p{i}@example.com" for i in range(198)] + [None, None],
    "word": ["abcdefghijklmnopqrstuvwxyz"[: i % 25 + 2] for i in range(200)],
}


def test_rules_are_suggested_with_their_exceptions(check: Check) -> None:
    result = check(CLEAN)
    assert suggested(result, "unique").keys() == {"id", "mail"}
    assert suggested(result, "allowed_values")["city"]["parameters"] == {"values": ["Oslo", "Rome"]}
    assert suggested(result, "format")["code"]["parameters"] == {"pattern": "^(?:[A-Z]{2}-[0-9]{2})$"}
    assert suggested(result, "range")["price"]["parameters"] == {"min": 0, "max": 49}
    assert suggested(result, "range")["price"]["failing_rows"] == 1
    assert suggested(result, "required")["mail"]["tolerance_percent"] == 1
    assert suggested(result, "length")["word"]["parameters"] == {"min": 2, "max": 26}
    assert suggested(result, "dependency").keys() == {"city", "country"}
    assert suggested(result, "row_count")[""]["parameters"] == {"min": 100, "max": 400}
    assert all(each["passed"] for each in result.data["rules"])


def test_dependencies_are_taken_from_the_profiler_where_it_ran(
    make_table: MakeTable, context_of: Callable[[Table], AgentContext]
) -> None:
    table = make_table(CLEAN)
    counted = {"rows": 200, "exceptions": 0}
    known = {"determinant": ["city"], "dependent": "country", "holds_percent": 100.0, **counted}
    loose = {"determinant": ["id"], "dependent": "x", "holds_percent": 90, **counted}
    profiled = AgentResult(data={"dependencies": [known, loose]})
    context = replace(context_of(table), earlier={"unified-profiler": profiled})
    assert suggested(run(table, Parameters(), context), "dependency").keys() == {"country"}


def test_what_too_many_rows_break_is_not_suggested(check: Check) -> None:
    columns = CLEAN | {"mail": CLEAN["mail"][:150] + [None] * 50, "code": ["x", "yy zz"] * 20 + CLEAN["code"][40:]}
    result = check(columns)
    assert "mail" not in suggested(result, "required")
    assert "code" not in suggested(result, "format")


def test_exceptions_are_listed_but_make_no_row_invalid(check: Check) -> None:
    result = check(CLEAN)
    assert failing(result, "suggested")["range(price)"] == [199]
    assert (result.metrics["invalid_rows"], result.issues) == (0, ())


def test_no_value_of_a_person_is_in_a_suggested_rule(check: Check) -> None:
    columns = {
        "mail": ["ann@example.org", "bob@example.org"] * 50,
        "card": ["4111111111111111", "5500005555555559"] * 50,
    }
    files = str(check(columns).documents)
    assert "ann" not in files
    assert "4111" not in files
    assert "5500" not in files


def test_columns_to_test_first_have_a_score_that_adds_up(check: Check) -> None:
    scoping = check(CLEAN, range_tests={"price": {"max": 10}}).data["scoping"]
    assert all(each["score"] == pytest.approx(sum(each["parts"].values())) for each in scoping)
    assert [each["score"] for each in scoping] == sorted((each["score"] for each in scoping), reverse=True)
    first = {each["column"]: each for each in scoping}
    assert first["mail"]["priority"] == "high"
    assert "broken" in first["price"]["parts"]
    assert "untested" not in first["price"]["parts"]


def sample(result: AgentResult) -> list[tuple[int, str, str]]:
    rows: list[tuple[int, str, str]] = result.extras["sample.csv"].query("SELECT row, strategy, reason FROM {self}")
    return rows


def test_the_sample_is_shared_among_the_strategies(check: Check) -> None:
    result = check(CLEAN, sample_size=40)
    drawn = sample(result)
    assert len({row for row, *_ in drawn}) == len(drawn) == 40
    assert result.data["sample"]["stratified_by"] in ("city", "country", "word")
    reasons = {reason for _, strategy, reason in drawn if strategy == "boundary"}
    assert any("price is largest" in reason for reason in reasons)
    assert (199, "anomaly") in {each[:2] for each in drawn} | {
        (row, "anomaly") for row, s, _ in drawn if s == "boundary"
    }


@pytest.mark.parametrize("strategy", ["stratified", "boundary", "anomaly", "random"])
def test_a_strategy_alone(check: Check, strategy: str) -> None:
    drawn = sample(check(CLEAN, sample_size=6, sample_strategies=[strategy]))
    assert {each for _, each, _ in drawn} == {strategy}
    assert 1 <= len(drawn) <= 6


def test_the_seed_decides_the_sample(check: Check) -> None:
    first, again, other = (
        sample(check(CLEAN, sample_size=10, sample_strategies=["random"], seed=seed)) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_sample_of_nothing_is_no_file(check: Check) -> None:
    assert "sample.csv" not in check(CLEAN, sample_size=0).extras


def test_the_samples_own_columns_give_way(check: Check) -> None:
    table = check({"row": ["a"], "Strategy": ["b"]}, sample_strategies=["random"]).extras["sample.csv"]
    assert table.columns == ("_row", "_strategy", "reason", "row", "Strategy")


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"format_tests": {"a": "("}}, "format_tests"),
        ({"format_tests": {"a": {"pattern": r"(?=x)"}}}, "format_tests"),
        ({"range_tests": {"a": {}}}, "range_tests"),
        ({"range_tests": {"a": {"min": 5, "max": 1}}}, "range_tests"),
        ({"range_tests": {"a": {"min": "soon"}}}, "range_tests"),
        ({"range_tests": {"a": {"min": "2025-02-30"}}}, "range_tests"),
        ({"contract": contract_of(logicalTypeOptions="long")}, "contract"),
        ({"contract": contract_of(logicalTypeOptions={"minimum": 1, "maximum": "2025-01-01"})}, "contract"),
        ({"contract": contract_of(enum=5)}, "contract"),
        ({"contract": "apiVersion: v2"}, "contract"),
        ({"contract": "a: [1"}, "contract"),
        ({"contract": "a: &a [1]\nb: *a"}, "contract"),
        (
            {
                "contract": {
                    "apiVersion": "v3",
                    "schema": [{"properties": [{"name": "a", "logicalTypeOptions": {"pattern": "("}}]}],
                }
            },
            "contract",
        ),
    ],
)
def test_what_cannot_be_checked_is_refused_with_the_order(params: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidParameters) as refusal:
        order("profile-my-data", ["test-coverage-agent"], {"test-coverage-agent": params})
    assert refusal.value.context["faults"][0]["path"].startswith(f"test-coverage-agent.{path}")
    with pytest.raises(ValidationError):
        Parameters(**params)


def test_rules_on_columns_that_are_not_there_are_refused(check: Check) -> None:
    with pytest.raises(ColumnNotFound, match="nowhere"):
        check(range_tests={"nowhere": {"min": 0}})


def test_parameters_survive_the_order() -> None:
    given = {"format_tests": {"a": "x"}, "range_tests": {"a": {"min": 1}}, "unique_columns": ["a", ["a", "b"]]}
    placed = order("profile-my-data", ["test-coverage-agent"], {"test-coverage-agent": given})
    assert Parameters.model_validate(placed.parameters["test-coverage-agent"]) == Parameters.model_validate(given)
