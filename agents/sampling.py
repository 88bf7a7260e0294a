"""The rows of a large table that costly questions are asked of; a small one is looked at whole."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from agents.table import ROW, Table

SAMPLE_ROWS = 100_000
"""Of a table with twice as many rows or more, at least so many are looked at."""

_MARGIN = 1.05
"""A hash takes a little more or less than the share it is asked for."""


@dataclass(frozen=True)
class Sample:
    """`rows` is the table itself or some of its rows, in order; `of` says how many the table has."""

    rows: Table
    of: int

    @property
    def sampled(self) -> bool:
        """Whether these are fewer than all."""
        return self.rows.rows < self.of

    @property
    def size(self) -> int | None:
        """How many rows were looked at, or None where all were."""
        return self.rows.rows if self.sampled else None


_known: WeakKeyDictionary[Table, dict[int, Sample]] = WeakKeyDictionary()
"""Samples of tables that still exist, by their seed."""


def sample_of(table: Table, seed: int) -> Sample:
    """At least SAMPLE_ROWS rows, chosen by a hash of their number, or all of a table of less than twice as many."""
    if table.rows < 2 * SAMPLE_ROWS:
        return Sample(table, table.rows)
    known = _known.setdefault(table, {})
    if seed not in known:
        one_in = int(table.rows / (SAMPLE_ROWS * _MARGIN))
        chosen = table.sql(f"SELECT * FROM {{self}} WHERE hash({ROW} + {int(seed)}) % {one_in} = 0")
        known[seed] = Sample(chosen, table.rows)
    return known[seed]
