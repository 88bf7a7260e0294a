"""The profile of every column of a table, and which of its cells stand out."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from agents.base import ROW_ISSUE_COLUMNS
from agents.column_types import NUMERIC, TEMPORAL, ColumnType, Kind, infer_types
from agents.profiling.distinct import (
    count_cells,
    distinct_values,
    patterns,
    sampled_values,
    spelling_variants,
    top_values,
)
from agents.profiling.masking import masked_sql, passes_luhn, sensitive_columns
from agents.profiling.moments import (
    Bins,
    Moments,
    bins_between,
    counts_of,
    fences_sql,
    histogram,
    moments,
    outside,
    quantiles,
    running_counts,
    whole_range,
)
from agents.table import ROW, Table, literal

PATTERN_SAMPLE = 100_000
"""Patterns are read from about this many rows of a larger table, and say so."""

NEARLY_UNIQUE = 0.95
"""A column with this share of distinct values is meant to be unique."""

SENTINELS = (-1.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0)
"""Numbers that people write where one is missing; suspects only."""

FORMULAS = {
    "completeness": "cells that hold something / all cells",
    "uniqueness": "distinct values / cells that hold something; only where a column looks like a key (95 % distinct)",
    "validity": "cells of the column's own kind, infinities not included / cells that hold something",
    "consistency": "1 - cells spelled unlike the rest (case, blank space, a rarer format) / cells that hold something",
    "score": "the mean of the dimensions that apply, times 100",
}

_COLUMNS_AT_ONCE = 10
_MANY_ROWS = 100_000
_MOST_FINGERPRINTS = 50_000
_EXACT = 2**53
_PLAIN_NUMBERS = ("integer", "decimal", "integral")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Thresholds:
    """What the profile depends on; the profiler's parameters of the same names."""

    categorical_threshold: int = 20
    categorical_ratio_threshold: float = 0.05
    top_n_values: int = 10
    outlier_iqr_multiplier: float = 1.5


@dataclass(frozen=True)
class ColumnProfile:
    """All figures of one column. `masked` names the sort of personal data that its values look like."""

    column: str
    kind: str
    role: str
    semantic: str
    masked: bool
    rows: int
    missing: int
    missing_percent: float
    blank: int
    disguised_missing: int
    suspected_missing: int
    distinct: int
    distinct_percent: float
    unique_values: int
    constant: bool
    strangers: int
    infinite: int
    padded: int
    spelling_variants: int
    ambiguous_dates: int
    min_length: int
    mean_length: float
    max_length: int
    quality: Mapping[str, float | None]
    numeric: Mapping[str, Any] | None = None
    dates: Mapping[str, Any] | None = None
    histogram: Mapping[str, Any] | None = None
    top_values: Sequence[Mapping[str, Any]] = ()
    patterns: Sequence[Mapping[str, Any]] = ()
    patterns_sampled: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The profile as it stands in the report."""
        return asdict(self)


@dataclass(frozen=True)
class TableProfile:
    """Every column in order, and the cells that are outliers, infinite or not of their column's kind."""

    columns: Sequence[ColumnProfile]
    row_issues: Table


def profile_columns(
    table: Table, thresholds: Thresholds, *, seed: int = 0, report_progress: Callable[[float], None] = lambda _: None
) -> TableProfile:
    """Profile every column of a table, a few at a time."""
    types = infer_types(table)
    report_progress(0.3)
    found: list[ColumnProfile] = []
    flagged: list[Table] = []
    for part in _parts(table, types):
        chunk = _Chunk(table, part, thresholds, seed)
        found.extend(chunk.profiles())
        flagged.extend(chunk.flagged_rows())
        report_progress(0.3 + 0.7 * len(found) / len(types))
    return TableProfile(found, _together(table, flagged))


def _parts(table: Table, types: Mapping[str, ColumnType]) -> Iterator[dict[str, ColumnType]]:
    """Ten columns at once where the table is small; one where each brings a hash table of its own."""
    names = list(types)
    size = _COLUMNS_AT_ONCE if table.rows <= _MANY_ROWS else 1
    for start in range(0, len(names), size):
        yield {name: types[name] for name in names[start : start + size]}


def _together(table: Table, parts: Sequence[Table]) -> Table:
    """All parts as one table of row issues."""
    if not parts:
        return table.beside(ROW_ISSUE_COLUMNS)
    named = {f"part{place}": part for place, part in enumerate(parts)}
    return table.sql(" UNION ALL ".join(f"SELECT * FROM {{{name}}}" for name in named), **named)


@dataclass
class _Chunk:
    """A few columns measured together. Every mapping is by a column's place in `types`."""

    table: Table
    types: Mapping[str, ColumnType]
    thresholds: Thresholds
    seed: int
    fences: dict[int, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = list(self.types)
        self.values = distinct_values(self.table, self.types)
        self.counts = count_cells(self.values, len(self.types))
        self.sensitive = sensitive_columns(self.values, self.types)
        self._measure_numbers()

    def _measure_numbers(self) -> None:
        self.moments: dict[int, Moments] = {}
        if not any(column.kind in NUMERIC | TEMPORAL for column in self.types.values()):
            self.quantiles, self.outside, self.bins, self.bars = {}, {}, {}, {}
            return
        numbers = running_counts(self.values)
        self.moments = moments(numbers)
        self.quantiles = quantiles(numbers, self.moments)
        self.fences = {place: fence for place in self.moments if (fence := self._fence(place))}
        self.outside = outside(numbers, self.fences)
        self.bins = {place: self._bins(place) for place in self.moments}
        self.bars = histogram(numbers, self.bins)
        self.sentinels = counts_of(numbers, SENTINELS)

    def _kind(self, place: int) -> Kind:
        return self.types[self.names[place]].kind

    def _fence(self, place: int) -> tuple[float, float] | None:
        """Tukey's fences; none for dates and keys, and none where half of all numbers are one and the same."""
        q1, q3 = self.quantiles[place][0.25], self.quantiles[place][0.75]
        measured = self._kind(place) in NUMERIC and not self._is_key(place) and place not in self.sensitive
        reach = self.thresholds.outlier_iqr_multiplier * (q3 - q1)
        if not measured or reach <= 0 or not math.isfinite(reach):
            return None
        return q1 - reach, q3 + reach

    def _bins(self, place: int) -> Bins:
        """Between the fences where something lies outside them: one far value would leave a single bar."""
        found = self.moments[place]
        low, high = found.min, found.max
        if place in self.fences and any(self.outside.get(place, (0, 0))):
            low, high = max(low, self.fences[place][0]), min(high, self.fences[place][1])
        whole = self._kind(place) is Kind.INTEGER and low == int(low) and high == int(high)
        return bins_between(low, high, found.count, whole=whole)

    def _is_key(self, place: int) -> bool:
        count = self.counts[place]
        return self._kind(place) in (Kind.INTEGER, Kind.CODE) and 1 < count.present == count.distinct

    def profiles(self) -> list[ColumnProfile]:
        """The columns' profiles, in order."""
        self.top = top_values(self.values, self.thresholds.top_n_values, self.sensitive)
        one_in = max(1, self.table.rows // PATTERN_SAMPLE)
        self.sampled = one_in > 1
        looked_at = sampled_values(self.table, self.names, one_in, self.seed) if self.sampled else self.values
        self.patterns = patterns(looked_at)
        spelled = [place for place in range(len(self.names)) if self._has_spellings(place)]
        self.variants = spelling_variants(self.values, spelled)
        return [self._profile(place) for place in range(len(self.names))]

    def _has_spellings(self, place: int) -> bool:
        return self._kind(place) in (Kind.TEXT, Kind.CODE) and self.counts[place].distinct < _MOST_FINGERPRINTS

    def _profile(self, place: int) -> ColumnProfile:
        count, column = self.counts[place], self.types[self.names[place]]
        cells, seen = self.patterns.get(place, (0, []))
        return ColumnProfile(
            column=self.names[place],
            kind=str(column.kind),
            role=self._role(place),
            semantic=self.sensitive.get(place, ""),
            masked=place in self.sensitive,
            rows=count.rows,
            missing=count.missing,
            missing_percent=_percent(count.missing, count.rows),
            blank=count.blank,
            disguised_missing=count.disguised,
            suspected_missing=self._suspects(place),
            distinct=count.distinct,
            distinct_percent=_percent(count.distinct, count.present),
            unique_values=count.once,
            constant=count.distinct == 1 and count.present > 1,
            strangers=count.strangers,
            infinite=count.infinite,
            padded=count.padded,
            spelling_variants=self.variants.get(place, 0),
            ambiguous_dates=column.ambiguous_dates,
            min_length=count.min_length,
            mean_length=count.total_length / count.present if count.present else 0.0,
            max_length=count.max_length,
            quality=self._quality(place),
            numeric=self._numeric(place),
            dates=self._dates(place),
            histogram=self._histogram(place),
            top_values=self._counted("value", self.top.get(place, []), count.present),
            patterns=self._counted("pattern", seen, cells),
            patterns_sampled=cells if self.sampled else None,
        )

    @staticmethod
    def _counted(name: str, found: Sequence[tuple[str, int]], total: int) -> list[dict[str, Any]]:
        return [{name: text, "count": rows, "percent": _percent(rows, total)} for text, rows in found]

    def _role(self, place: int) -> str:
        """What the column is there for, as far as its values tell."""
        count, kind = self.counts[place], self._kind(place)
        if count.present == 0:
            return "empty"
        if count.distinct == 1 and count.present > 1:
            return "constant"
        if kind in TEMPORAL:
            return "date"
        few = count.distinct <= self.thresholds.categorical_threshold
        ratio = count.distinct <= self.thresholds.categorical_ratio_threshold * count.present
        if 1 < count.present == count.distinct and kind not in (Kind.DECIMAL, Kind.PERCENT, Kind.QUANTITY):
            return "identifier"
        if (few and kind is Kind.INTEGER) or ((few or ratio) and kind not in NUMERIC):
            return "category"
        return "measure" if kind in NUMERIC else "text"

    def _suspects(self, place: int) -> int:
        """Cells with a word or a number that may stand for "missing": a lone extreme that comes again and again."""
        suspects = self.counts[place].suspects
        found = self.moments.get(place)
        if found is None or self._kind(place) not in NUMERIC:
            return suspects
        low, high = self.fences.get(place, (-math.inf, math.inf))
        for number, rows in self.sentinels.get(place, []):
            alone = number < 0 and rows == found.negatives
            if rows > 1 and number in (found.min, found.max) and (alone or not low <= number <= high):
                suspects += rows
        return suspects

    def _quality(self, place: int) -> dict[str, float | None]:
        """The four dimensions in percent, as FORMULAS says; None where one doesn't apply."""
        count = self.counts[place]
        share: dict[str, float | None] = {
            "completeness": _percent(count.present, count.rows) if count.rows else None,
            "uniqueness": None,
            "validity": None,
            "consistency": None,
        }
        if count.present:
            keylike = self._kind(place) in (Kind.INTEGER, Kind.CODE) and count.distinct >= NEARLY_UNIQUE * count.present
            share["uniqueness"] = _percent(count.distinct, count.present) if keylike and count.present > 1 else None
            share["validity"] = 100 - _percent(count.strangers + count.infinite, count.present)
            share["consistency"] = 100 - _percent(self._unlike(place), count.present)
        given = [value for value in share.values() if value is not None]
        return share | {"score": sum(given) / len(given) if given else None}

    def _unlike(self, place: int) -> int:
        """Cells spelled unlike the rest of their column."""
        column, count = self.types[self.names[place]], self.counts[place]
        if column.kind in NUMERIC | TEMPORAL:
            members = count.present - count.strangers - count.infinite
            formats = [rows for shape, rows in column.shapes.items() if shape not in _PLAIN_NUMBERS]
            plain = sum(column.shapes.get(shape, 0) for shape in _PLAIN_NUMBERS)
            return max(0, members - max(plain, *formats)) if formats else count.padded
        return min(count.present, max(self.variants.get(place, 0), count.padded))

    def _numeric(self, place: int) -> dict[str, Any] | None:
        found = self.moments.get(place)
        if found is None or self._kind(place) not in NUMERIC or place in self.sensitive:
            return None
        cut = self.quantiles[place]
        below, above = self.outside.get(place, (0, 0))
        low, high = self._range(place, found)
        fence = self.fences.get(place)
        return {
            "count": found.count,
            "min": low,
            "max": high,
            "mean": found.mean,
            "median": cut[0.5],
            "std": found.std,
            "skewness": found.skewness,
            "kurtosis": found.kurtosis,
            "p1": cut[0.01],
            "p5": cut[0.05],
            "q1": cut[0.25],
            "q3": cut[0.75],
            "p95": cut[0.95],
            "p99": cut[0.99],
            "iqr": cut[0.75] - cut[0.25],
            "zeros": found.zeros,
            "negatives": found.negatives,
            "outliers": below + above,
            "outliers_percent": _percent(below + above, found.count),
            "lower_fence": fence[0] if fence else None,
            "upper_fence": fence[1] if fence else None,
        }

    def _range(self, place: int, found: Moments) -> tuple[float, float]:
        """Exact where doubles would round whole numbers; a number that may be a card's is rounded."""
        low, high = found.min, found.max
        if self._kind(place) is Kind.INTEGER and max(abs(low), abs(high)) > _EXACT:
            whole = whole_range(self.values, place)
            low, high = (exact if exact is not None else near for exact, near in zip(whole, (low, high), strict=True))
        return _shown(low), _shown(high)

    def _dates(self, place: int) -> dict[str, Any] | None:
        found = self.moments.get(place)
        if found is None or self._kind(place) not in TEMPORAL:
            return None
        whole_days = self._kind(place) is Kind.DATE
        first, middle, last = (
            _moment(seconds, whole_days) for seconds in (found.min, self.quantiles[place][0.5], found.max)
        )
        return {"min": first, "median": middle, "max": last, "span_days": (found.max - found.min) / 86_400}

    def _histogram(self, place: int) -> dict[str, Any] | None:
        if place not in self.bars or place in self.sensitive:
            return None
        bins, found = self.bins[place], self.moments[place]
        edges = bins.edges
        if self._kind(place) in TEMPORAL:
            labels = [_moment(edge, True) for edge in edges[:-1]]
        elif bins.step == 1.0 and not bins.low.is_integer():
            labels = [f"{int(edge + 0.5)}" for edge in edges[:-1]]
        else:
            labels = [f"{low:.6g} – {high:.6g}" for low, high in pairwise(edges)]
        if found.min < edges[0]:
            labels[0] = f"up to {edges[1]:.6g}"
        if found.max > edges[-1] and not math.isclose(found.max, edges[-1]):
            labels[-1] = f"from {edges[-2]:.6g}"
        return {"edges": edges, "labels": labels, "counts": self.bars[place]}

    def flagged_rows(self) -> list[Table]:
        """The rows behind outliers, infinities and cells not of the column's kind, as row issues."""
        flagged = self.values.sql(self._flagged_sql())
        held = {place for (place,) in flagged.query("SELECT DISTINCT c FROM {self}")}
        if not held:
            return []
        parts = " UNION ALL ".join(
            f"SELECT {ROW} AS row, {literal(self.names[place])} AS column, issue_type, severity, message,"
            f" {masked_sql('v', 'c', self.sensitive)} AS value"
            f" FROM (SELECT {ROW}, {Table.q(self.names[place])} AS cell FROM {{self}})"
            f" JOIN {{flagged}} ON c = {place} AND v = cell"
            for place in sorted(held)
        )
        return [self.table.sql(parts, flagged=flagged)]

    def _flagged_sql(self) -> str:
        kinds = " ".join(f"WHEN {place} THEN {literal(str(self._kind(place)))}" for place in range(len(self.names)))
        strange = (
            "SELECT c, v, 'invalid_value' AS issue_type, 'medium' AS severity,"
            f" 'is no ' || CASE c {kinds} END || ', unlike the rest of the column' AS message"
            " FROM {self} WHERE stranger"
            " UNION ALL SELECT c, v, 'infinite_value', 'high', 'is infinite' FROM {self} WHERE infinite"
        )
        if not self.fences:
            return strange
        return (
            f"{strange} UNION ALL SELECT c, v, 'outlier', 'low',"
            " 'lies outside ' || format('{:.6g}', low) || ' to ' || format('{:.6g}', high)"
            f" FROM {{self}} JOIN ({fences_sql(self.fences)}) USING (c) WHERE x < low OR x > high"
        )


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _shown(number: float) -> float:
    """A whole number as such; one that may be a card's, rounded."""
    if number != number // 1 or abs(number) > 1e15 * 7:
        return number
    if number >= 3e14 and passes_luhn(str(int(number))):
        return float(f"{number:.4g}")
    return int(number)


def _moment(seconds: float, whole_days: bool) -> str:
    """Seconds since 1970 as an ISO time; dates before and after what Python counts are cut off at its ends."""
    reachable = min(max(seconds, -62_135_596_800.0), 253_402_300_799.0)
    text = (_EPOCH + timedelta(seconds=reachable)).replace(tzinfo=None)
    return text.date().isoformat() if whole_days else text.isoformat(sep=" ", timespec="seconds")
