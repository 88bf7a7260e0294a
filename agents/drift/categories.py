"""Categories of two sides: how often each value occurs, which ones are new, which have vanished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.drift.columns import Distribution
from agents.drift.distances import Counts, shares_of

SMALLEST_CELL = 0.005
"""A value is a cell of its own from this share of both sides' rows on; the others count together."""

SHOWN = 10


@dataclass(frozen=True)
class OnlyHere:
    """Values that one side alone has: how many, on how many rows and what share of them, and the most frequent."""

    total: int
    rows: int
    percent: float
    shown: Sequence[tuple[str, int]]

    def as_json(self) -> dict[str, Any]:
        """As it stands in the report."""
        each = self.percent / self.rows if self.rows else 0.0
        shown = [{"value": value, "count": rows, "percent": rows * each} for value, rows in self.shown]
        return {"total": self.total, "rows": self.rows, "percent": self.percent, "shown": shown}


class Categories:
    """Both sides of one column of categories."""

    def __init__(self, baseline: Distribution, current: Distribution) -> None:
        self._whole = not baseline.others
        self._others = (baseline.others, current.others)
        self._both = current.values.sql(
            "SELECT v, coalesce(b.n, 0)::BIGINT AS b, coalesce(a.n, 0)::BIGINT AS a"
            " FROM {baseline} AS b FULL JOIN {self} AS a USING (v)",
            baseline=baseline.values,
        )
        rows = self._both.query("SELECT coalesce(sum(b), 0), coalesce(sum(a), 0) FROM {self}")[0]
        self.totals = (int(rows[0]) + baseline.others, int(rows[1]) + current.others)
        self._labels, self._baseline, self._current = self._cells()

    def _cells(self) -> tuple[list[str], Counts, Counts]:
        """Frequent values, the most frequent first; and, where there are others, all of these as the last cell."""
        fewest = SMALLEST_CELL * sum(self.totals)
        found = self._both.query(
            "SELECT v, b, a FROM {self} WHERE a + b >= $fewest ORDER BY a + b DESC, v", fewest=fewest
        )
        labels = [str(value) for value, *_ in found]
        counts = np.array([each[1:] for each in found], dtype=np.int64).reshape(-1, 2)
        rest = np.array(self.totals, dtype=np.int64) - counts.sum(axis=0)
        if rest.any():
            labels, counts = [*labels, "other"], np.vstack([counts, rest])
        return labels, counts[:, 0], counts[:, 1]

    def cells(self) -> tuple[Counts, Counts]:
        """Rows of both sides by cell."""
        return self._baseline, self._current

    def plot(self) -> dict[str, Any]:
        """Both as shares of the most frequent values and of all others."""
        labels, baseline, current = self._labels, shares_of(self._baseline), shares_of(self._current)
        if len(labels) > SHOWN + 1:
            labels = [*labels[:SHOWN], "other"]
            baseline, current = (np.append(part[:SHOWN], part[SHOWN:].sum()) for part in (baseline, current))
        return {
            "kind": "bar",
            "edges": None,
            "labels": labels,
            "baseline": baseline.tolist(),
            "current": current.tolist(),
        }

    def new(self) -> OnlyHere | None:
        """Values that the baseline doesn't have; None where not all of its values were kept."""
        return self._only("a", "b", 1) if self._whole else None

    def vanished(self) -> OnlyHere:
        """Values of the baseline that are there no more."""
        return self._only("b", "a", 0)

    def _only(self, here: str, there: str, side: int) -> OnlyHere:
        values, rows = self._both.query(f"SELECT count(*), coalesce(sum({here}), 0) FROM {{self}} WHERE {there} = 0")[0]
        shown = self._both.query(
            f"SELECT v, {here} FROM {{self}} WHERE {there} = 0 ORDER BY {here} DESC, v LIMIT {SHOWN}"
        )
        percent = 100 * int(rows) / max(1, self.totals[side])
        return OnlyHere(int(values), int(rows), percent, [(str(value), int(count)) for value, count in shown])
