"""Every figure of the profile equals what pandas and scipy compute on the same data, to 1e-9 of it.

The whole of unified-profiler's `data` is computed once more beside it, and the two are walked together: a figure that
stands on one side only is a fault, so that nothing gets into the report without a comparison.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import numpy
import pandas
import pytest
from scipy import stats
from scipy.stats.contingency import association

from agents.base import AgentContext
from agents.profile.unified_profiler import UnifiedProfiler, run
from agents.profiling.quality import FORMULAS, TABLE_FORMULAS, grade
from agents.table import Table
from tests.agents.conftest import MakeTable

ROWS = 400
NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
RANDOM = numpy.random.default_rng(11)
MISSING = {"", "n/a", "  "}


@dataclass(frozen=True)
class Column:
    """A column's texts, and what only a person can say of them: kind, role, reading and the like."""

    texts: Sequence[str | None]
    kind: str
    role: str
    read: Callable[[str], float] | None = None
    measure: bool = True
    said: Mapping[str, Any] = field(default_factory=dict)


def holes(values: Sequence[str], every: int, hole: str | None = None) -> list[str | None]:
    return [hole if at % every == 0 else value for at, value in enumerate(values)]


def seconds(text: str) -> float:
    return pandas.Timestamp(text).timestamp()


def _columns() -> dict[str, Column]:
    normal = [repr(float(x)) for x in RANDOM.normal(3, 2, ROWS)]
    skewed = [f"{x:.2f}" for x in RANDOM.lognormal(0, 2, ROWS)]
    infinite = [f"{x:.3f}" for x in RANDOM.normal(size=ROWS)]
    infinite[7], infinite[70] = "inf", "-inf"
    huge = [str(10**17 + int(x) * 1000) for x in RANDOM.integers(0, 10**9, ROWS)]
    days = pandas.date_range("2024-03-01", periods=ROWS, freq="D")
    dates = [str(days[at * 7 % 300 + (90 if at % 300 > 150 else 0)].date()) for at in range(ROWS)]
    moments = [str(pandas.Timestamp("2025-06-01") + pandas.Timedelta(hours=6 * at)) for at in range(ROWS)]
    moments[3], moments[4] = "2031-01-01 00:00:00", "1970-01-01 00:00:00"
    towns = [("Zürich", "Åre", "日本", "Rio")[int(x)] for x in RANDOM.integers(0, 4, ROWS)]
    return {
        "id": Column([str(100 + 5 * at) for at in range(ROWS)], "integer", "identifier", float, False,
                     {"order": "increasing", "auto_increment": {"start": 100, "step": 5}}),
        "normal": Column(holes(normal, 7), "decimal", "measure", float),
        "skewed": Column(holes(skewed, 9, "n/a"), "decimal", "measure", float),
        "infinite": Column(infinite, "decimal", "measure", float),
        "huge": Column(huge, "integer", "identifier", float, False),
        "ticks": Column([str(1_700_000_000_000 + int(x)) for x in RANDOM.integers(0, 10**8, ROWS // 2)] * 2,
                        "integer", "measure", float),
        "same": Column(["0.1"] * ROWS, "decimal", "constant", float),
        "one": Column([None] * (ROWS - 1) + ["42"], "integer", "category", float, False),
        "none": Column(holes([" "] * ROWS, 3, "  "), "empty", "empty"),
        "dates": Column(holes(dates, 11), "date", "date", seconds),
        "moments": Column(moments, "datetime", "date", seconds),
        "truth": Column(["yes" if x else "no" for x in RANDOM.integers(0, 2, ROWS)], "boolean", "category"),
        "town": Column(towns, "text", "category"),
        "land": Column([{"Rio": "BR", "日本": "JP", "Åre": "SE", "Zürich": "CH"}[town] for town in towns],
                       "text", "category"),
        "flag": Column([str(int(x)) for x in RANDOM.integers(0, 2, ROWS)], "integer", "category", float),
    }  # fmt: skip


COLUMNS = _columns()
BASELINE = {"Town ": ["Rio", "Zürich", "Oslo"], "flag": ["0", "7", "8"]}


@pytest.fixture
def profiled(make_table: MakeTable, context_of: Callable[[Table], AgentContext]) -> dict[str, Any]:
    table = make_table({name: column.texts for name, column in COLUMNS.items()})
    context = replace(context_of(table), inputs={"baseline": make_table(BASELINE)})
    return dict(run(table, UnifiedProfiler(), context).data)


# The other computation


def said(column: Column) -> pandas.Series[str]:
    return pandas.Series([t for t in column.texts if t is not None and t.strip() not in MISSING], dtype="object")


def numbers(column: Column) -> pandas.Series[float]:
    if column.read is None:
        return pandas.Series([], dtype="float64")
    read = said(column).map(column.read).astype("float64")
    return read[numpy.isfinite(read)].reset_index(drop=True)


def percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0


def counted(name: str, found: Sequence[tuple[str, int]], total: int) -> list[dict[str, Any]]:
    return [{name: text, "count": rows, "percent": percent(rows, total)} for text, rows in found]


def expected_column(name: str, column: Column, found: Mapping[str, Any]) -> dict[str, Any]:
    texts, values = said(column), numbers(column)
    rows, present = len(column.texts), len(texts)
    frequency = Counter(texts)
    lengths = texts.str.len() if present else pandas.Series([], dtype="float64")
    infinite = present - len(values) if column.kind == "decimal" else 0
    filled = [t for t in column.texts if t is not None]
    top = sorted(frequency.items(), key=lambda each: (-each[1], each[0]))[:10]
    rare = sorted(frequency.items(), key=lambda each: (each[1], each[0]))[:10]
    shown_rare = len(frequency) > 10 and max(frequency.values()) > 1
    return {
        "column": name,
        "kind": column.kind,
        "role": column.role,
        "semantic": "",
        "semantic_type": None,
        "type_confidence": 1 - percent(infinite, present) / 100,
        "counter_examples": sorted(t for t in frequency if t in ("inf", "-inf")),
        "rows": rows,
        "missing": rows - present,
        "missing_percent": percent(rows - present, rows),
        "blank": sum(not t.strip() for t in filled),
        "disguised_missing": sum(t == "n/a" for t in filled),
        "suspected_missing": 0,
        "distinct": texts.nunique(),
        "distinct_percent": percent(texts.nunique(), present),
        "unique_values": sum(n == 1 for n in frequency.values()),
        "constant": present > 1 and texts.nunique() == 1,
        "strangers": 0,
        "infinite": infinite,
        "padded": 0,
        "spelling_variants": 0,
        "ambiguous_dates": 0,
        "min_length": lengths.min() if present else 0,
        "mean_length": lengths.mean() if present else 0,
        "median_length": lengths.median() if present else 0,
        "max_length": lengths.max() if present else 0,
        "std_length": lengths.std() if present > 1 else None,
        "entropy": stats.entropy(list(frequency.values()), base=2) if present else 0,
        "order": column.said.get("order", ""),
        "auto_increment": column.said.get("auto_increment"),
        "quality": expected_quality(column, present, infinite),
        "numeric": expected_numeric(column, values, infinite) if column.kind in ("integer", "decimal") else None,
        "dates": expected_dates(column, values) if column.role == "date" else None,
        "boolean": expected_truth(column, texts),
        "histogram": expected_histogram(column, values, found["histogram"]),
        "top_values": counted("value", top, present),
        "rarest_values": counted("value", rare, present) if shown_rare else [],
        "patterns": counted("pattern", expected_patterns(column, texts), present),
        "patterns_sampled": None,
    }


def expected_quality(column: Column, present: int, infinite: int) -> dict[str, Any]:
    values = numbers(column)
    key = column.kind == "integer" and present > 1 and said(column).nunique() >= 0.95 * present
    until = NOW.timestamp()
    past = values[values <= until]
    shares = {
        "completeness": percent(present, len(column.texts)),
        "uniqueness": percent(said(column).nunique(), present) if key else None,
        "validity": 100 - percent(infinite, present) if present else None,
        "consistency": 100.0 if present else None,
        "timeliness": 100 * (past.max() - values.min()) / (until - values.min()) if column.role == "date" else None,
    }
    given = [share for share in shares.values() if share is not None]
    score = sum(given) / len(given)
    return {**shares, "score": score, "grade": grade(score)}


def expected_numeric(column: Column, x: pandas.Series[float], infinite: int) -> dict[str, Any]:
    centred = x - x.iloc[0]  # far from zero the mean itself is rounded
    q1, q3 = x.quantile(0.25), x.quantile(0.75)
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    fenced = column.measure and q3 > q1
    constant = x.nunique() == 1
    exact = [int(t) for t in said(column)] if column.kind == "integer" else None
    outliers = int(((x < low) | (x > high)).sum()) if fenced else 0
    named = {"p1": 1, "p5": 5, "p10": 10, "q1": 25, "median": 50, "q3": 75, "p90": 90, "p95": 95, "p99": 99}
    return {
        "count": len(x),
        "min": min(exact) if exact else x.min(),
        "max": max(exact) if exact else x.max(),
        "range": max(exact) - min(exact) if exact else x.max() - x.min(),
        "sum": math.fsum(x),
        "mean": x.iloc[0] + math.fsum(centred) / len(x),
        "std": centred.std() if len(x) > 1 else None,
        "variance": centred.var() if len(x) > 1 else None,
        "skewness": (0.0 if constant else stats.skew(centred, bias=False)) if len(x) > 2 else None,
        "kurtosis": (0.0 if constant else stats.kurtosis(centred, bias=False)) if len(x) > 3 else None,
        **{name: x.quantile(k / 100) for name, k in named.items()},
        "iqr": q3 - q1,
        "quantiles": {str(k): x.quantile(k / 100) for k in range(1, 100)},
        "zeros": int((x == 0).sum()),
        "negatives": int((x < 0).sum()),
        "positives": int((x > 0).sum()),
        "infinities": infinite,
        "outliers": outliers,
        "outliers_percent": percent(outliers, len(x)),
        "lower_fence": low if fenced else None,
        "upper_fence": high if fenced else None,
    }


def expected_dates(column: Column, x: pandas.Series[float]) -> dict[str, Any]:
    stamps = pandas.to_datetime(said(column))
    days = pandas.Series(stamps.dt.normalize().unique()).sort_values(ignore_index=True)
    steps = days.diff().dt.days.dropna()
    usual = steps.quantile(0.5, interpolation="lower")
    at = int(steps.idxmax())
    form = "%Y-%m-%d" if column.kind == "date" else "%Y-%m-%d %H:%M:%S"
    weekdays = stamps.dt.day_name().value_counts()
    return {
        "count": len(x),
        "min": stamps.min().strftime(form),
        "median": pandas.Timestamp(x.median(), unit="s").strftime(form),
        "max": stamps.max().strftime(form),
        "span_days": (x.max() - x.min()) / 86_400,
        "granularity": "day" if column.kind == "date" else "hour",
        "weekdays": {day: int(weekdays.get(day, 0)) for day in (
            "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")},
        "distinct_days": len(days),
        "gaps": {
            "count": int((steps > 3 * usual).sum()),
            "missing_days": (days.iloc[-1] - days.iloc[0]).days + 1 - len(days),
            "longest_days": int(steps.max()),
            "longest_from": str(days[at - 1].date()),
            "longest_to": str(days[at].date()),
        },
        "future": int((stamps > NOW.replace(tzinfo=None)).sum()),
        "epoch": int((x == 0).sum()),
    }  # fmt: skip


def expected_truth(column: Column, texts: pandas.Series[str]) -> dict[str, Any] | None:
    if column.kind != "boolean" and set(texts) != {"0", "1"}:
        return None
    true = int(texts.isin(["yes", "1"]).sum())
    return {"true": true, "false": len(texts) - true, "true_percent": percent(true, len(texts))}


def expected_histogram(column: Column, x: pandas.Series[float], found: Mapping[str, Any] | None) -> Any:
    """The borders are a matter of taste, so that only their evenness is asked; the counts are numpy's."""
    if column.read is None:
        return None
    assert found is not None
    edges = found["edges"]
    assert numpy.allclose(numpy.diff(edges), (edges[-1] - edges[0]) / (len(edges) - 1))
    place = numpy.floor((x - edges[0]) / (edges[1] - edges[0])).clip(0, len(edges) - 2)
    counts = numpy.bincount(place.astype(int), minlength=len(edges) - 1)
    assert len(found["labels"]) == len(counts)
    return {"edges": edges, "labels": found["labels"], "counts": list(counts)}


def expected_patterns(column: Column, texts: pandas.Series[str]) -> list[tuple[str, int]]:
    by_run = column.kind in ("text", "email", "url")

    def letter(text: str) -> str:
        return "A" if text.isupper() else "a" if text.islower() else "9" if text.isascii() and text.isdigit() else text

    def pattern(text: str) -> str:
        letters = [letter(each) for each in text]
        if not by_run:
            return "".join(letters)
        kept = [a for at, a in enumerate(letters) if a not in "Aa" or at == 0 or letters[at - 1] != a]
        return "".join(f"{a}+" if a in ("A", "a") else a for a in kept)

    return sorted(Counter(map(pattern, texts)).items(), key=lambda each: (-each[1], each[0]))[:5]


def expected_relations(found: Mapping[str, Any]) -> dict[str, Any]:
    frame = pandas.DataFrame(
        {name: [None if t is None or t.strip() in MISSING else t for t in c.texts] for name, c in COLUMNS.items()}
    )
    chosen = [name for name, column in COLUMNS.items() if column.role not in ("empty", "constant")]
    paired = [name for name in chosen if COLUMNS[name].kind in ("integer", "decimal")]
    measures = [name for name in paired if COLUMNS[name].role != "identifier" and name != "one"]
    measured = frame[measures].astype("float64").replace([numpy.inf, -numpy.inf], numpy.nan)
    categories = [name for name in chosen if COLUMNS[name].role == "category" and name != "one"]
    return {
        "keys": expected_keys(frame),
        "dependencies": [expected_dependency(frame, *pair) for pair in (("land", "town"), ("town", "land"))],
        "correlations": expected_correlations(frame, measured, categories, found["correlations"]),
        "missingness": expected_missingness(frame),
        "baseline_inclusion": [expected_inclusion(frame, "town", "Town "), expected_inclusion(frame, "flag", "flag")],
        "pairwise": {"columns": chosen, "left_out": []},
        "sampled": None,
    }


def expected_keys(frame: pandas.DataFrame) -> dict[str, Any]:
    unique = [name for name in frame if frame[name].nunique() == ROWS]
    score = {"id": 1.0, "huge": 1.0, "moments": 0.2}
    candidates = [
        {"columns": [name], "distinct": ROWS, "rows": ROWS, "unique": True, "minimal": True, "score": score[name]}
        for name in sorted(unique, key=lambda name: -score[name])
    ]
    lone = {"columns": ["one"], "distinct_percent": 100.0, "repeated_rows": 0, "missing_rows": ROWS - 1, "examples": []}
    return {"candidates": candidates, "nearly": [lone]}


def expected_dependency(frame: pandas.DataFrame, a: str, b: str) -> dict[str, Any]:
    table = pandas.crosstab(frame[a], frame[b])
    held, usual = int(table.max(axis=1).sum()), int(table.sum().max())
    return {
        "determinant": [a],
        "dependent": b,
        "rows": ROWS,
        "holds_percent": percent(held, ROWS),
        "exceptions": ROWS - held,
        "strength": (held - usual) / (ROWS - usual),
        "examples": [],
    }


def expected_correlations(
    frame: pandas.DataFrame, measured: pandas.DataFrame, categories: list[str], found: Mapping[str, Any]
) -> dict[str, Any]:
    def square(names: Sequence[str], value: Callable[[str, str], float]) -> list[list[float | None]]:
        return [[1.0 if a == b else none_of(value(a, b)) for b in names] for a in names]

    names = list(measured)
    pearson, spearman = measured.corr(), measured.corr(method="spearman")
    looked_at = {"rows": ROWS, "sampled": None}
    eta = [[None if a == b else none_of(ratio(frame[a], measured[b])) for b in names] for a in categories]
    expected = {
        "pearson": {"columns": names, "matrix": square(names, lambda a, b: pearson.loc[a, b]), **looked_at},
        "spearman": {"columns": names, "matrix": square(names, lambda a, b: spearman.loc[a, b]), **looked_at},
        "cramers_v": {
            "columns": categories,
            "matrix": square(categories, lambda a, b: association(pandas.crosstab(frame[a], frame[b]))),
            **looked_at,
        },
        "correlation_ratio": {"categories": categories, "numbers": names, "matrix": eta, **looked_at},
    }
    return expected | {"strongest": strongest(expected)}


def none_of(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def ratio(groups: pandas.Series[str], values: pandas.Series[float]) -> float:
    both = pandas.DataFrame({"g": groups, "x": values}).dropna()
    between = ((both.groupby("g")["x"].transform("mean") - both["x"].mean()) ** 2).sum()
    return math.sqrt(between / ((both["x"] - both["x"].mean()) ** 2).sum())


def strongest(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    names, matrix = found["cramers_v"]["columns"], found["cramers_v"]["matrix"]
    numeric = found["pearson"]["columns"]
    over = [(numeric[i], numeric[j]) for i, j in combinations(range(len(numeric)), 2)
            if abs(found["pearson"]["matrix"][i][j] or 0) >= 0.3]  # fmt: skip
    assert over == []
    return [
        {"columns": [names[i], names[j]], "measure": "cramers_v", "value": matrix[i][j], "rows": ROWS}
        for i, j in combinations(range(len(names)), 2)
        if abs(matrix[i][j]) >= 0.3
    ]


def expected_missingness(frame: pandas.DataFrame) -> dict[str, Any]:
    holes = frame.isna()[[name for name in frame if 0 < frame[name].isna().sum() < ROWS]]
    order = list(holes)
    patterns = holes.value_counts()
    masks = {tuple(key): int(rows) for key, rows in patterns.items()}  # type: ignore[arg-type]
    ranked = sorted(masks.items(), key=lambda each: (-each[1], sum(bit << at for at, bit in enumerate(each[0]))))
    phi = holes.astype(float).corr()
    pairs = [
        {"columns": [a, b], "rows_both": int((holes[a] & holes[b]).sum()), "correlation": float(phi.loc[a, b])}
        for a, b in combinations(order, 2)
        if phi.loc[a, b] >= 0.2
    ]
    return {
        "columns_with_missing": order,
        "patterns": [
            {"missing": [n for n, m in zip(order, mask, strict=True) if m], "rows": rows, "percent": 100 * rows / ROWS}
            for mask, rows in ranked[:20]
        ],
        "together": sorted(pairs, key=lambda each: (-each["correlation"], each["columns"])),
    }


def expected_inclusion(frame: pandas.DataFrame, column: str, namesake: str) -> dict[str, Any]:
    known = frame[column].isin(BASELINE[namesake])
    unknown = frame[column][~known].value_counts()
    shown = sorted(unknown.items(), key=lambda each: (-each[1], str(each[0])))[:3]
    return {
        "column": column,
        "baseline_column": namesake,
        "rows": ROWS,
        "contained_percent": percent(int(known.sum()), ROWS),
        "distinct_new": len(unknown),
        "examples": [value for value, _ in shown],
    }


def expected_dimensions(columns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    present = [column["rows"] - column["missing"] for column in columns]
    filled, cells = sum(present), ROWS * len(columns)

    def weighed(dimension: str) -> float:
        return sum(n * (c["quality"][dimension] or 0) for n, c in zip(present, columns, strict=True)) / filled

    scores = {
        "completeness": (percent(filled, cells), cells),
        "uniqueness": (100.0, ROWS),
        "validity": (weighed("validity"), filled),
        "consistency": (weighed("consistency"), filled),
        "timeliness": (max(c["quality"]["timeliness"] for c in columns if c["quality"]["timeliness"]), ROWS),
    }
    return [
        {"dimension": name, "formula": TABLE_FORMULAS[name], "score": score, "grade": grade(score), "applies_to": n}
        for name, (score, n) in scores.items()
    ]


def differences(found: Any, expected: Any, path: str = "") -> list[str]:
    """Where two JSON values differ, figures that one of them lacks included."""
    if isinstance(expected, Mapping):
        if not isinstance(found, Mapping) or set(found) != set(expected):
            return [f"{path}: {sorted(found) if isinstance(found, Mapping) else found} and {sorted(expected)}"]
        return [each for key in expected for each in differences(found[key], expected[key], f"{path}.{key}")]
    if isinstance(expected, list):
        if len(found) != len(expected):
            return [f"{path}: {found} and {expected}"]
        return [each for at in range(len(expected)) for each in differences(found[at], expected[at], f"{path}[{at}]")]
    if isinstance(expected, str | bool | None) or isinstance(found, str | bool | None):
        return [] if found == expected else [f"{path}: {found!r} and {expected!r}"]
    close = math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    return [] if close else [f"{path}: {found!r} and {expected!r}"]


def test_every_figure_of_every_column_equals_pandas_and_scipy(profiled: dict[str, Any]) -> None:
    expected = [expected_column(each["column"], COLUMNS[each["column"]], each) for each in profiled["columns"]]
    assert differences(list(profiled["columns"]), expected) == []


def test_every_figure_of_the_table_equals_pandas_and_scipy(profiled: dict[str, Any]) -> None:
    columns = profiled.pop("columns")
    expected = {
        "duplicates": {"rows": 0, "groups": 0},
        "formulas": FORMULAS,
        "dimensions": expected_dimensions(columns),
        **expected_relations(profiled),
    }
    assert differences(profiled, expected) == []


def test_the_comparison_notices_what_only_one_side_has() -> None:
    assert differences({"a": 1.0, "b": 2}, {"a": 1.0}) != []
    assert differences({"a": [1.0, 2.0]}, {"a": [1.0, 2.0 + 1e-8]}) != []
    assert differences({"a": [1.0, 2.0]}, {"a": [1.0, 2.0]}) == []
