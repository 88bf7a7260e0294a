"""readiness-rater's score is what its deductions leave, and its routing can be posted as it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from agents.base import AgentContext, AgentResult, registry
from agents.profile import unified_profiler
from agents.profile.readiness_rater import ReadinessRater, run
from agents.table import Table
from errors import NotApplicable
from tests.agents.conftest import MakeTable
from transformers.tools import order

Rate = Callable[..., AgentResult]

GOOD = {"id": [str(i) for i in range(40)], "city": ["Rome", "Oslo"] * 20}
MESSY = {
    "id": [*(str(i) for i in range(38)), "0", "0"],
    "city": ["Rome", "rome "] * 19 + ["Rome", "Rome"],
    "price": ["1.5", "2.5", None, "cheap"] * 9 + ["9.5"] * 2 + ["1.5"] * 2,
    "empty": [None] * 40,
    "same": ["x"] * 40,
}


@pytest.fixture
def rate(make_table: MakeTable, context_of: Callable[[Table], AgentContext]) -> Rate:
    def of(columns: Mapping[str, Sequence[str | None]], **params: Any) -> AgentResult:
        table = make_table(columns)
        return run(table, ReadinessRater(**params), context_of(table))

    return of


def test_it_comes_after_the_profiler() -> None:
    agents = list(registry())
    assert agents.index("unified-profiler") < agents.index("readiness-rater")
    assert registry()["readiness-rater"].credits == 25


def test_a_good_table_is_ready_and_needs_nothing(rate: Rate) -> None:
    result = rate(GOOD)
    assert (result.metrics["readiness_score"], result.metrics["verdict"]) == (100, "ready")
    assert (result.alerts, result.routing, result.data["deductions"]) == ((), (), [])


def test_the_deductions_add_up_to_the_score(rate: Rate) -> None:
    result = rate(MESSY)
    lost = sum(each["points"] for each in result.data["deductions"])
    assert lost > 20
    assert result.metrics["readiness_score"] == pytest.approx(100 - lost, abs=1e-9)


def test_the_dimensions_lose_what_their_deductions_cost(rate: Rate) -> None:
    data = rate(MESSY).data
    for each in data["dimensions"]:
        lost = [d["points"] for d in data["deductions"] if d["dimension"] == each["dimension"]]
        assert each["points_lost"] == pytest.approx(sum(lost), abs=1e-9)
        assert each["score"] == pytest.approx(100 - sum(lost) / each["weight"], abs=0.01)


def test_every_deduction_has_a_reason_and_a_remedy(rate: Rate) -> None:
    deductions = rate(MESSY).data["deductions"]
    assert {each["column"] for each in deductions} >= {"city", "price", "empty", "same"}
    assert all(each["reason"] and each["remedy"] for each in deductions)
    assert [each["points"] for each in deductions] == sorted((each["points"] for each in deductions), reverse=True)


def test_it_says_the_same_with_the_profiler_and_without(
    make_table: MakeTable, context_of: Callable[[Table], AgentContext]
) -> None:
    table = make_table(MESSY)
    alone = context_of(table)
    profiled = unified_profiler.run(table, unified_profiler.UnifiedProfiler(), alone)
    after = replace(alone, earlier={"unified-profiler": profiled})
    assert run(table, ReadinessRater(), after) == run(table, ReadinessRater(), alone)


@pytest.mark.parametrize(
    ("ready", "review", "verdict"), [(10, 5, "ready"), (99, 10, "needs_review"), (99, 98, "not_ready")]
)
def test_the_thresholds_draw_the_lines(ready: float, review: float, verdict: str, rate: Rate) -> None:
    result = rate(MESSY, ready_threshold=ready, needs_review_threshold=review)
    assert result.metrics["verdict"] == verdict
    assert bool(result.alerts) is (verdict != "ready")


@pytest.mark.parametrize("dimension", ["completeness", "consistency", "schema_health"])
def test_a_dimension_without_weight_costs_nothing(dimension: str, rate: Rate) -> None:
    result = rate(MESSY, **{f"{dimension}_weight": 0})
    assert dimension not in {each["dimension"] for each in result.data["deductions"]}
    assert sum(result.data["weights"].values()) == pytest.approx(1)


@pytest.mark.parametrize("dimension", ["completeness", "consistency", "schema_health"])
def test_a_dimension_alone_decides_the_score(dimension: str, rate: Rate) -> None:
    others = {"completeness_weight": 0, "consistency_weight": 0, "schema_health_weight": 0}
    result = rate(MESSY, **(others | {f"{dimension}_weight": 0.5}))
    assert result.metrics["readiness_score"] == result.metrics[f"{dimension}_score"]


def test_the_worst_table_is_worth_nothing_and_not_less(rate: Rate) -> None:
    result = rate({"a": [None] * 30, "b": [""] * 30}, schema_health_weight=1, completeness_weight=0)
    assert 0 <= result.metrics["readiness_score"] < 1


def test_the_routing_can_be_posted(rate: Rate) -> None:
    (route,) = rate(MESSY).routing
    placed = order(route["tool_id"], None, route["parameters"])
    assert placed.parameters["null-handler"]["column_strategies"] == {"empty": "drop_column"}
    assert "duplicate-resolver" in route["parameters"]


def test_a_table_without_rows_is_not_rated(rate: Rate) -> None:
    with pytest.raises(NotApplicable, match="no rows"):
        rate({"a": []})


@pytest.mark.parametrize(
    "params",
    [
        {"ready_threshold": 40, "needs_review_threshold": 60},
        {"completeness_weight": 0, "consistency_weight": 0, "schema_health_weight": 0},
    ],
)
def test_settings_that_contradict_are_refused(params: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        ReadinessRater.model_validate(params)
