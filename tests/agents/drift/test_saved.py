"""A saved profile compares as the table itself does: exactly where all its values were kept, else to a thousandth."""

import json

import numpy as np
import pytest

from agents.drift.columns import TableSide
from agents.drift.compare import MEASURES, Thresholds, measure
from agents.drift.saved import CATEGORIES, POINTS, PROFILE, VALUES, SavedSide, saved
from agents.table import Table
from tests.agents.conftest import MakeTable

CHANCE = np.random.default_rng(5)
COLUMNS = {
    "few": [str(i % 12) for i in range(3_000)],
    "many": [repr(float(x)) for x in CHANCE.normal(0, 1, 3_000)],
    "city": [["Rome", "Oslo", "Bern"][i % 3] for i in range(3_000)],
    "day": [f"2025-{i % 12 + 1:02d}-{i % 28 + 1:02d}" for i in range(3_000)],
    "empty": [None] * 3_000,
}
LATER = COLUMNS | {
    "few": [str(i % 9) for i in range(3_000)],
    "many": [repr(float(x)) for x in CHANCE.normal(0.4, 1, 3_000)],
    "city": ["Rome", "Paris"] * 1_500,
}


def kept(table: Table) -> SavedSide:
    files = saved(TableSide(table), table, lambda _: None)
    return SavedSide(json.loads(json.dumps(files[PROFILE])), files[VALUES])


@pytest.mark.parametrize("column", ["few", "city", "day"])
def test_values_that_were_all_kept_compare_exactly(make_table: MakeTable, column: str) -> None:
    before, after = TableSide(make_table(COLUMNS)), TableSide(make_table(LATER))
    exact = measure(before, after, (column, column), Thresholds())
    found = measure(kept(make_table(COLUMNS)), after, (column, column), Thresholds())
    assert found.measures == pytest.approx(exact.measures, rel=1e-9)
    assert (found.new, found.vanished, found.plot) == (exact.new, exact.vanished, exact.plot)


def test_many_numbers_compare_to_a_thousandth(make_table: MakeTable) -> None:
    before, after = make_table(COLUMNS), TableSide(make_table(LATER))
    exact = measure(TableSide(before), after, ("many", "many"), Thresholds())
    found = measure(kept(before), after, ("many", "many"), Thresholds())
    assert found.measures["ks"] == pytest.approx(exact.measures["ks"], abs=1 / POINTS)
    assert found.measures["psi"] == pytest.approx(exact.measures["psi"], abs=0.01)
    assert set(found.measures) == set(MEASURES)
    assert found.baseline_figures["min"] == exact.baseline_figures["min"]


def test_the_size_does_not_depend_on_the_rows(make_table: MakeTable) -> None:
    words = [f"w{i % 2_500}" for i in range(6_000)]
    table = make_table({"a": [str(i * 7 % 5_000 / 8) for i in range(6_000)], "b": words})
    files = saved(TableSide(table), table, lambda _: None)
    assert files[VALUES].rows <= POINTS + 1 + CATEGORIES
    assert files[VALUES].query('SELECT "column", sum(n) FROM {self} GROUP BY 1 ORDER BY 1')[0] == ("a", 6_000)
    columns = {each["column"]: each for each in files[PROFILE]["columns"]}
    assert columns["b"]["others"] == 6_000 - files[VALUES].query("SELECT sum(n) FROM {self} WHERE text <> ''")[0][0]


def test_where_not_all_categories_were_kept_none_is_called_new(make_table: MakeTable) -> None:
    before = make_table({"b": [f"w{i % 2_500}" for i in range(6_000)]})
    after = TableSide(make_table({"b": ["new"] * 3_000 + ["w1"] * 3_000}))
    found = measure(kept(before), after, ("b", "b"), Thresholds())
    assert found.new is None
    assert found.measures["js_distance"] == pytest.approx(1, abs=0.05)


def test_nothing_of_a_person_is_kept(make_table: MakeTable) -> None:
    table = make_table({"mail": ["ann@example.org", "bob@example.org"] * 50, "city": ["Rome", "Oslo"] * 50})
    files = saved(TableSide(table), table, lambda _: None)
    assert "ann" not in str(files[VALUES].query("SELECT * FROM {self}"))
    assert measure(kept(table), TableSide(table), ("mail", "mail"), Thresholds()).reason.startswith("personal data")
