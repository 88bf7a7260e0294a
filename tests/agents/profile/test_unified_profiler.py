"""unified-profiler says what a person should know of a table, and shows nobody's data whole."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from agents.base import ROW_ISSUE_COLUMNS, AgentContext, AgentResult, registry
from agents.profile.unified_profiler import UnifiedProfiler, run
from agents.table import Table
from tests.agents.conftest import MakeTable

Profile = Callable[..., AgentResult]


@pytest.fixture
def profile(make_table: MakeTable, context_of: Callable[[Table], AgentContext]) -> Profile:
    def of(columns: Mapping[str, Sequence[str | None]], **params: Any) -> AgentResult:
        table = make_table(columns)
        return run(table, UnifiedProfiler(**params), context_of(table))

    return of


def column(result: AgentResult, name: str) -> Mapping[str, Any]:
    return next(each for each in result.data["columns"] if each["column"] == name)


def issue_types(result: AgentResult) -> dict[str, str]:
    return {issue.issue_type: issue.severity for issue in result.issues}


def alert_categories(result: AgentResult) -> list[str]:
    return [alert.category for alert in result.alerts]


def test_it_is_on_the_menu() -> None:
    agent = registry()["unified-profiler"]
    assert (agent.tool, agent.credits, agent.default) == ("profile-my-data", 30, True)


def test_the_null_threshold_decides_what_alarms(profile: Profile) -> None:
    table = {"a": ["x", "y", None, "z"], "b": ["1", "2", "3", "4"]}
    assert "completeness" not in alert_categories(profile(table))
    assert "completeness" in alert_categories(profile(table, null_alert_threshold=25))


def test_few_distinct_values_make_a_category(profile: Profile) -> None:
    table = {"a": [f"word {i % 8}" for i in range(80)]}
    assert column(profile(table), "a")["role"] == "category"
    strict = profile(table, categorical_threshold=5, categorical_ratio_threshold=0.05)
    assert column(strict, "a")["role"] == "text"


def test_a_small_share_of_distinct_values_makes_a_category_too(profile: Profile) -> None:
    table = {"a": [f"word {i % 8}" for i in range(80)]}
    assert column(profile(table, categorical_threshold=5, categorical_ratio_threshold=0.1), "a")["role"] == "category"


def test_as_many_top_values_as_asked_for(profile: Profile) -> None:
    table = {"a": [f"word {i % 8}" for i in range(80)] + ["word 3"]}
    top = column(profile(table, top_n_values=3), "a")["top_values"]
    assert [each["value"] for each in top] == ["word 3", "word 0", "word 1"]
    assert top[0]["count"] == 11


def test_the_fences_are_as_wide_as_asked_for(profile: Profile) -> None:
    table = {"a": [str(i % 20) for i in range(100)] + ["40"]}
    assert column(profile(table), "a")["numeric"]["outliers"] == 1
    assert column(profile(table, outlier_iqr_multiplier=3), "a")["numeric"]["outliers"] == 0


def test_the_outlier_threshold_decides_what_alarms(profile: Profile) -> None:
    table = {"a": [str(i % 20) for i in range(100)] + ["400", "-300"]}
    assert issue_types(profile(table))["outliers"] == "low"
    alarmed = profile(table, outlier_alert_threshold=1)
    assert issue_types(alarmed)["outliers"] == "medium"
    assert "validity" in alert_categories(alarmed)


def test_faults_of_a_messy_table_are_named_and_counted(profile: Profile) -> None:
    result = profile(
        {
            "id": ["1", "2", "3", "4", "5", "5"],
            "empty": [None, "", "n/a", None, None, None],
            "same": ["x", "x", "x", "x", "x", "x"],
            "city": ["Rome", "rome", "Rome", " Rome", "Oslo", "Oslo"],
            "when": ["01/02/2024", "03/04/2024", "05/06/2024", "07/08/2024", "09/10/2024", "09/10/2024"],
        }
    )
    found = {(issue.field_name, issue.issue_type): issue.rows for issue in result.issues}
    assert found[("", "duplicate_rows")] == 1
    assert found[("empty", "empty_column")] == 6
    assert found[("same", "constant_column")] == 6
    assert found[("city", "spelling_variants")] == 2
    assert found[("city", "surrounding_space")] == 1
    assert found[("when", "ambiguous_dates")] == 6


def test_suspects_for_missing_are_counted(profile: Profile) -> None:
    result = profile(
        {"age": [*(str(20 + i % 40) for i in range(80)), "-1", "-1", "-1"], "job": ["cook"] * 80 + ["unknown"] * 3}
    )
    assert column(result, "age")["suspected_missing"] == 3
    assert column(result, "job")["suspected_missing"] == 3


def test_a_key_that_repeats_is_an_issue(profile: Profile) -> None:
    result = profile({"id": [*(str(i) for i in range(200)), "7"], "b": [str(i) for i in range(201)]})
    assert [(i.field_name, i.rows) for i in result.issues if i.issue_type == "repeated_keys"] == [("id", 1)]


def test_row_issues_name_the_rows_of_the_file(profile: Profile) -> None:
    result = profile({"a": [*(str(i % 9) for i in range(30)), "777", "777"]})
    assert result.row_issues is not None
    assert list(result.row_issues.types) == list(ROW_ISSUE_COLUMNS)
    rows = result.row_issues.query('SELECT "row", issue_type FROM {self} WHERE "row" >= 30')
    assert rows == [(30, "outlier"), (31, "outlier"), (31, "duplicate_row")]


def test_columns_of_personal_data_are_counted(profile: Profile) -> None:
    result = profile(
        {
            "mail": ["ann.lee@example.com", "bo.dahl@example.org", "not an address", "ann.lee@example.com"],
            "card": ["4111111111111111", "5500000000000004", "4012888888881881", "4111111111111111"],
            "note": ["fine", "write to ann.lee@example.com", "fine", "fine"],
        }
    )
    assert result.metrics["personal_data_columns"] == 2


def test_the_metrics_add_up(profile: Profile) -> None:
    result = profile({"a": ["1", "2", None, "x"], "b": ["u", "u", "v", "w"]})
    metrics = result.metrics
    assert (metrics["rows"], metrics["columns"], metrics["missing_cells"]) == (4, 2, 1)
    assert metrics["missing_percent"] == 12.5
    dimensions = [metrics[f"{name}_percent"] for name in ("completeness", "uniqueness", "validity", "consistency")]
    assert metrics["quality_score"] == pytest.approx(sum(dimensions) / 4)


def test_hundreds_of_columns_are_no_trouble(profile: Profile) -> None:
    result = profile({f"c{i}": ["1", "2", "2", None, str(i)] for i in range(250)})
    assert len(result.data["columns"]) == 250
    assert result.metrics["missing_cells"] == 250


def test_a_table_without_rows_is_described(profile: Profile) -> None:
    result = profile({"a": []})
    assert (result.metrics["rows"], result.metrics["quality_score"], result.issues) == (0, 100.0, ())


def test_the_details_are_json(profile: Profile) -> None:
    result = profile({"a": ["1", "inf", "3", "4", "5"], "b": ["2024-01-01", "x", None, "2024-01-02", "2024-01-03"]})
    json.dumps([dict(result.data), dict(result.metrics)], allow_nan=False)
