"""A small sample that shows more than chance would: rows of every group, rows at the edges, rows that stand out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from agents.column_types import NUMERIC, TEMPORAL, ColumnType, Kind, is_null_sql
from agents.edits import concat
from agents.profile.test_coverage_agent import Strategy
from agents.table import ROW, Table, literal

_SAMPLE_COLUMNS = {"row": "BIGINT", "strategy": "VARCHAR", "reason": "VARCHAR", "rank": "HUGEINT"}
_FEWEST_STRATA, _MOST_STRATA = 2, 20
_REASONS = 3
_OURS = ("row", "strategy", "reason")


@dataclass(frozen=True)
class Sample:
    """rows: `sample.csv`; by_strategy: how many rows each strategy found; stratified_by: the column of the groups."""

    rows: Table
    by_strategy: Mapping[str, int]
    stratified_by: str


@dataclass(frozen=True)
class Sampler:
    """What the strategies choose from. edges: the rows with the smallest and the largest value of each column;
    standing_out: (row, reason) of rows that somebody found fault with."""

    table: Table
    types: Mapping[str, ColumnType]
    edges: Mapping[str, tuple[int, int]]
    standing_out: Table
    seed: int

    def draw(self, size: int, strategies: Sequence[Strategy]) -> Sample:
        """So many rows, shared out evenly among the strategies; what one can't find, the next ones may."""
        chosen = self.table.beside(_SAMPLE_COLUMNS)
        counted: dict[str, int] = {}
        for at, strategy in enumerate(strategies):
            wanted = (size - chosen.rows) // (len(strategies) - at)
            found = _fresh(self._strategies[strategy](wanted), chosen, strategy, wanted)
            counted[strategy] = found.rows
            chosen = concat([chosen, found])
        return Sample(_with_cells(self.table, chosen), counted, self.stratum)

    @property
    def _strategies(self) -> Mapping[Strategy, Callable[[int], Table]]:
        return {
            "stratified": self._stratified,
            "boundary": self._boundary,
            "anomaly": self._anomaly,
            "random": self._random,
        }

    @property
    def stratum(self) -> str:
        """The column with the most groups that are few enough to be shown all."""
        fit = {
            name: found.distinct
            for name, found in self.types.items()
            if _FEWEST_STRATA <= found.distinct <= _MOST_STRATA and found.kind not in NUMERIC | TEMPORAL | {Kind.EMPTY}
        }
        return max(fit, key=lambda name: fit[name]) if fit else ""

    @property
    def _chance(self) -> str:
        return f"hash({ROW} + {int(self.seed)})"

    def _random(self, wanted: int) -> Table:
        return self.table.sql(
            f"SELECT {ROW} AS row, 'chosen by chance' AS reason, ({self._chance})::HUGEINT AS rank"
            f" FROM {{self}} ORDER BY rank, row LIMIT {3 * wanted}"
        )

    def _stratified(self, wanted: int) -> Table:
        """The groups take turns, so that the smallest is there as well."""
        if not self.stratum:
            return self._nothing()
        cell = Table.q(self.stratum)
        drawn = (
            f"SELECT {cell} AS __group, min(row({self._chance}, {ROW}), {max(1, wanted)}) AS __drawn"
            f" FROM {{self}} WHERE NOT {is_null_sql(cell)} GROUP BY __group"
        )
        ranked = f"SELECT __group, unnest(__drawn)[2] AS row, generate_subscripts(__drawn, 1) AS __turn FROM ({drawn})"
        reason = f"{literal(self.stratum + ' is ')} || __group"
        return self.table.sql(
            f"SELECT row, {reason} AS reason, row_number() OVER (ORDER BY __turn, __group) AS rank FROM ({ranked})"
            f" ORDER BY rank LIMIT {3 * wanted}"
        )

    def _boundary(self, wanted: int) -> Table:
        """The rows with the smallest and the largest number or date, the shortest and the longest text, by column."""
        told: dict[int, list[str]] = {}
        for name, rows in islice(self.edges.items(), wanted):
            measured = self.types[name].kind in NUMERIC | TEMPORAL
            for row, end in zip(rows, ("smallest", "largest") if measured else ("shortest", "longest"), strict=True):
                told.setdefault(row, []).append(f"{name} is {end}")
        found = [(row, "; ".join(sorted(reasons)), 0) for row, reasons in told.items()]
        return self.table.beside({"row": "BIGINT", "reason": "VARCHAR", "rank": "HUGEINT"}, found)

    def _anomaly(self, wanted: int) -> Table:
        """The rows with the most faults."""
        # Counted first: the reasons of millions of rows don't fit in memory.
        most = self.standing_out.sql(
            "SELECT row, count(*) AS faults FROM {self} WHERE row IS NOT NULL GROUP BY row"
            f" ORDER BY faults DESC, hash(row + {int(self.seed)}), row LIMIT {3 * wanted}"
        )
        return most.sql(
            f"SELECT row, array_to_string(list(DISTINCT reason ORDER BY reason)[1:{_REASONS}], '; ') AS reason,"
            f" row_number() OVER (ORDER BY any_value(faults) DESC, hash(row + {int(self.seed)}), row) AS rank"
            " FROM {self} JOIN {found} USING (row) GROUP BY row ORDER BY rank",
            found=self.standing_out,
        )

    def _nothing(self) -> Table:
        return self.table.beside({"row": "BIGINT", "reason": "VARCHAR", "rank": "HUGEINT"})


def _fresh(found: Table, chosen: Table, strategy: Strategy, wanted: int) -> Table:
    return found.sql(
        f"SELECT row, {literal(strategy)} AS strategy, reason, rank FROM {{self}} ANTI JOIN {{chosen}} USING (row)"
        f" ORDER BY rank, row LIMIT {max(0, wanted)}",
        chosen=chosen,
    )


def _with_cells(table: Table, chosen: Table) -> Table:
    """Why each row was chosen, and its cells under their own names; ours give way where a name is taken."""
    taken = {column.casefold() for column in table.columns}
    names = []
    for name in _OURS:
        while name.casefold() in taken:
            name = f"_{name}"
        taken.add(name)
        names.append(name)
    ours = ", ".join(f"c.{Table.q(old)} AS {Table.q(new)}" for old, new in zip(_OURS, names, strict=True))
    cells = "".join(f", t.{Table.q(column)}" for column in table.columns)
    numbered = "(SELECT *, rowid AS __place FROM {self})"
    return chosen.sql(
        f"SELECT c.__place AS {ROW}, {ours}{cells} FROM {numbered} c JOIN {{table}} t ON t.{ROW} = c.row ORDER BY 1",
        table=table,
    )
