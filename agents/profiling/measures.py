"""All that is counted and measured on a few columns, from one grouping of their texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from agents.column_types import (
    NUMERIC,
    TEMPORAL,
    TRUE_SPELLINGS,
    ColumnType,
    Kind,
    know_types,
    one_of_sql,
    shaped_values,
    spellings,
    trim_sql,
    types_of,
)
from agents.filled_cells import Cells, know_cells
from agents.profiling import values as texts
from agents.profiling.dates import DateFacts, date_facts
from agents.profiling.moments import (
    Bins,
    Moments,
    bins_between,
    counts_of,
    histogram,
    moments,
    outside,
    quantiles,
    sorted_numbers,
)
from agents.profiling.order import Order, order_of
from agents.profiling.readings import infinite_sql, is_read, reading_sql, stranger_sql, value_sql
from agents.sampling import Sample
from agents.semantics.columns import Semantic, distinct_sql, know_semantics, semantics_of, texts_of
from agents.table import Table

NO_MEASURE = frozenset({"phone", "card", "ssn"})
"""Numbers of which a mean says nothing."""

SENTINELS = (-1.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0)
"""Numbers that people write where one is missing; suspects only."""

_MOST_FINGERPRINTS = 50_000
_SHAPED = frozenset({Kind.EMAIL, Kind.URL, Kind.PHONE, Kind.BOOLEAN, Kind.TIME})


@dataclass(frozen=True)
class Thresholds:
    """What the profile depends on; the profiler's parameters of the same names."""

    categorical_threshold: int = 20
    categorical_ratio_threshold: float = 0.05
    top_n_values: int = 10
    outlier_iqr_multiplier: float = 1.5


@dataclass(frozen=True)
class Unread:
    """Cells that say something but not what their column is: not of its kind, or infinite."""

    strangers: int = 0
    infinite: int = 0


class Measures:
    """A few columns measured together. Every mapping is by a column's place among `names`."""

    def __init__(
        self,
        table: Table,
        names: Sequence[str],
        thresholds: Thresholds,
        sample: Callable[[], Sample],
        now: datetime,
    ) -> None:
        self.table, self.names, self.thresholds, self.now = table, list(names), thresholds, now
        self.values = shaped_values(table, self.names)
        spelled = spellings(self.values)
        found = types_of(self.values, self.names, spelled)
        know_types(table, found)
        self.types: list[ColumnType] = list(found.values())
        self.frequencies = texts.frequencies(self.values)
        self.lengths = texts.lengths(spelled)
        self.counts = texts.count_cells(self.values, spelled, self.frequencies, self.lengths, len(self.names))
        know_cells(
            table, {name: Cells(count.present, count.once) for name, count in zip(names, self.counts, strict=True)}
        )
        self.top = texts.top_and_rarest(self.values, self.frequencies, thresholds.top_n_values)
        # Only now: it may still be being drawn.
        self.sample = sample()
        self._look_at_sample()
        self._measure_numbers()

    def _look_at_sample(self) -> None:
        rows, query = (
            (self.sample.rows, distinct_sql(self.names))
            if self.sample.sampled
            else (self.values, "SELECT c, v, n FROM {self} WHERE shape <> 'missing'")
        )
        held = texts_of(rows, query, len(self.names), pattern=texts.own_pattern_sql("v"))
        free = [place for place, column in enumerate(self.types) if column.kind in (Kind.TEXT, Kind.EMAIL, Kind.URL)]
        self.patterns = texts.patterns(held, free)
        found = semantics_of(held, self.names, sampled=self.sample.sampled)
        know_semantics(self.table, found)
        self.semantics: list[Semantic | None] = list(found.values())

    def _measure_numbers(self) -> None:
        self.moments: dict[int, Moments] = {}
        self.quantiles: dict[int, dict[int, float]] = {}
        self.fences: dict[int, tuple[float, float]] = {}
        self.outside: dict[int, tuple[int, int]] = {}
        self.bins: dict[int, Bins] = {}
        self.bars: dict[int, list[int]] = {}
        self.sentinels: dict[int, list[tuple[float, int]]] = {}
        self.dates: dict[int, DateFacts] = {}
        read = [p for p, column in enumerate(self.types) if is_read(column) and self.meaning(p) not in NO_MEASURE]
        if not read:
            return
        number, those = reading_sql(read, self.reading), ", ".join(map(str, read))
        said = f"SELECT c, {number} AS x, n FROM {{self}} WHERE c IN ({those}) AND shape <> 'missing'"
        numbers = sorted_numbers(self.values, said)
        self.moments = moments(numbers)
        self.quantiles = quantiles(numbers, self.moments)
        self.fences = {place: fence for place in self.moments if (fence := self._fence(place))}
        self.outside = outside(numbers, self.fences)
        self.bins = {place: self._bins(place) for place in self.moments}
        self.bars = histogram(numbers, self.bins)
        self.sentinels = counts_of(numbers, SENTINELS)
        self.dates = date_facts(numbers, [p for p in self.moments if self.kind(p) in TEMPORAL], self.now)

    def reading(self, place: int, cell: str) -> str:
        """SQL for the number of a cell of the column."""
        return value_sql(cell, self.types[place], tight=not self.counts[place].padded)

    def kind(self, place: int) -> Kind:
        """The column's kind."""
        return self.types[place].kind

    def meaning(self, place: int) -> str:
        """The type of the column's values in the world, or nothing."""
        semantic = self.semantics[place]
        return semantic.type if semantic else ""

    def is_measure(self, place: int) -> bool:
        """Whether the numbers of the column are amounts of something: no key, code, coordinate or point in time."""
        if self.kind(place) not in NUMERIC or place not in self.moments:
            return False
        return not (self.is_key(place) or self.meaning(place))

    def is_key(self, place: int) -> bool:
        """Whether every cell that says something says something else."""
        count = self.counts[place]
        return self.kind(place) in (Kind.INTEGER, Kind.CODE) and 1 < count.present == count.distinct

    def _fence(self, place: int) -> tuple[float, float] | None:
        """Tukey's fences; none where half of all numbers are one and the same."""
        q1, q3 = self.quantiles[place][25], self.quantiles[place][75]
        reach = self.thresholds.outlier_iqr_multiplier * (q3 - q1)
        if not self.is_measure(place) or reach <= 0 or not math.isfinite(reach):
            return None
        return q1 - reach, q3 + reach

    def _bins(self, place: int) -> Bins:
        """Between the fences where something lies outside them: one far value would leave a single bar."""
        found = self.moments[place]
        low, high = found.min, found.max
        if place in self.fences and any(self.outside.get(place, (0, 0))):
            low, high = max(low, self.fences[place][0]), min(high, self.fences[place][1])
        whole = self.kind(place) is Kind.INTEGER
        return bins_between(low, high, found.count, whole=whole, round_borders=self.kind(place) in NUMERIC)

    @cached_property
    def unread(self) -> dict[int, Unread]:
        """The columns with cells that can't be read as what the column is."""
        found = {}
        for place, column in enumerate(self.types):
            if self._has_unread(place):
                strangers, infinite = self.values.query(
                    f"SELECT coalesce(sum(n) FILTER ({stranger_sql('v', column)}), 0),"
                    f" coalesce(sum(n) FILTER ({infinite_sql('v', column)}), 0)"
                    f" FROM {{self}} WHERE c = {place} AND shape <> 'missing'"
                )[0]
                found[place] = Unread(int(strangers), int(infinite))
        return found

    def _has_unread(self, place: int) -> bool:
        column, present = self.types[place], self.counts[place].present
        if is_read(column) and self.meaning(place) not in NO_MEASURE:
            return present > (self.moments[place].count if place in self.moments else 0)
        return (is_read(column) or column.kind in _SHAPED) and present > sum(
            column.shapes.get(shape, 0) for shape in column.members
        )

    def unread_of(self, place: int) -> Unread:
        """The cells of a column that can't be read as what it is."""
        return self.unread.get(place, Unread())

    @cached_property
    def variants(self) -> dict[int, int]:
        """Rows of the columns of words and codes that spell a more frequent value in another way."""
        spelled = (Kind.TEXT, Kind.CODE)
        few = [
            p for p, count in enumerate(self.counts) if self.kind(p) in spelled and count.distinct < _MOST_FINGERPRINTS
        ]
        return texts.spelling_variants(self.values, few)

    @cached_property
    def orders(self) -> dict[int, Order]:
        """The columns of numbers and dates that only rise or fall, by the rows of the table."""
        return order_of(self.table, {place: self.names[place] for place in self.moments}, self.reading)

    @cached_property
    def truths(self) -> dict[int, tuple[int, int]]:
        """Rows that say yes and rows that say no, of the columns of booleans and of zeros and ones."""
        found = {}
        for place, column in enumerate(self.types):
            numbers = self.moments.get(place)
            if column.kind is Kind.BOOLEAN:
                found[place] = self._spelled_truths(place)
            elif column.kind is Kind.INTEGER and numbers and (numbers.min, numbers.max) == (0, 1):
                found[place] = (numbers.count - numbers.zeros, numbers.zeros)
        return found

    def _spelled_truths(self, place: int) -> tuple[int, int]:
        yes = one_of_sql(f"lower({trim_sql('v')})", TRUE_SPELLINGS)
        said, true = self.values.query(
            f"SELECT sum(n), coalesce(sum(n) FILTER ({yes}), 0) FROM {{self}} WHERE c = {place} AND shape = 'boolean'"
        )[0]
        return int(true), int(said - true)
