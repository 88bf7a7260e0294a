"""A column's figures equal what pandas and scipy compute on the same data."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy
import pandas
import pytest
from scipy import stats

from agents.profiling.columns import ColumnProfile, Thresholds, profile_columns
from agents.profiling.moments import moments, quantiles
from tests.agents.conftest import MakeTable

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RANDOM = numpy.random.default_rng(7)

SERIES: dict[str, Sequence[float | int | None]] = {
    "normal": [float(x) for x in RANDOM.normal(3, 2, 5000)],
    "lognormal": [float(x) for x in RANDOM.lognormal(0, 2, 3001)],
    "with holes": [None if i % 3 == 0 else i * 1.25 for i in range(999)],
    "epoch milliseconds": [int(x) for x in 1_700_000_000_000 + RANDOM.integers(0, 10_000_000_000, 4000)],
    "far from zero": [1e9 + float(x) for x in RANDOM.normal(0, 1, 2000)],
    "huge whole numbers": [10**17 + int(x) * 1000 for x in RANDOM.integers(0, 10**12, 1500)],
    "tiny": [float(x) * 1e-9 for x in RANDOM.normal(0, 1, 500)],
    "few values": [int(x) for x in RANDOM.integers(-3, 4, 2000)],
    "all equal": [0.1] * 50,
    "one": [42],
    "two": [1.5, 2.75],
    "three": [1, 2, 4],
    "negative": [-5.5, -4.25, -100.0, -3.0],
}


def close(mine: float | None, theirs: float) -> bool:
    if mine is None:
        return math.isnan(theirs)
    return math.isclose(mine, theirs, rel_tol=1e-9, abs_tol=1e-9)


def profile_of(make_table: MakeTable, texts: Sequence[str | None]) -> ColumnProfile:
    return profile_columns(make_table({"x": texts}), Thresholds(), now=NOW).columns[0]


def texts_of(values: Sequence[float | int | None]) -> list[str | None]:
    return [None if value is None else repr(value) for value in values]


@pytest.mark.parametrize("name", SERIES)
def test_moments_equal_pandas(name: str, make_table: MakeTable) -> None:
    series = pandas.Series([value for value in SERIES[name] if value is not None], dtype="float64")
    found = profile_of(make_table, texts_of(SERIES[name])).numeric or {}
    expected = {"mean": series.mean(), "std": series.std(), "min": series.min(), "max": series.max()}
    assert {key: found[key] for key, value in expected.items() if not close(found[key], value)} == {}


@pytest.mark.parametrize("name", SERIES)
def test_quantiles_equal_pandas(name: str, make_table: MakeTable) -> None:
    series = pandas.Series([value for value in SERIES[name] if value is not None], dtype="float64")
    found = profile_of(make_table, texts_of(SERIES[name])).numeric or {}
    wanted = {"p1": 0.01, "p5": 0.05, "q1": 0.25, "median": 0.5, "q3": 0.75, "p95": 0.95, "p99": 0.99}
    assert {key: found[key] for key, q in wanted.items() if not close(found[key], series.quantile(q))} == {}


@pytest.mark.parametrize("name", [name for name in SERIES if name not in ("all equal", "one", "two", "three")])
def test_shape_equals_scipy(name: str, make_table: MakeTable) -> None:
    values = numpy.array([value for value in SERIES[name] if value is not None], dtype="float64")
    found = profile_of(make_table, texts_of(SERIES[name])).numeric or {}
    # Far from zero the mean itself is rounded; scipy is given the centred numbers, which are exact.
    centred = values - values[0]
    assert close(found["skewness"], stats.skew(centred, bias=False))
    assert close(found["kurtosis"], stats.kurtosis(centred, bias=False))


def test_numbers_at_the_ends_of_what_doubles_hold(make_table: MakeTable) -> None:
    found = profile_of(make_table, ["1e+300", "-1e+300", "2e+300", "5e+299"]).numeric or {}
    scaled = pandas.Series([1.0, -1.0, 2.0, 0.5])
    assert close(found["std"] / 1e300, scaled.std())
    assert close(found["skewness"], scaled.skew())


def test_infinities_are_counted_and_left_out_of_the_moments(make_table: MakeTable) -> None:
    column = profile_of(make_table, [*"111122223333", "inf", "-Infinity", "1e+999"])
    assert (column.infinite, column.strangers) == (3, 0)
    assert column.numeric is not None
    assert (column.numeric["mean"], column.numeric["max"]) == (2.0, 3)


def test_whole_numbers_beyond_doubles_are_exact_at_their_ends(make_table: MakeTable) -> None:
    column = profile_of(make_table, ["900719925474099301", "900719925474099303", "900719925474099399"])
    assert column.numeric is not None
    assert (column.numeric["min"], column.numeric["max"]) == (900719925474099301, 900719925474099399)


def test_cells_are_told_apart(make_table: MakeTable) -> None:
    column = profile_of(make_table, [None, "", "  ", "n/a", "NULL", "5", "5", "7", "x", " 8"])
    assert (column.missing, column.blank, column.disguised_missing) == (5, 2, 2)
    assert (column.distinct, column.unique_values, column.strangers, column.padded) == (4, 3, 1, 1)
    assert column.missing_percent == 50.0


def test_distinct_values_and_lengths_equal_pandas(make_table: MakeTable) -> None:
    texts = [f"word {i % 37} {'é' * (i % 5)}" for i in range(500)]
    series = pandas.Series(texts)
    column = profile_of(make_table, texts)
    assert column.distinct == series.nunique()
    assert (column.min_length, column.max_length) == (series.str.len().min(), series.str.len().max())
    assert column.mean_length == series.str.len().mean()
    assert column.top_values[0]["count"] == series.value_counts().iloc[0]


def test_outliers_lie_outside_tukeys_fences(make_table: MakeTable) -> None:
    values = [*(i / 10 for i in range(100)), 99.5, -70.25]
    column = profile_of(make_table, texts_of(values))
    q1, q3 = pandas.Series(values).quantile([0.25, 0.75])
    assert column.numeric is not None
    assert close(column.numeric["upper_fence"], q3 + 1.5 * (q3 - q1))
    assert column.numeric["outliers"] == 2


def test_a_histogram_holds_every_number_once(make_table: MakeTable) -> None:
    column = profile_of(make_table, texts_of(SERIES["lognormal"]))
    assert column.histogram is not None
    assert sum(column.histogram["counts"]) == 3001
    assert column.histogram["labels"][-1].startswith("from ")


def test_a_histogram_of_few_whole_numbers_has_a_bar_for_each(make_table: MakeTable) -> None:
    column = profile_of(make_table, texts_of(SERIES["few values"]))
    counted = pandas.Series(SERIES["few values"]).value_counts().sort_index()
    assert column.histogram is not None
    assert column.histogram["labels"] == [str(value) for value in counted.index]
    assert column.histogram["counts"] == list(counted)


def test_dates_have_a_range(make_table: MakeTable) -> None:
    column = profile_of(make_table, ["2024-01-31", "2023-12-01", "2024-03-01", "soon", None])
    assert column.dates is not None
    found = {name: column.dates[name] for name in ("min", "median", "max", "span_days")}
    assert found == {"min": "2023-12-01", "median": "2024-01-31", "max": "2024-03-01", "span_days": 91.0}
    assert column.strangers == 1


def test_a_day_that_no_calendar_has_is_no_date(make_table: MakeTable) -> None:
    column = profile_of(make_table, ["2024-01-31", "2024-02-30", "2023-12-01", "2023-12-02"])
    assert column.strangers == 1


def test_a_date_that_can_be_read_two_ways_is_a_date(make_table: MakeTable) -> None:
    column = profile_of(make_table, ["01/02/2024", "03/04/2024", "13/13/2024", "05/06/2024", "07/08/2024"])
    assert (column.strangers, column.ambiguous_dates) == (1, 4)


@pytest.mark.parametrize(
    ("texts", "role"),
    [
        ([None, "", "n/a"], "empty"),
        (["a", "a", None], "constant"),
        (["a", "b", "c", "a"], "category"),
        (["a1", "b2", "c3"], "identifier"),
        (["1.5", "2.5", "2.5"], "measure"),
        (["2024-01-01", "2024-01-02"], "date"),
    ],
)
def test_a_column_has_a_role(texts: list[str | None], role: str, make_table: MakeTable) -> None:
    assert profile_of(make_table, texts).role == role


def test_odd_column_names_meet_no_name_of_ours(make_table: MakeTable) -> None:
    names = ["c", "v", "n", "x", "t", "h", "first", "members", 'a"b', "{self}", "select", "row", "missing"]
    table = make_table({name: ["1", "2", "2", "2", "9000"] for name in names})
    profile = profile_columns(table, Thresholds(outlier_iqr_multiplier=0.5), now=NOW)
    assert [column.column for column in profile.columns] == names
    assert {column.distinct for column in profile.columns} == {3}


def test_flagged_cells_carry_their_row_and_value(make_table: MakeTable) -> None:
    table = make_table({"c": [*(str(i % 10) for i in range(40)), "5000", "many", "inf"]})
    found = profile_columns(table, Thresholds(), now=NOW).row_issues
    rows = found.query('SELECT "row", "column", issue_type, value FROM {self} ORDER BY 1')
    assert rows == [
        (40, "c", "outlier", "5000"),
        (41, "c", "invalid_value", "many"),
        (42, "c", "infinite_value", "inf"),
    ]


def test_a_table_without_rows_has_a_profile(make_table: MakeTable) -> None:
    column = profile_of(make_table, [])
    assert (column.rows, column.role, column.quality["score"]) == (0, "empty", None)


def test_patterns_of_a_large_table_are_sampled_and_say_so(make_table: MakeTable) -> None:
    table = make_table({"k": ["AB-1"]}).sql("SELECT i AS __row, 'AB-' || i AS k FROM {self}, range(250000) r(i)")
    column = profile_columns(table, Thresholds(), now=NOW).columns[0]
    assert column.patterns_sampled is not None
    assert 100_000 < column.patterns_sampled < 150_000
    assert column.distinct == 250_000


def test_the_quality_score_is_the_mean_of_its_dimensions(make_table: MakeTable) -> None:
    column = profile_of(make_table, ["Red", "red", "Red", "Red", None])
    assert column.quality["completeness"] == 80.0
    assert column.quality["consistency"] == 75.0
    given = [column.quality[name] for name in ("completeness", "validity", "consistency")]
    assert column.quality["score"] == pytest.approx(sum(value or 0 for value in given) / 3)
    assert column.quality["uniqueness"] is None


def test_patterns_of_texts_that_are_no_plain_line(make_table: MakeTable) -> None:
    column = profile_of(make_table, ["Ab 1", "Äß 2", "A\nb", "X" * 50, "٣ words"])
    found = {each["pattern"]: each["count"] for each in column.patterns}
    assert found == {"A+a+ 9": 2, "A+\na+": 1, "A+": 1, "٣ a+": 1}


def test_quantiles_of_more_rows_than_fit_in_a_small_integer(make_table: MakeTable) -> None:
    half = 15_000_000
    numbers = make_table({"a": ["1"]}).sql(
        f"SELECT 0 AS c, x::DOUBLE AS x, {half}::BIGINT AS n, x * {half}::BIGINT AS upto FROM range(1, 3) r(x)"
    )
    found = quantiles(numbers, {0: replace(moments(numbers)[0], count=2 * half)})[0]
    assert (found[49], found[50], found[51]) == (1, 1.5, 2)
