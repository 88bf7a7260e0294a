"""What columns have to do with each other is found in the data, and confirmed on all of it."""

import math
from dataclasses import asdict
from typing import Any

import numpy
import pandas
import pytest

from agents.profiling.columns import profile_columns
from agents.profiling.measures import Thresholds
from agents.profiling.relations import relations
from agents.table import Database, Table
from tests.agents.conftest import MakeTable
from tests.agents.profiling.test_exactness import NOW

LARGE = 250_000


def related(table: Table, baseline: Table | None = None) -> dict[str, Any]:
    profile = profile_columns(table, Thresholds(), now=NOW)
    return relations(table, [asdict(each) for each in profile.columns], profile.readings, baseline, 0)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    database = Database(tmp_path_factory.mktemp("large"))
    table = database.table(
        f"""
        SELECT i AS __row, (i // 5)::VARCHAR AS invoice, (i % 5)::VARCHAR AS line,
            'city ' || (i * 7919 % 50) AS city, (CASE WHEN i = 77 THEN 9 ELSE i * 7919 % 50 // 10 END)::VARCHAR AS zone,
            (hash(i) % 1000)::VARCHAR AS x, CASE WHEN i % 3 = 0 THEN NULL ELSE (hash(i) % 1000 * 2)::VARCHAR END AS y,
            (hash(i) % 1000) || CASE WHEN i % 2 = 0 THEN ' kg' ELSE 'kg' END AS weight,
            CASE WHEN i % 3 = 0 THEN 'n/a' ELSE (hash(i, 2) % 900)::VARCHAR END AS z,
            'c' || (hash(i, 3) % 200_000) AS "__x y", (hash(i, 5) % 7)::VARCHAR AS "v"
        FROM range({LARGE}) r(i)
        """
    )
    return related(table)


def test_a_composite_key_is_found_and_holds_on_all_rows(large: dict[str, Any]) -> None:
    assert large["keys"]["candidates"][0]["columns"] == ["invoice", "line"]


def test_a_key_of_the_sample_that_repeats_elsewhere_is_none(make_table: MakeTable) -> None:
    table = make_table({"a": ["1"]}).sql(
        f"SELECT range AS __row, (CASE WHEN range = {LARGE} - 1 THEN 0 ELSE range END // 5)::VARCHAR AS invoice,"
        f" (CASE WHEN range = {LARGE} - 1 THEN 0 ELSE range END % 5)::VARCHAR AS line FROM range({LARGE})"
    )
    assert related(table)["keys"]["candidates"] == []


def test_a_dependency_says_how_many_rows_break_it(large: dict[str, Any]) -> None:
    found = next(each for each in large["dependencies"] if each["dependent"] == "zone")
    assert (found["determinant"], found["exceptions"], found["rows"]) == (["city"], 1, LARGE)


def test_an_exception_is_shown_with_what_is_usual(make_table: MakeTable) -> None:
    towns = [("Rome", "IT"), ("Oslo", "NO"), ("Bergen", "NO"), ("Como", "IT")] * 30
    table = make_table({"town": [t for t, _ in towns] + ["Rome"], "land": [c for _, c in towns] + ["NO"]})
    (found,) = related(table)["dependencies"]
    assert (found["determinant"], found["dependent"], found["exceptions"]) == (["town"], "land", 1)
    assert found["examples"] == [{"row": 120, "determinant": "Rome", "dependent": "NO", "usual": "IT"}]


def test_numbers_with_units_and_holes_correlate_over_all_rows(large: dict[str, Any]) -> None:
    pearson = large["correlations"]["pearson"]
    place = {name: at for at, name in enumerate(pearson["columns"])}
    assert pearson["rows"] == LARGE
    assert pearson["matrix"][place["x"]][place["weight"]] == pytest.approx(1.0, rel=1e-12)
    assert pearson["matrix"][place["x"]][place["y"]] == pytest.approx(1.0, rel=1e-12)
    assert abs(pearson["matrix"][place["x"]][place["z"]]) < 0.02


def test_what_is_sampled_says_so(large: dict[str, Any]) -> None:
    sampled = large["sampled"]
    assert 100_000 <= sampled["rows"] < LARGE
    assert large["correlations"]["spearman"]["sampled"] == sampled["rows"]
    assert large["correlations"]["pearson"]["sampled"] is None


def test_columns_that_miss_together_are_named(large: dict[str, Any]) -> None:
    (pair,) = large["missingness"]["together"]
    assert (pair["columns"], pair["rows_both"]) == (["y", "z"], math.ceil(LARGE / 3))
    assert pair["correlation"] == pytest.approx(1)


def test_sixty_columns_are_paired_and_the_others_named(make_table: MakeTable) -> None:
    random = numpy.random.default_rng(3)
    columns = {f"c{at}": [str(n) for n in random.integers(0, 2 + at, 50)] for at in range(70)}
    found = related(make_table(columns | {"same": ["x"] * 50}))["pairwise"]
    assert len(found["columns"]) == 60
    assert set(found["left_out"]) == {f"c{at}" for at in range(70)} - set(found["columns"])
    assert "c0" in found["left_out"]


def test_spearman_has_shared_ranks_over_the_rows_that_both_fill(make_table: MakeTable) -> None:
    random = numpy.random.default_rng(5)
    frame = pandas.DataFrame({"a": random.integers(0, 40, 300), "b": random.integers(0, 1000, 300)}).astype(float)
    frame.loc[::7, "a"] = numpy.nan
    frame.loc[::5, "b"] = numpy.nan
    texts = {name: [None if math.isnan(x) else str(x) for x in frame[name]] for name in frame}
    found = related(make_table(texts))["correlations"]["spearman"]
    assert found["matrix"][0][1] == pytest.approx(frame.corr(method="spearman").loc["a", "b"], rel=1e-9)
