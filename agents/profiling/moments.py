"""Moments, quantiles, fences and histograms of numbers, exact and within a small memory.

Holistic aggregates (`quantile_cont`, `median`) keep every value in memory and do not spill; sorting does, so quantiles
come from the running count over the sorted numbers. Moments are taken in two passes on centred values:
sums of powers lose the digits that matter where the mean is far from zero.
"""

import math
import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.table import Table

PERCENTILES = range(1, 100)
BINS, FEWEST_BINS = 20, 5

# Sums are taken over whole numbers, of which 1.0 is this many: they come out the same in whatever order threads add.
_ONE = 2**90


@dataclass(frozen=True)
class Moments:
    """Of the finite numbers of one column: std as pandas (n - 1), skewness and excess kurtosis bias-corrected.

    None where there are too few numbers (two, three and four are needed). entries: the rows that they come from.
    """

    count: int
    entries: int
    zeros: int
    negatives: int
    min: float
    max: float
    mean: float
    std: float | None
    skewness: float | None
    kurtosis: float | None


def sorted_numbers(values: Table, query: str) -> Table:
    """The finite numbers of some columns, from a query of (c, x, n) over `values`, sorted by column and number.

    upto: the rows of a number, of all that stand before it in its column, and of the columns before.
    """
    ordered = values.sql(f"SELECT c, x, n FROM ({query}) ORDER BY c, x")
    # Over a table that lies in order a window streams; one that sorts by itself takes three times as long.
    running = "sum(n) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    # Asked for any sooner, whether a number is finite would be asked of a text that is read once more for it.
    return ordered.sql(f"SELECT c, x, n, CAST({running} AS BIGINT) AS upto FROM {{self}} WHERE isfinite(x)")


def running_counts(values: Table) -> Table:
    """The same of a table of (c, x, n), each number of a column once."""
    return sorted_numbers(values, "SELECT c, x, CAST(sum(n) AS BIGINT) AS n FROM {self} GROUP BY c, x")


def moments(numbers: Table) -> dict[int, Moments]:
    """The moments of each column of `sorted_numbers`, by its place."""
    ranges = numbers.query(
        """
        SELECT c, CAST(sum(n) AS BIGINT), count(*), coalesce(CAST(sum(n) FILTER (x = 0) AS BIGINT), 0),
            coalesce(CAST(sum(n) FILTER (x < 0) AS BIGINT), 0), min(x), max(x)
        FROM {self} GROUP BY c
        """
    )
    if not ranges:
        return {}
    scales = {place: _scale(max(abs(low), abs(high))) for place, *_, low, high in ranges}
    centred = {place: sums for place, *sums in numbers.query(_centred_sql(scales))}
    return {place: _moments(facts, centred[place], scales[place]) for place, *facts in ranges}


def _scale(largest: float) -> float:
    """The power of two that brings a column's numbers within -1 and 1, without rounding any."""
    return math.ldexp(1.0, min(math.frexp(largest)[1], 1023)) if largest else 1.0


def _centred_sql(scales: Mapping[int, float]) -> str:
    """Per column: its mean, the largest deviation from it, and the sums of four powers of the deviations over that."""
    powers = ", ".join(_sum_sql(" * ".join(["z"] * power)) for power in (1, 2, 3, 4))
    return f"""
        WITH scaled AS MATERIALIZED (SELECT c, x / scale AS y, n FROM {{self}} JOIN ({inline(scales)}) USING (c)),
        centre AS MATERIALIZED (
            SELECT c, CAST({_sum_sql("y")} AS DOUBLE) / {double(float(_ONE))} / sum(n) AS mean FROM scaled GROUP BY c
        ),
        spread AS MATERIALIZED (
            SELECT c, mean, max(abs(y - mean)) AS far FROM scaled JOIN centre USING (c) GROUP BY c, mean
        )
        SELECT c, any_value(mean), any_value(far), {powers} FROM (
            SELECT c, mean, far, n, CASE WHEN far > 0 THEN (y - mean) / far ELSE 0 END AS z
            FROM scaled JOIN spread USING (c)
        ) GROUP BY c
    """


def _sum_sql(expression: str) -> str:
    """The sum over all rows of numbers within -1 and 1, in units of 1 / _ONE."""
    return f"sum(CAST({expression} * {double(float(_ONE))} AS HUGEINT) * n)"


def inline(columns: Mapping[int, float]) -> str:
    """A query of the pairs (c, scale); doubles are written so that they are read back exactly."""
    return " UNION ALL ".join(f"SELECT {place} AS c, {double(value)} AS scale" for place, value in columns.items())


def double(value: float) -> str:
    """A double as SQL, exactly."""
    return f"CAST('{value!r}' AS DOUBLE)"


def _moments(facts: Sequence[Any], sums: Sequence[Any], scale: float) -> Moments:
    """From the sums of powers of z = (x / scale - mean) / far. The rounding of the mean is taken out again (d)."""
    count, entries, zeros, negatives, low, high = facts
    mean, far = sums[:2]
    s1, s2, s3, s4 = (total / _ONE for total in sums[2:])
    d = s1 / count
    m2 = s2 - count * d * d
    m3 = s3 - 3 * d * s2 + 2 * count * d**3
    m4 = s4 - 4 * d * s3 + 6 * d * d * s2 - 3 * count * d**4
    std = far * math.sqrt(max(m2, 0.0) / (count - 1)) * scale if count > 1 else None
    constant = low == high
    return Moments(
        count=count,
        entries=entries,
        zeros=zeros,
        negatives=negatives,
        min=low,
        max=high,
        mean=low if constant else (mean + far * d) * scale,
        std=0.0 if constant and count > 1 else std,
        skewness=_skewness(count, m2, m3, constant),
        kurtosis=_kurtosis(count, m2, m4, constant),
    )


def _skewness(n: int, m2: float, m3: float, constant: bool) -> float | None:
    if n < 3:
        return None
    return 0.0 if constant else float(n * math.sqrt(n - 1) / (n - 2) * m3 / m2**1.5)


def _kurtosis(n: int, m2: float, m4: float, constant: bool) -> float | None:
    if n < 4:
        return None
    if constant:
        return 0.0
    peak = n * (n + 1) * (n - 1) * m4 / (m2 * m2)
    return float((peak - 3 * (n - 1) ** 2) / ((n - 2) * (n - 3)))


def quantiles(numbers: Table, found: Mapping[int, Moments]) -> dict[int, dict[int, float]]:
    """The percentiles 1 to 99 of each column, interpolated linearly between neighbours as pandas and numpy do."""
    if not found:
        return {}
    ends = numbers.query(_percentile_rows_sql({place: each.count for place, each in found.items()}))
    rows: dict[int, list[tuple[int, float]]] = {}
    for place, upto, number in ends:
        rows.setdefault(place, []).append((upto, number))
    return {place: _percentiles(rows[place], each.count - 1) for place, each in found.items()}


def _percentile_rows_sql(counts: Mapping[int, int]) -> str:
    """The few rows among which the percentiles lie: those between whose positions a hundredth of the way falls."""
    before, starts = 0, []
    for place in sorted(counts):
        starts.append(f"SELECT {place} AS c, {before}::BIGINT AS before, {max(1, counts[place] - 1)}::BIGINT AS last")
        before += counts[place]
    # One position more at either end, because a percentile between two numbers needs both.
    return f"""
        SELECT c, upto - before, x FROM {{self}} JOIN ({" UNION ALL ".join(starts)}) USING (c)
        WHERE 100 * (upto - before) // last > (100 * (upto - before - n - 1) + 100 * last) // last - 100
        ORDER BY c, upto
    """


def _percentiles(rows: Sequence[tuple[int, float]], last: int) -> dict[int, float]:
    """From (rows up to it, number) in order: the numbers at k hundredths of the way from the first to the last."""
    upto = [end for end, _ in rows]

    def at(position: int) -> float:
        return rows[bisect_right(upto, position)][1]

    return {k: _between(at(k * last // 100), at(-(-k * last // 100)), k * last / 100) for k in PERCENTILES}


def _between(low: float, high: float, position: float) -> float:
    share = position - math.floor(position)
    return low if low == high else low * (1 - share) + high * share


@dataclass(frozen=True)
class Bins:
    """Equal steps from `low`; what lies below or above is counted in the first and the last one."""

    low: float
    step: float
    count: int

    @property
    def edges(self) -> list[float]:
        """The borders of all bins, one more than there are bins."""
        return [self.low + self.step * at for at in range(self.count + 1)]


def bins_between(low: float, high: float, count: int, *, whole: bool, round_borders: bool = True) -> Bins:
    """About twenty bins or less between two numbers, with round borders; one per whole number where they are few."""
    if whole and high - low < BINS:
        return Bins(low - 0.5, 1.0, int(high - low) + 1)
    if low == high:
        return Bins(low - 0.5, 1.0, 1)
    wanted = min(BINS, max(FEWEST_BINS, math.isqrt(count)))
    if not round_borders:
        return Bins(low, high / wanted - low / wanted, wanted)
    step = max(_round_step(high / wanted - low / wanted), 1.0 if whole else 0.0)
    first, last = math.floor(low / step), math.floor(high / step)
    start, bins = first * step, last - first + 1
    if bins > 2 * BINS or start + step == start:
        return Bins(low, high / wanted - low / wanted, wanted)
    return Bins(start, step, bins)


def _round_step(step: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 … (or 0.5, 0.2, 0.1 …) that is no smaller."""
    power = math.floor(math.log10(step)) if step >= sys.float_info.min else -300
    return next((size for unit in (1, 2, 5, 10) if (size := float(f"{unit}e{power}")) >= step), step)


def histogram(numbers: Table, bins: Mapping[int, Bins]) -> dict[int, list[int]]:
    """Rows per bin of each column."""
    if not bins:
        return {}
    steps = " UNION ALL ".join(
        f"SELECT {place} AS c, {double(b.low)} AS low, {double(b.step)} AS step, {b.count - 1} AS last"
        for place, b in bins.items()
    )
    rows = numbers.query(
        f"""
        SELECT c, CAST(greatest(0, least(last, floor((x - low) / step))) AS INTEGER) AS bin, CAST(sum(n) AS BIGINT)
        FROM {{self}} JOIN ({steps}) USING (c) GROUP BY c, bin
        """
    )
    counted: dict[int, list[int]] = {place: [0] * b.count for place, b in bins.items()}
    for place, at, cells in rows:
        counted[place][at] += cells
    return counted


def outside(numbers: Table, fences: Mapping[int, tuple[float, float]]) -> dict[int, tuple[int, int]]:
    """Rows below and rows above the fences of each column."""
    if not fences:
        return {}
    rows = numbers.query(
        f"""
        SELECT c, coalesce(sum(n) FILTER (x < low), 0), coalesce(sum(n) FILTER (x > high), 0)
        FROM {{self}} JOIN ({fences_sql(fences)}) USING (c) GROUP BY c
        """
    )
    return {place: (int(below), int(above)) for place, below, above in rows}


def fences_sql(fences: Mapping[int, tuple[float, float]]) -> str:
    """A query of (c, low, high)."""
    return " UNION ALL ".join(
        f"SELECT {place} AS c, {double(low)} AS low, {double(high)} AS high" for place, (low, high) in fences.items()
    )


def counts_of(numbers: Table, wanted: tuple[float, ...]) -> dict[int, list[tuple[float, int]]]:
    """How often each of a few numbers occurs in each column."""
    listed = ", ".join(double(value) for value in wanted)
    found: dict[int, list[tuple[float, int]]] = {}
    query = f"SELECT c, x, sum(n) FROM {{self}} WHERE x IN ({listed}) GROUP BY c, x ORDER BY c, x"
    for place, value, rows in numbers.query(query):
        found.setdefault(place, []).append((value, int(rows)))
    return found


def whole_range(values: Table, place: int) -> tuple[Any, Any]:
    """The exact smallest and largest whole number of a column, where doubles would round them."""
    whole = f"SELECT TRY_CAST(trim(v) AS HUGEINT) AS w FROM {{self}} WHERE c = {place} AND shape <> 'missing'"
    low, high = values.query(f"SELECT min(w), max(w) FROM ({whole})")[0]
    return low, high
