"""drift-detector measures what scipy measures, and calls drift what is large, not what is merely certain."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats
from scipy.spatial.distance import jensenshannon

from agents.base import AgentContext, AgentResult, registry
from agents.profile.drift_detector import DriftDetector, run
from agents.table import Table
from errors import NotApplicable
from tests.agents.conftest import MakeTable
from tests.agents.test_contract import SHAPES

Columns = Mapping[str, Sequence[str | None]]
Detect = Callable[..., AgentResult]

CHANCE = np.random.default_rng(7)
BEFORE = CHANCE.normal(100, 15, 1_000)
AFTER = CHANCE.normal(108, 12, 1_500)


@pytest.fixture
def detect(make_table: MakeTable, context_of: Callable[[Table], AgentContext]) -> Detect:
    def of(before: Columns, after: Columns, **params: Any) -> AgentResult:
        table = make_table(after)
        context = replace(context_of(table), inputs={"baseline": make_table(before)})
        return run(table, DriftDetector(**params), context)

    return of


def texts(numbers: Any) -> list[str]:
    return [repr(float(number)) for number in numbers]


def column(result: AgentResult, name: str = "a") -> Mapping[str, Any]:
    return next(each for each in result.data["columns"] if each["column"] == name)


def issues(result: AgentResult) -> dict[tuple[str, str], str]:
    return {(issue.field_name, issue.issue_type): issue.severity for issue in result.issues}


def test_it_is_on_the_menu() -> None:
    agent = registry()["drift-detector"]
    assert (agent.tool, agent.credits, agent.default) == ("profile-my-data", 40, True)
    assert list(registry()).index("unified-profiler") < list(registry()).index("drift-detector")


def test_without_a_baseline_there_is_nothing_to_do(
    make_table: MakeTable, context_of: Callable[[Table], AgentContext]
) -> None:
    table = make_table({"a": ["1"]})
    with pytest.raises(NotApplicable, match="no baseline"):
        run(table, DriftDetector(), context_of(table))


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e15])
def test_numbers_are_measured_as_scipy_does(detect: Detect, scale: float) -> None:
    before, after = BEFORE * scale, AFTER * scale
    found = column(detect({"a": texts(before)}, {"a": texts(after)}))

    expected = stats.ks_2samp(before, after)
    assert found["ks"] == found["statistic"] == pytest.approx(expected.statistic, rel=1e-9)
    sizes = np.sqrt(len(before) * len(after) / (len(before) + len(after)))
    assert found["p_value"] == pytest.approx(stats.kstwobign.sf(expected.statistic * sizes), rel=1e-9)
    assert found["wasserstein"] == pytest.approx(stats.wasserstein_distance(before, after), rel=1e-9)
    assert found["wasserstein_in_std"] == pytest.approx(found["wasserstein"] / np.std(before, ddof=1), rel=1e-9)


def test_the_stability_index_has_open_outer_bins_at_the_baselines_deciles(detect: Detect) -> None:
    found = column(detect({"a": texts(BEFORE)}, {"a": texts(AFTER)}))

    edges = [-np.inf, *np.quantile(BEFORE, np.arange(1, 10) / 10, method="inverted_cdf"), np.inf]
    before, after = (np.bincount(np.searchsorted(edges[1:-1], x), minlength=10) for x in (BEFORE, AFTER))
    p, q = before / before.sum(), after / after.sum()
    assert found["psi"] == found["effect"] == pytest.approx(np.sum((q - p) * np.log(q / p)), rel=1e-9)
    assert found["js_distance"] == pytest.approx(jensenshannon(before, after, base=2), rel=1e-9)


def test_categories_are_measured_as_scipy_does(detect: Detect) -> None:
    before, after = ["x"] * 300 + ["y"] * 200 + ["z"] * 100, ["x"] * 250 + ["y"] * 260 + ["z"] * 90
    found = column(detect({"a": before}, {"a": after}))

    expected = stats.chi2_contingency([[300, 200, 100], [250, 260, 90]], correction=False)
    assert (found["test"], found["compared_as"]) == ("chi2", "categories")
    assert found["statistic"] == pytest.approx(expected.statistic, rel=1e-9)
    assert found["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert found["plot"]["labels"] == ["x", "y", "z"]
    assert found["plot"]["current"] == pytest.approx([250 / 600, 260 / 600, 90 / 600])


def test_a_table_has_not_drifted_from_itself(detect: Detect) -> None:
    same = {"a": texts(BEFORE), "b": ["x", "y", None, "z"] * 250}
    result = detect(same, same)
    assert {each["status"] for each in result.data["columns"]} == {"stable"}
    assert (result.issues, result.alerts, result.metrics["severity"]) == ((), (), "none")


def test_what_is_certain_but_small_is_no_drift(detect: Detect) -> None:
    """Five in a hundred more of one value: beyond doubt in 20,000 rows, and of no consequence."""
    before, after = ["x", "y"] * 10_000, ["x"] * 10_500 + ["y"] * 9_500
    found = column(detect({"a": before}, {"a": after}))
    assert found["p_adjusted"] < 1e-5
    assert (found["status"], found["severity"]) == ("slight", None)


@pytest.mark.parametrize(
    ("psi_medium", "psi_high", "severity"), [(0.1, 0.25, "high"), (0.1, 9, "medium"), (8, 9, None)]
)
def test_the_size_of_the_effect_is_the_severity(
    detect: Detect, psi_medium: float, psi_high: float, severity: str | None
) -> None:
    result = detect({"a": texts(BEFORE)}, {"a": texts(AFTER)}, psi_medium=psi_medium, psi_high=psi_high)
    assert column(result)["severity"] == severity
    assert issues(result).get(("a", "distribution_drift")) == severity


def test_the_significance_level_decides_what_may_be_chance(detect: Detect) -> None:
    before, after = {"a": ["x"] * 60 + ["y"] * 60}, {"a": ["x"] * 76 + ["y"] * 44}
    assert 0.03 < column(detect(before, after))["p_value"] < 0.05
    assert column(detect(before, after))["significant"]
    assert not column(detect(before, after, significance_level=0.01))["significant"]


def test_many_columns_correct_each_other(detect: Detect) -> None:
    odd = {"a": ["x"] * 60 + ["y"] * 60}, {"a": ["x"] * 76 + ["y"] * 44}
    quiet = {f"c{i}": ["x", "y"] * 60 for i in range(5)}
    result = detect(odd[0] | quiet, odd[1] | quiet)
    p_values = [each["p_value"] for each in result.data["columns"]]
    expected = stats.false_discovery_control(p_values)
    assert [each["p_adjusted"] for each in result.data["columns"]] == pytest.approx(expected, rel=1e-9)
    assert not column(result)["significant"]


def test_few_values_are_not_tested(detect: Detect) -> None:
    before, after = {"a": ["x"] * 50}, {"a": ["y"] * 50}
    assert column(detect(before, after))["status"] == "too_few"
    assert column(detect(before, after, min_sample_size=50))["status"] == "drifted"


@pytest.mark.parametrize(
    ("test", "of_numbers", "of_words", "statistic"),
    [
        ("auto", "kolmogorov_smirnov", "chi2", "ks"),
        ("kolmogorov_smirnov", "kolmogorov_smirnov", "chi2", "ks"),
        ("chi2", "chi2", "chi2", "chi2"),
        ("wasserstein", "wasserstein", "chi2", "wasserstein"),
        ("psi", "psi", "psi", "psi"),
    ],
)
def test_the_test_that_was_asked_for_decides(
    detect: Detect, test: str, of_numbers: str, of_words: str, statistic: str
) -> None:
    words = {"b": ["x", "y"] * 500}, {"b": ["x", "y", "y"] * 500}
    result = detect({"a": texts(BEFORE)} | words[0], {"a": texts(AFTER)} | words[1], statistical_test=test)
    found = column(result)
    assert (found["test"], column(result, "b")["test"]) == (of_numbers, of_words)
    assert found["statistic"] == found[statistic]
    assert found["severity"] == "high"


def test_wasserstein_counts_in_standard_deviations(detect: Detect) -> None:
    found = column(detect({"a": texts(BEFORE)}, {"a": texts(BEFORE + 4)}, statistical_test="wasserstein"))
    assert found["effect"] == pytest.approx((4 / np.std(BEFORE, ddof=1)) ** 2, rel=1e-9)
    assert found["severity"] is None


def test_few_numbers_are_categories(detect: Detect) -> None:
    stars = {"a": [str(i % 5) for i in range(500)]}, {"a": [f"{i % 4}.0" for i in range(500)]}
    found = column(detect(*stars))
    assert (found["test"], found["compared_as"]) == ("chi2", "numbers")
    assert found["p_value"] == pytest.approx(
        stats.chi2_contingency([[100] * 5, [125] * 4 + [0]], correction=False).pvalue, rel=1e-9
    )


def test_columns_that_came_and_went(detect: Detect) -> None:
    before = {"a": ["1", "2"], "b": ["x", "y"], "c": ["1", "2"], "gone": ["17", "4"]}
    after = {"c": ["1", "2"], "a": ["1", "2"], "b": ["3", "4"], "fresh": ["one", "two"]}
    schema = detect(before, after).data["schema"]
    assert [each["column"] for each in schema["added"]] == ["fresh"]
    assert [each["column"] for each in schema["removed"]] == ["gone"]
    assert schema["type_changed"] == [{"column": "b", "from": "text", "to": "integer", "severity": "high"}]
    assert schema["moved"] == [{"column": "c", "from": 2, "to": 0}]


def test_a_renamed_column_is_recognised_and_compared(detect: Detect) -> None:
    cities = [f"{city} {i % 4}" for city in ("Rome", "Oslo", "Bern") for i in range(100)]
    result = detect(
        {"customerId": texts(range(300)), "home_town": cities}, {"customer_id": texts(range(300)), "city": cities}
    )
    found = {each["from"]: each["to"] for each in result.data["schema"]["renamed"]}
    assert found == {"customerId": "customer_id", "home_town": "city"}
    assert column(result, "city")["baseline_column"] == "home_town"
    assert issues(result)["city", "column_renamed"] == "medium"


def test_numbers_of_one_range_are_not_enough_for_a_rename(detect: Detect) -> None:
    assert detect({"height": texts(BEFORE)}, {"income": texts(BEFORE)}).data["schema"]["renamed"] == []


def test_new_and_vanished_categories(detect: Detect) -> None:
    result = detect({"a": ["x"] * 90 + ["old"] * 10}, {"a": ["x"] * 80 + ["new"] * 19 + ["odd"]})
    found = column(result)
    assert found["new_categories"]["shown"] == [
        {"value": "new", "count": 19, "percent": 19.0},
        {"value": "odd", "count": 1, "percent": 1.0},
    ]
    assert found["vanished_categories"]["shown"][0]["value"] == "old"
    assert issues(result)["a", "new_categories"] == issues(result)["a", "vanished_categories"] == "medium"


def test_missing_values_drift_too(detect: Detect) -> None:
    before, after = ["x"] * 190 + [None] * 10, ["x"] * 120 + [""] * 80
    found = detect({"a": before}, {"a": after})
    expected = stats.chi2_contingency([[10, 190], [80, 120]], correction=False)
    missingness = column(found)["missingness"]
    assert (missingness["baseline_percent"], missingness["current_percent"]) == (5, 40)
    assert missingness["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert issues(found) == {("a", "missingness_drift"): "high"}


def test_dates_that_moved_on_are_no_alarm(detect: Detect) -> None:
    days = [(date(2024, 1, 1) + timedelta(days=i % 360)).isoformat() for i in range(720)]
    later = [(date(2025, 1, 1) + timedelta(days=i % 360)).isoformat() for i in range(720)]
    found = detect({"a": days}, {"a": later})
    assert (column(found)["status"], column(found)["severity"]) == ("drifted", "low")
    assert column(found)["baseline"]["max"] == "2024-12-25"
    assert found.alerts == ()


def test_row_numbers_are_not_compared(detect: Detect) -> None:
    found = column(detect({"a": [str(i) for i in range(200)]}, {"a": [str(i) for i in range(900)]}))
    assert (found["status"], found["reason"]) == ("not_compared", "it numbers the rows")


def test_keys_and_free_texts_are_not_compared(detect: Detect) -> None:
    names = {"a": [f"Person {i}" for i in range(200)]}
    assert column(detect(names, names))["reason"] == "nearly every cell holds another value"


def test_numbers_are_plotted_over_the_same_bins(detect: Detect) -> None:
    plot = column(detect({"a": texts(BEFORE)}, {"a": texts(AFTER)}))["plot"]
    assert len(plot["edges"]) == len(plot["labels"]) + 1 == len(plot["baseline"]) + 1
    assert sum(plot["baseline"]) == pytest.approx(1)
    expected = np.histogram(np.clip(AFTER, plot["edges"][0], plot["edges"][-1]), bins=plot["edges"])[0]
    assert plot["current"] == pytest.approx(expected / len(AFTER))


def test_infinities_and_words_among_numbers_are_left_out(detect: Detect) -> None:
    found = column(detect({"a": [*texts(BEFORE), "inf", "cheap"]}, {"a": [*texts(AFTER), "-inf", None]}))
    assert found["ks"] == pytest.approx(stats.ks_2samp(BEFORE, AFTER).statistic, rel=1e-9)


def test_numbers_that_name_somebody_are_compared_but_not_shown(detect: Detect) -> None:
    cards = ["4111111111111111", "5500005555555559"] * 60
    found = column(detect({"card": cards}, {"card": cards[::-1]}), "card")
    assert (found["status"], found["plot"]) == ("stable", None)
    assert "max" not in found["current"]


def test_no_value_of_a_person_is_shown(detect: Detect) -> None:
    before, after = ["ann@example.org"] * 60 + ["bob@example.org"] * 60, ["eve@example.org"] * 120
    result = detect({"mail": before}, {"mail": after})
    assert "example.org" not in str(result.data)
    assert column(result, "mail")["new_categories"]["total"] == 1


def test_settings_that_contradict_are_refused() -> None:
    with pytest.raises(ValidationError, match="above psi_high"):
        DriftDetector(psi_medium=0.5, psi_high=0.2)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "long"])
def test_tables_of_every_shape_are_compared(detect: Detect, shape: str) -> None:
    columns = SHAPES[shape]()
    result = detect(columns, columns)
    assert (result.issues, result.metrics["columns_compared"]) == ((), len(columns))
    json.dumps(result.data)


def test_two_runs_say_the_same(detect: Detect) -> None:
    before, after = SHAPES["long"](), SHAPES["odd_names"]() | SHAPES["long"]()
    assert detect(before, after) == detect(before, after)
