"""Numbers of two sides, compared on every distinct one of them; dates as seconds since 1970.

In the tables here c is 0 for the baseline and 1 for the current state, as in agents.profiling.moments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from agents.drift.columns import Distribution
from agents.drift.distances import Counts
from agents.profiling.moments import Moments, bins_between, double, histogram, moments, quantiles, running_counts

BASELINE, CURRENT = 0, 1
FEW_NUMBERS = 20
"""So few different numbers are compared one by one instead of in bins."""

_DECILES = tuple(range(1, 10))
_ONE = 2**90
"""Sums are taken over whole numbers, of which 1.0 is this many: they don't depend on the order of addition."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Gap:
    """How far two cumulative distributions lie apart: at most (`ks`), and as an area (`wasserstein`)."""

    ks: float
    wasserstein: float


class Numbers:
    """Both sides of one column of numbers or dates. Neither side may be empty."""

    def __init__(self, baseline: Distribution, current: Distribution) -> None:
        both = current.values.sql(
            "SELECT 0 AS c, v AS x, n FROM {baseline} UNION ALL SELECT 1, v, n FROM {self}", baseline=baseline.values
        )
        self._counts = running_counts(both)
        self.moments = moments(self._counts)
        self._quantiles = quantiles(self._counts, self.moments)

    def gap(self) -> Gap:
        """Kolmogorov-Smirnov's and Wasserstein's distances, exact."""
        first, second = self.moments[BASELINE], self.moments[CURRENT]
        low, high = min(first.min, second.min), max(first.max, second.max)
        scale = math.ldexp(1.0, min(1023, math.frexp(high - low)[1])) if high > low else 1.0
        pairs = first.count * second.count
        apart = f"abs(b::HUGEINT * {second.count} - a::HUGEINT * {first.count})"
        largest, area = self._counts.query(
            f"""
            WITH merged AS (
                SELECT x, coalesce(sum(n) FILTER (c = 0), 0) AS b, coalesce(sum(n) FILTER (c = 1), 0) AS a
                FROM {{self}} GROUP BY x
            ), upto AS (
                SELECT x, lead(x) OVER up AS next, sum(b) OVER up AS b, sum(a) OVER up AS a
                FROM merged WINDOW up AS (ORDER BY x)
            )
            SELECT max({apart}), sum(CAST({apart} / {double(float(pairs))} * ((next - x) / {double(scale)})
                * {double(float(_ONE))} AS HUGEINT)) FROM upto
            """
        )[0]
        return Gap(int(largest) / pairs, int(area or 0) / _ONE * scale)

    def bins(self) -> tuple[Counts, Counts]:
        """The rows of both sides between the baseline's deciles, the outer bins open; few numbers one by one."""
        each = self._one_by_one()
        if each is not None:
            return each
        edges = self._deciles()
        cases = " ".join(f"WHEN x <= {double(edge)} THEN {at}" for at, edge in enumerate(edges))
        found = self._counts.query(
            f"SELECT CASE {cases} ELSE {len(edges)} END AS bin, c, sum(n) FROM {{self}} GROUP BY bin, c"
        )
        counts = np.zeros((2, len(edges) + 1), dtype=np.int64)
        for at, side, rows in found:
            counts[side, at] = rows
        return counts[BASELINE], counts[CURRENT]

    def _one_by_one(self) -> tuple[Counts, Counts] | None:
        few = self._counts.query(
            "SELECT coalesce(sum(n) FILTER (c = 0), 0), coalesce(sum(n) FILTER (c = 1), 0) FROM {self}"
            f" GROUP BY x ORDER BY x LIMIT {FEW_NUMBERS + 1}"
        )
        if len(few) > FEW_NUMBERS:
            return None
        counts = np.array(few, dtype=np.int64)
        return counts[:, BASELINE], counts[:, CURRENT]

    @property
    def few(self) -> bool:
        """Whether there are so few different numbers that each is a category of its own."""
        return self.moments[BASELINE].entries <= FEW_NUMBERS and self._one_by_one() is not None

    def _deciles(self) -> list[float]:
        """The baseline's deciles that differ: numbers of its own, each the right edge of a bin."""
        total = self.moments[BASELINE].count
        ends = ", ".join(f"min(x) FILTER (upto >= {math.ceil(total * tenth / 10)})" for tenth in _DECILES)
        return sorted(set(self._counts.query(f"SELECT {ends} FROM {{self}} WHERE c = {BASELINE}")[0]))

    def plot(self, *, whole: bool, dates: bool) -> dict[str, Any]:
        """Both as shares of the same bins between the outer percentiles; what lies beyond is in the outer bins."""
        sides = (BASELINE, CURRENT)
        low = min(self._quantiles[side][1] for side in sides)
        high = max(self._quantiles[side][99] for side in sides)
        same = bins_between(low, high, self.moments[BASELINE].count, whole=whole and low == int(low))
        found = histogram(self._counts, dict.fromkeys(sides, same))
        edges = [moment_text(edge) if dates else edge for edge in same.edges]
        return {
            "kind": "histogram",
            "edges": edges,
            "labels": [_label(left, right) for left, right in pairwise(edges)],
            "baseline": [rows / self.moments[BASELINE].count for rows in found[BASELINE]],
            "current": [rows / self.moments[CURRENT].count for rows in found[CURRENT]],
        }

    def figures(self, side: int, *, dates: bool) -> dict[str, Any]:
        """The position and spread of one side."""
        found, cut = self.moments[side], self._quantiles[side]
        places = {"min": found.min, "q1": cut[25], "median": cut[50], "q3": cut[75], "max": found.max}
        if dates:
            return {name: moment_text(value) for name, value in places.items()}
        return places | {"mean": found.mean, "std": found.std}

    def moved_on(self) -> bool:
        """Whether the current numbers lie beyond all of the baseline, but for less than half of them."""
        return self._quantiles[CURRENT][50] > self.moments[BASELINE].max

    def spread(self) -> Moments:
        """The baseline's moments."""
        return self.moments[BASELINE]


def moment_text(seconds: float) -> str:
    """Seconds since 1970 as an ISO date, with the time where there is one."""
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return str(seconds)
    midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return moment.strftime("%Y-%m-%d") if midnight else moment.strftime("%Y-%m-%d %H:%M:%S")


def _label(left: float | str, right: float | str) -> str:
    if isinstance(left, str):
        return f"{left} to {right}"
    return f"{left:.6g} to {right:.6g}"
